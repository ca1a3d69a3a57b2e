"""Every kind of file that the product reads: how a valid one is written, and by which of its functions it is read.

`make` fills a folder; `file` is the one in it that is changed; `read` takes that file's path, as the product does, and
raises what the product raises. `form` says which changes suit it (mutators.py). Heavy modules are imported where they
are used: this file is imported to list the kinds, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Kind:
    """One kind of input. seal: brings checksums beside a changed file up to date; use: what the product does with what
    `read` returned, of a file that was accepted; suits: whether such a file can be made here."""

    name: str
    file: str
    form: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    seal: Callable[[Path], object] | None = None
    use: Callable[[Any], object] | None = None
    suits: Callable[[], bool] = field(default=lambda: True)


def installed(*names: str) -> Callable[[], bool]:
    """Whether packages are there that hold the files of a kind."""
    import importlib.util

    return lambda: all(importlib.util.find_spec(name) is not None for name in names)


def model() -> Any:
    """The test suite's tiny face model."""
    from dnpm.tests.tiny_face import tiny_face_model

    return tiny_face_model()


# Face models


def make_face_model(folder: Path) -> None:
    face = model()
    inside = np.unique(face.faces[(face.faces_detail_uv >= 0).all(1)])
    marks = inside[np.linspace(0, len(inside) - 1, 68).astype(int)].astype(np.int32)
    replace(face, landmarks68=marks).save(folder / "tiny.safetensors")


def read_face_model(path: Path) -> Any:
    from dnpm.core.face_model.model import FaceModel

    return FaceModel.load(path)


def make_facescape(folder: Path) -> None:
    rng = np.random.default_rng(0)
    from dnpm.tests.core.face_model.readers.format_files import grid

    vertices, uv, faces = grid(8)
    core = np.zeros((3 * len(vertices), 52, 4), np.float32)
    core[:, :, 0] = vertices.reshape(-1, 1)
    core += 0.1 * rng.standard_normal(core.shape).astype(np.float32)
    front = np.empty((), object)
    front[()] = list(range(len(vertices)))
    np.savez(
        folder / "bm.npz", shape_bm_core=core, id_mean=np.array([1, 0, 0, 0.0]), id_var=np.ones(4),
        fv_indices=faces + 1, texcoords=uv * 0.4 + 0.3, ft_indices=faces + 1, v_indices_front=front,
    )  # fmt: skip
    np.save(folder / "core.npy", core.transpose(2, 1, 0))
    np.save(folder / "factors.npy", rng.standard_normal((6, 4)).astype(np.float32))
    make_obj(folder)


def read_archive(path: Path) -> Any:
    from dnpm.core.face_model.readers import read_facescape

    return read_facescape(path)


def read_pair(path: Path) -> Any:
    from dnpm.core.face_model.readers import read_facescape_pair

    return read_facescape_pair(path.parent / "core.npy", path.parent / "factors.npy", path.parent / "mesh.obj")


def make_heads(folder: Path) -> None:
    from dnpm.core.face_model.arkit import ARKIT_NAMES
    from dnpm.tests.core.face_model.readers import head_files

    head, rng = head_files.small_head(), np.random.default_rng(0)
    np.savez(folder / "gnm_head.npz", **head_files.gnm_arrays(head))
    flame = head_files.flame_arrays(head, rng.random(len(head.vertices)), rng)
    head_files.flame_pickle(folder / "generic_model.pkl", flame)
    np.save(folder / "faceverse.npy", head_files.faceverse_dictionary(head, list(ARKIT_NAMES[:9])))


def read_gnm_head(path: Path) -> Any:
    from dnpm.core.face_model.readers.gnm import read_gnm

    return read_gnm(path)


def read_flame_head(path: Path) -> Any:
    from dnpm.core.face_model.readers.flame import read_flame

    return read_flame(path)


def read_faceverse_head(path: Path) -> Any:
    from dnpm.core.face_model.readers.faceverse import read_faceverse

    return read_faceverse(path)


def read_skin_lines(path: Path) -> None:
    from dnpm.core.photo.skin_lines import SkinRegression

    SkinRegression.load(model(), path)


def make_obj(folder: Path) -> None:
    from dnpm.tests.core.face_model.readers.format_files import grid, write_obj

    vertices, uv, faces = grid(8)
    write_obj(folder / "mesh.obj", vertices, uv * 0.4 + 0.3, [("M_Face", faces, faces)])


def read_mesh(path: Path) -> None:
    from dnpm.core.files.obj import read_obj, read_positions

    read_positions(path, len(read_obj(path).vertices))


