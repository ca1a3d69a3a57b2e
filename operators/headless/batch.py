"""The batch's loop: every item in a fresh scene, a line each, what is done skipped, what fails reported."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ...core import logs
from ...core.batch import arguments, ledger
from ...core.batch.job import Item, Job
from ...core.batch.sliders import corrective_of, look_of, photo_of, relief_of, skin_of, tongue_of, w_offset_of
from ...core.errors import DnpmError
from ...core.face_model.photo_colours import PhotoColours
from ...core.files.writing import cannot_write, sweep
from ...core.files.writing import folder as made_folder
from .maker import Maker

log = logs.logger(__name__)


def main(words: Sequence[str]) -> int:
    """Parse the command line, make the job; returns the exit code."""
    parser = argparse.ArgumentParser(prog="dnpm batch", description="Render many faces headless.")
    arguments.add_arguments(parser)
    args = parser.parse_args(words)
    try:
        job = arguments.read_job(args)
        if args.dry_run:
            print("\n".join(item.name for item in job.items))
            return 0
        made_folder(args.out)
        with quiet(args.out / "blender.log") as progress, Maker(args) as maker:
            return run(job, args.out, maker, progress, force=args.force, openjd=args.openjd)
    except (DnpmError, OSError) as error:
        log.error("%s", error)
        return 2
    except KeyboardInterrupt:
        log.error("stopped; run it again to go on")
        return 130


def run(
    job: Job, out: Path, maker: Maker, progress: TextIO, *, force: bool = False, openjd: bool = False
) -> int:  # fmt: skip
    """Make every item into OUT/NAME; returns 1 when one failed, else 0."""
    count, failed, skipped = len(job.items), [], 0
    for number, item in enumerate(job.items, 1):
        start = time.monotonic()
        try:
            result = make_item(item, out / item.name, maker, force=force)
        except (Exception, SystemExit) as error:
            failed.append(item.name)
            result = f"FAILED: {error}" if isinstance(error, DnpmError) else f"FAILED: {type(error).__name__}: {error}"
            # Standard output is blender.log here.
            with contextlib.suppress(OSError):  # The log may be on a full disk; the line below says what was wrong.
                print(f"item {item.name}\n{traceback.format_exc()}", flush=True)
        if result is None:
            skipped += 1
            result = "skipped, done before"
        elif not result.startswith("FAILED"):
            result += f" in {time.monotonic() - start:.1f} s"
        print(f"[{number:{len(str(count))}}/{count}] {item.name}: {result}", file=progress, flush=True)
        if openjd:
            tell_farm(progress, number / count, item.name)
    made = count - skipped - len(failed)
    print(f"{made} made, {skipped} skipped, {len(failed)} failed, in {out}", file=progress, flush=True)
    if failed:
        print(f"failed: {', '.join(failed)} (details in {out / 'blender.log'})", file=progress, flush=True)
    return 1 if failed else 0


def tell_farm(progress: TextIO, share: float, text: str) -> None:
    """How far this task is, in the words that Open Job Description's sessions read."""
    print(f"openjd_progress: {100 * share:.1f}\nopenjd_status: {text}", file=progress, flush=True)


def make_item(item: Item, folder: Path, maker: Maker, *, force: bool) -> str | None:
    """Make one item's files; returns what was made, or None when it was done already. Raises what went wrong."""
    identity, expression, detail = maker.sliders(item)
    look = look_of(item, maker.model).as_json()
    more = {"detail": str(detail), "look": str(look), "w_offset": w_offset_of(item)}
    if wrinkles := relief_of(item):
        more["relief"] = wrinkles
    if shape := corrective_of(item):
        more["corrective"] = shape
    if isinstance(photo := photo_of(item), PhotoColours):
        more["photo"] = str(photo.as_json())
    if tip := tongue_of(item):
        more["tongue"] = str(tip)
    if skin := skin_of(item).as_json():
        more["skin"] = str(skin)
    wanted = ledger.fingerprint(item, identity, expression, maker.made_with | more)
    if not force and ledger.is_done(folder, wanted):
        return None
    start = time.monotonic()
    made_folder(folder)
    sweep(folder)
    ledger.forget(folder)
    files = maker.make(item, identity, expression, detail, folder)
    facts = {
        "identity": [round(float(value), 5) for value in identity],
        "expression": {
            name: round(float(value), 5)
            for name, value in zip(maker.model.expression_names, expression, strict=True)
            if value
        },
        "detail": detail,
        "look": look,
        "seconds": round(time.monotonic() - start, 2),
        "made_with": maker.made_with,
    }
    ledger.mark_done(folder, wanted, files, facts)
    return ", ".join(file.name for file in files)


class quiet:
    """Sends what Blender prints (one line a render tile) into a log; gives the true standard output for progress."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __enter__(self) -> TextIO:
        sys.stdout.flush()
        self.true_stdout = os.dup(1)
        try:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise cannot_write(self.log, error) from error
        os.dup2(descriptor, 1)
        os.close(descriptor)
        encoding = sys.stdout.encoding or "utf-8"
        self.progress = os.fdopen(os.dup(self.true_stdout), "w", encoding=encoding, errors="backslashreplace")
        # What Python prints goes through a stream of its own: what a full disk does not take is dropped with it.
        self.stdout = sys.stdout
        sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
        return self.progress

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            sys.stdout.close()
        sys.stdout = self.stdout
        self.progress.close()
        os.dup2(self.true_stdout, 1)
        os.close(self.true_stdout)
