"""Makes the pictures of the pages anew, into docs/pictures (`make pictures`).

    make_pictures.py [--demo build/demo] [--work build/pictures] [--out docs/pictures]

- what `make demo` has made: expressions, identities, closeup, displacement;
- library_people.jpg, library_expressions.jpg: the presets that ship;
- random_people.jpg: who *Random* makes of the seeds 1 to 24;
- frames.jpg: frames of one movement, each above its own displacement map;
- capture.jpg: a captured performance as it was read, with some of its curves;
- wrinkles.jpg: a made face's grooves, rendered, and read back from the picture;
- engines.jpg: a face, exported and imported again;
- converted.jpg: a face model that was read from a folder of registered meshes, its components and its expressions.

The others are sheets of commands that need photos, or hours: people*.jpg of make_people_pictures.py, skins.jpg of
make_skins_picture.py, worst_maps.jpg of `dnpm evaluate detail --worst`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import torch
from PIL import Image, ImageDraw, ImageFont

from dnpm.core.batch.demo import ACTOR, ACTOR_LOOK, EXPRESSIONS, VIEW
from dnpm.core.capture.read import read_capture
from dnpm.core.capture.resample import resampled
from dnpm.core.capture.track import CurveTrack
from dnpm.core.capture.write import write_live_link
from dnpm.core.cli import main as cli
from dnpm.core.cli.batch import start_blender
from dnpm.core.detail.card import weights_dir
from dnpm.core.detail.mesh import surface_mesh
from dnpm.core.detail.weights import load_detail
from dnpm.core.errors import DnpmError
from dnpm.core.face_model import presets
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.face_model.checks import age_regression
from dnpm.core.face_model.landmark_uv import landmark_uv
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.readers import read_registered
from dnpm.core.face_model.sampling import random_identity, random_person
from dnpm.core.face_model.skin_settings import SkinSettings
from dnpm.core.files import contact_sheet
from dnpm.core.files.meshes import write_obj
from dnpm.core.geometry.uv_map import mask_at
from dnpm.core.photo.camera import Camera
from dnpm.core.photo.reconstruct import with_gain, with_relief
from dnpm.core.photo.render import Lights, Paint, render
from dnpm.core.photo.restore.pipeline import open_restorer
from dnpm.core.photo.skin_view import SkinViewer
from dnpm.core.photo.skin_zones import SIDE
from dnpm.core.photo.texture import fill_mirrored, unwrap

ROOT = Path(__file__).resolve().parents[1]
FROM_DEMO = ("expressions", "identities", "closeup", "displacement")
LIBRARY_ACTOR = "Joao_33"
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
SECONDS = (0.2, 0.8, 1.3, 1.9, 2.5, 3.1)
"""Of the capture, that are shown."""
RANDOM_PEOPLE = 24
PEOPLE, READ = 12, ("jawOpen", "mouthSmileLeft", "browInnerUp")
"""Of the registered meshes."""
CURVES = {"browInnerUp": (214, 84, 56), "mouthSmileLeft": (232, 178, 80), "jawOpen": (92, 156, 220),
          "eyeBlinkLeft": (150, 200, 130), "browDownLeft": (190, 150, 210)}  # fmt: skip


def main() -> int:
    """Render, put together; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--demo", type=Path, default=ROOT / "build/demo", metavar="DIR", help="what `make demo` made")
    parser.add_argument("--work", type=Path, default=ROOT / "build/pictures", metavar="DIR", help="for single pictures")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/pictures", metavar="DIR", help="where the pictures go")
    args = parser.parse_args()
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        for name in FROM_DEMO:
            with Image.open(args.demo / f"{name}.png") as picture:
                contact_sheet.save(picture.convert("RGB"), args.out / f"{name}.jpg")
        for kind, columns in (("people", 6), ("expressions", 7)):
            library_picture(kind, columns, args.work, args.out / f"library_{kind}.jpg")
        random_people_picture(args.work, args.out / "random_people.jpg")
        take = performance(args.work)
        items = rendered(job(take), args.work)
        contact_sheet.save(frames_picture(items), args.out / "frames.jpg")
        contact_sheet.save(capture_picture(items, take), args.out / "capture.jpg")
        contact_sheet.save(engines_picture(args.work / "engines"), args.out / "engines.jpg")
        contact_sheet.save(wrinkles_picture(), args.out / "wrinkles.jpg")
        contact_sheet.save(converted_picture(registered(args.work / "registered")), args.out / "converted.jpg")
    except (DnpmError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def performance(work: Path) -> CurveTrack:
    """A take of three and a half seconds at 60 fps, written as Live Link Face writes it, and read again."""
    times = np.arange(210) / 60
    values = np.zeros((len(times), len(ARKIT_NAMES)), np.float32)

    def add(names: str, begin: float, middle: float, end: float, height: float) -> None:
        shape = height * np.interp(times, [begin, middle, end], [0.0, 1.0, 0.0])
        for name in names.split():
            column = values[:, ARKIT_NAMES.index(name)]
            np.maximum(column, shape * shape * (3 - 2 * shape), out=column)

    add("browInnerUp browOuterUpLeft browOuterUpRight", 0.4, 0.8, 1.2, 1.0)
    add("eyeWideLeft eyeWideRight jawOpen", 0.5, 0.8, 1.1, 0.5)
    add("mouthSmileLeft mouthSmileRight cheekSquintLeft cheekSquintRight", 0.9, 1.9, 2.6, 0.9)
    add("eyeBlinkLeft eyeBlinkRight", 1.15, 1.3, 1.45, 1.0)
    add("jawOpen mouthUpperUpLeft mouthUpperUpRight", 1.6, 1.9, 2.2, 0.6)
    add("browDownLeft browDownRight noseSneerLeft noseSneerRight mouthFrownLeft mouthFrownRight", 2.5, 3.1, 3.45, 1.0)
    path = work / "take.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_live_link(path, CurveTrack(times, values))
    capture = read_capture(path)
    print(f"take.csv: {capture.line()}")
    return capture.from_zero()


def job(take: CurveTrack) -> dict[str, Any]:
    """The batch: frames of a smile with their maps, and moments of the take."""
    actor = {"identity": ACTOR, "look": ACTOR_LOOK}
    smile = EXPRESSIONS["smile"]
    items: list[dict[str, Any]] = [
        {"name": f"frame_{k}", "expression": {name: step * value for name, value in smile.items()},
         "outputs": ["png", "exr"]} | actor
        for k, step in enumerate(STEPS)
    ]  # fmt: skip
    _, values, _ = resampled(take, 60.0)
    for k, second in enumerate(SECONDS):
        row = values[min(round(60 * second), len(values) - 1)]
        expression = {name: round(float(v), 4) for name, v in zip(ARKIT_NAMES, row, strict=True) if v > 0}
        items.append({"name": f"moment_{k}", "expression": expression} | actor)
    return {"settings": {"size": [300, 360], "samples": 24, "views": [VIEW]}, "items": items}


def rendered(data: dict[str, Any], work: Path) -> Path:
    """The batch's folder. Raises DnpmError when an item failed."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "job.json").write_text(json.dumps(data), encoding="utf-8")
    items = work / "items"
    if start_blender([str(work / "job.json"), f"--out={items}"], None, None):
        raise DnpmError(f"{items}: not all pictures were made; see the lines above")
    return items


def engines_picture(work: Path) -> Image.Image:
    """What `dnpm export --compare` draws of one of the people. Raises DnpmError when it fails."""
    person = presets.LIBRARY / "people" / f"{LIBRARY_ACTOR}.json"
    if cli.main(["export", f"--preset={person}", "--formats=glb", "--compare", f"--out={work}"]):
        raise DnpmError(f"{work}: the exported face is not like the original; see the lines above")
    with Image.open(work / "compare.png") as picture:
        return picture.convert("RGB")


def library_picture(kind: str, columns: int, work: Path, out: Path) -> None:
    """The presets of a kind that ship with the project, each with its name; expressions on one of the people."""
    paths = presets.shipped(kind)
    actor = next(path for path in presets.shipped("people") if path.stem == LIBRARY_ACTOR)
    items = [
        {"name": path.stem, "preset": str(path if kind == "people" else actor)}
        | ({} if kind == "people" else {"expression": dict(presets.read_preset(path).expression or {})})
        for path in paths
    ]
    settings = {"size": [220, 264], "samples": 24, "views": [VIEW]}
    folder = rendered({"settings": settings, "items": items}, work / f"library_{kind}")
    pictures = [(folder / path.stem / f"{VIEW['name']}.png", presets.shown_name(path)) for path in paths]
    contact_sheet.contact_sheet(out, pictures, columns, f"The {kind} that ship as presets")


def random_people_picture(work: Path, out: Path) -> None:
    """The people of the first seeds, colours included, with their years by the face model's own regression."""
    model = FaceModel.load(face_model_path(None))
    regression = age_regression(model)
    if regression is None:
        raise DnpmError(f"{face_model_path(None)}: the model knows no ages")
    seeds = range(1, RANDOM_PEOPLE + 1)
    items = [{"name": f"seed{seed}", "identity": {"seed": seed}} for seed in seeds]
    folder = rendered(
        {"settings": {"size": [200, 240], "samples": 32, "views": [VIEW]}, "items": items}, work / "random"
    )
    years = [round(float(regression[0] @ random_person(model, seed)) + regression[1]) for seed in seeds]
    shown = [(folder / f"seed{s}" / f"{VIEW['name']}.png", f"{s}: {age}") for s, age in zip(seeds, years, strict=True)]
    contact_sheet.contact_sheet(out, shown, 8, f"Random people: seeds 1 to {RANDOM_PEOPLE}, and their years")


def frames_picture(items: Path) -> Image.Image:
    """Faces in a row, each above the relief of its map."""
    rows = []
    for k in range(len(STEPS)):
        face = _face(items / f"frame_{k}")
        relief = items / f"frame_{k}_relief.png"
        contact_sheet.relief_picture(relief, read_map(items / f"frame_{k}" / "displacement.exr"), face.width)
        with Image.open(relief) as below:
            column = Image.new("RGB", (face.width, face.height + below.height + 4), contact_sheet.PAPER)
            column.paste(face, (0, 0))
            column.paste(below.convert("RGB"), (0, face.height + 4))
        rows.append(column)
    return _side_by_side(rows)


def capture_picture(items: Path, take: CurveTrack) -> Image.Image:
    """Curves of the take, and below them the face at some moments."""
    faces = _side_by_side([_face(items / f"moment_{k}") for k in range(len(SECONDS))])
    plot = Image.new("RGB", (faces.width, 240), contact_sheet.PAPER)
    draw, font = ImageDraw.Draw(plot), ImageFont.load_default(18)
    left, top, width, height = 16, 36, faces.width - 32, 186
    place = lambda time, value: (left + width * time / take.times[-1], top + height * (1 - value))  # noqa: E731
    for second in SECONDS:
        draw.line([place(second, 0), place(second, 1)], (70, 72, 76))
    for k, (name, colour) in enumerate(CURVES.items()):
        values = take.expression[:, ARKIT_NAMES.index(name)]
        draw.line([place(t, v) for t, v in zip(take.times, values, strict=True)], colour, 3)
        draw.text((left + 200 * k, 16), name, colour, font, anchor="lm")
    sheet = Image.new("RGB", (faces.width, plot.height + faces.height), contact_sheet.PAPER)
    sheet.paste(plot, (0, 0))
    sheet.paste(faces, (0, plot.height))
    return sheet


def registered(folder: Path) -> FaceModel:
    """A folder of people's meshes, as scanners' pipelines write it, made from the default model; read as a model."""
    model = FaceModel.load(face_model_path(None))
    for person in range(PEOPLE):
        identity = random_identity(model, 100 + person)
        for name in ("neutral", *READ):
            expression = np.zeros(model.n_exp, np.float32)
            if name in READ:
                expression[model.expression_index[name]] = 1.0
            path = folder / f"person_{person:02d}" / f"{name}.obj"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_obj(path, surface_mesh(model, model.vertices(identity, expression), 0), model.material_names)
    return read_registered(folder)


def converted_picture(model: FaceModel) -> Image.Image:
    """The mean, two components either way, and the expressions, in grey."""
    rest, nobody = np.zeros(model.n_exp, np.float32), np.zeros(model.n_id, np.float32)
    shown = [("mean", nobody, rest)]
    for k in range(2):
        for amount in (-2.0, 2.0):
            identity = nobody.copy()
            identity[k] = amount
            shown.append((f"component {k + 1} at {amount:+.0f}", identity, rest))
    for name in READ:
        expression = rest.copy()
        expression[model.expression_index[name]] = 1.0
        shown.append((name, nobody, expression))
    grey = np.full((8, 8, 3), 0.62, np.float32)
    turn = np.array([[np.cos(0.4), 0, np.sin(0.4)], [0, 1, 0], [-np.sin(0.4), 0, np.cos(0.4)]])
    middle = model.neutral.mean(0)
    camera = Camera.before((220, 264), 700.0, 0.9, float(np.ptp(model.neutral[:, 1])), middle, turn)
    tiles = []
    for text, identity, expression in shown:
        paper = np.array(contact_sheet.PAPER) / 255
        paint = Paint(grey, grey[0, 0], grey[0, 0])
        image, _ = render(model, model.vertices(identity, expression), camera, paint, background=paper)
        tile = Image.new("RGB", (220, 290), contact_sheet.PAPER)
        tile.paste(Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)), (0, 0))
        font = ImageFont.load_default(15)
        ImageDraw.Draw(tile).text((110, 276), text, contact_sheet.INK, font, anchor="mm")
        tiles.append(tile)
    return _side_by_side(tiles)


