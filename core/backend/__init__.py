"""The worker process that holds torch, and the client with which Blender's process and the command line ask it."""
