"""Train pix2pixHD, the first of the photo's networks: what a photo shows to a rough map.

dnpm train pix2pix --folder build/photo --photos DIR --labels FILE         simulated photos, and trains
dnpm train pix2pix --folder build/photo --config paper --pairs 1200        renders pairs of our own faces, and trains
dnpm train restoration --folder build/photo --maps build/maps --out build/weights  ...then E_deg, and writes both

The default network corrects the sliders' map. Portraits (a folder, the calibration half of it) lend simulated photos
their light, sharpness and skin; labels.csv tells who of them is young. Other configurations make a map from colours,
and learn from pictures of our own faces.

Both go on where they were stopped; Ctrl-C ends after the step in hand.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..files.writing import write_text
from ..paths import ROOT
from ..photo.portraits import HALVES
from .train_options import add_training, command_line, training_of, training_parser

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ..face_model.model import FaceModel
    from ..training.photo.pix2pix import Pix2PixTrainer
    from ..training.photo.simulated import SimulatedPhotos

_CHECKED = 48
"""Simulated photos of held-out people."""


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`pix2pix` beside the other networks."""
    first = training_parser(what, "pix2pix", "a photo's texture to a rough map (pix2pixHD)", __doc__, run)
    add_common(first, steps=2000)
    first.add_argument("--pairs", type=int, default=1200, metavar="N",
                       help="pictures of our faces, or simulated people (default 1200)")  # fmt: skip
    add_portraits(first, "portraits, for a network that corrects maps")
    first.add_argument("--weights", metavar="DIR", help="whose G and E simulate people (default: shipped)")
    first.add_argument("--processes", type=int, default=2, help="that make pairs (default 2)")
    first.add_argument("--begin", metavar="DIR", help="weights whose pix2pixHD it starts from")
    first.add_argument("--l1", type=float, default=60.0, help="weight of the L1 (default 60)")
    first.add_argument("--matching", type=float, help="of feature matching (default 10, of corrections 0)")
    first.add_argument("--adversarial", type=float, help="of LSGAN (default 1, of corrections 0)")


def add_portraits(parser: argparse.ArgumentParser, what: str) -> None:
    """Whose light, sharpness and skin simulated photos have."""
    parser.add_argument("--photos", type=Path, metavar="DIR", help=what)
    parser.add_argument("--labels", type=Path, metavar="FILE", help="their ages (default: labels.csv in that folder)")
    parser.add_argument("--half", choices=HALVES, default="calibration", help="of the people (default %(default)s)")


def add_common(parser: argparse.ArgumentParser, steps: int) -> None:
    """What the trainings of both photo networks share."""
    parser.add_argument("--folder", type=Path, metavar="DIR", help="pairs, states (default build/photo)")
    parser.add_argument(
        "--config",
        default="default",
        choices=("default", "paper", "tiny"),
        help="sizes of the networks (default %(default)s)",
    )
    parser.add_argument("--face-model", metavar="FILE", help="another face model")
    parser.add_argument("--rate", type=float, help="default: the plan's")
    add_training(parser, steps=steps, batch=4)