def wrinkles_picture() -> Image.Image:
    """A face with grooves that its sliders do not know: its photo, the sliders' face, what the photo gave, and the
    heights that were drawn and read."""
    model, folder = FaceModel.load(face_model_path(None)), weights_dir(None)
    detail, viewer = load_detail(folder), SkinViewer(model)
    restorer = open_restorer(model, detail, folder)
    if restorer is None:
        raise DnpmError(f"{folder}: has no photo networks")
    identity, still = random_identity(model, 4), np.zeros(model.n_exp, np.float32)
    vertices = model.vertices(identity, still)
    size, tone = 640, np.array([0.74, 0.56, 0.46], np.float32)
    camera = Camera.before((size, size), 900.0, 0.86, 190.0, vertices[model.landmarks68[27]] * [1, 1, 0])
    rows = (torch.from_numpy(np.asarray(a, np.float32))[None] for a in (identity, still))
    with torch.inference_mode():
        known = detail.displacement(*rows, resolution=SIDE)[0, 0].numpy() * mask_at(model.detail_mask, SIDE)
    drawn = _grooves(landmark_uv(model), viewer.mm)
    # The renderer knows no shadow in a groove, which sees less of the room: it is painted.
    skin = (tone * np.exp(0.35 * drawn)[..., None]).astype(np.float32)
    soft = Lights(np.array([[-0.4, -0.7, -0.7]]), np.full((1, 3), 0.6), np.full(3, 0.5), 0.02)
    raking = Lights(np.array([[-0.75, -0.45, -0.5]]), np.full((1, 3), 0.8), np.full(3, 0.2), 0.02)
    grey, eyes = np.full((8, 8, 3), 0.7, np.float32), np.array([0.1, 0.08, 0.06], np.float32)
    paper = np.array(contact_sheet.PAPER) / 255
    photo, _ = render(model, vertices, camera, Paint(skin, tone, eyes), soft, known + drawn, paper)
    texture = fill_mirrored(unwrap(photo, vertices, camera, model, SIDE))
    made = restorer(texture, viewer.look(photo, vertices, camera), identity, still, SIDE)
    read = made.displacement if made.relief is None else with_relief(made.displacement, made.relief)
    read = with_gain(read, SkinSettings(0.0, made.regions).gain(model)) * mask_at(model.detail_mask, SIDE)
    clay = Paint(grey, grey[0, 0], eyes)
    without, _ = render(model, vertices, camera, clay, raking, known, paper)
    with_them, _ = render(model, vertices, camera, clay, raking, read, paper)
    heights = [
        np.repeat(np.clip(0.5 + image / 0.8, 0, 1)[60:470, 51:461, None], 3, 2) for image in (drawn, read - known)
    ]
    named = zip(
        ("photo", "by its sliders", "with what was read", "heights, drawn", "heights, read"),
        (photo, without, with_them, *heights),
        strict=True,
    )
    tiles = []
    for text, image in named:
        tile = Image.new("RGB", (300, 326), contact_sheet.PAPER)
        tile.paste(Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)).resize((300, 300)), (0, 0))
        ImageDraw.Draw(tile).text((150, 313), text, contact_sheet.INK, ImageFont.load_default(15), anchor="mm")
        tiles.append(tile)
    return _side_by_side(tiles)


