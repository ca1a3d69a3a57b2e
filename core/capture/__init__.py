"""Captured performances: the 52 ARKit values over time, from the files of many programs.

Blender's process imports this package: it needs numpy and the standard library only. A reader that needs more (for
videos, say) belongs elsewhere and passes a `Table` to `read.interpreted`.
"""
