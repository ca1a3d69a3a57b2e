"""Where keyframes go: choices that the bake of a sound, a video, a capture and a take share."""

from __future__ import annotations

START_ITEMS = [
    ("SCENE", "First Frame", "The scene's first frame"),
    ("CURRENT", "Current Frame", "The frame that is shown"),
    ("FRAME", "Frame", "A frame of your choice"),
]
TARGET_ITEMS = [
    ("ACTION", "New Action", "In place of what moved the expressions before, which stays in the file"),
    ("LAYER", "NLA Strip", "On top of what moves the expressions already; sliders that do not move are left to it"),
]
INTO_ITEMS = [
    ("BOARD", "Face Board", "The controls of the face's board; a face without one gets them on its shape keys"),
    ("KEYS", "Shape Keys", "The expressions themselves; while a board moves the face they do nothing"),
]
INTO_TEXT = "What gets the keyframes"
TARGET_TEXT = "Where the keyframes go"
