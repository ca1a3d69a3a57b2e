"""The corpus of hostile files: every kind of input that the product reads, changed by chance and by hand, each read by
the product's own function in a process of its own.

    python -m dnpm.tests.faults.hostile [--short] [--only WORDS] [--keep FOLDER] [--seed N]

The last line is one JSON object, {"tried", "clear", "accepted", "traceback", "memory", "hang", "unnamed"}. Exit code 1
when anything is not clear or accepted. `run` does the same from another process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnpm.tests.faults import crafted, judge, mutators
from dnpm.tests.faults.catalogue import KINDS
from dnpm.tests.faults.kinds import Kind

ROOT = Path(__file__).resolve().parents[2]
REPORTED = ROOT.parent / "shared" / "cases" / "hostile"
"""Files on which the product failed once; read where they are there."""
SHORT = 150
_EACH, _SPECIAL = 8, 3
_LIMIT_S = 3600
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Case:
    """One hostile file: of which kind, what is odd, and how it is written at a path."""

    kind: Kind
    label: str
    write: crafted.Write

    @property
    def name(self) -> str:
        return f"{self.kind.name}: {self.label}"


def cases(seeds: dict[str, Path], seed: int = 0) -> Iterator[Case]:
    """All of them, the same for the same seed, made one after the other. seeds: kind -> folder with valid files."""
    yield from reported(seeds)
    for number, kind in enumerate(kind for kind in KINDS if kind.name in seeds):
        valid = (seeds[kind.name] / kind.file).read_bytes()
        rng = random.Random(f"{seed} {kind.name}")
        yield from (Case(kind, label, _writing(data)) for label, data in changed(kind, valid, rng))
        special = list(crafted.special(valid[:4096]).items())
        places = [(number * _SPECIAL + k) % len(special) for k in range(_SPECIAL)]
        yield from (Case(kind, *special[place]) for place in places)
        yield from (Case(kind, label, write) for label, write in by_hand(kind, valid).items())


def changed(kind: Kind, valid: bytes, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Valid files changed by chance."""
    if kind.form == "json":
        yield from mutators.of_json(json.loads(valid), rng, _EACH + 4)
    elif kind.form == "tensors":
        yield from mutators.of_tensors(valid, rng, _EACH)
        yield from mutators.of_bytes(valid, rng, 2)
    elif kind.form == "zip":
        yield from mutators.of_zip(valid, rng, _EACH + 4)
        yield from mutators.of_bytes(valid, rng, 3)
    elif kind.form == "table":
        yield from mutators.of_table(valid, rng, _EACH + 4)
    else:
        yield from mutators.of_bytes(valid, rng, _EACH)
        # The first changes are the same for every kind; what is left to chance is worth more.
        yield from list(mutators.of_bytes(valid, rng, 9 + _EACH))[9:]


