"""TFLite files: their reader, and a runner of their graphs in torch."""
