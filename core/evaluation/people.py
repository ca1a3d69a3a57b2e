"""Is everybody somebody? How much the maps of random people differ, whether the differences are learnt, and age.

"rest": maps of random people at rest. "expressions": what raised brows, a frown and a smile change from rest; the three
expressions' figures averaged. For each set, over the texels inside the face mask:

* pairwise_r: Pearson correlation of two people's maps, mean and largest over all pairs. The common part counts.
* effective_dims: (sum of eigenvalues)^2 / sum of squared eigenvalues of the maps less their mean: how many directions
  people differ in. At most people - 1.
* rms_mm_p10_p90: the 10th and 90th percentile of a person's root mean square height.
* deviation_um: root mean square difference from the people's mean map.

Baseline of these: the mean map scaled to each person's rms ("one_set_of_lines"). It must come out as r 1, 1 dimension.
"learnt": R2 on held-out people (half single expressions, half mixtures) against the teacher, beside a linear
regression and an MLP on principal components of painted training maps. "age": Spearman's correlation of the people's
years with the energy of their skin's relief in waves of 1 to 8 mm, beside that of a direction that is not age.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

import numpy as np
from scipy import ndimage, stats

from ..dataset.given_map import skin_masks, texel_size
from ..errors import DnpmError
from ..face_model.checks import age_regression
from ..face_model.model import FaceModel
from ..face_model.sampling import random_identity
from ..training.teacher import Teacher
from ..training.teacher.teacher import resize
from .painter import Painter

PURPOSE = "how much random people's maps differ, at rest and in expressions, how much of it is learnt, and age"
EXPRESSIONS: dict[str, tuple[str, ...]] = {
    "brows_raised": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "frown": ("browDownLeft", "browDownRight", "noseSneerLeft", "noseSneerRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight"),
}
FIRST_PERSON = 31_000
"""Seeds of `random_identity` from here on: the people of the gauge."""
LINES_MM = (1.0, 8.0)
CHANCE = 200
"""Random directions in identity space, whose mean absolute correlation is the age's baseline."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults take some minutes."""
    parser.add_argument("--people", type=int, default=60, help="random people (default %(default)s)")
    parser.add_argument(
        "--resolution",
        type=int,
        default=1024,
        choices=(64, 128, 256, 512, 1024),
        help="texels of a map's side (default %(default)s)",
    )
    parser.add_argument("--teacher-only", action="store_true", help="the teacher's own people: needs no weights")
    parser.add_argument("--learnt", type=int, default=60, metavar="N", help="held-out maps for R2 (0: leave it out)")
    parser.add_argument(
        "--learnt-maps", type=int, default=2000, metavar="N", help="painted maps that the regressions learn from"
    )
    parser.add_argument(
        "--learnt-resolution",
        type=int,
        default=256,
        choices=(64, 128, 256, 512),
        help="texels at which the regressions are compared (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the people (default %(default)s)")


def evaluate(args: argparse.Namespace) -> dict:
    """The figures as a dictionary. Raises DnpmError when there are too few people to compare."""
    if args.people < 3:
        raise DnpmError("--people: at least 3 are needed to compare people")
    if args.teacher_only:
        from ..face_model.locate import face_model_path

        model = FaceModel.load(face_model_path(args.face_model))
        teacher = Teacher(model, args.resolution)
        paint = teacher.map
    else:
        painter = Painter.of(args)
        model = painter.model
        paint = lambda identity, expression: painter.shown(identity, expression, args.resolution)  # noqa: E731
    people = [random_identity(model, FIRST_PERSON + args.seed * 1000 + i) for i in range(args.people)]
    inside = resize(model.detail_mask, args.resolution) > 0.5
    rest = np.stack([paint(p, model.expression()) for p in people])
    flat = rest[:, inside]
    result: dict = {
        "resolution": args.resolution, "seed": args.seed, "inside": "face mask > .5",
        "painted_by": "teacher" if args.teacher_only else "weights",
        "rest": figures(flat), "one_set_of_lines": figures(one_set_of_lines(flat)),
    }  # fmt: skip
    changes = []
    for name, expressions in EXPRESSIONS.items():
        known = {d: 1.0 for d in expressions if d in model.expression_index}
        if not known:
            continue
        moved = np.stack([paint(p, model.expression(**known))[inside] for p in people])
        changes.append((name, figures(moved - flat)))
        del moved
    if changes:
        result["expressions"] = _averaged([f for _, f in changes]) | {"each": dict(changes)}
    years = ages(model, people)
    if years is not None:
        energy = line_energy(rest, model, args.resolution)
        result["age"] = {
            "spearman": round(float(stats.spearmanr(years, energy)[0]), 3),
            "spearman_by_chance": round(_by_chance(np.stack(people), energy, args.seed), 3),
        }
    if args.learnt and not args.teacher_only:
        result["learnt"] = learnt(painter, args.learnt, args.learnt_maps, args.learnt_resolution, args.seed)
    return result


