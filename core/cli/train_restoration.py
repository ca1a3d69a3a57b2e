"""Train the restoration encoder E_deg: a rough map to w+ (Eq. 11 to 15), after pix2pixHD.

dnpm train restoration --folder build/photo --maps build/maps --out build/weights        ...and write both networks
dnpm train restoration ... --photos DIR --pix2pix weights --begin weights               for corrected maps, at full size
dnpm train restoration ... --perceptual lpips-vgg --trunk vgg16-397923af.pth             the paper's perceptual term
dnpm train restoration ... --dry-run                                                     sizes, memory, speed

It goes on where it was stopped; Ctrl-C ends after the step in hand.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..files import json_file
from ..files.inputs import reading
from ..options import add_perceptual, perceptual_of, perceptual_weight_of
from ..paths import ROOT
from .train_options import command_line, training_of, training_parser
from .train_photo import add_common, add_portraits, estimate, plain, simulated

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ..detail.weights import Detail
    from ..face_model.model import FaceModel
    from ..measures.identity import IdentityNetwork
    from ..measures.perceptual import PerceptualDistance
    from ..photo.restore.degraded_encoder import DegradedEncoder
    from ..photo.restore.pipeline import PhotoRestorer
    from ..photo.restore.pix2pix import GlobalGenerator
    from ..training.photo.corrected_photos import CorrectedPhotos
    from ..training.photo.restoration import RestorationPlan
    from ..training.photo.simulated import SimulatedPhotos, Sliders

FINE = 256
"""The side at which maps are compared, where the network's own is not smaller, and no photos are given."""
_LEARNT_FROM = {
    False: "pictures of our own faces (teacher's maps, CC0 face data), rendered and degraded",
    True: "people of the face networks, as photos: lit as portraits, over the skin of young sitters",
}
_FACES = 4
"""People whose pictures are restored at the size of use for the card."""


