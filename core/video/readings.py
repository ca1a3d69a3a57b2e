"""What was read of a video's pictures, one row each, and its file: work that was stopped goes on from there.

A row is a few hundred numbers; pictures are not kept. The file belongs to one video (by size and time of change) and
one version of the reading; another's is not used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import DnpmError
from ..files import tensor_file
from .identity import Person

FORMAT = "dnpm-video-readings-1"
_POSE = 12
"""Numbers of a pose: a rotation (3, 3), row by row, and a translation (3,) mm."""


@dataclass
class Readings:
    """person; times: seconds; seen: whether there was a face; features (F,), pose (12,), quality (3,): presence,
    residual and how far two looks lie apart, in eye distances; last: the points that tracking goes on from."""

    person: Person
    width: int
    times: list[float] = field(default_factory=list)
    seen: list[bool] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    poses: list[np.ndarray] = field(default_factory=list)
    quality: list[np.ndarray] = field(default_factory=list)
    last: np.ndarray | None = None
    complete: bool = False

    def add(self, time: float, features: np.ndarray | None, pose: np.ndarray | None, quality: np.ndarray) -> None:
        """The next picture; None where its face is lost."""
        self.times.append(time)
        self.seen.append(features is not None)
        self.features.append(np.zeros(self.width, np.float32) if features is None else features.astype(np.float32))
        self.poses.append(np.zeros(_POSE, np.float32) if pose is None else pose.astype(np.float32))
        self.quality.append(quality.astype(np.float32))

    def save(self, path: Path, key: str) -> None:
        """Written beside, then renamed. key: what they were read from (`key_of`)."""
        person = self.person
        arrays: dict[str, np.ndarray] = {
            "identity": np.asarray(person.identity, np.float32), "times": np.array(self.times, np.float64),
            "seen": np.array(self.seen, np.uint8), "features": _stack(self.features, self.width),
            "poses": _stack(self.poses, _POSE), "quality": _stack(self.quality, 3),
        }  # fmt: skip
        if self.last is not None:
            arrays["last"] = self.last.astype(np.float32)
        about = {
            "focal": person.focal, "spread": person.spread, "pictures": person.pictures, "error": person.error,
            "complete": self.complete,
        }  # fmt: skip
        tensor_file.save(path, arrays, {"format": FORMAT, "key": key, "about": json.dumps(about)})

    @classmethod
    def load(cls, path: Path, key: str, width: int) -> Readings | None:
        """None where there is no file, or one of another video, version or model. A damaged file counts as none."""
        if not path.is_file():
            return None
        try:
            arrays, metadata = tensor_file.load(path)
            if metadata.get("format") != FORMAT or metadata.get("key") != key:
                return None
            about = json.loads(metadata["about"])
            person = Person(
                arrays["identity"], float(about["focal"]), float(about["spread"]), int(about["pictures"]),
                float(about["error"]),
            )  # fmt: skip
            count = len(arrays["times"])
            shapes = {"seen": (count,), "features": (count, width), "poses": (count, _POSE), "quality": (count, 3)}
            if any(arrays[name].shape != shape for name, shape in shapes.items()):
                return None
            last = arrays.get("last")
            return cls(
                person, width, arrays["times"].tolist(), arrays["seen"].astype(bool).tolist(),
                list(arrays["features"]), list(arrays["poses"]), list(arrays["quality"]), last,
                bool(about["complete"]),
            )  # fmt: skip
        except (DnpmError, KeyError, ValueError, TypeError):
            return None


def key_of(video: Path, *parts: object) -> str:
    """What readings belong to: the video's size and time of change, and what else decides them."""
    known = video.stat()
    return "|".join(str(part) for part in (known.st_size, known.st_mtime_ns, *parts))


def _stack(rows: list[np.ndarray], width: int) -> np.ndarray:
    return np.stack(rows) if rows else np.zeros((0, width), np.float32)
