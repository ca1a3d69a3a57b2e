"""Table I: what the encoder is told, and how well G then paints: E_id,exp beside E_1700 and E_5000.

The three take the same number of steps (Eq. 5 to 7, G frozen) on one data set, with each of the seeds; they are kept in
--folder, and a stopped run goes on there. Scores are of held-out people, mean and standard deviation over the seeds.
"mask" is inside the face mask, "square" the whole map, whose flat rim flatters. Parameters: `core/detail/config.py`
says how the published totals are counted; "ours" are the default widths with the default generator.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..detail.config import ENCODERS, GENERATORS, EncoderConfig, GeneratorConfig
from ..detail.encoder import Encoder
from ..detail.generator import Generator
from ..devices import name as device_name
from ..errors import DnpmError
from ..face_model.locate import face_model_path
from ..face_model.model import FaceModel
from ..files import json_file
from ..files.contact_sheet import columns_picture
from ..files.inputs import reading
from ..files.writing import write_text
from ..measures.metrics import Score
from ..options import add_device, add_perceptual, device_of, perceptual_of
from ..paths import ROOT
from ..training.encoder import sources
from ..training.encoder.inputs import make_inputs
from ..training.encoder.run import fit
from ..training.encoder.sources import Painting, Source, fitting_config
from ..training.encoder.trainer import EncoderTrainer, Plan, Samples, new_encoder
from .spread import cell, mean_and_spread

PURPOSE = "Table I: E_id,exp, E_1700 and E_5000 trained alike on one data set"
PUBLISHED_M = {"id-exp": 113.22, "1700": 426.56, "5000": 997.05}
PAPER = {"id-exp": "paper", "1700": "paper_1700", "5000": "paper_5000"}
TITLES = {"id-exp": "E_id,exp", "1700": "E_1700", "5000": "E_5000"}
COUNTING = (
    "The published totals include the generator. `alone` is the encoder by itself, `with G` adds StyleGAN2 config-f at "
    "1024 with one output channel (30,363,962). The paper does not publish its widths; ours for it are round ones that "
    "reach the published totals under that counting."
)
SHOWN = 4
"""Maps of the picture."""


@dataclass(frozen=True)
class Budget:
    """What is trained: written down when a run begins, so that it can go on on another day."""

    steps: int
    resolution: int
    batch: int
    seed: int
    samples: str
    generator: str
    perceptual: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Data and budget."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="a data set (`dnpm data`); else the teacher paints")
    parser.add_argument("--maps", type=int, default=1500, help="that the teacher paints (default %(default)s)")
    parser.add_argument("--samples", type=int, default=100, help="held-out maps (default %(default)s)")
    parser.add_argument("--resolution", type=int, default=128, help="early output of G (default %(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="of each encoder (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each encoder (default %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="maps a training step (default %(default)s)")
    add_perceptual(parser)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "table1", help="states (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "tables", help="of table1.md and table1.json")
    parser.add_argument("--points", default="1700,5000", metavar="N,N", help="of the mesh (default %(default)s)")
    add_device(parser)
    parser.add_argument("--processes", type=int, default=2, help="that paint maps")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the samples, and the first of training (default %(default)s)"
    )


def evaluate(args: argparse.Namespace) -> dict:
    """Train what is not trained, measure, write both files and the picture. Raises DnpmError on unfit input, or when
    stopped."""
    if min(args.steps, args.seeds) < 1 or args.samples < 2:
        raise DnpmError("--steps and --seeds must be positive, and --samples at least 2")
    model_path = face_model_path(args.face_model)
    model, device = FaceModel.load(model_path), device_of(args)
    source = sources.open_source(args.weights, None, model)
    painting = Painting(model_path, args.folder / "maps", max(64, args.resolution), args.processes, args.seed)
    counts = {"train": args.maps, "validation": 32, "test": args.samples}
    (train, check, test), label = sources.open_samples(args.data, counts, model, painting)
    distance = perceptual_of(args)
    assert distance is not None, "this parser does not offer none"
    kinds = ["id-exp", *args.points.split(",")]
    inputs = {kind: make_inputs(kind, model) for kind in kinds}

    def trainer(kind: str, seed: int) -> EncoderTrainer:
        chosen = inputs[kind]
        config = fitting_config(ENCODERS["default"], source.generator.config, chosen.n_id, chosen.n_exp)
        # All the epochs that the steps need: the budget is steps here, not the paper's 100 epochs.
        epochs = -(-args.steps // max(1, len(train) // args.batch))
        plan = Plan(config, args.resolution, epochs, args.batch, seed=seed, max_steps=args.steps)
        encoder = new_encoder(config, seed)
        return EncoderTrainer(source.generator, source.w_mean, encoder, chosen, train, plan, distance, device)

    budget = _claim(
        args.folder / "budget.json",
        Budget(args.steps, args.resolution, args.batch, args.seed, label, source.label, distance.name),
    )
    rows, mean = {}, _mean(train, trainer(kinds[0], args.seed))
    picks = np.arange(min(args.samples, len(test)))
    shown = np.linspace(0, len(picks) - 1, min(SHOWN, len(picks))).astype(int)
    columns: dict[str, list[np.ndarray]] = {}
    for kind in kinds:
        title, found = TITLES.get(kind, f"E_{kind}"), []
        for seed in range(args.seed, args.seed + args.seeds):
            made = trainer(kind, seed)
            state = args.folder / f"{kind}-{seed}.state.safetensors"
            about = asdict(budget) | {"inputs": kind, "seed": seed}
            if not fit(made, state, about, (check, np.arange(min(16, len(check)))), f"{title}, seed {seed}"):
                raise DnpmError(f"stopped before {title} was trained; the same command goes on")
            found.append(_scores(made, test, picks, mean))
            if seed == args.seed:
                columns.setdefault("true", list(made.truth(test, shown)))
                columns[title] = list(made.predict(test, shown))
        rows[kind] = mean_and_spread(found) | _parameters(kind, made, source) | {"title": title, "steps": made.step}
    first = trainer(kinds[0], args.seed)
    result = {
        "rows": rows, "mean_map": mean_and_spread([_mean_scores(first, test, mean, len(picks))]),
        "budget": asdict(budget), "seeds": args.seeds, "epochs": round(args.steps * args.batch / len(train), 1),
        "training_samples": len(train), "test_samples": len(picks), "counting": COUNTING,
        "hardware": device_name(device), "torch": torch.__version__, "face_model": model.name,
        "weights": source.card["name"], "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }  # fmt: skip
    _write(args.out, result)
    columns_picture(args.out / "figure5.jpg", columns)
    return result


def table(result: dict) -> str:
    """Markdown, as in table1.md."""
    b, rows = result["budget"], result["rows"]
    lines = [
        "# Table I: what the encoder is told",
        "",
        f"{result['training_samples']} training maps ({b['samples']}), {result['test_samples']} held-out maps, "
        f"{b['resolution']} x {b['resolution']}, batch {b['batch']}, {b['steps']} steps each ({result['epochs']} "
        f"epochs), {result['seeds']} seeds from {b['seed']} (mean ± standard deviation). Loss: L1 + 0.05 x "
        f"{b['perceptual']}. Generator: {result['weights']}, frozen. "
        f"{result['hardware']}, torch {result['torch']}, {result['date']}.",
        "",
        "| | PSNR dB, mask | SSIM, mask | R2, mask | error mm, mask | PSNR dB, square | SSIM, square |",
        "|---|---|---|---|---|---|---|",
    ]
    scored = [("mean map", result["mean_map"]), *((r["title"], r) for r in rows.values())]
    for title, r in scored:
        m, s = r["mask"], r["square"]
        cells = [cell(m["psnr_db"], 2), cell(m["ssim"], 4), cell(m["r2"], 3), cell(m["mae_mm"], 4),
                 cell(s["psnr_db"], 2), cell(s["ssim"], 4)]  # fmt: skip
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| | ours alone | ours with G | paper's alone | paper's with G | published |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows.values():
        p = r["parameters"]
        paper = (f"{p['paper_alone']:,}", f"{p['paper_with_generator']:,}") if "paper_alone" in p else ("", "")
        published = f"{p['published_millions']:.2f} M" if "published_millions" in p else ""
        lines.append(
            f"| {r['title']} | {p['alone']:,} | {p['with_generator']:,} | {paper[0]} | {paper[1]} | {published} |"
        )
    return "\n".join([*lines, "", result["counting"]])


def parameter_count(config: EncoderConfig | GeneratorConfig) -> int:
    """Learnt numbers of a network, without making it."""
    with torch.device("meta"):
        net = Encoder(config) if isinstance(config, EncoderConfig) else Generator(config)
    return sum(p.numel() for p in net.parameters())


def _parameters(kind: str, trainer: EncoderTrainer, source: Source) -> dict[str, Any]:
    alone = parameter_count(trainer.plan.config)
    found: dict[str, Any] = {
        "alone": alone, "with_generator": alone + sum(p.numel() for p in source.generator.parameters()),
    }  # fmt: skip
    if kind in PAPER:
        paper = parameter_count(ENCODERS[PAPER[kind]])
        found |= {"paper_alone": paper, "paper_with_generator": paper + parameter_count(GENERATORS["paper"]),
                  "published_millions": PUBLISHED_M[kind]}  # fmt: skip
    return {"parameters": found}


def _claim(path: Path, begun: Budget) -> Budget:
    """The budget, written down for the next run. Raises DnpmError when the folder was begun with another."""
    if path.is_file():
        again = "delete the folder, or use another --folder"
        with reading(path, again):
            known = json_file.to_dataclass(Budget, json_file.read(path, again), "its budget")
        if known != begun:
            there = asdict(known)
            different = ", ".join(k for k, v in asdict(begun).items() if there[k] != v)
            raise DnpmError(f"{path.parent}: was begun with other settings ({different}); use another --folder")
        return known
    write_text(path, json.dumps(asdict(begun), indent=2), make_folder=True)
    return begun


def _mean(train: Samples, trainer: EncoderTrainer) -> np.ndarray:
    """(r, r) mean map of up to 500 training samples."""
    picks = np.linspace(0, len(train) - 1, min(500, len(train))).astype(int)
    parts = [
        trainer.truth(train, part).sum(0, dtype=np.float64) for part in np.array_split(picks, -(-len(picks) // 16))
    ]
    return (np.sum(parts, axis=0) / len(picks)).astype(np.float32)


def _scores(trainer: EncoderTrainer, test: Samples, picks: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    return _compared(trainer, trainer.predict(test, picks), trainer.truth(test, picks), mean)


def _mean_scores(trainer: EncoderTrainer, test: Samples, mean: np.ndarray, count: int) -> dict[str, Any]:
    truth = trainer.truth(test, np.arange(count))
    return _compared(trainer, np.broadcast_to(mean, truth.shape), truth, mean)


def _compared(trainer: EncoderTrainer, ours: np.ndarray, truth: np.ndarray, mean: np.ndarray) -> dict[str, Any]:
    inside = trainer.mask.cpu().numpy()
    scores = {"mask": Score(inside, mean), "square": Score(np.ones_like(inside), mean)}
    for a, b in zip(ours, truth, strict=True):
        for score in scores.values():
            score.add(a, b)
    return {where: score.result() for where, score in scores.items()}


def _write(folder: Path, result: dict) -> None:
    for name, text in (("table1.json", json.dumps(result, indent=2)), ("table1.md", table(result))):
        write_text(folder / name, text + "\n", make_folder=True)
