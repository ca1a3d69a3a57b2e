"""Is the relief as fine as it should be? Spectra and heights of the teacher, of our G, and of a map from elsewhere.

Teacher and G paint the same held-out people and expressions; their spectra (inside the face mask, `relief`) are
compared octave by octave: decibels of G over the teacher. "within_db" is the worst of them up to a quarter of the
sampling rate. A given map (--map) is compared with the teacher's faces at rest on skin away from brows, eyes, mouth
and nostrils. The scale of such a file is often unknown, so that levels are aligned and shapes compared: what an octave
has more or less than the given map's, the slopes, and how spiky heights are. Its grey steps bound what it can tell:
"over_steps_db" says how far an octave lies above their noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..dataset.given_map import GivenMap, given_map, skin_masks, texel_size
from ..errors import DnpmError
from ..measures import relief
from ..training.detail import samples
from ..training.teacher import Teacher
from .painter import Painter

PURPOSE = "spectra and histograms of heights: teacher, our G and a given map"
BLUR_MM = 2.5
FORM_MM = 9.5
"""Longer waves are what the coarse mesh left out, more than skin: levels are aligned on shorter ones."""
Bands = list[tuple[float, float]]
Maker = Callable[[np.ndarray, np.ndarray], np.ndarray]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sizes, and the given map with what its numbers mean."""
    parser.add_argument("--samples", type=int, default=16, help="held-out maps (default %(default)s)")
    parser.add_argument(
        "--resolution",
        type=int,
        default=1024,
        choices=(128, 256, 512, 1024),
        help="texels of a map's side (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the people and expressions (default %(default)s)")
    parser.add_argument("--teacher-only", action="store_true", help="leave G out: needs no weights")
    parser.add_argument("--map", type=Path, metavar="FILE", help="EXR in mm, or a 16- or 8-bit grey picture")
    parser.add_argument(
        "--layout", choices=("dnpm", "facescape"), default="dnpm",
        help="of the given map: our detail UV, or FaceScape's 4096 x 4096 (cut to the face)",
    )  # fmt: skip
    parser.add_argument("--texel-mm", type=float, metavar="MM", help="width of one texel of the given file on the skin")
    parser.add_argument("--mid", type=float, metavar="GREY", help="its grey value for 0 (default the middle one)")
    parser.add_argument(
        "--range-mm", type=float, metavar="MM", help="from there to white; without it the scale counts as unknown"
    )


def evaluate(args: argparse.Namespace) -> dict:
    """The figures as a dictionary. Raises DnpmError when a file is unfit."""
    if args.samples < 1 or (args.texel_mm is not None and not args.texel_mm > 0):
        raise DnpmError("--samples must be at least 1, and --texel-mm positive")
    if args.teacher_only:
        from ..face_model.locate import face_model_path
        from ..face_model.model import FaceModel

        model, painter, seed = FaceModel.load(face_model_path(args.face_model)), None, 0
    else:
        painter = Painter.of(args)
        model, seed = painter.model, int(painter.detail.card["seed"])
    given = None
    if args.map:  # First, since a mistake there shows at once.
        given = given_map(args.map, args.layout, model, args.texel_mm, args.mid, args.range_mm)
    teacher = Teacher(model, args.resolution, seed)
    texel = texel_size(model, args.resolution, teacher.mask)
    bands = relief.octaves(texel)
    pairs = [samples.draw(model, "test", 30_000 + args.seed + i) for i in range(args.samples)]
    result: dict = {
        "samples": args.samples, "resolution": args.resolution, "seed": args.seed, "texel_mm": round(texel, 4),
        "octaves": [{"cycles_per_mm": [round(b, 4) for b in band], "wave_mm": [round(1 / b, 2) for b in band[::-1]]}
                    for band in bands],
    }  # fmt: skip
    theirs = _measure(teacher.map, pairs, teacher.mask, texel, bands)
    result["teacher"] = theirs
    if painter is not None:
        ours = _measure(lambda i, e: painter.map(i, e, args.resolution), pairs, teacher.mask, texel, bands)
        result["ours"] = ours
        result["ours_minus_teacher"] = _difference(ours, theirs, bands, texel)
    if given is not None:
        result["given"] = _against(given, teacher, [(i, model.expression()) for i, _ in pairs], seed) | {
            "map": args.map.name, "layout": args.layout,
        }  # fmt: skip
    return result


