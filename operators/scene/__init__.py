"""Plain functions on Blender's data: what the operators and the panels call. Nothing here registers anything."""
