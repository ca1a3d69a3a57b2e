"""Pairs for pix2pixHD: what a photo's unwrapped texture looks like, and the displacement that it shows.

Faces are the teacher's: random people and expressions, a look, lights, a camera. They are rendered with their bumps,
degraded as photos are (focus, size, noise, JPEG), and unwrapped again by a camera that is a little wrong, as a fitted
one is. Kept on disk as float16, drawn from (seed, number), so that a second run makes what is missing.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import DnpmError
from ...face_model.looks import IRISES, TONES, Look
from ...face_model.model import FaceModel
from ...files import json_file
from ...files.inputs import brief, read_bytes, regular_file
from ...photo.camera import Camera, rotation_of, turned
from ...photo.render import Lights, Paint, render, skin_normals
from ...photo.texture import Texture, fill_mirrored, normalise, unwrap, uv_table
from ..detail import samples
from ..detail.cache import teacher_fingerprint
from ..painters import claim, open_grown, paint
from ..teacher.teacher import Teacher, resize

FORMAT = 1
_MOST_PICTURES = 10_000_000
VIEWS = 4
"""Pictures of one face, its map being what takes longest."""
_PEOPLE = 48
"""Looks that occur."""
_worker: dict = {}


@dataclass(frozen=True)
class Pairs:
    """textures (n, 4, R, R) float16 (normalised colour, visible 0 to 1), maps (n, R, R) float16 mm."""

    textures: np.ndarray
    maps: np.ndarray


def make_pairs(
    folder: Path, model_path: Path, split: str, count: int, resolution: int, processes: int = 1, seed: int = 0
) -> Pairs:
    """`count` pairs of a split (see `samples.SPLITS`), VIEWS of each face. Raises DnpmError when the folder holds other
    ones."""
    count = max(1, count // VIEWS) * VIEWS
    model = FaceModel.load(model_path)
    recipe = {
        "format": FORMAT, "model": model.metadata.get("inputs", model.name), "seed": seed, "split": split,
        "resolution": resolution, "teacher": teacher_fingerprint(),
    }  # fmt: skip
    claim(folder / f"{split}.json", recipe, "pairs")
    shapes = ((count, 4, resolution, resolution), (count, resolution, resolution))
    textures, maps = (open_grown(folder / f"{split}_{k}.f16", s, np.float16) for k, s in zip("tm", shapes, strict=True))
    done = open_grown(folder / f"{split}.done", (count,), np.uint8)
    todo = np.flatnonzero(np.asarray(done).reshape(-1, VIEWS).min(1) == 0)
    arguments = (str(model_path), split, resolution, seed)
    faces = paint(f"pairs {split}", "pairs", VIEWS, _face, todo.tolist(), processes, _start, arguments)
    for number, views, target in faces:
        places = slice(number * VIEWS, (number + 1) * VIEWS)
        textures[places], maps[places], done[places] = views, target, 1
    textures.flush()
    maps.flush()
    return Pairs(textures, maps)


def open_pairs(folder: Path, split: str) -> Pairs:
    """The pairs of a folder that are done. Raises DnpmError when there is none."""
    note = folder / f"{split}.json"
    if not note.is_file():
        raise DnpmError(f"{folder}: holds no pairs for {split}; `dnpm train pix2pix` makes them")
    done, size = open_note(note)
    textures = mapped(folder / f"{split}_t.f16", (len(done), 4, size, size))
    maps = mapped(folder / f"{split}_m.f16", (len(done), size, size))
    whole = int(np.argmin(np.append(done, 0)))
    if not whole:
        raise DnpmError(f"{folder}: holds no finished pairs for {split}; `dnpm train pix2pix` makes them")
    return Pairs(textures[:whole], maps[:whole])


def open_note(note: Path) -> tuple[np.ndarray, int]:
    """Which of a cache's pictures are done, (n,) uint8, and their side in texels. Raises DnpmError when the note or the
    list beside it is damaged."""
    again = "delete the folder: it is made again"
    recipe = json_file.read(note, again)
    size = recipe.get("resolution") if isinstance(recipe, dict) else None
    if not isinstance(size, int) or not json_file.is_whole(size, 1, 8192):
        raise DnpmError(f"{note}: resolution must be 1 to 8192, is {brief(size)}; {again}")
    return np.frombuffer(read_bytes(note.with_suffix(".done"), _MOST_PICTURES, again), np.uint8), size


def mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A cache's numbers, float16, memory-mapped. Raises DnpmError when they are not as many."""
    if regular_file(path) < 2 * math.prod(shape):
        raise DnpmError(f"{path}: is shorter than its note says; delete the folder: it is made again")
    return np.memmap(path, np.float16, "r", shape=shape) if math.prod(shape) else np.zeros(shape, np.float16)


def drawn_look(rng: np.random.Generator) -> Look:
    """Some person's colours."""
    tone = list(TONES)[int(rng.integers(len(TONES)))]
    iris = list(IRISES.values())[int(rng.integers(len(IRISES)))]
    return Look(
        tone, flush=float(rng.uniform(0.3, 1.6)), brows=float(rng.uniform(0.4, 1.4)),
        freckles=float(rng.uniform(0, 1.2) ** 2), stubble=float(max(0, rng.uniform(-1, 1))), iris=iris,
    )  # fmt: skip


