"""A face as files for game engines: a plain mesh with its keys and joints, baked colours, Blender's own exporters."""
