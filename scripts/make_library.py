"""Writes the presets that ship with the extension, 12 people and 20 expressions, and a small picture of each, into
core/face_model/library/.

    python scripts/make_library.py

People are drawn from the default face model (a seed each), then moved the shortest way to an age. Expressions are sums
of action units (FACS, Ekman & Friesen 1978; the emotions' prototypes after EMFACS), written as ARKit's names.
The pictures are drawn as those of the presets that artists save (core/photo/portrait.py), expressions on one of the
people.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dnpm.core.backend.client.client import BackendClient
from dnpm.core.backend.portrait_requests import PortraitRequest
from dnpm.core.face_model.checks import age_regression
from dnpm.core.face_model.locate import face_model_path
from dnpm.core.face_model.looks import IRISES, Look
from dnpm.core.face_model.model import FaceModel
from dnpm.core.face_model.presets import LIBRARY, MAX_BYTES, preset_of, shipped, to_text
from dnpm.core.face_model.sampling import random_identity
from dnpm.core.files.inputs import read_text
from dnpm.core.files.writing import write_text, writing
from dnpm.core.paths import ROOT

# name: seed, age, masculine (sd), ancestry (European, East Asian, African; sd), skin tone, iris, freckles, brows,
# stubble, cropped hair, hair colour, brow width, brow arch
PEOPLE = {
    "Amara_28": (11, 28, -1.2, (-0.8, -0.2, 1.4), "deep", "dark", 0.0, 1.0, 0.0, 0.9, "tone", 0.9, 0.9),
    "Bruno_45": (12, 45, 1.2, (1.0, -0.6, -0.5), "fair", "brown", 0.1, 1.1, 0.8, 0.7, "dark_brown", 1.4, 0.5),
    "Chen_35": (13, 35, 1.0, (-0.6, 1.5, -0.5), "medium", "dark", 0.0, 1.0, 0.2, 1.0, "black", 1.2, 0.3),
    "Dalia_60": (14, 60, -1.0, (0.8, 0.0, 0.0), "olive", "brown", 0.1, 0.8, 0.0, 0.9, "grey", 0.8, 0.8),
    "Erik_24": (15, 24, 1.1, (1.3, -0.6, -0.8), "porcelain", "blue", 0.4, 0.8, 0.3, 0.8, "blond", 1.2, 0.4),
    "Fatima_40": (16, 40, -1.1, (0.2, 0.2, 0.4), "brown", "dark", 0.0, 1.1, 0.0, 1.0, "tone", 1.1, 1.0),
    "George_75": (17, 75, 1.0, (1.0, -0.4, -0.5), "fair", "grey", 0.2, 0.5, 0.3, 0.3, "white", 1.5, 0.7),
    "Hana_22": (18, 22, -1.2, (-0.5, 1.5, -0.6), "fair", "dark", 0.0, 0.9, 0.0, 1.0, "black", 0.8, 0.5),
    "Isabel_52": (19, 52, -1.0, (0.6, 0.0, 0.0), "medium", "hazel", 0.2, 0.9, 0.0, 0.9, "brown", 0.7, 1.1),
    "Joao_33": (20, 33, 1.0, (0.5, -0.2, 0.4), "olive", "green", 0.0, 1.1, 0.6, 0.9, "dark_brown", 1.4, 0.5),
    "Kofi_50": (21, 50, 1.2, (-0.9, -0.2, 1.5), "deep", "dark", 0.0, 1.0, 0.4, 0.5, "tone", 1.2, 0.5),
    "Lena_68": (22, 68, -1.1, (1.1, -0.4, -0.6), "porcelain", "blue", 0.7, 0.6, 0.0, 0.9, "white", 0.6, 0.9),
}
ACTOR = "Joao_33"
"""Who shows the expressions."""
QUALITY = 88
"""Of the JPEGs."""
ANCESTRY = ("Caucasian", "Asian", "African")


def both(name: str, value: float, other: float | None = None) -> dict[str, float]:
    """A pair of expressions, left and right (the same where `other` is left out)."""
    return {f"{name}Left": value, f"{name}Right": value if other is None else other}


EXPRESSIONS: dict[str, dict[str, float]] = {
    "Anger": both("browDown", 1.0) | both("eyeSquint", 0.5) | both("eyeWide", 0.3) | both("noseSneer", 0.4)
    | both("mouthPress", 0.8) | {"mouthShrugLower": 0.3, "jawForward": 0.2},
    "Concentration": both("browDown", 0.5) | both("eyeSquint", 0.5) | both("mouthPress", 0.4),
    "Contempt": both("mouthDimple", 0.7, 0.0) | both("mouthSmile", 0.3, 0.0) | both("eyeSquint", 0.2)
    | {"mouthLeft": 0.2},
    "Disgust": both("noseSneer", 1.0) | both("browDown", 0.5) | both("mouthUpperUp", 0.6) | both("eyeSquint", 0.5)
    | both("mouthFrown", 0.4) | both("cheekSquint", 0.4),
    "Doubt": both("browDown", 0.9, 0.0) | {"browOuterUpRight": 1.0, "browInnerUp": 0.2} | both("mouthFrown", 0.3)
    | both("mouthPress", 0.3),
    "Fear": {"browInnerUp": 1.0} | both("browDown", 0.3) | both("browOuterUp", 0.3) | both("eyeWide", 0.9)
    | both("mouthStretch", 0.7) | {"jawOpen": 0.2},
    "Grief": {"browInnerUp": 1.0} | both("browDown", 0.4) | both("eyeBlink", 0.4) | both("eyeSquint", 0.5)
    | both("mouthFrown", 0.9) | both("mouthStretch", 0.3) | {"mouthShrugLower": 0.6},
    "Grin": both("mouthSmile", 0.9) | both("mouthUpperUp", 0.4) | both("mouthLowerDown", 0.3) | both("cheekSquint", 0.5)
    | both("mouthDimple", 0.3),
    "Joy": both("mouthSmile", 0.8) | both("cheekSquint", 0.8) | both("eyeSquint", 0.4),
    "Kiss": {"mouthPucker": 0.9, "mouthFunnel": 0.2} | both("eyeBlink", 0.3),
    "Laugh": both("mouthSmile", 1.0) | both("cheekSquint", 1.0) | both("eyeSquint", 0.7) | both("eyeBlink", 0.3)
    | both("mouthUpperUp", 0.4) | {"jawOpen": 0.4, "browInnerUp": 0.2},
    "Pain": both("browDown", 0.9) | both("eyeBlink", 0.6) | both("eyeSquint", 0.9) | both("cheekSquint", 0.7)
    | both("noseSneer", 0.5) | both("mouthStretch", 0.6) | both("mouthUpperUp", 0.3),
    "Puffed_Cheeks": {"cheekPuff": 1.0, "mouthPucker": 0.2} | both("mouthPress", 0.3),
    "Raised_Brows": {"browInnerUp": 0.9} | both("browOuterUp", 0.9),
    "Sadness": {"browInnerUp": 0.9} | both("browDown", 0.2) | both("mouthFrown", 0.7) | both("eyeBlink", 0.2)
    | {"mouthShrugLower": 0.3},
    "Shout": {"jawOpen": 0.8} | both("browDown", 0.7) | both("eyeSquint", 0.4) | both("noseSneer", 0.5)
    | both("mouthUpperUp", 0.4) | both("mouthLowerDown", 0.5) | both("mouthStretch", 0.3),
    "Sleepy": both("eyeBlink", 0.42) | both("eyeLookDown", 0.15) | {"browInnerUp": 0.3, "jawOpen": 0.05},
    "Smile": both("mouthSmile", 0.5) | both("cheekSquint", 0.3),
    "Surprise": {"browInnerUp": 0.9, "jawOpen": 0.45} | both("browOuterUp", 0.9) | both("eyeWide", 0.7),
    "Wink": both("eyeBlink", 1.0, 0.0) | both("cheekSquint", 0.7, 0.1) | both("mouthSmile", 0.6, 0.4),
}  # fmt: skip


def person(model: FaceModel, seed: int, years: float, masculine: float, ancestry: tuple[float, ...]) -> np.ndarray:
    """(n_id,): the seed's person with these components, moved the shortest way to the age without them."""
    identity = random_identity(model, seed, 0.8)
    places = [model.identity_labels.index(label) for label in ("Masculine", *ANCESTRY)]
    identity[places] = (masculine, *ancestry)
    regression = age_regression(model)
    assert regression is not None, "the default face model knows ages"
    weights, mean_years = regression
    free = weights.copy()
    free[places] = 0
    identity += free * (years - mean_years - weights @ identity) / (free @ free)
    return np.round(np.clip(identity, -2.5, 2.5).astype(np.float64), 2)