def _grooves(places: np.ndarray, mm: float) -> np.ndarray:
    """(SIDE, SIDE) mm: lines across the forehead and beside the eyes, and folds beside the mouth, .1 to .4 mm deep."""
    centre = (np.arange(SIDE) + 0.5) / SIDE
    u, v = np.meshgrid(centre, 1 - centre)
    unit = SIDE * mm
    x, heights = (u - 0.5) * unit, np.zeros((SIDE, SIDE), np.float32)
    lines = []
    for k, depth in enumerate((0.4, 0.3, 0.2, 0.1)):
        course = (v - places[17:27, 1].max()) * unit - 16 - 8 * k - 1.5 * np.sin(x / (7 + k) + k)
        lines.append((course, np.abs(x + 4 * k) < 30 - 3 * k, depth, 0.9))
    for side in (-1, 1):
        beside = side * x - (places[45, 0] - 0.5) * unit
        for k in (-1, 0, 1):
            course = (v - places[45, 1]) * unit - k * (2 + 0.5 * beside)
            lines.append((course, (beside > 8) & (beside < 22), 0.25, 0.7))
        down = (places[33, 1] - v) * unit
        fold = side * x - (places[35, 0] - 0.5) * unit - 8 - 0.45 * down
        lines.append((fold, (down > 4) & (down < 30), 0.4, 1.5))
    for course, there, depth, wide in lines:
        soft = np.asarray(Image.fromarray(there.astype(np.float32)).resize((64, 64)).resize((SIDE, SIDE)))
        heights = np.minimum(heights, -depth * np.exp(-0.5 * (course / wide) ** 2) * np.clip(soft, 0, 1))
    return heights.astype(np.float32)


def read_map(path: Path) -> np.ndarray:
    """(R, R) millimetres of a batch's map."""
    channels = OpenEXR.File(str(path), separate_channels=True).channels()
    return np.asarray(next(iter(channels.values())).pixels, np.float32)


def _face(folder: Path) -> Image.Image:
    with Image.open(folder / f"{VIEW['name']}.png") as picture:
        return picture.convert("RGB")


def _side_by_side(tiles: list[Image.Image]) -> Image.Image:
    gap, size = 4, tiles[0].size
    sheet = Image.new("RGB", (len(tiles) * (size[0] + gap) - gap, size[1]), contact_sheet.PAPER)
    for k, tile in enumerate(tiles):
        sheet.paste(tile, (k * (size[0] + gap), 0))
    return sheet


if __name__ == "__main__":
    sys.exit(main())
