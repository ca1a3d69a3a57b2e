"""The names under which a face's parts are found, and its property group."""

from __future__ import annotations

FACE = "dnpm_face"
"""Attribute of an object: its property group (panels/properties.py)."""
CONTROLS = "dnpm_controls"
"""Attribute of an object: what steers its detail beyond the sliders (panels/controls.py)."""
SPEECH = "dnpm_speech"
"""Attribute of an object: how sound is made into its motion (panels/speech.py)."""
OBJECT = "DNPM Face"
UV = "UVMap"
DETAIL = "DNPM Detail"
"""The detail UV layer, the vertex group of its vertices, the Displace modifier; image and texture begin with it."""
SUBDIVISION = "DNPM Subdivision"
BASIS = "Basis"

APPLIED_IDENTITY = "dnpm_identity"
"""On a mesh: the identity whose shape its coordinates have. It travels with undo, copies and files as they do."""
MAP_DIGEST = "dnpm_map"
"""On an image: the digest of the sliders whose map was packed last."""
MATERIAL_KIND = "dnpm_kind"
"""On a material: which of the face model's materials it stands for."""
