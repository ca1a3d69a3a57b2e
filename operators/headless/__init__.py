"""The headless batch inside Blender: one scene an item, its pictures, map and meshes (docs/headless.md)."""
