"""What the worker holds: the networks on their device, and the mask of the face model they belong to."""

from __future__ import annotations

import copy
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ... import devices
from ...detail.card import check_face_model, weights_dir
from ...detail.controls import Controls, add_relief, age_direction, apply_gain, w_plus
from ...detail.weights import Detail, load_detail
from ...errors import DnpmError
from ...face_model.locate import face_model_path
from ...face_model.model import FaceModel
from ...geometry.uv_map import mask_at
from .. import needs
from ..requests import FaceModelInfo, InfoAnswer, MemoryInfo, WeightsInfo
from .job import Job

_CHUNK_TEXELS = 4 * 1024 * 1024
"""So many texels go through the networks at once; more would only take memory."""
_PROOF_SIZE = 128
"""Side of the map on which a device is tried: the preview's."""
_PROOF_ERROR = 0.05
"""Of the map's largest displacement, by which it may differ from the CPU's. The default weights in bfloat16 differ by
.0015; code that is wrong differs by about 1."""


def trouble_with_a_map(detail: Detail, device: torch.device) -> str | None:
    """Why the device does not make the preview's map of these networks as the CPU does, or None when it does.

    A small convolution proves little: drivers fail in, and lack, single operators. `detail` is on the CPU and stays.
    """
    if (reason := devices.trouble(device)) is not None:
        return reason
    size = min(_PROOF_SIZE, detail.generator.config.resolution)
    sizes, rng = detail.encoder.config, np.random.default_rng(0)
    person = torch.from_numpy(rng.standard_normal((1, sizes.n_id), np.float32))
    face = torch.from_numpy(rng.random((1, sizes.n_exp), np.float32))
    try:
        with torch.inference_mode():
            wanted = detail.displacement(person, face, resolution=size)
            copied = copy.deepcopy(detail).to(device)
            found = copied.displacement(person.to(device), face.to(device), resolution=size).float().cpu()
    except Exception as error:  # Drivers and compilers raise whatever they like.
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    largest, wrong = float(wanted.abs().max()), float((found - wanted).abs().max())
    # Weights that are not finite anywhere are told of with the first map (`Engine._masked`). `wrong` may be NaN.
    if np.isfinite(largest) and not wrong <= _PROOF_ERROR * largest + 1e-6:
        return f"its map of {size} x {size} differs from the processor's by {wrong:.3g} of {largest:.3g} mm"
    return None


