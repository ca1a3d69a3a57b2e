"""The backend process as Blender uses it: how soon it is ready, how soon a map is there, how much memory it takes."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.backend.client.client import BackendClient
from ..core.backend.requests import InfoRequest, MapRequest
from ..core.errors import DnpmError
from ..core.face_model.model import FaceModel
from ..core.face_model.sampling import random_expression, random_identity
from .timing import summary

SEED = 200
PREVIEW, FULL = 256, 1024


def measure(model_path: Path, weights: str | None, device: str, runs: int) -> dict[str, Any]:
    """Times are from the request to the map in the asking process; `worker` is the worker's own part of them."""
    model = FaceModel.load(model_path)
    client = BackendClient(device=device, weights=weights, face_model=str(model_path))
    try:
        start = time.perf_counter()
        client.start()
        while client.status.state == "starting":
            time.sleep(0.005)
        if client.status.state == "failed":
            raise DnpmError(client.status.message)
        ready = time.perf_counter() - start
        maps = {name: _map(client, model, size, runs) for name, size in (("preview_map", PREVIEW), ("full_map", FULL))}
        info = client.call(InfoRequest()).answer
    finally:
        client.stop()
    return {
        "device": info.device,
        "device_name": info.device_name,
        "torch": info.torch_version,
        "weights": info.weights_name,
        "seed": SEED,
        "start_s": round(ready, 2),
        **maps,
        "memory_mb": {name: None if mb is None else round(mb, 1) for name, mb in asdict(info.memory_mb).items()},
    }


def _map(client: BackendClient, model: FaceModel, size: int, runs: int) -> dict[str, Any]:
    whole, worker = [], []
    for k in range(-2, runs):
        identity, expression = random_identity(model, SEED + k), random_expression(model, SEED + k)
        request = MapRequest(identity=identity, expression=expression, resolution=size)
        start = time.perf_counter()
        reply = client.call(request)
        if k >= 0:
            whole.append((time.perf_counter() - start) * 1e3)
            worker.append(reply.ms)
    return {"resolution": size, **summary(whole), "worker": summary(worker)}
