"""Kinds of file, the rest: landmark networks, what users write, sounds, pictures, data sets, trainings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dnpm.tests.faults.kinds import model


def make_landmarks(folder: Path) -> None:
    from dnpm.core.photo.landmarks.build import build_landmarks

    build_landmarks(folder / "face_landmarker.safetensors", make_task(folder))


def read_landmarks(path: Path) -> Any:
    from dnpm.core.photo.landmarks.networks import LandmarkNetworks

    return LandmarkNetworks.load(path)


def make_task(folder: Path) -> Path:
    from dnpm.core.photo.landmarks.build import _installed

    task = folder / "face_landmarker.task"
    task.write_bytes(_installed().read_bytes())
    return task


def read_task(path: Path) -> None:
    from dnpm.core.photo.landmarks.build import build_landmarks

    build_landmarks(path.parent / "built.safetensors", path)


def make_tflite(folder: Path) -> None:
    import zipfile

    with zipfile.ZipFile(make_task(folder)) as parts:
        (folder / "face.tflite").write_bytes(parts.read("face_blendshapes.tflite"))


def read_identity(path: Path) -> None:
    from dnpm.core.measures.identity import IdentityNetwork

    IdentityNetwork.load(path)


def read_video(path: Path) -> None:
    from dnpm.core.video.decoding import frames, open_video

    for _ in frames(open_video(path)):
        pass


# What users write


def make_preset(folder: Path) -> None:
    from dnpm.core.face_model.looks import Look
    from dnpm.core.face_model.presets import preset_of, write_preset
    from dnpm.core.face_model.w_offset import to_text

    face, step = model(), np.full((18, 4), 0.5, np.float32)
    identity, expression = np.linspace(-1, 1, face.n_id), np.linspace(0, 1, face.n_exp)
    preset = preset_of(face, identity, expression, 0.8, Look("brown", stubble=0.5), to_text(step))
    write_preset(folder / "face.json", preset)


def read_preset(path: Path) -> None:
    from dnpm.core.face_model.presets import read_preset as read
    from dnpm.core.face_model.presets import vectors

    vectors(read(path), model())


def make_job(folder: Path) -> None:
    make_preset(folder)
    job = {
        "settings": {"outputs": ["png", "exr"], "size": [64, 64], "views": ["front", {"name": "v", "azimuth": 20}],
                     "engine": "workbench", "samples": 4, "detail": 1.0, "map_size": 64, "subdivision": 1,
                     "background": "studio", "look": {"tone": "brown", "iris": [0.1, 0.2, 0.3], "freckles": 0.5}},
        "identities": {"ann": {"seed": 3, "strength": 0.5}, "ben": [0.5, -1]}, "expressions": {"rest": {}},
        "items": [{"name": "a", "identity": "ann", "expression": {"jawOpen": 0.5}},
                  {"name": "b", "preset": "face.json", "identity": {"1": 1.0}, "size": [32, 32]}],
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job))


def read_job(path: Path) -> None:
    from dnpm.core.batch import job
    from dnpm.core.batch.sliders import look_of, resolve

    face = model()
    for item in job.load(path).items[:50]:
        resolve(item, face)
        look_of(item, face)


def make_captures(folder: Path) -> None:
    from dnpm.core.capture.track import CurveTrack
    from dnpm.core.capture.write import write_live_link, write_track
    from dnpm.core.face_model.arkit import ARKIT_NAMES

    times = np.arange(90) / 30
    curves = np.abs(np.sin(times[:, None] * np.linspace(1, 4, len(ARKIT_NAMES)))).astype(np.float32)
    track = CurveTrack(times, curves)
    write_track(folder / "curves.csv", track)
    write_live_link(folder / "take.csv", track)
    names, rows = list(ARKIT_NAMES), curves.round(3).tolist()
    forms: dict[str, Any] = {
        "a2f.json": {"exportFps": 30.0, "trackPath": "", "numPoses": 52, "numFrames": 90, "facsNames": names,
                     "weightMat": rows},
        "beat.json": {"names": names, "frames": [{"time": float(t), "weights": row} for t, row in zip(times, rows,
                                                                                                      strict=True)]},
        "mediapipe.json": [
            {"timestamp_ms": int(1000 * t), "faceBlendshapes": [{"categories": [
                {"index": i, "score": v, "categoryName": n} for i, (n, v) in enumerate(zip(names, row, strict=True))]}]}
            for t, row in zip(times[:20], rows[:20], strict=True)],
    }  # fmt: skip
    for name, value in forms.items():
        (folder / name).write_text(json.dumps(value))


def read_capture(path: Path) -> Any:
    from dnpm.core.capture.read import read_capture as read

    return read(path)


def make_phones(folder: Path) -> None:
    (folder / "phones.json").write_text(json.dumps([[0.1 * i, 0.1 * (i + 1), "AA1", "word"] for i in range(20)]))


def read_phones(path: Path) -> None:
    from dnpm.core.evaluation.speech import read_phones as read

    read(path)


# Sounds and pictures


def make_sounds(folder: Path) -> None:
    import soundfile

    from dnpm.tests.core.speech.media import tone, write_media

    sound = np.concatenate([tone(16000, 0.5)] * 2, 1)
    for name, form in (("a.wav", "PCM_16"), ("f.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS"),
                       ("a.mp3", "MPEG_LAYER_III"), ("a.aiff", "PCM_16")):  # fmt: skip
        soundfile.write(folder / name, sound, 16000, form)
    write_media(folder / "a.m4a", [tone(48000, 0.5)])
    write_media(folder / "a.mkv", [tone(48000, 0.5)], picture=True)
    write_media(folder / "a.mp4", [tone(48000, 0.5)], picture=True)


def read_sound(path: Path) -> None:
    from dnpm.core.speech.audio import open_sound

    for _ in open_sound(path).blocks():
        pass


def make_pictures(folder: Path) -> None:
    import pillow_heif
    from PIL import Image

    rng = np.random.default_rng(0)
    array = (rng.random((48, 64, 3)) * 255).astype(np.uint8)
    picture = Image.fromarray(array)
    for suffix in ("png", "jpg", "tif", "webp", "bmp", "gif", "ppm", "tga", "jp2", "avif"):
        picture.save(folder / f"a.{suffix}")
    pillow_heif.register_heif_opener()
    picture.save(folder / "a.heic")
    Image.fromarray(array[..., 0].astype(np.float32)).save(folder / "f.tif")
    picture.save(folder / "tiles.tif", compression="tiff_deflate", tile=(16, 16))


def read_picture(path: Path) -> Any:
    from dnpm.core.photo.image_file import read_picture as read

    return read(path)


def make_maps(folder: Path) -> None:
    from PIL import Image

    from dnpm.core.files.displacement_maps import write_exr, write_png

    heights = np.sin(np.linspace(0, 9, 64))[:, None] * np.cos(np.linspace(0, 9, 64)) * 0.5
    write_exr(folder / "map.exr", heights)
    write_png(folder / "map.png", heights)
    Image.fromarray((heights * 1000 + 32768).astype(np.uint16)).save(folder / "map.tif")


def read_heights(path: Path) -> Any:
    from dnpm.core.dataset.pictures import read_map

    return read_map(path)


# Data sets and trainings


def make_set(folder: Path) -> None:
    from dnpm.core.dataset.sets import about_set, mask_of
    from dnpm.core.dataset.writer import MapWriter

    face, rng = model(), np.random.default_rng(0)
    with MapWriter(folder, about_set(face, "set", 16), mask_of(face, 16), 4) as writer:
        for i in range(8):
            writer.add(f"s/{i}", rng.normal(0, 0.1, (16, 16)), np.zeros(face.n_id), np.zeros(face.n_exp), f"p{i // 2}")
    names = ",".join(("file", "person", "id_0", "id_1", face.expression_names[0]))
    (folder / "table.csv").write_text(names + "\n" + "\n".join(f"m{i}.exr,p,{0.1 * i},0.5,0.2" for i in range(5)))


def read_set(path: Path) -> None:
    from dnpm.core.dataset.dataset import MapDataset
    from dnpm.core.dataset.inspect import inspect, table
    from dnpm.core.dataset.writer import MapWriter

    data = MapDataset.open(path.parent)
    data.check()
    table(inspect(data))
    MapWriter(path.parent, replace(data.about), data.mask)


def seal_shard(path: Path) -> None:
    from dnpm.core.files import tensor_file

    about = json.loads((path.parent / "dataset.json").read_text())
    for shard in about["shards"]:
        if shard["file"] == path.name:
            shard |= {"bytes": path.stat().st_size, "sha256": tensor_file.sha256(path)}
    (path.parent / "dataset.json").unlink()
    (path.parent / "dataset.json").write_text(json.dumps(about))


def read_table(path: Path) -> None:
    from dnpm.core.dataset.pictures import read_table as read

    read(path, model())


def make_corpus(folder: Path) -> None:
    import torch

    from dnpm.core.speech.encoders.whisper import WhisperEncoder
    from dnpm.core.training.speech.corpus import Entry, Maker

    torch.manual_seed(0)
    maker = Maker(folder, WhisperEncoder(16, 2, 1, 500), 30.0, {"seed": 0})
    for i in range(2):
        entry = Entry(f"clip{i}", "ann", "train", 0.5, "synthetic", [[0.0, 0.2, "AA"], [0.2, 0.5, "M"]])
        maker.add(entry, np.zeros(8000, np.float32), np.zeros((15, 52), np.float32), np.ones(52, bool))
    maker.save()
    for clip in (folder / "clips").iterdir():
        clip.rename(folder / clip.name)
    (folder / "clips").rmdir()
    (folder / "clips").symlink_to(".")


def read_corpus(path: Path) -> None:
    from dnpm.core.training.speech.corpus import Corpus

    corpus = Corpus(path.parent)
    for entry in corpus.of("train"):
        corpus.clip(entry)


class _Trainer:
    """A training of two numbers, as the real ones are."""

    def __init__(self) -> None:
        import torch

        torch.manual_seed(0)
        self.network = torch.nn.Linear(3, 2)
        self.optimizer = torch.optim.Adam(self.network.parameters())
        self.network(torch.ones(1, 3)).sum().backward()
        self.optimizer.step()
        self.step = 1

    def restore(self, arrays: Any) -> None:
        from dnpm.core.training import checkpoint

        checkpoint.restore_network("net", self.network, arrays)
        checkpoint.restore_optimizer("adam", self.optimizer, arrays)
        self.step = int(arrays["step"][0])


BELONGS = {"rate": 0.5, "data": "set", "config": {"widths": [1, 2]}}


def make_state(folder: Path) -> None:
    from dnpm.core.training import checkpoint

    trainer = _Trainer()
    arrays = checkpoint.network_arrays("net", trainer.network) | checkpoint.optimizer_arrays("adam", trainer.optimizer)
    checkpoint.save_state(folder / "state.safetensors", arrays | {"step": np.array([1])}, "kind-1", BELONGS)
    (folder / "log.csv").write_text("step,loss,other\n1,0.5,0.1\n2,0.4,\n3,0.3,0.2\n")


def read_state(path: Path) -> None:
    from dnpm.core.training import checkpoint

    checkpoint.resume(_Trainer(), path, "kind-1", BELONGS)


def read_log(path: Path) -> None:
    from dnpm.core.training.scalars import ScalarLog

    with ScalarLog(path.parent, 2):
        pass


def make_ledgers(folder: Path) -> None:
    from dnpm.core.batch import ledger

    (folder / "a.png").write_bytes(b"x")
    ledger.mark_done(folder, "f" * 64, [folder / "a.png"], {"seconds": 1.0})
    frames = {str(i): ["d" * 16, 100] for i in range(5)}
    (folder / "face.sequence.json").write_text(
        json.dumps({"format": "dnpm-sequence-1", "form": "PNG16", "frames": frames})
    )


def read_ledgers(path: Path) -> None:
    from dnpm.core.batch import ledger, sequence

    ledger.is_done(path.parent, "f" * 64)
    sequence.known_sequence(path.parent, "PNG16", "face")


def make_path_mapping(folder: Path) -> None:
    rules = [{"source_path_format": "POSIX", "source_path": "/home/a", "destination_path": "/mnt/a"}]
    (folder / "rules.json").write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": rules}))


def read_path_mapping(path: Path) -> str:
    from dnpm.core.files import path_mapping

    return path_mapping.read(path).apply("/home/a/b.blend")