def degraded(image: np.ndarray, face: float, rng: np.random.Generator) -> np.ndarray:
    """A clean picture (h, w, 3) as a camera and a web site leave it; face: pixels of the face's height.

    Focus and motion, then fewer pixels, then noise, then JPEG; the size is brought back at the end.
    """
    from PIL import Image
    from scipy import ndimage

    height, width = image.shape[:2]
    blur = face * rng.uniform(0, 0.012) * (rng.random() < 0.6)
    soft = ndimage.gaussian_filter(image, (blur, blur, 0)) if blur > 0.3 else image
    wanted = float(np.exp(rng.uniform(np.log(48), np.log(max(1.2 * face, 60)))))
    factor = min(1.0, wanted / face)
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    picture = Image.fromarray((np.clip(soft, 0, 1) * 255 + 0.5).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    pixels = np.asarray(picture, np.float32) / 255
    pixels = pixels + rng.normal(0, rng.uniform(0, 0.03), pixels.shape) * np.sqrt(np.clip(pixels, 0.05, 1))
    pixels = np.clip(pixels, 0, 1) ** rng.uniform(0.85, 1.2) * rng.uniform(0.85, 1.1)
    picture = Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
    if rng.random() < 0.7:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(rng.integers(35, 95)))
        picture = Image.open(buffer)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255


@dataclass(frozen=True)
class SeenFace:
    """A known face and what its pictures show: identity (n_id,), expression (n_exp,), map (S, S) mm as the teacher
    paints it, vertices (V, 3) mm, VIEWS degraded pictures (h, w, 3) in [0, 1], the cameras that a fit might find, and
    textures, filled."""

    identity: np.ndarray
    expression: np.ndarray
    target: np.ndarray
    textures: list[Texture]
    pictures: list[np.ndarray]
    cameras: list[Camera]
    vertices: np.ndarray


def seen_face(model: FaceModel, teacher: Teacher, split: str, number: int, resolution: int, seed: int) -> SeenFace:
    """Face `number` of a split, rendered, degraded, unwrapped to textures of `resolution` texels; the same for the same
    arguments."""
    rng = np.random.default_rng([seed, number, 83, tuple(samples.SPLITS).index(split)])
    identity, expression = samples.draw(model, split, number, seed)
    target = teacher.map(identity, expression)
    vertices = model.vertices(identity, expression)
    front = vertices[model.vertex_groups.get("face", np.arange(len(vertices)))]
    bumped = skin_normals(uv_table(model, len(target)), vertices, model.faces, target)
    textures, pictures, cameras = [], [], list[Camera]()
    for _ in range(VIEWS):
        face = float(np.exp(rng.uniform(np.log(90), np.log(300))))
        side = round(1.3 * face)
        camera = Camera.before(
            (side, side), float(np.exp(rng.uniform(np.log(450), np.log(2500)))), face / side,
            float(np.ptp(front[:, 1])), front.mean(0), turned(*(rng.normal(0, 1, 3) * [16, 8, 6])),
        )  # fmt: skip
        paint, ground = _paint_of(model, int(rng.integers(_PEOPLE))), np.asarray(rng.uniform(0.1, 0.9, 3), np.float32)
        picture, _ = render(model, vertices, camera, paint, Lights.drawn(rng), background=ground, bumped=bumped)
        # A fitted camera is a little wrong.
        wrong = replace(
            camera, rotation=rotation_of(rng.normal(0, 0.015, 3)) @ camera.rotation,
            centre=camera.centre + rng.normal(0, 0.006 * face, 2),
            focal=camera.focal * float(np.exp(rng.normal(0, 0.008))),
        )  # fmt: skip
        pictures.append(degraded(picture, face, rng))
        cameras.append(wrong)
        textures.append(fill_mirrored(unwrap(pictures[-1], vertices, wrong, model, resolution)))
    return SeenFace(identity, expression, target, textures, pictures, cameras, vertices)


def pictures_of(
    model: FaceModel, teacher: Teacher, split: str, number: int, resolution: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Face `number`: (VIEWS, 4, R, R) textures and its map (R, R), float16, the same for the same arguments."""
    seen, mask = seen_face(model, teacher, split, number, resolution, seed), resize(model.detail_mask, resolution)
    views = [
        np.concatenate([normalise(texture, mask).transpose(2, 0, 1), texture.visible[None]])
        for texture in seen.textures
    ]
    return np.stack(views).astype(np.float16), (resize(seen.target, resolution) * mask).astype(np.float16)


def blank_pairs(resolution: int) -> Pairs:
    """One pair of the right shape with nothing on it, which takes no memory."""
    nothing = np.zeros((), np.float16)
    shape = (resolution, resolution)
    return Pairs(np.broadcast_to(nothing, (1, 4, *shape)), np.broadcast_to(nothing, (1, *shape)))


def _paint_of(model: FaceModel, person: int) -> Paint:
    """One of `_PEOPLE` looks: painting takes longer than a picture."""
    paints = _worker.setdefault("paints", {})
    key = (id(model.detail_uv), person)
    if key not in paints:
        paints[key] = Paint.of(model, drawn_look(np.random.default_rng([person, 89])), 256, seed=person)
    return paints[key]


def _start(model_path: str, split: str, resolution: int, seed: int) -> None:
    model = FaceModel.load(model_path)
    # Painted at twice the side, as the finished map would be averaged down.
    teacher = Teacher(model, min(1024, 2 * resolution), 0)
    _worker.update(model=model, teacher=teacher, split=split, resolution=resolution, seed=seed)


def _face(number: int) -> tuple[int, np.ndarray, np.ndarray]:
    w = _worker
    return number, *pictures_of(w["model"], w["teacher"], w["split"], number, w["resolution"], w["seed"])
