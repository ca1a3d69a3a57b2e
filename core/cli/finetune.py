"""Make the shipped networks your own: fine-tune them on 10 to 100 displacement maps that you baked.

dnpm data sculpt --out build/mine --mesh ann_smile.obj --expression mouthSmileLeft=1,...   once a sculpt
dnpm finetune --maps build/mine --out build/my_weights                                     overnight on a CPU
dnpm finetune --maps folder_of_exr --out build/my_weights --resolution 256                 coarser, an hour

--maps is a set of `dnpm data`, or a folder of EXR (mm) or 16-bit PNG maps of this layout with, at best, a sliders.csv
(`dnpm data folder --help`). Sliders that are known make the result better. The generator learns the maps adversarially
(ADA) and by reconstruction, the sliders go on doing what they did, and the encoder follows. The new folder of weights
is used by `dnpm face --weights`, or in Blender's preferences; before_after.png in it shows what changed. Stopped, it
goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from .. import logs
from ..errors import DnpmError
from .train_options import add_training, command_line, training_of

if TYPE_CHECKING:
    import torch

    from ..dataset.dataset import MapDataset
    from ..detail.weights import Detail
    from ..training.finetune.run import Recipe
    from ..training.precision import Precision

log = logs.logger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Maps in, weights out; the defaults are meant to be left."""
    add = parser.add_argument
    add("--maps", type=Path, required=True, metavar="SET|FOLDER", help="your maps")
    add("--out", type=Path, required=True, metavar="DIR", help="the new weights; stages are kept in DIR/work")
    add("--weights", metavar="DIR", help="weights to start from (default: the ones that would be used)")
    add("--face-model", metavar="FILE", help="another face model")
    add("--discriminator", type=Path, metavar="FILE", help="a stored one (`dnpm train generator`); else a fresh one")
    add("--resolution", type=int, metavar="R", help="train up to here; finer blocks stay as they are (default: all)")
    add("--images", type=int, default=3_000, metavar="N", help="maps to show, repeats included (default %(default)s)")
    add("--microbatch", type=int, metavar="N", help="at once: less memory, the same result")
    add("--reconstruction", type=float, default=4.0, help="weight of: your maps come out at their codes (default 4)")
    add("--keep", type=float, default=4.0, help="weight of: sliders coarsely do what they did (default 4; 0: free)")
    add("--code-steps", type=int, default=100, metavar="N", help="to find a map in the old G (default %(default)s)")
    add("--encoder-steps", type=int, default=300, metavar="N", help="of E after G (default %(default)s)")
    add("--encoder-rate", type=float, default=1e-4, help="the encoder's learning rate (default %(default)s)")
    add("--encoder-resolution", type=int, default=256, metavar="R", help="that E is corrected at (default %(default)s)")
    add_training(parser, batch=4, rate=5e-4, precision="auto")
    add("--json", action="store_true", help="one JSON object on stdout: the scores, or the dry run")


def run(args: argparse.Namespace) -> int:
    """Fine-tune, print the folder or the scores. 130 when it was stopped before the end."""
    from ..detail.card import check_face_model, weights_dir
    from ..detail.weights import load_detail
    from ..face_model.locate import face_model_path
    from ..face_model.model import FaceModel
    from ..training.finetune.maps import open_maps
    from ..training.finetune.run import finetune
    from ..training.finetune.trainers import FinetuneTrainer
    from ..training.parallel import join_ranks

    device, precision = training_of(args, FinetuneTrainer.precisions)
    folder = weights_dir(args.weights)
    if args.out.resolve() == folder.resolve():
        raise DnpmError(f"--out {args.out}: is the folder of the weights to start from; choose another one")
    model, detail = FaceModel.load(face_model_path(args.face_model)), load_detail(folder)
    check_face_model(detail.card, model)
    finest = detail.generator.config.resolution
    with join_ranks(device) as rank:
        with rank.first_before_others():
            data = open_maps(args.maps, args.out / "work" / "maps", model, args.resolution or finest)
        recipe = _recipe(args, min(finest, data.resolution), precision)
        if args.dry_run:
            return _dry_run(args, recipe, detail, data, device)
        found = finetune(detail, data, args.out, recipe, device, command_line(), rank)
    if found is None:
        return 130
    if rank.first:
        print(json.dumps(found, indent=2) if args.json else args.out)
        if not args.json:
            log.info("%s", _said(found))
    return 0


def _recipe(args: argparse.Namespace, finest: int, precision: Precision) -> Recipe:
    """What the command line sets; trained up to `finest` where it does not say."""
    from ..training.finetune.run import Recipe
    from ..training.finetune.trainers import Weights

    return Recipe(
        args.resolution or finest, args.images, args.batch, args.microbatch, args.rate,
        args.code_steps, encoder_steps=args.encoder_steps, encoder_batch=args.batch, encoder_rate=args.encoder_rate,
        encoder_resolution=args.encoder_resolution, discriminator=args.discriminator,
        precision=precision, seed=args.seed,
        weights=Weights(args.reconstruction, args.keep),
    )  # fmt: skip


def _said(found: dict) -> str:
    before, after = found["before"], found["after"]
    lines = [f"{name:<18}{before[name]:>12} -> {after[name]}" for name in before]
    return "\n".join([*lines, f"sliders do what they did: R2 {found['slider_response_r2']}"])


def _dry_run(
    args: argparse.Namespace, recipe: Recipe, detail: Detail, data: MapDataset, device: torch.device
) -> int:  # fmt: skip
    from ..training.finetune.run import rehearsal
    from ..training.generator.dry import dry_run, table

    trainer = rehearsal(detail, data, recipe)
    result = dry_run(trainer, len(data.split("train")), device) | {"start": "these weights"}
    print(json.dumps(result, indent=2) if args.json else table(result))
    return 0