def make_ict(folder: Path) -> None:
    from dnpm.tests.core.face_model.readers.format_files import grid, write_obj

    vertices, uv, faces = grid(8)
    for name in ("generic_neutral_mesh", "identity000", "identity001", "jawOpen", "browDown_L"):
        moved = vertices + (0 if name.startswith("generic") else 0.1 * np.sin(len(name) + vertices))
        write_obj(folder / f"{name}.obj", moved, uv, [("M_Face", faces, faces)])
    described = {
        "expressions": ["jawOpen", "browDown_L"],
        "idx_to_landmark_verts": [k % len(vertices) for k in range(68)],
    }
    (folder / "vertex_indices.json").write_text(json.dumps(described))


def read_ict_folder(path: Path) -> Any:
    from dnpm.core.face_model.readers import read_ict

    return read_ict(path.parent)


def make_registered(folder: Path) -> None:
    from dnpm.tests.core.face_model.readers.format_files import grid, write_obj

    vertices, uv, faces = grid(8)
    for k, person in enumerate(("people/anna", "people/ben", "people/carl")):
        for name in ("neutral", "jawOpen"):
            moved = vertices + 0.3 * np.sin((k + 1) * vertices + len(name))
            write_obj(folder / person / f"{name}.obj", moved, uv, [("skin", faces, faces)])
    (folder / "landmarks.txt").write_text(" ".join(str(k) for k in range(64)) + " -1 -1 -1 -1")


def read_landmark_list(path: Path) -> Any:
    from dnpm.core.face_model.readers import read_registered

    return read_registered(path.parent / "people", landmarks=path)


# Weights


def make_detail(folder: Path) -> None:
    import torch

    from dnpm.core.detail.card import face_model_entry
    from dnpm.core.detail.config import EncoderConfig, GeneratorConfig
    from dnpm.core.detail.encoder import Encoder
    from dnpm.core.detail.generator import Generator
    from dnpm.core.detail.weights import save_detail

    torch.manual_seed(0)
    face = model()
    sizes = GeneratorConfig(channel_base=512, channel_max=8, resolution=64, w_dim=16, z_dim=16, registered=((16, 4),))
    encoder = Encoder(EncoderConfig(face.n_id, face.n_exp, (16,) * 5, False, w_dim=16, groups=(4, 3, 3)))
    about = {"name": "tiny", "face_model": face_model_entry(face), "data": "", "licence": "", "command": "", "seed": 0}
    save_detail(folder, Generator(sizes), encoder, torch.zeros(16), about | {"hours": 0.0, "scores": {"a": {"b": 1.0}}})


def read_detail(path: Path) -> Any:
    from dnpm.core.detail.card import check_face_model
    from dnpm.core.detail.weights import load_detail

    detail = load_detail(path.parent)
    check_face_model(detail.card, model())
    return detail


def sealed(card: str, *keys: str) -> Callable[[Path], None]:
    """Put the changed file's size and SHA-256 into the card beside it. keys: where its entry lies."""

    def seal(path: Path) -> None:
        from dnpm.core.files.card_file import entry_of

        values = json.loads((path.parent / card).read_text())
        place = values
        for key in keys:
            place = place[key]
        place[path.name] = entry_of(path)
        if not keys:
            values = {k: v for k, v in values.items() if k != path.name} | {"file": place[path.name]}
        (path.parent / card).unlink()
        (path.parent / card).write_text(json.dumps(values))

    return seal


def make_speech(folder: Path) -> None:
    from dnpm.tests.tiny_speech import write

    write(folder)


def read_speech(path: Path) -> Any:
    from dnpm.core.speech.weights import load_speech

    return load_speech(path.parent)


def make_style(folder: Path) -> None:
    from dnpm.core.speech import style

    rng = np.random.default_rng(0)
    heard = rng.normal(0, 0.1, (len(style.HEARD), 4, 2)).astype(np.float32)
    made = style.Style("ann", np.array(style.LEARNT[:2]), heard, np.full(2, 0.3, np.float32), "whisper-tiny.en", 30.0)
    about = {"data": "none", "licence": "CC0-1.0", "command": "test", "seed": 0, "hours": 0, "scores": {}}
    style.save(folder, made, about)


def read_style(path: Path) -> Any:
    from dnpm.core.speech import style

    return style.load(path.with_name("ann.style.json"))


def read_whisper(path: Path) -> Any:
    from dnpm.core.speech.encoders.whisper import WhisperEncoder

    return WhisperEncoder.load(path)