def by_hand(kind: Kind, valid: bytes) -> dict[str, crafted.Write]:
    """Files made for this kind."""
    text = _writing
    if kind.name == "StyleGAN pickle":
        return {name: text(data) for name, data in crafted.PICKLES.items()}
    if kind.name == "StyleGAN archive":
        made = {name: text(crafted.checkpoint(valid, data)) for name, data in crafted.PICKLES.items()}
        return made | {"view of 1e12 numbers": crafted.expanded_checkpoint, "members": crafted.members_bomb}
    if kind.name == "StyleGAN old archive":
        return {name: text(crafted.old_checkpoint(data)) for name, data in crafted.PICKLES.items()}
    if kind.name == "FaceScape archive":
        made = {name: text(crafted.archive(data)) for name, data in crafted.arrays().items()}
        header = crafted.npy("(3, 52, 100000000)")
        return made | {
            "bomb": crafted.zip_bomb("shape_bm_core.npy", header, 4_000_000_000), "members": crafted.members_bomb,
            "bomb without a shape": crafted.zip_bomb("shape_bm_core.npy", b"", 3_000_000_000),
        }  # fmt: skip
    if kind.name == "FaceScape core":
        return {name: text(data) for name, data in crafted.arrays().items() if not name.startswith("pickle")}
    if kind.name == "landmark task":
        return {"bomb": crafted.zip_bomb("face_detector.tflite", b"", 3_000_000_000), "members": crafted.members_bomb}
    if kind.name == "mesh":
        return {name: text(crafted.obj(name)) for name in crafted.OBJ}
    if kind.name in ("picture a.png", "map map.png"):
        sizes = ((1, 178_000_000), (178_000_000, 1), (13_300, 13_300), (2**31 - 1, 2**31 - 1), (60_000, 60_000), (0, 5))
        made = {f"{w} x {h}": text(crafted.png(w, h, rows=min(h, 1000))) for w, h in sizes if w < 10**6}
        made |= {f"{w} x {h}": text(crafted.png(w, h, rows=0)) for w, h in sizes if w >= 10**6}
        return made | {
            "12,000 x 12,000, 16 bits, whole": text(crafted.png(12_000, 12_000, depth=16)),
            "9,000 x 9,000, colour and alpha, whole": text(crafted.png(9_000, 9_000, depth=16, colour=6)),
            "text bomb": text(crafted.png_text_bomb()), "palette without colours": text(crafted.png(8, 8, colour=3)),
        }  # fmt: skip
    if kind.name in ("picture a.tif", "map map.tif"):
        made = {
            f"{w} x {h}": text(crafted.tiff(w, h)) for w, h in ((1, 2**31), (2**32 - 1, 2**32 - 1), (60_000, 60_000))
        }
        return made | {"directories in a circle": text(crafted.tiff(8, 8, loop=True))}
    if kind.name == "map map.exr":
        return {f"{w} x {h}": text(crafted.exr(w, h)) for w, h in ((2**31 - 1, 4), (60_000, 60_000), (-5, 7), (0, 0))}
    if kind.name == "sound a.wav":
        return {
            **{f"rate {rate}": text(crafted.wav(rate)) for rate in (0, 1, 15_013, 999_983, 2**31, 2**32 - 1)},
            **{f"{count} channels": text(crafted.wav(16_000, count)) for count in (0, 255, 1024, 65_535)},
            **{f"{bits} bits": text(crafted.wav(16_000, 1, bits)) for bits in (0, 1, 12, 65_535)},
            "no samples": text(crafted.wav(16_000, data=b"")), "4 GB said": text(crafted.wav(16_000, said=2**32 - 1)),
            "not finite": text(crafted.wav(16_000, 1, 32, b"\xff\xff\xff\x7f" * 900, form=3)),
            "format 0xFFFE": text(crafted.wav(16_000, form=0xFFFE)), "format 0": text(crafted.wav(16_000, form=0)),
        }  # fmt: skip
    return {}


def reported(seeds: dict[str, Path]) -> Iterator[Case]:
    """The files of the reports, each in the place of a valid one of its kind."""
    ends = {
        "speech.json": "speech card", "detail.json": "detail card", ".npz": "FaceScape archive",
        ".pkl": "StyleGAN pickle", ".safetensors": "face model", ".png": "picture a.png",
    }  # fmt: skip
    starts = {"job": "job", "expr": "preset", "look": "preset"}
    for path in sorted(REPORTED.glob("*")):
        name = next((k for end, k in ends.items() if path.name.endswith(end)), None)
        name = name or next((k for start, k in starts.items() if path.name.startswith(start)), None)
        if name is None:
            raise SystemExit(f"{path}: of which kind is it?")
        kind = next(kind for kind in KINDS if kind.name == name)
        if kind.name in seeds:
            yield Case(kind, f"reported {path.name}", _writing(path.read_bytes()))


def make_seeds(folder: Path, kinds: list[Kind], progress: Progress) -> dict[str, Path]:
    """A folder of valid files for each kind that can be made here; each is read once, which imports what that needs."""
    made: dict[Any, Path] = {}
    seeds: dict[str, Path] = {}
    for kind in kinds:
        if not kind.suits():
            progress(f"hostile: {kind.name} is left out, its package is not here")
            continue
        if kind.make not in made:
            made[kind.make] = folder / f"seed{len(made)}"
            made[kind.make].mkdir()
            kind.make(made[kind.make])
        seeds[kind.name] = made[kind.make]
    return seeds


