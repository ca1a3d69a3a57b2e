"""A learnt style: what it says of a sound, its files, where it is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.speech import style
from dnpm.core.speech.animate import animate, open_animator
from dnpm.core.speech.audio import RATE, Samples
from dnpm.core.speech.controls import Controls
from dnpm.core.speech.style import HEARD, Style

JAW, CLOSE, FUNNEL = (ARKIT_NAMES.index(name) for name in ("jawOpen", "mouthClose", "mouthFunnel"))
ABOUT = {"data": "none", "licence": "CC0-1.0", "command": "test", "seed": 0, "hours": 0, "scores": {}}


def made(name: str = "ann", width: int = 6, seed: int = 0) -> Style:
    rng = np.random.default_rng(seed)
    heard = rng.normal(0, 0.1, (len(HEARD), width, 2)).astype(np.float32)
    return Style(name, np.array([JAW, FUNNEL]), heard, np.array([0.4, 0.5], np.float32), "whisper-tiny.en", 30.0)


def test_a_frame_is_weighed_features_of_three_frames():
    rng, one = np.random.default_rng(1), made()
    features, motion = rng.normal(0, 1, (9, 6)), rng.uniform(0.1, 0.6, (9, 52)).astype(np.float32)
    # In chunks, as the encoder gives them.
    given = np.concatenate([one.of_features(features[:4]), one.of_features(features[4:])])
    said = one.spoken(given, motion)
    for t in range(9):
        wanted = one.constant + sum(
            features[min(max(t + offset, 0), 8)] @ one.heard[k] for k, offset in enumerate(HEARD)
        )
        np.testing.assert_allclose(said[t, one.columns], np.clip(wanted, 0, 1), atol=1e-5)
    others = [k for k in range(52) if k not in (JAW, FUNNEL, CLOSE)]
    np.testing.assert_array_equal(said[:, others], motion[:, others])


def test_lips_close_no_more_than_the_styles_jaw_opens():
    one = made()
    motion = np.zeros((1, 52), np.float32)
    motion[0, [JAW, CLOSE]] = 0.5, 0.4
    quiet = Style("q", one.columns, 0 * one.heard, np.array([0.1, 0], np.float32), one.encoder, one.rate)
    said = quiet.spoken(quiet.of_features(np.zeros((1, 6))), motion)
    assert said[0, CLOSE] == pytest.approx(0.4 * 0.12 / 0.52, abs=1e-5)
    wide = Style("w", one.columns, 0 * one.heard, np.array([0.9, 0], np.float32), one.encoder, one.rate)
    assert wide.spoken(wide.of_features(np.zeros((1, 6))), motion)[0, CLOSE] == pytest.approx(0.4)


def test_it_returns_from_its_files_and_damage_is_told(tmp_path: Path):
    path = style.save(tmp_path / "styles", made(), ABOUT)
    assert path.name == "ann.style.json"
    again, card = style.load(path)
    np.testing.assert_array_equal(again.heard, made().heard)
    assert (again.columns.tolist(), again.name, again.rate, card["licence"]) == ([JAW, FUNNEL], "ann", 30.0, "CC0-1.0")
    file = path.with_name("ann.style.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(DnpmError, match="truncated or another file"):
        style.load(path)
    file.write_bytes(whole)
    values = json.loads(path.read_text())
    for wrong in (["jawOpen"], ["jawOpen", "jawOpen"], ["jawOpen", "browInnerUp"], ["jawOpen", "ears"]):
        path.write_text(json.dumps(values | {"channels": wrong}))
        with pytest.raises(DnpmError, match="do not fit the channels"):
            style.load(path)
    del values["licence"]
    path.write_text(json.dumps(values))
    with pytest.raises(DnpmError, match="lacks licence"):
        style.load(path)


@pytest.mark.parametrize("name", ["", "../ann", ".ann", "a\nb", "a" * 101])
def test_a_name_must_be_a_files(name: str, tmp_path: Path):
    with pytest.raises(DnpmError, match="is not a name that a file can have"):
        style.save(tmp_path, made(name), ABOUT)


def test_styles_are_found_by_name_and_by_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, names in ((one, ("ann", "bo")), (other, ("ann", "cy"))):
        for name in names:
            style.save(folder, made(name), ABOUT)
    found = style.listed([one, other, tmp_path / "none"])
    assert {name: path.parent for name, path in found.items()} == {"ann": one, "bo": one, "cy": other}
    assert style.find("cy", [one, other]) == other / "cy.style.json"
    assert style.find("dee", [one, other]) is None
    assert style.find(str(other / "ann.style.json"), [one]) == other / "ann.style.json"
    monkeypatch.setenv("DNPM_STYLES", str(other))
    assert style.folders()[0] == other


def test_a_sound_is_spoken_in_it(tmp_path: Path):
    from dnpm.tests.tiny_speech import WIDTH, write

    folder = write(tmp_path / "weights")
    gaping = np.array([0.9, 0.2], np.float32)
    still = np.zeros((len(HEARD), WIDTH, 2), np.float32)
    style.save(folder / "styles", Style("gape", np.array([JAW, FUNNEL]), still, gaping, "whisper-tiny.en", 30.0), ABOUT)
    animator = open_animator(folder, folder / "speech_encoder.safetensors")
    sound = Samples(np.random.default_rng(0).normal(0, 0.2, 2 * RATE).astype(np.float32), RATE)
    plain = Controls(contact=False, gate=False)
    said = animate(sound, animator, speaker="gape", controls=plain).track.expression
    np.testing.assert_allclose(said[:, [JAW, FUNNEL]], np.broadcast_to(gaping, (len(said), 2)), atol=1e-6)
    default = animate(sound, animator, controls=plain).track.expression
    others = [k for k in range(52) if k not in (JAW, FUNNEL, CLOSE)]
    np.testing.assert_allclose(said[:, others], default[:, others], atol=1e-6)
    by_card = animate(sound, animator, speaker=str(folder / "styles" / "gape.style.json"), controls=plain)
    np.testing.assert_array_equal(by_card.track.expression, said)
    with pytest.raises(
        DnpmError, match=r"speaker 'gap' is not one of the weights': calm, b; nor a style of yours: gape"
    ):
        animate(sound, animator, speaker="gap")
    style.save(folder / "styles", made("far", width=5), ABOUT)
    with pytest.raises(DnpmError, match=r"style 'far' was learnt from whisper-tiny.en \(5 numbers"):
        animate(sound, animator, speaker="far")
