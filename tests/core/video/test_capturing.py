"""From readings to a performance: rest taken out, lost faces bridged, files; a clip of known sliders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.capture.read import read_capture
from dnpm.core.errors import DnpmError
from dnpm.core.evaluation.capture import delay, jitter
from dnpm.core.evaluation.clips import Clip, performance, pictures, write_clip
from dnpm.core.face_model.arkit import ARKIT_NAMES
from dnpm.core.photo.camera import UPRIGHT, turned
from dnpm.core.video import capturing
from dnpm.core.video.capturing import Choices, Tools, confidence, finished, steps
from dnpm.core.video.decoding import Video
from dnpm.core.video.identity import Person
from dnpm.core.video.pose import head_angles, rotation_of_angles
from dnpm.core.video.reader import INPUTS, Reader
from dnpm.core.video.readings import Readings

JAW = ARKIT_NAMES.index("jawOpen")
WIDE = ARKIT_NAMES.index("eyeWideLeft")
PERSON = Person(np.zeros(3, np.float32), 500.0, 0.006, 5, 0.02)
GOOD = np.array([1.0, 0.01, 0.008])


@pytest.fixture
def tools(tiny_model) -> Tools:
    """Networks and fitter are not asked for what was read already."""
    return Tools(tiny_model, None, None, Reader.plain(tiny_model))  # type: ignore[arg-type]


@pytest.fixture
def video(tmp_path: Path) -> Video:
    return Video(tmp_path / "clip.mp4", (640, 480), 25.0, 4.0, 100, 0, 0.1)


def read(lost: tuple[int, ...] = (), rest: float = 0.2) -> Readings:
    """Four seconds: a jaw that is read 0.2 too open, and opens in the middle; a head that turns."""
    readings = Readings(PERSON, INPUTS)
    for k in range(100):
        features = np.zeros(INPUTS)
        features[JAW] = rest + 0.5 * np.exp(-(((k - 50) / 8) ** 2))
        pose = np.append((UPRIGHT @ turned(yaw=0.2 * k)).ravel(), [1.0, 2.0, 800.0])
        readings.add(k / 25, *((None, None, np.zeros(3)) if k in lost else (features, pose, GOOD)))
    readings.complete = True
    return readings


def test_the_rest_is_taken_out(video, tools) -> None:
    made = finished(video, tools, read(), Choices(), [])
    jaw = made.track.expression[:, JAW]
    assert jaw[:20].max() < 0.02
    assert jaw[50] == pytest.approx(0.5, abs=0.05)
    assert made.track.missing == ("tongueOut",)
    np.testing.assert_allclose(np.degrees(made.track.rotations[:, 0]), 0.2 * np.arange(100), atol=0.1)
    as_it_is = finished(video, tools, read(), Choices(neutral=False, smoothing=0.0), [])
    np.testing.assert_allclose(as_it_is.track.expression[:20, JAW], 0.2, atol=0.01)
    assert as_it_is.rest_s == ()
    chosen = finished(video, tools, read(), Choices(neutral_s=2.0), [])
    assert chosen.track.expression[:, JAW].max() < 0.02


def test_a_slider_that_flickers_around_zero_is_still(video, tools) -> None:
    """Read below 0 in most pictures: limited first, the others would stand out and pass for movements."""
    rng, readings = np.random.default_rng(1), read()
    flicker = rng.normal(-0.05, 0.05, 100)
    for features, value in zip(readings.features, flicker, strict=True):
        features[WIDE] = value
    still = finished(video, tools, readings, Choices(neutral=False), []).track.expression[:, WIDE]
    assert np.diff(flicker.clip(0)).std() > 0.01
    assert np.diff(still).std() < 0.001


def test_lost_faces_are_bridged_and_told(video, tools) -> None:
    made = finished(video, tools, read(lost=(0, 1, *range(70, 80))), Choices(), [])
    assert made.lost == ((0.0, 0.08), pytest.approx((2.8, 3.2)))
    assert (made.confidence[70:80] == 0).all()
    assert (made.confidence[20:60] > 0.8).all()
    assert np.isfinite(made.track.expression).all()
    angles = np.degrees(made.track.rotations[:, 0])
    np.testing.assert_allclose(angles[70:80], 0.2 * np.arange(70, 80), atol=0.1)
    assert made.summary()["gaps"] == 12
    assert "face lost 2 times" in made.line()
    with pytest.raises(DnpmError, match=r"clip\.mp4: a face was found in 1 of its 100 pictures"):
        finished(video, tools, read(lost=tuple(range(1, 100))), Choices(), [])


def test_the_rest_that_is_taken_out_is_whose_face_it_is(video, tools) -> None:
    """A jaw that the fit finds a little open at rest belongs to the person, where it is not left in the curves."""
    taken, left = (finished(video, tools, read(), Choices(neutral=neutral), []) for neutral in (True, False))
    shown = np.zeros(tools.model.n_exp, np.float32)
    shown[tools.model.expression_index["jawOpen"]] = 0.2
    wanted = tools.model.vertices(PERSON.identity, shown)
    apart = [np.square(tools.model.neutral_of(who) - wanted).sum() for who in (taken.identity, PERSON.identity)]
    assert apart[0] < apart[1]
    np.testing.assert_array_equal(left.identity, PERSON.identity)


def test_files(video, tools, tmp_path: Path) -> None:
    made = finished(video, tools, read(), Choices(), [])
    ours, theirs, about = made.write(tmp_path / "out", "clip")
    for path in (ours, theirs):
        np.testing.assert_allclose(read_capture(path).from_zero().expression, made.track.expression, atol=1e-5)
    said = json.loads(about.read_text())
    assert len(said["confidence_per_frame"]) == 100
    assert said["camera"]["focal_px"] == 500
    assert said["identity"] == {"pictures": 5, "length": round(float(np.sqrt(np.mean(made.identity**2))), 4)}
    assert said["sound_begins_s"] == 0.1


def test_readings_return_from_their_file(tmp_path: Path) -> None:
    readings = read(lost=(3,))
    readings.last = np.ones((478, 3))
    readings.save(tmp_path / "kept", "key")
    again = Readings.load(tmp_path / "kept", "key", INPUTS)
    assert again is not None
    assert again.seen == readings.seen
    assert again.complete
    np.testing.assert_array_equal(np.stack(again.features), np.stack(readings.features))
    assert again.person.focal == 500
    assert Readings.load(tmp_path / "kept", "another", INPUTS) is None
    assert Readings.load(tmp_path / "kept", "key", INPUTS + 1) is None
    (tmp_path / "kept").write_bytes(b"damaged")
    assert Readings.load(tmp_path / "kept", "key", INPUTS) is None


def test_angles_and_rotations_are_each_others_reverse() -> None:
    rng = np.random.default_rng(2)
    degrees = rng.uniform(-1, 1, (20, 3)) * [80, 40, 40]
    rotations = np.stack([UPRIGHT @ turned(*row) for row in degrees])
    angles = head_angles(rotations)
    # A track's pitch goes down, and its roll raises the left ear.
    np.testing.assert_allclose(np.degrees(angles), degrees * [1, -1, -1], atol=1e-6)
    np.testing.assert_allclose(rotation_of_angles(angles), rotations, atol=1e-9)


def test_confidence_falls_with_what_speaks_against_a_picture() -> None:
    quality = np.tile(GOOD, (40, 1))
    quality[10], quality[20], quality[30] = (0.6, 0.01, 0.008), (1.0, 0.08, 0.008), (1.0, 0.01, 0.06)
    sure = confidence(quality)
    assert sure[0] > 0.9
    assert (sure[[10, 20, 30]] < 0.65).all()


def test_measures_of_clips() -> None:
    times = np.arange(200) / 25
    truth = np.sin(2 * times)[:, None] * [1.0, 0.5]
    assert delay(np.roll(truth, 2, 0), truth) == pytest.approx(2, abs=0.3)
    assert delay(truth, truth) == pytest.approx(0, abs=1e-6)
    resting = np.zeros(200, bool)
    resting[50:100] = True
    shaking = 0.05 * np.sin(2 * np.pi * 10 * times)[:, None] + truth[:, :1] * 0.01
    assert jitter(shaking, resting, 0.04) == pytest.approx(0.05 / np.sqrt(2), rel=0.1)
    assert jitter(0.05 * np.sin(2 * np.pi * 1 * times)[:, None], resting, 0.04) < 0.003
    assert jitter(shaking, np.zeros(200, bool), 0.04) is None
    known = performance(Clip(3, seconds=4.0))
    assert known.resting[: round(0.7 * 25)].all()
    assert not known.expression[known.resting].any()
    assert (known.expression.std(0) > 0.02).sum() > 10


@pytest.mark.slow
def test_a_rendered_clip_comes_back_and_goes_on_where_it_was(face_model, tmp_path: Path) -> None:
    clip = Clip(77, 25.0, 2.4, 224, head=6.0, rest_s=0.4)
    known = performance(clip)
    write_clip(tmp_path / "clip.mp4", pictures(face_model, clip, known), clip.fps)
    tools = Tools.open(renders=True)
    kept = tmp_path / "kept"
    work = steps(tmp_path / "clip.mp4", tools, Choices(), kept)
    while next(work) < 0.6:
        pass
    work.close()
    begun = Readings.load(
        kept, capturing.key_of(tmp_path / "clip.mp4", tools.model.name, tools.reader.name, "video"), INPUTS
    )
    assert begun is not None
    assert 5 < len(begun.times) < 55
    work = steps(tmp_path / "clip.mp4", tools, Choices(), kept)
    try:
        while True:
            next(work)
    except StopIteration as end:
        made = end.value
    assert len(made.track.times) == 60
    assert any("taken up after" in note for note in made.capture.notes)
    moving = np.flatnonzero(known.expression.std(0) > 0.05)
    rs = [np.corrcoef(made.track.expression[:, k] + 1e-6 * np.arange(60), known.expression[:, k])[0, 1] for k in moving]
    assert np.mean(rs) > 0.6
    assert np.abs(np.degrees(made.track.rotations[:, 0]) - known.angles[:, 0]).mean() < 5