def check_seeds(kinds: list[Kind], seeds: dict[str, Path], folder: Path) -> None:
    """Read every valid file: what is not accepted says nothing when it is changed. Raises RuntimeError."""
    for kind in (kind for kind in kinds if kind.name in seeds):
        place = copied(seeds[kind.name], folder / "valid")
        try:
            read = kind.read(place / kind.file)
            if kind.use is not None:
                kind.use(read)
        except Exception as error:
            # A network, but not of faces' identities: none is free.
            if kind.name not in ("identity network",):
                raise RuntimeError(f"{kind.name}: the valid file is not read") from error
        shutil.rmtree(place)


def copied(seed: Path, place: Path) -> Path:
    """The valid files at another place, linked: what changes one there removes it first."""
    shutil.copytree(seed, place, symlinks=True, copy_function=os.link)
    return place


def tried(case: Case, seed: Path, place: Path) -> judge.Verdict:
    """Write the case's file among valid ones, read it there."""
    copied(seed, place)
    path = place / case.kind.file
    path.unlink()
    case.write(path)
    if case.kind.seal is not None and path.is_file() and not path.is_symlink() and path.stat().st_size < 10**8:
        case.kind.seal(path)
    return judge.judged(case.kind.read, path, case.kind.use)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help=f"{SHORT} of the files")
    parser.add_argument("--only", default="", metavar="WORDS", help="kinds and labels that hold these words")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where files that are not told clearly are kept")
    parser.add_argument("--seed", type=int, default=0, help="of what is left to chance")
    args = parser.parse_args()
    say = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)  # A fork has none of its parent's threads.
    count: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="dnpm-hostile-") as temporary:
        folder = Path(temporary)
        seeds = make_seeds(folder, KINDS, say)
        check_seeds(KINDS, seeds, folder)
        # Counted first, and then made again one by one: all of them together would fill the memory that is watched.
        total = sum(args.only in case.name for case in cases(seeds, args.seed))
        chosen = range(total)
        if args.short and total > SHORT:
            chosen = sorted(random.Random(args.seed).sample(chosen, SHORT))
        wanted = (case for case in cases(seeds, args.seed) if args.only in case.name)
        for number, case in enumerate(_picked(wanted, chosen)):
            place = folder / "case"
            verdict = tried(case, seeds[case.kind.name], place)
            count[verdict.kind] += 1
            if verdict.kind not in ("clear", "accepted"):
                say(f"hostile: {verdict.kind}: {case.name}: {verdict.text.strip()[-700:]}")
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    shutil.move(place, args.keep / f"{number}-{case.name.replace('/', '_')[:80]}")
            if (number + 1) % 100 == 0:
                say(f"hostile: {number + 1} of {len(chosen)}")
            shutil.rmtree(place, ignore_errors=True)
    result = {"tried": len(chosen)} | {kind: count[kind] for kind in judge.CLASSES}
    print(json.dumps(result))
    return 0 if chosen and result["clear"] + result["accepted"] == len(chosen) else 1


def run(short: bool, progress: Progress) -> dict[str, int]:
    """In a process of its own, because it forks. Raises RuntimeError when that ends without a result."""
    command = [sys.executable, "-m", "dnpm.tests.faults.hostile", *(["--short"] if short else [])]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            progress(line.rstrip())
        told = process.stdout.read()
        process.wait(timeout=_LIMIT_S)
    try:
        return dict(json.loads(told.strip().splitlines()[-1]))
    except (ValueError, IndexError) as error:
        raise RuntimeError(f"the hostile files were not tried to the end (exit code {process.returncode})") from error


def _picked(everything: Iterator[Case], places: Sequence[int]) -> Iterator[Case]:
    kept = set(places)
    return (case for place, case in enumerate(everything) if place in kept)


def _writing(data: bytes) -> crafted.Write:
    return lambda path: path.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