class Engine:
    """Sliders to maps. Made by `load`."""

    def __init__(
        self,
        detail: Detail,
        device: torch.device,
        mask: np.ndarray,
        weights: WeightsInfo,
        face_model: FaceModelInfo,
        age: np.ndarray | None = None,
    ) -> None:
        """age (n_id,): `controls.age_direction`, None where the face model has none."""
        self.detail, self.device = detail.to(device), device
        self._age = None if age is None else self._tensor(age)
        self.weights, self.face_model = weights, face_model
        self._mask = np.array(mask, np.float32)
        self._masks: dict[int, Tensor] = {}
        self._job: Job | None = None
        for resolution in self.detail.generator.config.resolutions:
            block = self.detail.generator.synthesis.block(resolution)
            block.register_forward_pre_hook(lambda *_: self._check())

    @classmethod
    def load(cls, device: str, weights: str | None, face_model: str | None) -> Engine:
        """Raises DnpmError when the device, the weights or the face model are missing or do not fit each other."""
        chosen = devices.choose(device)
        folder, path = weights_dir(weights), face_model_path(face_model)
        with ThreadPoolExecutor(1) as beside:  # Both are mostly reading, and take equally long.
            read_model = beside.submit(FaceModel.load, path)
            detail = load_detail(folder)
            if chosen.type != "cpu":
                chosen = devices.choose(device, lambda candidate: trouble_with_a_map(detail, candidate))
            model = read_model.result()
        check_face_model(detail.card, model)
        of_model = FaceModelInfo(model.name, str(path), model.n_id, model.n_exp, len(model.neutral))
        of_weights = WeightsInfo(
            detail.card["name"],
            str(folder),
            {name: entry["sha256"] for name, entry in detail.card["files"].items()},
            detail.generator.config.resolution,
        )
        try:
            age = age_direction(model)
        except DnpmError:
            age = None  # Asked for, it is refused with the reason: controls.w_plus.
        return cls(detail, chosen, model.detail_mask, of_weights, of_model, age)

    def info(self) -> InfoAnswer:
        """For the handshake and `InfoRequest`: versions, device, weights, face model, memory."""
        return InfoAnswer(
            python=sys.executable,
            python_version=platform.python_version(),
            torch_version=torch.__version__,
            device=str(self.device),
            device_name=devices.name(self.device),
            device_note=devices.how_to_get_the_gpu(self.device),
            lacking=needs.lacking(),
            devices=tuple(devices.available()),
            weights_name=self.weights.name,
            weights=self.weights,
            face_model=self.face_model,
            memory_mb=self.memory(),
        )

    def trouble(self) -> str | None:
        """Why the device does not work (any more), or None."""
        return devices.trouble(self.device)

    def work(self, job: Job) -> None:
        """From now on the networks stop half way when this job is cancelled."""
        self._job = job

    def displacement(
        self,
        identity: np.ndarray,
        expression: np.ndarray,
        w_offset: np.ndarray | None,
        resolution: int | None,
        controls: Controls,
    ) -> np.ndarray:
        """(B, n_id), (B, n_exp), (B, 18, 512) or None -> (B, R, R) float32 mm, the face model's mask applied."""
        size = self._size(resolution)
        maps = []
        for part in self._chunks(len(identity), size):
            offset = None if w_offset is None else self._tensor(w_offset[part])
            with torch.inference_mode():
                own = self._of_part(controls, part)
                code = w_plus(
                    self.detail, self._tensor(identity[part]), self._tensor(expression[part]), own, self._age, offset
                )
                made = add_relief(self.detail.generator.synthesis(code, size), own.relief)
                maps.append(self._masked(apply_gain(self.detail.finished(made), own.gain)))
        return np.concatenate(maps)

    def _of_part(self, controls: Controls, part: slice) -> Controls:
        """The controls of a part of the batch, on the device."""
        other, gain, relief = controls.mix_identity, controls.gain, controls.relief
        return replace(
            controls,
            mix_identity=None if other is None else other[part].to(self.device),
            gain=None if gain is None else gain.to(self.device),
            relief=None if relief is None else relief.to(self.device),
        )

    def random(self, seed: int, resolution: int | None, truncation: float) -> tuple[np.ndarray, np.ndarray]:
        """Eq. 1 on z from N(0, 1), the same on every device -> ((R, R) float32 mm, mask applied, and w (w_dim,))."""
        config, size = self.detail.generator.config, self._size(resolution)
        z = np.random.default_rng(seed).standard_normal((1, config.z_dim)).astype(np.float32)
        next(iter(self._chunks(1, size)))
        with torch.inference_mode():
            w = self.detail.generator.mapping(self._tensor(z), truncation)
            displacement = self.detail.generator.synthesis(w[:, None].expand(-1, config.w_layers, -1), size)
            return self._masked(self.detail.finished(displacement))[0], w[0].float().cpu().numpy()

    def memory(self) -> MemoryInfo:
        """Resident memory of this process now and at its highest, and of the device; None where it cannot be told."""
        now: float | None = None
        if os.path.exists("/proc/self/statm"):  # noqa: PTH110
            with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
                now = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        peak: float | None = None
        if os.name != "nt":
            import resource

            unit = 1 if sys.platform == "darwin" else 1024
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
        device = torch.cuda.max_memory_allocated(self.device) / 1e6 if self.device.type == "cuda" else None
        return MemoryInfo(now, peak, device)

    def _size(self, resolution: int | None) -> int:
        known = self.detail.generator.config.resolutions
        size = known[-1] if resolution is None else resolution
        if size not in known:
            raise DnpmError(
                f"resolution {resolution!r}: these weights make maps of {', '.join(map(str, known))} texels a side"
            )
        return size

    def _chunks(self, count: int, size: int) -> list[slice]:
        step = max(_CHUNK_TEXELS // (size * size), 1)
        if self.device.type == "cpu":
            devices.use_threads_for(min(count, step) * size * size)
        return [slice(start, start + step) for start in range(0, count, step)]

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)

    def _masked(self, displacement: Tensor) -> np.ndarray:
        """(B, 1, R, R) -> (B, R, R) on the CPU."""
        size = displacement.shape[-1]
        if size not in self._masks:
            self._masks[size] = self._tensor(mask_at(self._mask, size))
        maps = (displacement[:, 0] * self._masks[size]).float().cpu().numpy()
        if not np.isfinite(maps.sum()):
            raise DnpmError(
                f"{self.weights.folder}: these weights make a map of numbers that are not finite; fetch them again, "
                "or train them with `dnpm train`"
            )
        return maps

    def _check(self) -> None:
        if self._job is not None:
            self._job.check()