def table(result: dict) -> str:
    """For reading."""
    lines = [f"{result['samples']} held-out maps at {result['resolution']}, texel {result['texel_mm']} mm", ""]
    lines.append(
        "waves, mm        teacher rms um    skew / kurtosis"
        + ("    G rms um   G - teacher dB" if "ours" in result else "")
    )
    for k, octave in enumerate(result["octaves"]):
        short, long = octave["wave_mm"]
        teacher = result["teacher"]["octaves"][k]
        line = f"{short:6.2f} - {long:<6.2f} {teacher['rms_um']:12.2f}"
        line += f" {teacher['skewness']:12.2f} /{teacher['kurtosis']:7.2f}"
        if "ours" in result:
            line += (
                f"{result['ours']['octaves'][k]['rms_um']:14.2f} {result['ours_minus_teacher']['octaves_db'][k]:+13.2f}"
            )
        lines.append(line)
    if "ours" in result:
        worst = result["ours_minus_teacher"]
        lines += ["", f"worst up to a quarter of the sampling rate: {worst['within_db']:.2f} dB"]
    lines += ["", *(_heights_line(who, result[who]) for who in ("teacher", "ours") if who in result)]
    if "given" in result:
        lines += ["", *_given_lines(result["given"])]
    return "\n".join(lines)


def _measure(
    make: Maker, pairs: list[tuple[np.ndarray, np.ndarray]], mask: np.ndarray, texel: float, bands: Bands
) -> dict:  # fmt: skip
    """Mean spectrum's octaves, their shapes, and heights (all, and fine: less their blur) of painted maps."""
    variances, shapes, heights, fine = [], [], [], []
    for pair in pairs:
        image = make(*pair)
        variances.append(relief.band_variances(*relief.radial_spectrum(image, mask, texel), bands))
        shapes.append(relief.octave_shape(image, mask, texel, bands))
        heights.append(image[mask > 0.5])
        fine.append(relief.high_passed(image, mask, BLUR_MM / texel))
    mean = np.mean(variances, 0)
    return {
        "octaves": _rows(mean, np.mean(shapes, 0)),
        "slope_db_per_octave": relief.slope_db(bands, mean),
        "heights": _heights(np.concatenate(heights)),
        "fine_heights": _heights(np.concatenate(fine)),
    }


def _rows(variances: np.ndarray, shapes: np.ndarray) -> list[dict]:
    return [
        {"rms_um": round(1000 * float(np.sqrt(v)), 3), "skewness": round(float(s), 2), "kurtosis": round(float(k), 2)}
        for v, (s, k) in zip(variances, shapes, strict=True)
    ]


def _heights(values: np.ndarray) -> dict:
    found = relief.height_statistics(values)
    return {"std_um": round(1000 * float(found.pop("std")), 2)} | found  # type: ignore[arg-type]


def _difference(ours: dict, theirs: dict, bands: Bands, texel: float) -> dict:
    rms = [np.array([row["rms_um"] for row in who["octaves"]]) for who in (ours, theirs)]
    db = relief.decibels(rms[0] ** 2, rms[1] ** 2)
    low = [k for k, (_, high) in enumerate(bands) if high <= 0.25 / texel * 1.001]
    worst = max(low, key=lambda k: abs(db[k]))
    return {
        "octaves_db": [round(float(d), 2) for d in db],
        "within_db": round(abs(float(db[worst])), 2),
        "worst_octave": worst,
        "slope_db_per_octave": relief.slope_db(bands, 10 ** (db / 10)),
    }