def figures(maps: np.ndarray) -> dict:
    """(people, texels) mm -> the figures of one set."""
    r = np.corrcoef(maps)
    pairs = r[np.triu_indices(len(maps), 1)]
    centred = maps - maps.mean(0)
    spread = np.linalg.eigvalsh((centred @ centred.T).astype(np.float64)).clip(0)
    rms = np.sqrt(np.square(maps).mean(1))
    return {
        "people": len(maps),
        "pairwise_r_mean": round(float(pairs.mean()), 3),
        "pairwise_r_max": round(float(pairs.max()), 3),
        "effective_dims": round(float(spread.sum() ** 2 / max((spread**2).sum(), 1e-30)), 2),
        "rms_mm_p10_p90": [round(float(q), 4) for q in np.percentile(rms, (10, 90))],
        "deviation_um": round(1000 * float(np.sqrt(np.square(centred).mean())), 1),
    }


def one_set_of_lines(maps: np.ndarray) -> np.ndarray:
    """The baseline: (people, texels) -> everybody has the mean map, at his own strength."""
    mean = maps.mean(0)
    strength = np.sqrt(np.square(maps).mean(1) / max(float(np.square(mean).mean()), 1e-30))
    return strength[:, None] * mean


def ages(model: FaceModel, people: Iterable[np.ndarray]) -> np.ndarray | None:
    """Years of each person by the face model's regression; None where the model has none."""
    known = age_regression(model)
    return None if known is None else np.array([float(known[0] @ p) + known[1] for p in people])


def line_energy(maps: np.ndarray, model: FaceModel, resolution: int) -> np.ndarray:
    """(people, R, R) mm -> (people,) mean square of the waves from 1 to 8 mm, on skin without brows, eyes and mouth."""
    mm = texel_size(model, resolution, model.detail_mask)
    skin = skin_masks(model, resolution)["skin"]
    fine, coarse = (w / mm / (2 * np.pi) for w in LINES_MM)
    return np.array([float((_between(m, fine, coarse) ** 2 * skin).sum() / skin.sum()) for m in maps])


def _between(image: np.ndarray, fine: float, coarse: float) -> np.ndarray:
    return ndimage.gaussian_filter(image, fine) - ndimage.gaussian_filter(image, coarse)


def _by_chance(people: np.ndarray, energy: np.ndarray, seed: int) -> float:
    """Mean absolute Spearman correlation of random directions in identity space with the energy."""
    random = np.random.default_rng([seed, 41]).standard_normal((CHANCE, people.shape[1]))
    return float(np.mean([abs(stats.spearmanr(people @ d, energy)[0]) for d in random]))


def learnt(painter: Painter, count: int, maps: int, resolution: int, seed: int) -> dict:
    """R2 of the weights on `count` held-out maps, and of two regressions that learnt from `maps` painted ones."""
    from ..measures.metrics import Score
    from .detail import ComponentsMlp, LinearRegression, mixture_pairs, unit_pairs

    model = painter.model
    teacher = Teacher(model, resolution, int(painter.detail.card["seed"]))
    linear = LinearRegression(model, teacher, maps)
    rivals: dict[str, LinearRegression | ComponentsMlp] = {
        "r2_linear": linear,
        "r2_mlp": ComponentsMlp(model, teacher, maps, seed),
    }
    half = (count + 1) // 2
    pairs = unit_pairs(model, half, seed) + mixture_pairs(model, count - half, seed)
    scores = {key: Score(teacher.mask, linear.mean) for key in ("r2", *rivals)}
    for identity, expression in pairs:
        truth = teacher.map(identity, expression)
        scores["r2"].add(painter.map(identity, expression, resolution), truth)
        for key, regression in rivals.items():
            scores[key].add(regression.map(identity, expression), truth)
    return {key: s.result()["r2"] for key, s in scores.items()} | {
        "samples": len(pairs), "learnt_from_maps": maps, "resolution": resolution,
    }  # fmt: skip


def _averaged(sets: list[dict]) -> dict:
    mean = lambda key: round(float(np.mean([s[key] for s in sets])), 3)  # noqa: E731
    return {
        "people": sets[0]["people"], "pairwise_r_mean": mean("pairwise_r_mean"),
        "pairwise_r_max": max(s["pairwise_r_max"] for s in sets), "effective_dims": mean("effective_dims"),
        "rms_mm_p10_p90": [round(float(np.mean(q)), 4) for q in zip(*(s["rms_mm_p10_p90"] for s in sets), strict=True)],
        "deviation_um": mean("deviation_um"),
    }  # fmt: skip


def table(result: dict) -> str:
    """For reading."""
    return "\n".join(_lines(result))


def _lines(result: dict) -> Iterator[str]:
    yield f"{result['rest']['people']} random people at {result['resolution']}, painted by the {result['painted_by']}"
    yield ""
    yield f"{'set':<24}r mean   r max    dims   rms mm p10..p90   deviation um"
    sets = {"rest": result["rest"], "one set of lines": result["one_set_of_lines"]}
    if "expressions" in result:
        sets |= {"expressions": result["expressions"]} | {f"  {k}": v for k, v in result["expressions"]["each"].items()}
    for name, s in sets.items():
        low, high = s["rms_mm_p10_p90"]
        yield (
            f"{name:<22}{s['pairwise_r_mean']:8.3f}{s['pairwise_r_max']:8.3f}{s['effective_dims']:8.2f}"
            f"   {low:.4f}..{high:.4f}{s['deviation_um']:12.1f}"
        )
    for name in ("learnt", "age"):
        if name in result:
            yield ""
            yield f"{name}: " + ", ".join(f"{key} {value}" for key, value in result[name].items())
