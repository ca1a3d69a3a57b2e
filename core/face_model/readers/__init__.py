"""Readers that turn other people's face models into a FaceModel: ICT-FaceKit, FaceScape, folders of registered meshes;
or into a ForeignHead, which `core/transfer/adopt.py` makes one of: GNM, FLAME, FaceVerse.

They need numpy and scipy, never run anything that a file carries, and raise DnpmError on what they cannot read.
"""

from .facescape import read_facescape, read_facescape_pair
from .ict import read_ict
from .registered import read_registered

__all__ = ["read_facescape", "read_facescape_pair", "read_ict", "read_registered"]