def main() -> None:
    model = FaceModel.load(face_model_path())
    for name, (seed, years, masculine, ancestry, tone, iris, *rest) in PEOPLE.items():
        freckles, brows, stubble, hair, hair_colour, width, arch = rest
        look = Look(tone, 1.0, brows, freckles, stubble, IRISES[iris], width, arch, hair, hair_colour)
        text = to_text(preset_of(model, person(model, seed, years, masculine, ancestry), look=look))
        _write(LIBRARY / "people" / f"{name}.json", text)
    for name, values in EXPRESSIONS.items():
        _write(
            LIBRARY / "expressions" / f"{name}.json",
            to_text(preset_of(model, expression=np.round(model.expression(**values).astype(np.float64), 2))),
        )
    thumbnails()


def thumbnails() -> None:
    """A JPEG beside every shipped preset."""
    client = BackendClient()
    try:
        actor = read_text(LIBRARY / "people" / f"{ACTOR}.json", MAX_BYTES)
        for path in (*shipped("people"), *shipped("expressions")):
            picture = client.call(PortraitRequest(preset=read_text(path, MAX_BYTES), actor=actor)).answer.picture
            with writing(path.with_suffix(".jpg")) as file:
                Image.fromarray(picture).save(file, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
            print(path.with_suffix(".jpg").relative_to(ROOT))
    finally:
        client.stop()


def _write(path: Path, text: str) -> None:
    write_text(path, text, make_folder=True)
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
