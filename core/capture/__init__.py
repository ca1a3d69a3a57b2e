"""Captured performances: ARKit's 52 values over time, whatever wrote the file. numpy and the standard library alone,
because Blender's process imports it; a reader that needs more (of videos) lives elsewhere and hands a `Table` to
`read.interpreted`."""
