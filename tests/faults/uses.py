"""What the product does with a file that it accepted: it must end in a result or a clear error."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from dnpm.tests.faults.kinds import model


def use_face_model(face: Any) -> None:
    """Meshes, keys, paint, the map's layout, what a card says of it."""
    from dnpm.core.detail.card import face_model_entry
    from dnpm.core.detail.mesh import detailed_mesh
    from dnpm.core.face_model.looks import Look
    from dnpm.core.face_model.sampling import random_expression, random_identity
    from dnpm.core.geometry.uv_map import mask_at
    from dnpm.core.photo.render import Paint

    identity, expression = random_identity(face, 1), random_expression(face, 1)
    face.vertices(identity, expression)
    face.expression_deltas(identity)
    face_model_entry(face)
    mask_at(face.detail_mask, 64)
    detailed_mesh(face, identity, expression, np.zeros((64, 64), np.float32), 1.0, 1)
    if face.landmarks68.min() >= 0:
        Paint.of(face, Look(), 64)


def use_head(head: Any) -> None:
    """A pose, texture and groups."""
    placed = head.placed(head.unit_mm or 1.0, np.eye(3), np.zeros(3))
    turns = {joint: np.array([0.1, 0.2, 0.0]) for joint in (*head.eyes.values(), *([head.jaw] if head.jaw else []))}
    placed.expression(np.ones(len(head.modes)), turns)
    placed.texture()
    placed.groups()


def use_detail(detail: Any) -> None:
    """A map."""
    import torch

    face = model()
    detail.displacement(torch.zeros(1, face.n_id), torch.zeros(1, face.n_exp))


def use_speech(read: Any) -> None:
    """Curves of half a second."""
    from dnpm.core.speech.speaking import speak

    decoder = read[0]
    list(speak(decoder, [np.zeros((15, decoder.config.feature_width), np.float32)]))


def use_encoder(encoder: Any) -> None:
    """Features of a fifth of a second."""
    import torch

    with torch.inference_mode():
        encoder.encode(torch.zeros(1, 3200))


def use_photo(networks: Any) -> None:
    """A rough map, and its code."""
    import torch

    sizes = networks.pix2pix.config
    with torch.inference_mode():
        networks.pix2pix(torch.zeros(1, sizes.channels_in, sizes.resolution, sizes.resolution))
        side = networks.restoration.config.resolution
        networks.restoration(torch.zeros(1, networks.restoration.config.channels_in, side, side))


def use_generator(generator: Any) -> None:
    """A map of random z."""
    import torch

    with torch.inference_mode():
        w = generator.mapping(torch.zeros(1, generator.config.z_dim))
        generator.synthesis(w[:, None].expand(-1, generator.config.w_layers, -1))


def use_points(encoder: Any) -> None:
    """A code."""
    face = model()
    encoder.w_plus(np.zeros((1, face.n_id), np.float32), np.zeros((1, face.n_exp), np.float32))


def use_landmarks(networks: Any) -> None:
    """Boxes, points and scores of a grey picture."""
    import torch

    networks.boxes(torch.zeros(1, 128, 128, 3))
    points, _ = networks.on_face(torch.zeros(1, 256, 256, 3))
    networks.expression(points)


def use_capture(capture: Any) -> None:
    """Frames at another rate, written in both forms."""
    from dnpm.core.capture.resample import resampled
    from dnpm.core.capture.write import write_live_link, write_track

    resampled(capture.track, 24.0)
    str(capture)
    with tempfile.TemporaryDirectory() as folder:
        write_track(Path(folder) / "a.csv", capture.track)
        write_live_link(Path(folder) / "b.csv", capture.track)


def use_heights(heights: Any) -> None:
    """A sample of a data set."""
    from dnpm.core.dataset.pictures import resized

    resized(heights, 32)
