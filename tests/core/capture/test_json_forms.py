"""JSON as Audio2Face, BEAT, MediaPipe and phone programs write it: one performance comes out of all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnpm.core.capture.read import read_capture
from dnpm.core.errors import DnpmError
from dnpm.core.face_model.arkit import ARKIT_NAMES

RATE, COUNT = 30, 45
TIMES = np.arange(COUNT) / RATE


def forms_of(values: np.ndarray, times: np.ndarray) -> dict[str, object]:
    """The same values in every form; those with `bare` in their name say nothing about time."""
    rows = values.tolist()
    names = list(ARKIT_NAMES)
    categories = [
        [{"index": k, "score": score, "categoryName": name, "displayName": ""}
         for k, (name, score) in enumerate(zip(["_neutral", *names], [0.0, *row], strict=True))]
        for row in rows
    ]  # fmt: skip
    python = [[{"category_name": c["categoryName"], "score": c["score"]} for c in frame] for frame in categories]
    dicts = [dict(zip(names, row, strict=True)) for row in rows]
    curves = dict(zip(names, values.T.tolist(), strict=True))
    ms = (1000 * times).tolist()
    return {
        "audio2face": {"exportFps": RATE, "trackPath": "C:/a.wav", "numPoses": 52, "numFrames": len(rows),
                       "facsNames": names, "weightMat": rows},
        "audio2face bare": {"facsNames": names, "weightMat": rows},
        "beat": {"names": names, "frames": [{"weights": row, "rotation": [1, 0, 0, 0, 1, 0, 0, 0, 1], "time": t}
                                            for row, t in zip(rows, times.tolist(), strict=True)]},
        "names and rows": {"fps": RATE, "names": names, "frames": rows},
        "mediapipe web": [{"timestamp": t, "faceLandmarks": [], "faceBlendshapes": [{"categories": c, "headIndex": -1}]}
                          for t, c in zip(ms, categories, strict=True)],
        "mediapipe web bare": [{"faceBlendshapes": [{"categories": c}]} for c in categories],
        "mediapipe python": {"fps": RATE, "frames": [{"timestamp_ms": round(t), "face_blendshapes": [c]}
                                                     for t, c in zip(ms, python, strict=True)]},
        "mediapipe list": [{"timestamp": t, "blendshapes": c} for t, c in zip(ms, categories, strict=True)],
        "mediapipe lists bare": python,
        "dictionaries": [{"time": t, "blendShapes": d} for t, d in zip(times.tolist(), dicts, strict=True)],
        "numbered": {"metadata": {"frame_rate": RATE}, "frames": [{"frame": k, "blendshapes": d}
                                                                   for k, d in enumerate(dicts)]},
        "flat": [{"timestamp": t, **d} for t, d in zip(ms, dicts, strict=True)],
        "ours": {"fps": float(RATE), "frames": len(rows), "curves": curves},
        "curves with times": {"time": times.tolist(), **curves},
    }  # fmt: skip


FORMS = sorted(forms_of(np.zeros((2, 52)), np.arange(2) / RATE))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_performance(forms, written, form):
    values = forms.performance(TIMES)
    path = written(json.dumps(forms_of(values, TIMES)[form]), "take.json")
    if "bare" in form:
        with pytest.raises(DnpmError, match=r"take\.json: .*--fps"):
            read_capture(path)
    capture = read_capture(path, fps=RATE if "bare" in form else None)
    np.testing.assert_allclose(capture.track.expression, values, atol=1e-6)
    assert (round(capture.fps, 2), capture.channels, capture.gaps) == (RATE, 52, 0)
    assert capture.seconds == pytest.approx(1.5, abs=2e-3)
    assert np.abs(capture.track.times - TIMES).max() < 1e-3


@settings(max_examples=14, deadline=None)
@given(st.sampled_from(FORMS), st.sets(st.integers(1, COUNT - 2), min_size=1, max_size=20))
def test_frames_without_a_face_are_bridged(forms, written, form, lost):
    value = forms_of(forms.performance(TIMES), TIMES)[form]
    frames = value if isinstance(value, list) else value.get("frames", value.get("weightMat"))
    if not isinstance(frames, list):
        return
    for k in lost:
        if isinstance(frames[k], list):
            frames[k] = []
        else:
            for key in ("weights", "faceBlendshapes", "face_blendshapes", "blendshapes", "blendShapes"):
                if key in frames[k]:
                    frames[k][key] = []
            for name in ARKIT_NAMES:
                frames[k].pop(name, None)
    capture = read_capture(written(json.dumps(value), "take.json"), fps=RATE if "bare" in form else None)
    assert capture.bridged == ((len(lost), "without a face"),)
    assert len(capture.track.times) == COUNT
    held = [k for k in range(COUNT) if k not in lost]
    wanted = forms.performance(TIMES)
    np.testing.assert_allclose(capture.track.expression[held], wanted[held], atol=1e-6)
    between = np.interp(TIMES, TIMES[held], wanted[held, forms.jaw])
    np.testing.assert_allclose(capture.track.expression[:, forms.jaw], between, atol=2e-3)


def test_what_is_not_0_alone(written):
    frames = [{"time": k / 30, "blendshapes": {"jawOpen": k / 60} if k else {"mouthClose": 0.1}} for k in range(60)]
    capture = read_capture(written(json.dumps(frames), "take.json"))
    np.testing.assert_allclose(capture.track.expression[:, ARKIT_NAMES.index("jawOpen")], np.arange(60) / 60, atol=1e-6)
    assert capture.channels == 2


def test_a_frame_a_line_and_two_faces(forms, written):
    frames = forms_of(forms.performance(TIMES), TIMES)["mediapipe web"]
    for frame in frames:
        frame["faceBlendshapes"].append({"categories": [{"categoryName": "jawOpen", "score": 0.9}]})
    capture = read_capture(written("\n".join(map(json.dumps, frames)) + "\n", "take.jsonl"))
    np.testing.assert_allclose(capture.track.expression, forms.performance(TIMES), atol=1e-6)
    assert "the first of 2 faces" in capture.line()


def test_other_encodings_and_nan(written):
    text = json.dumps({"fps": 30, "names": ["jawOpen", "mouthClose"], "frames": [[k / 9, 0.1] for k in range(9)]})
    for encoding in ("utf-8-sig", "utf-16"):
        assert read_capture(written(text.encode(encoding), "take.json")).fps == 30
    holes = text.replace("[0.0, 0.1]", "[NaN, null]")
    assert read_capture(written(holes, "take.json")).bridged == ((1, "without a face"),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "not a capture"),
        ([1, 2, 3], "not a capture"),
        ([[0.1, 0.2, "word", "x"]], "not a capture"),
        ({"facsNames": ["jawDrop"], "weightMat": [[0], [1]]}, "none of its 1 names is ARKit's"),
        ({"facsNames": ["cheekPuffL", *(f"lip{k}" for k in range(12))], "weightMat": [[0] * 13] * 9}, "only 1 of its"),
        ({"facsNames": ["jawOpen"], "weightMat": [[0, 1], [1, 0], [1, 1]]}, "do not have one value for each"),
        ({"exportFps": "fast", "facsNames": ["jawOpen"], "weightMat": [[0], [1]]}, "exportFps must be a rate"),
        ({"exportFps": 0, "facsNames": ["jawOpen"], "weightMat": [[0], [1]]}, "exportFps must be a rate"),
        ({"fps": 60, "frames": [{"time": k / 30, "jawOpen": 0.5} for k in range(9)]}, "fps states 60; .*--fps"),
        ({"fps": 30, "curves": {"jawOpen": [0, 1], "mouthClose": [0, 1, 1]}}, "differ in length"),
        ({"fps": 30, "frames": [{"jawOpen": "wide"}, {"jawOpen": 1}]}, "frame 0: jawOpen is 'wide', not a number"),
        ({"fps": 30, "frames": [{"blendshapes": 5}, {"jawOpen": 1}]}, "frame 0: its values are 5"),
        ({"fps": 30, "frames": [{"jawOpen": 1e999}, {"jawOpen": 1}]}, "not finite"),
        ({"fps": 30, "frames": [{"jawOpen": 1}]}, "two frames"),
    ],
)  # fmt: skip
def test_what_is_no_track_is_refused(written, value, message):
    with pytest.raises(DnpmError, match=f"take.json: .*{message}"):
        read_capture(written(json.dumps(value), "take.json"))


def test_stated_and_measured_rates_that_differ_are_settled(written):
    value = {"fps": 60, "frames": [{"time": k / 30, "jawOpen": k / 9} for k in range(10)]}
    capture = read_capture(written(json.dumps(value), "take.json"), fps=60)
    assert capture.seconds == pytest.approx(10 / 60)
    missing = {"exportFps": 30, "numFrames": 12, "facsNames": ["jawOpen"], "weightMat": [[0.5]] * 10}
    assert read_capture(written(json.dumps(missing), "take.json")).bridged == ((2, "truncated"),)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, '{"a":' * 50_000, "[" + "9" * 5000 + "]", '{"fps": 1e999, "curves": {"jawOpen": [0, 1]}}',
        '{"fps": 30, "frames": [{"jawOpen": ' + "9" * 400 + "}, {}]}", '[{"blendshapes": ' * 30 + "]" * 30, "{", "[1,",
    ],
)  # fmt: skip
def test_hostile_json(written, text):
    with pytest.raises(DnpmError, match=r"take\.json: ") as caught:
        read_capture(written(text, "take.json"))
    assert len(str(caught.value)) < 500


def test_many_small_lists(written):
    with pytest.raises(DnpmError, match=r"take\.json: has more than 3,000,000 lists"):
        read_capture(written("[" + "[]," * 3_000_000 + "[]]", "take.json"))
