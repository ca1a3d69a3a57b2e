"""The side of Blender and the command line: starts the worker, queues requests, returns answers. No torch."""