def make_ctranslate2(folder: Path) -> None:
    """model.bin of a Whisper encoder of one layer and width 4 (the layout: core/speech/ctranslate2.py)."""
    import struct

    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1/weight": (4, 80, 3), "conv1/bias": (4,), "conv2/weight": (4, 4, 3), "conv2/bias": (4,),
        "position_encodings/encodings": (1500, 4), "layer_norm/gamma": (4,), "layer_norm/beta": (4,),
    }  # fmt: skip
    for part, n_out, n_in in (
        ("self_attention/linear_0", 12, 4), ("self_attention/linear_1", 4, 4), ("ffn/linear_0", 16, 4),
        ("ffn/linear_1", 4, 16),
    ):  # fmt: skip
        shapes |= {f"layer_0/{part}/weight": (n_out, n_in), f"layer_0/{part}/bias": (n_out,)}
    for part in ("self_attention", "ffn"):
        shapes |= {f"layer_0/{part}/layer_norm/{end}": (4,) for end in ("gamma", "beta")}
    text = lambda words: struct.pack("<H", len(words) + 1) + words.encode() + b"\0"  # noqa: E731
    out = [struct.pack("<I", 6), text("WhisperSpec"), struct.pack("<II", 3, len(shapes) + 1)]
    for name, shape in shapes.items():
        array = rng.standard_normal(shape).astype("<f4")
        out += [text(f"encoder/{name}"), struct.pack("<B", len(shape)), struct.pack(f"<{len(shape)}I", *shape)]
        out += [struct.pack("<BI", 0, array.nbytes), array.tobytes()]
    out += [text("encoder/num_heads"), struct.pack("<B", 0), struct.pack("<BI", 2, 2), struct.pack("<h", 2)]
    (folder / "model.bin").write_bytes(b"".join([*out, struct.pack("<I", 0)]))


def read_ctranslate2(path: Path) -> None:
    from dnpm.core.speech.encoders.whisper import build_encoder

    build_encoder(path.parent / "built.safetensors", path)


def make_wav2vec(folder: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    sizes = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    Wav2Vec2Model(sizes).save_pretrained(folder)


def read_wav2vec(path: Path) -> Any:
    from dnpm.core.speech.encoders import open_encoder

    return open_encoder("wav2vec2", path.parent)


def make_photo(folder: Path) -> None:
    from dnpm.core.photo.restore import degraded_encoder, pix2pix
    from dnpm.core.photo.restore.weights import save_photo

    trained = {"restoration": [{"resolution": 32, "rows": [0, 8], "steps": 3}]}
    about = {"name": "t", "data": "", "licence": "", "commands": [], "scores": {}, "generator_sha256": "x"}
    about["trained"] = trained
    save_photo(
        folder, pix2pix.GlobalGenerator(pix2pix.CONFIGS["tiny"]),
        degraded_encoder.DegradedEncoder(degraded_encoder.CONFIGS["tiny"]), about,
    )  # fmt: skip


def read_photo(path: Path) -> Any:
    from dnpm.core.photo.restore.weights import load_photo

    return load_photo(path.parent)


def make_generator(folder: Path) -> None:
    import torch

    from dnpm.core.detail.config import GeneratorConfig
    from dnpm.core.detail.generator import Generator
    from dnpm.core.detail.generator_files import save_generator

    torch.manual_seed(0)
    sizes = GeneratorConfig(channel_base=128, channel_max=8, resolution=16, w_dim=8, z_dim=8, mapping_layers=2)
    save_generator(folder, Generator(sizes), {"name": "t", "licence": "CC0"})


def read_generator_folder(path: Path) -> Any:
    from dnpm.core.detail.generator_files import load_generator

    return load_generator(path.parent)


def make_points(folder: Path) -> None:
    import torch

    from dnpm.core.detail.config import EncoderConfig
    from dnpm.core.detail.encoder import Encoder
    from dnpm.core.training.encoder.inputs import make_inputs
    from dnpm.core.training.encoder.store import save_points

    inputs = make_inputs("8", model())
    sizes = EncoderConfig(0, inputs.n_exp, (16,) * 5, False, w_dim=8, groups=(3, 3, 2))
    save_points(folder / "encoder_8.safetensors", Encoder(sizes), inputs, torch.zeros(8), {"command": "t"})


def read_points(path: Path) -> Any:
    from dnpm.core.training.encoder.store import load_points

    return load_points(path)


def make_foreign(folder: Path) -> None:
    import torch

    from dnpm.core.detail.config import GeneratorConfig
    from dnpm.core.detail.generator import Generator
    from dnpm.tests.core.detail.foreign.files import write_official, write_rosinality

    torch.manual_seed(0)
    sizes = GeneratorConfig(resolution=16, channel_base=128, channel_max=8, z_dim=8, w_dim=8, img_channels=3)
    state = Generator(sizes).state_dict()
    write_official(folder / "net.pkl", state)
    write_rosinality(folder / "net.pt", state, training=True)
    write_rosinality(folder / "old.pt", state, training=True, old=True)


def read_foreign(path: Path) -> Any:
    from dnpm.core.detail.foreign import read_generator

    return read_generator(path)


def make_trunk(folder: Path) -> None:
    import torch

    from dnpm.core.measures.trunks import Trunk

    torch.save(Trunk("alex").state_dict(), folder / "alexnet.pth")


def read_trunk(path: Path) -> None:
    from dnpm.core.measures.trunks import load_trunk

    load_trunk("alex", path)