def _against(given: GivenMap, teacher: Teacher, pairs: list[tuple[np.ndarray, np.ndarray]], seed: int) -> dict:
    """Teacher's faces at rest and the given map, region by region, in the octaves that both can show."""
    masks = skin_masks(teacher.model, teacher.resolution)
    maps = [teacher.map(*pair) for pair in pairs]
    regions = {}
    for name, mask in masks.items():
        texel, given_texel = texel_size(teacher.model, teacher.resolution, mask), given.texels_mm[name]
        extent = np.sqrt(given.masks[name].sum()) * given_texel
        # Three waves across the region at least, else the taper decides.
        bands = [b for b in relief.octaves(texel, min(40.0, extent / 3 * 2)) if b[1] <= 0.5 / given_texel * 1.001]
        spectra = [relief.band_variances(*relief.radial_spectrum(m, mask, texel), bands) for m in maps]
        ours = np.mean(spectra, 0)
        theirs = relief.band_variances(
            *relief.radial_spectrum(given.heights, given.masks[name], given_texel), bands
        )  # fmt: skip
        noise = given.step**2 / 12 * given_texel**2 * np.pi * np.array([high**2 - low**2 for low, high in bands])
        clear = relief.decibels(theirs, noise) > 3 if given.step else np.ones(len(bands), bool)
        level = relief.decibels(ours, theirs)
        skin = clear & np.array([1 / low <= FORM_MM for low, _ in bands])
        offset = 0.0 if given.scaled else float(np.mean(level[skin] if skin.any() else level))
        shape_ours = np.mean([relief.octave_shape(m, mask, texel, bands) for m in maps], 0)
        shape_theirs = relief.octave_shape(given.heights, given.masks[name], given_texel, bands)
        fine = [np.concatenate([relief.high_passed(m, mask, BLUR_MM / texel) for m in maps]),
                relief.high_passed(given.heights, given.masks[name], BLUR_MM / given_texel)]  # fmt: skip
        statistics = [relief.height_statistics(x) for x in fine]
        for one in statistics:
            one.pop("std")
        regions[name] = {
            "octaves": [
                {
                    "wave_mm": [round(1 / high, 2), round(1 / low, 2)],
                    "teacher_minus_given_db": round(float(level[k] - offset), 2),
                    "over_steps_db": round(float(relief.decibels(theirs[k], noise[k])), 1) if given.step else None,
                    "teacher_skewness": round(float(shape_ours[k][0]), 2),
                    "given_skewness": round(shape_theirs[k][0], 2),
                    "teacher_kurtosis": round(float(shape_ours[k][1]), 2),
                    "given_kurtosis": round(shape_theirs[k][1], 2),
                }
                for k, (low, high) in enumerate(bands)
            ],
            "slope_db_per_octave": {"teacher": relief.slope_db(bands, ours),
                                    "given": relief.slope_db(bands, theirs)},
            "level_db": round(offset, 2),
            "fine_heights": {"teacher": statistics[0], "given": statistics[1]},
        }  # fmt: skip
    return {"scaled": given.scaled, "texel_mm": round(given.texels_mm["skin"], 4), "regions": regions}


def _heights_line(who: str, measured: dict) -> str:
    h, f = measured["heights"], measured["fine_heights"]
    said = (
        f"std {x['std_um']:.1f} um, skewness {x['skewness']:+.2f}, kurtosis {x['kurtosis']:.2f}" for x in (h, f)
    )  # fmt: skip
    return f"{who:<8} heights: {next(said)}; fine: {next(said)}"


def _given_lines(given: dict) -> list[str]:
    level = "" if given["scaled"] else ", levels aligned a region (its scale is unknown)"
    lines = [f"teacher at rest against {given['map']}, texel {given['texel_mm']} mm{level}"]
    for name, region in given["regions"].items():
        slope = region["slope_db_per_octave"]
        lines += [
            "",
            f"{name}: " + ", ".join(f"{who} {v:+.1f}" for who, v in slope.items() if v is not None) + " dB an octave",
            "  waves, mm        teacher - given dB    skew t / g     kurtosis t / g   given over its steps dB",
        ]
        for row in region["octaves"]:
            steps = "" if row["over_steps_db"] is None else f"{row['over_steps_db']:14.1f}"
            lines.append(
                f"  {row['wave_mm'][0]:6.2f} - {row['wave_mm'][1]:<6.2f} {row['teacher_minus_given_db']:+14.1f} "
                f"{row['teacher_skewness']:+12.2f} / {row['given_skewness']:+.2f} {row['teacher_kurtosis']:10.2f} / "
                f"{row['given_kurtosis']:.2f} {steps}"
            )
        for who, h in region["fine_heights"].items():
            q = "  ".join(f"{k} {v:+.2f}" for k, v in h["quantiles"].items())
            lines.append(
                f"  fine heights {who:<8} skewness {h['skewness']:+.2f}, kurtosis {h['kurtosis']:.2f}; in std: {q}"
            )
    return lines