def run(args: argparse.Namespace) -> int:
    """Pairs, training, figures on held-out pairs. 130 when it was stopped before the end."""
    from ..face_model.model import FaceModel
    from ..geometry.uv_map import mask_at
    from ..photo.restore.pix2pix import CONFIGS
    from ..training.parallel import join_ranks
    from ..training.photo.pairs import Pairs, blank_pairs, make_pairs
    from ..training.photo.pix2pix import Pix2PixPlan, Pix2PixTrainer, corrected, validate, validate_corrected
    from ..training.photo.run import fit
    from ..training.photo.simulated import SimulatedPhotos, blank_photos
    from ..training.rehearsal import META

    device, precision = training_of(args, Pix2PixTrainer.precisions)
    folder, started = args.folder or ROOT / "build" / "photo", time.monotonic()
    config, path = CONFIGS[args.config], Path(face_model_path(args.face_model))
    size, corrects = config.resolution, config.corrects
    usual = (0.0, 0.0) if corrects else (10.0, 1.0)
    matching, adversarial = (
        own if given is None else given for given, own in zip((args.matching, args.adversarial), usual, strict=True)
    )
    plan = Pix2PixPlan(config, args.steps, args.batch, l1=args.l1, matching=matching, adversarial=adversarial,
                       seed=args.seed)  # fmt: skip
    plan = replace(plan, rate=args.rate) if args.rate else plan
    model = FaceModel.load(path)
    mask = mask_at(model.detail_mask, size)
    pairs: Pairs | SimulatedPhotos
    held: Pairs | SimulatedPhotos
    if args.dry_run:
        pairs = blank_photos(model) if corrects else blank_pairs(size)
        if isinstance(pairs, SimulatedPhotos):
            mask = pairs.mask
        rehearsed = Pix2PixTrainer(pairs, mask, plan, META)
        rehearsed.step = plan.steps - 1  # With everything that comes in later.
        print(json.dumps(estimate(rehearsed, rehearsed.generator, plan, device), indent=2))
        return 0
    with join_ranks(device) as rank:
        with rank.first_before_others():
            if corrects:
                photos, held, _ = simulated(args, folder, model)
                pairs, mask = photos, photos.mask
            else:
                pairs, held = (
                    make_pairs(folder / "pairs", path, split, count, size, args.processes, args.seed)
                    for split, count in (("train", args.pairs), ("validation", max(2, min(48, args.pairs // 10))))
                )
        trainer = Pix2PixTrainer(pairs, mask, plan, device, precision, rank)
        if args.begin:
            _begin(trainer, args)
        belongs = {"plan": plain(asdict(plan)), "pairs": args.pairs, "begin": args.begin or ""}
        if not fit(trainer, folder / "pix2pix", "pix2pix", belongs):
            return 130
    if not rank.first:
        return 0
    if isinstance(held, SimulatedPhotos):
        scores = validate_corrected(corrected(trainer.generator, held, _CHECKED), held)
    else:
        scores = validate(trainer.generator, held, mask)
    note = {"scores": scores, "command": command_line(), "pairs": args.pairs,
            "hours": round((time.monotonic() - started) / 3600, 2)}  # fmt: skip
    write_text(folder / "pix2pix" / "scores.json", json.dumps(note, indent=2))
    print(json.dumps(scores))
    return 0


def _begin(trainer: Pix2PixTrainer, args: argparse.Namespace) -> None:
    """From --begin's numbers. Raises DnpmError when they are of other sizes."""
    from ..photo.restore.weights import load_photo

    known = load_photo(args.begin).pix2pix
    if known.config != trainer.plan.config:
        raise DnpmError(f"{args.begin}: its pix2pixHD has other sizes than --config {args.config}")
    # What it has learnt is how a face differs from the mean: from these pairs' mean, which may be another one.
    trainer.generator.load_state_dict(known.state_dict() | {"mean": trainer.generator.mean.clone()})


def simulated(
    args: argparse.Namespace, folder: Path, model: FaceModel
) -> tuple[SimulatedPhotos, SimulatedPhotos, np.ndarray]:  # fmt: skip
    """Photos to learn from, held-out ones, and the sitters' expressions (N, n_exp), which people have. Raises DnpmError
    without portraits, or when they tell too little."""
    import numpy as np

    from ..detail.card import check_face_model, weights_dir
    from ..detail.weights import load_detail
    from ..photo.fit.solve import Fitter
    from ..photo.landmarks.networks import LandmarkNetworks
    from ..photo.portraits import chosen, people_of
    from ..photo.skin_view import SkinViewer
    from ..training.photo.simulated import both_of, people_of_sliders
    from ..training.photo.sitters import sitters_of

    if args.photos is None:
        raise DnpmError("--photos DIR is missing: portraits lend simulated photos their light, sharpness and skin")
    detail = load_detail(weights_dir(args.weights))
    check_face_model(detail.card, model)
    networks = LandmarkNetworks.load()
    who = chosen(people_of(args.photos, args.labels), args.half, None)
    sitters = sitters_of(who, model, Fitter(model, networks.canonical), networks, SkinViewer(model))
    files = sorted(detail.card["files"].items())
    recipe = {"half": args.half, "portraits": [one.name for one in who], "weights": [one["sha256"] for _, one in files]}
    expressions = np.stack([one.expression for one in sitters])
    people = people_of_sliders(folder / "people", model, detail, expressions, args.pairs, args.seed, recipe)
    return *both_of(people, model, sitters, args.seed), expressions


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: tuples become lists."""
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def estimate(trainer: Any, network: Any, plan: Any, device: torch.device) -> dict[str, Any]:
    """A dry run's answer; the trainer is on the meta device."""
    from ..training.rehearsal import of_steps

    figures = of_steps(trainer.once, plan.batch, plan.steps, device)
    return {
        "parameters": sum(p.numel() for p in network.parameters()), "steps": plan.steps, "batch": plan.batch,
        "minutes": round(60 * figures["hours"], 1),
    } | figures  # fmt: skip
