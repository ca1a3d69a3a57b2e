"""Make a set of sounds with curves from a folder of videos of people who speak, a person each.

dnpm data video interviews --out build/talking          NAME_K.csv and .wav, sheets to look at, report.json
dnpm data speech --captures build/talking --sentences 0 --out build/speech     then train: dnpm train speech

Whether you may use a video is yours to know: have the consent of the person it shows, and a licence that allows it.
Nothing here checks either. Left out, with the reason: videos without sound or with several people, whose lips do not
move with the sound, and stretches in which the face is not well seen. Lips that agree with the sound are told by a
rule (a correlation), not by recognition. A second run reads only what is new.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import logs, progress

log = logs.logger(__name__)


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`video` beside the other sets."""
    parser = what.add_parser(
        "video", help="sounds with curves from videos of people who speak", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the videos: one person each, who agreed to it")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the set is made")
    parser.add_argument("--face-model", metavar="FILE", help="another face model (.safetensors)")
    parser.add_argument("--landmarks", metavar="FILE", help="another file of landmark networks")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the set, print a line on each video; 1 when nothing was kept of any."""
    from ..video.capturing import Tools
    from ..video.collecting import REPORT, collect

    log.warning("the videos' licence and the consent of the people in them are yours to have")
    work = collect(args.folder, args.out, Tools.open(args.face_model, args.landmarks), print)
    try:
        with progress.share("videos") as tell:
            while True:
                tell(next(work))
    except StopIteration as end:
        found = end.value
    finally:
        work.close()
    kept = [one for one in found if one.kept]
    seconds = sum(end - begin for one in kept for begin, end in one.kept)
    print(f"{args.out}: {seconds:.1f} s of {len(kept)} of {len(found)} videos; {args.out / REPORT}")
    return 0 if kept else 1
