"""The speech set on disk: clips of features and motion at the decoder's frame rate, made once, resumable.

A clip is a file `clips/NAME.safetensors`: features (T, width) float16, motion (T, 52) float16, level (n,) float16 dB at
100 a second, carried (52,) bool. `corpus.json` lists them with speaker, split and phones, and names the recipe: a set
that was begun by another recipe is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DnpmError
from ...face_model.arkit import ARKIT_NAMES
from ...files import json_file, tensor_file
from ...files.inputs import brief, reading
from ...files.json_file import to_dataclass
from ...files.writing import write_text
from ...speech import silence
from ...speech.encoders import SpeechEncoder
from ...speech.encoders.windows import at_rate

FORMAT = "dnpm-speech-corpus-1"
INDEX = "corpus.json"
SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Entry:
    """A clip in the list. phones: [start s, end s, ARPAbet] each, empty where they are not known."""

    name: str
    speaker: str
    split: str
    seconds: float
    kind: str
    """synthetic, capture, or a copy of either."""
    phones: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Clip:
    """A clip in memory, float32."""

    entry: Entry
    features: np.ndarray
    motion: np.ndarray
    level: np.ndarray
    carried: np.ndarray


class Corpus:
    """A folder of clips. Raises DnpmError when it is none, or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        path = self.folder / INDEX
        index = json_file.read(path, "make it with `dnpm data speech`")
        if not isinstance(index, dict) or index.get("format") != FORMAT or not isinstance(index.get("recipe"), dict):
            raise DnpmError(f"{path}: is not the list of a speech set of format {FORMAT}; make it again")
        with reading(path, "make it again"):
            self.recipe: dict[str, Any] = index["recipe"]
            rate, width = self.recipe.get("rate"), self.recipe.get("width")
            if not json_file.is_number(rate, 1, 1000) or not json_file.is_whole(width, 1, 65536):
                raise DnpmError(f"its recipe's rate and width are {brief(rate)} and {brief(width)}")
            self.rate, self.width = float(rate), int(width)
            self.entries = [_entry(k, entry) for k, entry in enumerate(index["clips"])]

    @property
    def speakers(self) -> tuple[str, ...]:
        """Names of the styles, sorted."""
        return tuple(sorted({entry.speaker for entry in self.entries}))

    def of(self, split: str) -> list[Entry]:
        """The clips of one split."""
        return [entry for entry in self.entries if entry.split == split]

    def clip(self, entry: Entry) -> Clip:
        """Read a clip. Raises DnpmError when it is missing or damaged."""
        path = clip_path(self.folder, entry.name)
        arrays, _ = tensor_file.load(path)
        with reading(path, "make the set again"):
            features, motion, level, carried = (arrays[k] for k in ("features", "motion", "level", "carried"))
            shapes = [a.shape for a in (features, motion, level, carried)]
            fits = motion.ndim == 2 and features.shape == (len(motion), self.width) and level.ndim == 1
            if not fits or motion.shape[1] != len(ARKIT_NAMES) or carried.shape != (len(ARKIT_NAMES),):
                raise DnpmError(f"is not a clip of this set: it has the shapes {brief(shapes)}")
        whole = lambda a: a.astype(np.float32)  # noqa: E731
        return Clip(entry, whole(features), whole(motion), whole(level), carried.astype(bool))


def _entry(place: int, values: object) -> Entry:
    """An entry of the list. Raises DnpmError where it is of another type."""
    entry = to_dataclass(Entry, values, f"clips[{place}]")
    for phone in entry.phones:
        timed = isinstance(phone, list) and len(phone) == 3 and all(json_file.is_number(t, 0, 1e6) for t in phone[:2])
        if not timed or not isinstance(phone[2], str):
            raise DnpmError(f"clips[{place}]: {brief(phone)} is not [start s, end s, phone]")
    return entry


def open_sets(folders: Sequence[Path]) -> list[Corpus]:
    """Sets that are trained on together. Raises DnpmError when their features or frame rates differ."""
    sets = [Corpus(folder) for folder in folders]
    kinds = {(str(one.recipe.get("encoder")), one.width, one.rate) for one in sets}
    if len(kinds) > 1:
        told = "; ".join(f"{one.folder}: {one.recipe.get('encoder')}, {one.rate:g} frames a second" for one in sets)
        raise DnpmError(f"the sets were made by different encoders or frame rates, and cannot be one ({told})")
    return sets


class Maker:
    """Writes a set. What is there already, by the same recipe, is kept."""

    def __init__(self, folder: Path, encoder: SpeechEncoder, rate: float, recipe: Mapping[str, Any]) -> None:
        self.folder, self.encoder, self.rate = Path(folder), encoder, rate
        self.recipe = dict(recipe) | {"rate": rate, "width": encoder.width, "encoder": encoder.kind}
        self.entries: dict[str, Entry] = {}
        if (self.folder / INDEX).is_file():
            there = Corpus(self.folder)
            different = [k for k in sorted({*there.recipe, *self.recipe}) if there.recipe.get(k) != self.recipe.get(k)]
            if different:
                raise DnpmError(
                    f"{self.folder}: holds a set made by another recipe ({', '.join(different)}); use another --out, "
                    "or delete it"
                )
            self.entries = {e.name: e for e in there.entries if clip_path(self.folder, e.name).is_file()}

    def has(self, name: str) -> bool:
        """Whether that clip is done."""
        return name in self.entries

    def add(self, entry: Entry, samples: np.ndarray, motion: np.ndarray, carried: np.ndarray) -> None:
        """samples (n,) at 16 kHz; motion (T, 52) at the frame rate, cut or held to the features' count."""
        chunks = list(at_rate(self.encoder.stream([samples]), self.encoder.rate, self.rate))
        features = np.concatenate(chunks).astype(np.float16)
        motion = motion[np.minimum(np.arange(len(features)), len(motion) - 1)].astype(np.float16)
        level = np.maximum(silence.levels([samples]), -120).astype(np.float16)
        arrays = {"features": features, "motion": motion, "level": level, "carried": carried.astype(np.uint8)}
        tensor_file.save(clip_path(self.folder, entry.name), arrays, {"format": FORMAT})
        self.entries[entry.name] = entry

    def save(self) -> None:
        """Write the list. Raises DnpmError when it cannot be written."""
        path = self.folder / INDEX
        clips = [asdict(self.entries[name]) for name in sorted(self.entries)]
        text = json.dumps({"format": FORMAT, "recipe": self.recipe, "clips": clips}, indent=1)
        write_text(path, text + "\n", make_folder=True)


def clip_path(folder: Path, name: str) -> Path:
    """Where a clip lies. Raises DnpmError on a name that leaves the folder."""
    if not name or name != Path(name).name or not name.isprintable():
        raise DnpmError(f"{folder / INDEX}: names a clip {brief(name)}, which is not a file name")
    return folder / "clips" / f"{name}.safetensors"
