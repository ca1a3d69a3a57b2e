"""A video of a person to a performance: 52 expressions, the head's pose and the eyes' turns of every frame."""
