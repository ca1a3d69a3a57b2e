"""Train the photo's networks: pix2pixHD (texture to rough map), then restoration (rough map to w+, Eq. 11 to 15).

dnpm train pix2pix --folder build/photo --pairs 1200                       makes pairs of our own faces, and trains
dnpm train restoration --folder build/photo --maps build/maps --out build/weights  ...then E_deg, and writes both

Both go on where they were stopped; Ctrl-C ends after the step in hand.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..errors import DnpmError
from ..face_model.locate import ROOT, face_model_path


def add_subparsers(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`pix2pix` and `restoration` beside the other networks."""
    first = what.add_parser(
        "pix2pix", help="a photo's texture to a rough map (pix2pixHD)", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _common(first)
    first.add_argument("--pairs", type=int, default=1200, metavar="N", help="pictures of our faces (default 1200)")
    first.add_argument("--processes", type=int, default=2, help="that make pairs (default 2)")
    first.add_argument("--steps", type=int, default=2000)
    first.add_argument("--l1", type=float, default=60.0, help="weight of the L1 (default 60)")
    first.add_argument("--matching", type=float, default=10.0, help="of feature matching (default 10)")
    first.add_argument("--adversarial", type=float, default=1.0, help="of LSGAN (default 1)")
    first.set_defaults(run=run_pix2pix)
    second = what.add_parser(
        "restoration", help="a rough map to w+ (E_deg, Eq. 11 to 15)", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _common(second)
    second.add_argument(
        "--maps", type=Path, metavar="DIR",
        help="a data set of maps, or the folder that `train detail` keeps its maps in (default: the pairs' own)",
    )  # fmt: skip
    second.add_argument("--weights", type=Path, metavar="DIR", help="whose G the codes are for (default: shipped)")
    second.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the networks are written")
    second.add_argument("--steps", type=int, default=1500)
    for name, value in (("l1", 10.0), ("perceptual", 0.2), ("identity", 0.1)):
        second.add_argument(f"--{name}", type=float, default=value, help=f"weight of the term (default {value})")
    second.add_argument(
        "--perceptual-every", type=int, default=3, metavar="N",
        help="steps a look at the perceptual and identity terms, which take longest, weighed as much more (default 3)",
    )  # fmt: skip
    second.add_argument(
        "--trunk", default="auto", choices=("auto", "lpips-alex", "lpips-vgg", "efficientnet-lite0"),
        help="of the perceptual and identity terms (auto: what is installed)",
    )  # fmt: skip
    second.add_argument(
        "--identity-network", type=Path, metavar="FILE",
        help="a face recognition network (TFLite, 112 x 112) for the identity term; default: the perceptual trunk",
    )  # fmt: skip
    second.add_argument("--name", default="photo", help="of the networks, for the card")
    second.set_defaults(run=run_restoration)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, metavar="DIR", help="pairs, states (default build/photo)")
    parser.add_argument("--config", default="default", choices=("default", "paper", "tiny"))
    parser.add_argument("--face-model", metavar="FILE", help="another face model")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, help="default: the plan's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="of torch on a CPU")
    parser.add_argument("--dry-run", action="store_true", help="sizes and speed; nothing is trained")


def run_pix2pix(args: argparse.Namespace) -> int:
    """Pairs, training, figures on held-out pairs. 130 when it was stopped before the end."""
    from ..detail.uv_map import mask_at
    from ..face_model.model import FaceModel
    from ..photo.restore.pix2pix import CONFIGS
    from ..training.photo.pairs import make_pairs
    from ..training.photo.pix2pix import Pix2PixPlan, Pix2PixTrainer, validate
    from ..training.photo.run import fit

    _threads(args)
    folder, started = args.folder or ROOT / "build" / "photo", time.monotonic()
    config, path = CONFIGS[args.config], Path(face_model_path(args.face_model))
    size = config.resolution
    count = 8 if args.dry_run else args.pairs
    pairs = make_pairs(folder / "pairs", path, "train", count, size, args.processes, args.seed)
    held = make_pairs(folder / "pairs", path, "validation", max(2, min(48, args.pairs // 10)), size, args.processes,
                      args.seed)  # fmt: skip
    plan = Pix2PixPlan(config, args.steps, args.batch, l1=args.l1, matching=args.matching,
                       adversarial=args.adversarial, seed=args.seed)  # fmt: skip
    plan = replace(plan, rate=args.rate) if args.rate else plan
    mask = mask_at(FaceModel.load(path).detail_mask, size)
    trainer = Pix2PixTrainer(pairs, mask, plan)
    if args.dry_run:
        print(json.dumps(_dry(trainer, trainer.generator, plan.steps), indent=2))
        return 0
    belongs = {"plan": _plain(asdict(plan)), "pairs": count}
    if not fit(trainer, folder / "pix2pix", "pix2pix", belongs, plan.steps):
        return 130
    scores = validate(trainer.generator, held, mask)
    note = {"scores": scores, "command": "dnpm " + " ".join(sys.argv[1:]), "pairs": count,
            "hours": round((time.monotonic() - started) / 3600, 2)}  # fmt: skip
    (folder / "pix2pix" / "scores.json").write_text(json.dumps(note, indent=2), encoding="utf-8")
    print(json.dumps(scores))
    return 0


def run_restoration(args: argparse.Namespace) -> int:
    """Rough maps of every pair, training, figures, both networks and their card. 130 when it was stopped."""
    import numpy as np
    import torch

    from .. import tensorfile
    from ..detail.card import GENERATOR, check_face_model, weights_dir
    from ..detail.uv_map import mask_at
    from ..detail.weights import load_detail
    from ..face_model.model import FaceModel
    from ..photo.restore.degraded_encoder import CONFIGS, DegradedEncoder
    from ..photo.restore.pix2pix import CONFIGS as PIX
    from ..photo.restore.pix2pix import GlobalGenerator
    from ..photo.restore.weights import save_photo
    from ..training.checkpoint import restore_network
    from ..training.perceptual import perceptual
    from ..training.perceptual.identity import IdentityNetwork
    from ..training.photo.material import codes_of_sliders, material_of
    from ..training.photo.pairs import open_pairs
    from ..training.photo.restoration import RestorationPlan, RestorationTrainer, validate
    from ..training.photo.run import STATE, fit

    _threads(args)
    folder, started = args.folder or ROOT / "build" / "photo", time.monotonic()
    person = IdentityNetwork.load(args.identity_network) if args.identity_network else None
    model = FaceModel.load(face_model_path(args.face_model))
    weights = weights_dir(args.weights)
    detail = load_detail(weights)
    check_face_model(detail.card, model)
    state = folder / "pix2pix" / STATE
    if not state.is_file():
        raise DnpmError(f"{state}: pix2pixHD has not been trained there yet; `dnpm train pix2pix --folder {folder}`")
    generator = GlobalGenerator(PIX[args.config])
    restore_network("generator", generator, tensorfile.load(state)[0])
    pairs, held = open_pairs(folder / "pairs", "train"), open_pairs(folder / "pairs", "validation")
    config = CONFIGS[args.config]
    mask = mask_at(model.detail_mask, PIX[args.config].resolution)
    material = material_of(generator.eval(), pairs, mask, args.maps)
    test = material_of(generator, held, mask, None)
    plan = RestorationPlan(
        args.steps, args.batch, l1=args.l1, perceptual=args.perceptual, identity=args.identity,
        perceptual_every=args.perceptual_every, fine=min(256, config.resolution), seed=args.seed,
    )  # fmt: skip
    plan = replace(plan, rate=args.rate) if args.rate else plan
    distance = perceptual(args.trunk) if plan.perceptual or plan.identity else None
    torch.manual_seed(args.seed)
    network = DegradedEncoder(config)
    if config.basis:
        network.set_basis(codes_of_sliders(detail, model, 600, args.seed))
    trainer = RestorationTrainer(network, detail, material, plan, config.resolution, distance, person)
    if args.dry_run:
        print(json.dumps(_dry(trainer, network, plan.steps), indent=2))
        return 0
    digest = tensorfile.sha256(weights / GENERATOR)
    belongs = {"plan": _plain(asdict(plan)), "config": _plain(asdict(config)), "generator": digest,
               "identity_network": person.name if person is not None else "",
               "data": hashlib.sha256(np.ascontiguousarray(material.maps[0]).tobytes()).hexdigest()}  # fmt: skip
    if not fit(trainer, folder / "restoration", "restoration", belongs, plan.steps):
        return 130
    scores = validate(network, detail, test, config.resolution, plan.fine)
    first = json.loads((folder / "pix2pix" / "scores.json").read_text(encoding="utf-8"))
    card = {
        "name": args.name, "licence": "GPL-3.0-or-later", "generator_sha256": digest,
        "data": f"{first['pairs']} pictures of our own faces (teacher's maps, CC0 face data), rendered and degraded; "
                f"{len(material.maps)} maps of the teacher",
        "commands": [first["command"], "dnpm " + " ".join(sys.argv[1:])],
        "perceptual": distance.name if distance else "none",
        "identity": _identity_told(distance, person, plan.identity),
        "hours": round(first["hours"] + (time.monotonic() - started) / 3600, 2),
        "scores": {"pix2pix": first["scores"], "restoration": scores},
    }  # fmt: skip
    save_photo(args.out, generator, network, card)
    print(json.dumps(scores))
    print(args.out)
    return 0


def _identity_told(distance: Any, person: Any, weight: float) -> str:
    if not weight:
        return "none"
    return f"levels of {person.name}" if person is not None else f"levels of {distance.name}, in the place of ArcFace's"


def _threads(args: argparse.Namespace) -> None:
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def _dry(trainer: Any, network: Any, steps: int) -> dict[str, Any]:
    run, seconds = trainer.run(), []
    for k in range(3):
        begin = time.monotonic()
        if k == 2:
            trainer.step = steps - 1  # With everything that comes in later.
        next(run)
        seconds.append(time.monotonic() - begin)
    return {
        "parameters": sum(p.numel() for p in network.parameters()), "steps": steps,
        "seconds_a_step": round(seconds[-1], 3), "images_a_second": round(trainer.plan.batch / seconds[-1], 2),
        "minutes": round(steps * seconds[-1] / 60, 1),
    }  # fmt: skip