def add_subparser(what: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`restoration` beside the other networks."""
    parser = training_parser(what, "restoration", "a rough map to w+ (E_deg, Eq. 11 to 15)", __doc__, run)
    add_common(parser, steps=1500)
    parser.add_argument(
        "--maps", type=Path, metavar="DIR",
        help="a data set of maps, or the folder that `train detail` keeps its maps in (default: the pairs' own)",
    )  # fmt: skip
    add_portraits(
        parser, "portraits: corrected maps of simulated photos are learnt from as well, by a pix2pixHD that corrects"
    )  # fmt: skip
    parser.add_argument("--pairs", type=int, default=1200, metavar="N", help="simulated people and photos")
    parser.add_argument(
        "--fine", type=int, metavar="R", help="side at which maps are compared (default: with --photos G's, else 256)"
    )
    parser.add_argument(
        "--pix2pix", type=Path, metavar="DIR", help="weights whose pix2pixHD it is (default: the one in --folder)"
    )
    parser.add_argument("--weights", type=Path, metavar="DIR", help="whose G the codes are for (default: shipped)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the networks are written")
    parser.add_argument(
        "--begin", type=Path, metavar="DIR",
        help="weights whose E_deg goes on; one for another G, or for fewer rows of w+, has its heads fitted to this "
        "G's codes first",
    )  # fmt: skip
    for name, value in (("l1", 10.0), ("perceptual-weight", 0.2), ("identity", 0.1)):
        parser.add_argument(
            f"--{name}", type=float, default=value, help=f"weight of the term in Eq. 15 (default {value})"
        )
    add_perceptual(parser, prefer="vgg", weight_too=True)
    parser.add_argument(
        "--perceptual-every", type=int, default=3, metavar="N",
        help="steps a look at the perceptual and identity terms, which take longest, weighed as much more (default 3)",
    )  # fmt: skip
    parser.add_argument(
        "--identity-network", type=Path, metavar="FILE",
        help="a face recognition network (TFLite, 112 x 112) for the identity term; default: the perceptual trunk",
    )  # fmt: skip
    parser.add_argument("--name", default="photo", help="of the networks, for the card")


def run(args: argparse.Namespace) -> int:
    """Rough maps of every pair, training, figures, both networks and their card. 130 when it was stopped."""
    from ..detail.card import GENERATOR, check_face_model, weights_dir
    from ..detail.weights import load_detail
    from ..face_model.model import FaceModel
    from ..files import tensor_file
    from ..geometry.uv_map import mask_at
    from ..measures.identity import IdentityNetwork
    from ..photo.restore.degraded_encoder import CONFIGS
    from ..training.parallel import join_ranks
    from ..training.photo.corrected_photos import validate_steps
    from ..training.photo.material import material_of, simulated_material
    from ..training.photo.pairs import open_pairs
    from ..training.photo.restoration import Material, RestorationTrainer, validate
    from ..training.photo.run import fit

    device, precision = training_of(args, RestorationTrainer.precisions)
    folder, started = args.folder or ROOT / "build" / "photo", time.monotonic()
    person = IdentityNetwork.load(args.identity_network) if args.identity_network else None
    model = FaceModel.load(face_model_path(args.face_model))
    weights = weights_dir(args.weights)
    detail = load_detail(weights)
    check_face_model(detail.card, model)
    plan = plan_of(args, detail)
    distance = perceptual_of(args) if plan.perceptual or plan.identity else None
    mask = mask_at(model.detail_mask, CONFIGS[args.config].resolution)
    if args.dry_run:
        return _dry(args, plan, detail, distance, person, device)
    generator, first = _pix2pix(args, folder)
    generator.to(device)
    digest = tensor_file.sha256(weights / GENERATOR)
    if args.photos is not None:
        photos = _corrected(args, folder, model, detail, generator, plan, digest)
        fine = mask_at(model.detail_mask, plan.fine)
        material, test = (Material(one.own, fine, one.rough, one.maps) for one in photos)
    elif generator.config.corrects:
        material, test = (
            simulated_material(folder / "people", split, mask, args.maps) for split in ("train", "validation")
        )
    else:
        pairs, held = open_pairs(folder / "pairs", "train"), open_pairs(folder / "pairs", "validation")
        material = material_of(generator, pairs, mask, args.maps)
        test = material_of(generator, held, mask, None)
    network = _network(args, plan, detail, model, mask, digest, photos[0] if args.photos is not None else None)
    belongs = {"plan": plain(asdict(plan)), "begin": str(args.begin or ""),
               "config": plain(asdict(network.config)), "generator": digest,
               "perceptual": distance.name if distance is not None else "",
               "identity_network": person.name if person is not None else "", "identity_term": "sum over levels",
               "data": hashlib.sha256(material.maps[0].tobytes()).hexdigest()}  # fmt: skip
    with join_ranks(device) as rank:
        trainer = RestorationTrainer(
            network, detail, material, plan, network.config.resolution, distance, person, device, precision, rank
        )
        if not fit(trainer, folder / "restoration", "restoration", belongs):
            return 130
    if not rank.first:
        return 0
    scores = validate(network, trainer.detail, test, network.config.resolution, plan.fine)
    if args.photos is not None:
        restorer = _restorer(model, trainer.detail.to("cpu"), generator.cpu(), network.cpu().eval(), plan, digest)
        scores |= validate_steps(restorer, photos[1])
    card = first | {
        "name": args.name, "licence": "GPL-3.0-or-later", "generator_sha256": digest,
        "data": f"{first['data']}; {len(material.maps)} maps",
        "commands": [*first["commands"], command_line()],
        "hours": round(first["hours"] + (time.monotonic() - started) / 3600, 2),
        "scores": {"pix2pix": first["scores"]["pix2pix"], "restoration": scores},
    } | loss_labels(plan, distance, person)  # fmt: skip
    finish(args.out, model, trainer.detail.to("cpu"), generator.cpu(), network.cpu(), card)
    print(json.dumps(scores))
    print(args.out)
    return 0


def plan_of(args: argparse.Namespace, detail: Detail) -> RestorationPlan:
    """The command line's plan. Raises DnpmError when it contradicts itself."""
    from ..photo.restore.degraded_encoder import CONFIGS
    from ..photo.restore.pix2pix import CONFIGS as PIX
    from ..training.photo.restoration import RestorationPlan

    side, most = CONFIGS[args.config].resolution, detail.generator.config.resolution
    fine = min(FINE, side, most)
    if args.photos is not None:
        if not PIX[args.config].corrects:
            raise DnpmError(f"--photos: a pix2pixHD of --config {args.config} does not correct maps, it reads colours")
        fine = args.fine or most
        if fine not in detail.generator.config.resolutions or fine < side:
            raise DnpmError(f"--fine {fine}: {side} to {most}, a power of two")
    elif args.fine:
        raise DnpmError("--fine: maps of that size come of --photos DIR alone")
    scale = fine // side if args.photos is not None else 1
    plan = RestorationPlan(
        args.steps, args.batch, l1=args.l1, perceptual=perceptual_weight_of(args), identity=args.identity,
        perceptual_every=args.perceptual_every, fine=fine, seed=args.seed,
        factors=tuple(scale * k for k in (1, 4, 8)) if args.photos is not None else (4, 8),
        rough=0.5 if args.photos is not None else 0.4,
    )  # fmt: skip
    return replace(plan, rate=args.rate) if args.rate else plan


def loss_labels(
    plan: RestorationPlan, distance: PerceptualDistance | None, person: IdentityNetwork | None
) -> dict[str, Any]:
    """What the card says of the losses, and of the rows of w+ that were learnt."""
    from ..photo.restore.trained import stage

    trunk = person if person is not None else distance
    identity = "none"
    if plan.identity and trunk is not None:
        place = "" if person is not None else ", in the place of ArcFace's"
        identity = f"sum over the levels of {trunk.name}{place} (Eq. 14)"
    return {
        "perceptual": distance.name if distance is not None and plan.perceptual else "none", "identity": identity,
        "losses": {"l1": plan.l1, "perceptual": plan.perceptual, "identity": plan.identity},
        "trained": {"restoration": [stage(plan.fine, plan.steps)]},
    }  # fmt: skip


def finish(
    out: Path, model: FaceModel, detail: Detail, generator: Any, network: DegradedEncoder, card: dict[str, Any]
) -> None:
    """Measure at the size of use, write both networks with their card. Raises DnpmError when that is impossible."""
    from ..evaluation.restoration import measure
    from ..photo.restore.weights import load_photo, save_photo

    save_photo(out, generator, network, card)
    measured = measure(model, detail, load_photo(out), _FACES, detail.generator.config.resolution)
    card["scores"] = card["scores"] | {"in_use": measured}
    save_photo(out, generator, network, card)


def _pix2pix(args: argparse.Namespace, folder: Path) -> tuple[GlobalGenerator, dict[str, Any]]:
    """pix2pixHD, and what the card says of it: --pix2pix's, or that of the folder. Raises DnpmError when it is not
    there, or of another configuration."""
    from ..files import tensor_file
    from ..photo.restore.pix2pix import CONFIGS, GlobalGenerator
    from ..photo.restore.weights import load_photo
    from ..training.checkpoint import restore_network
    from ..training.photo.run import STATE

    if args.pix2pix is not None:
        known = load_photo(args.pix2pix)
        if known.pix2pix.config != CONFIGS[args.config]:
            raise DnpmError(f"{args.pix2pix}: its pix2pixHD has other sizes than --config {args.config}")
        return known.pix2pix.eval(), known.card
    state = folder / "pix2pix" / STATE
    if not state.is_file():
        raise DnpmError(f"{state}: pix2pixHD has not been trained there yet; `dnpm train pix2pix --folder {folder}`")
    generator = GlobalGenerator(CONFIGS[args.config])
    with reading(state, "train pix2pixHD again"):
        restore_network("generator", generator, tensor_file.load(state)[0])
    scored = folder / "pix2pix" / "scores.json"
    with reading(scored, "train pix2pixHD again"):
        first = json_file.read(scored)
        return generator.eval(), {
            "data": f"{first['pairs']} {_LEARNT_FROM[generator.config.corrects]}",
            "commands": [first["command"]], "hours": first["hours"], "scores": {"pix2pix": first["scores"]},
        }  # fmt: skip


def _restorer(
    model: FaceModel, detail: Detail, generator: GlobalGenerator, network: DegradedEncoder, plan: RestorationPlan,
    digest: str,
) -> PhotoRestorer:  # fmt: skip
    """Both networks at work, with the rows of w+ that the plan reaches."""
    from ..photo.restore.pipeline import PhotoRestorer
    from ..photo.restore.trained import stage, trained_rows
    from ..photo.restore.weights import PhotoNetworks

    card = {"generator_sha256": digest, "trained": {"restoration": [stage(plan.fine, plan.steps)]}}
    rows = trained_rows(card, sum(network.config.groups), network.config.resolution, "the plan")
    return PhotoRestorer(model, detail, PhotoNetworks(generator, network, card, rows))


def _corrected(
    args: argparse.Namespace, folder: Path, model: FaceModel, detail: Detail, generator: GlobalGenerator,
    plan: RestorationPlan, digest: str,
) -> list[CorrectedPhotos]:  # fmt: skip
    """Corrected maps of simulated photos to learn from, and of people whom nothing is learnt from. The portraits are
    fitted only where some are missing."""
    from ..photo.portraits import chosen, people_of
    from ..photo.restore.degraded_encoder import CONFIGS, DegradedEncoder, fitted_to
    from ..photo.restore.weights import digest_of
    from ..training.photo.corrected_photos import corrected_photos, is_whole
    from ..training.photo.simulated import HELD, drawn_people

    if args.pairs < 2 * HELD:
        raise DnpmError(f"--pairs {args.pairs}: at least {2 * HELD} people are simulated")
    unread = DegradedEncoder(fitted_to(CONFIGS[args.config], detail.encoder.config.w_dim, detail.encoder.config.groups))
    restorer = _restorer(model, detail.to("cpu"), generator.cpu(), unread, plan, digest)
    who = chosen(people_of(args.photos, args.labels), args.half, None)
    recipe = {
        "model": model.name, "seed": 0, "portraits": [one.name for one in who], "pix2pix": digest_of(generator),
        "generator": digest, "people": args.pairs,
    }  # fmt: skip
    counts = {"train": args.pairs, "validation": HELD}
    place = folder / "corrected"
    made: dict[str, tuple[SimulatedPhotos | None, Callable[[int], list[Sliders]] | None]]
    made = dict.fromkeys(counts, (None, None))
    if not all(is_whole(place, split, count) for split, count in counts.items()):
        # They are the same whatever --seed is, which orders what is learnt from.
        *both, expressions = simulated(argparse.Namespace(**(vars(args) | {"seed": 0})), folder, model)
        persons = drawn_people(model, expressions, 0)
        firsts = {"train": 0, "validation": args.pairs - HELD}
        for split, photos in zip(counts, both, strict=True):
            made[split] = photos, functools.partial(_person, persons, firsts[split])
    return [
        corrected_photos(place, restorer, *made[split], split, count, plan.fine, recipe)
        for split, count in counts.items()
    ]


def _person(persons: Callable[[int], list[Sliders]], first: int, number: int) -> list[Sliders]:
    return persons(first + number)


def _network(
    args: argparse.Namespace, plan: RestorationPlan, detail: Detail, model: FaceModel, mask: np.ndarray, digest: str,
    photos: CorrectedPhotos | None,
) -> DegradedEncoder:  # fmt: skip
    """A fresh network for codes of this G, or that of --begin. Raises DnpmError when that has other sizes."""
    import numpy as np
    import torch

    from ..detail.config import w_layers
    from ..geometry.uv_map import mask_at
    from ..photo.restore.degraded_encoder import CONFIGS, DegradedEncoder, fitted_to
    from ..photo.restore.weights import load_photo
    from ..training.photo.carried import codes_of_maps, fit_heads
    from ..training.photo.material import codes_of_sliders

    torch.manual_seed(args.seed)
    of_e = detail.encoder.config
    network = DegradedEncoder(fitted_to(CONFIGS[args.config], of_e.w_dim, of_e.groups))
    codes = codes_of_sliders(detail, model, 600, args.seed) if network.config.basis or args.begin else None
    if network.config.basis and codes is not None:
        network.set_basis(codes)
    if args.begin and codes is not None:
        begin = load_photo(args.begin)
        known = begin.restoration
        if known.config != network.config:
            raise DnpmError(f"{args.begin}: its E_deg has other sizes than --config {args.config}")
        if begin.card["generator_sha256"] == digest and begin.rows[: w_layers(plan.fine)].all():
            network.load_state_dict(known.state_dict())
            return network
        network.body.load_state_dict(known.body.state_dict())
        for head, other in zip(network.heads, known.heads, strict=True):
            head.get_submodule("0").load_state_dict(other.get_submodule("0").state_dict())
        if photos is None:
            fit_heads(network, detail, codes, mask)
        else:
            with torch.inference_mode():
                start = detail.encoder(*(torch.from_numpy(np.array(a)) for a in (photos.identity, photos.expression)))
            nearest = codes_of_maps(
                network, detail, photos.maps, start, mask_at(model.detail_mask, photos.maps.shape[-1])
            )  # fmt: skip
            fit_heads(network, detail, codes, mask, (1, 4, 8), photos=(photos.rough, nearest))
    return network


def _dry(
    args: argparse.Namespace, plan: RestorationPlan, detail: Detail, distance: PerceptualDistance | None,
    person: IdentityNetwork | None, device: torch.device,
) -> int:  # fmt: skip
    """Sizes and estimates; needs neither pairs nor a trained pix2pixHD."""
    from ..photo.restore.degraded_encoder import CONFIGS, DegradedEncoder, fitted_to
    from ..training.photo.pairs import blank_pairs
    from ..training.photo.restoration import Material, RestorationTrainer
    from ..training.rehearsal import META

    of_e = detail.encoder.config
    with META:
        network = DegradedEncoder(fitted_to(CONFIGS[args.config], of_e.w_dim, of_e.groups))
    blank = blank_pairs(plan.fine).maps
    trainer = RestorationTrainer(
        network, detail, Material(blank, blank[0]), replace(plan, rough=0.0), network.config.resolution, distance,
        person, META,
    )  # fmt: skip
    print(json.dumps(estimate(trainer, network, plan, device), indent=2))
    return 0
