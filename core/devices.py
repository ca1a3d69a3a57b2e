"""Which device computes, what it is called, and how many threads a CPU should use."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from . import logs, torch_advice
from .errors import DnpmError

log = logs.logger(__name__)

ORDER = ("cuda", "mps", "xpu", "cpu")
_THREADS_MAX = 8
_SMALL_TEXELS = 128 * 128
_wished = 0
Proof = Callable[[torch.device], str | None]
"""Why a device does not work, None when it does."""


def available() -> list[str]:
    """The kinds of device that torch sees here, best first; the CPU is always there."""
    seen = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": hasattr(torch, "xpu") and torch.xpu.is_available(),
        "cpu": True,
    }
    return [kind for kind in ORDER if seen[kind]]


def choose(wanted: str = "auto", proof: Proof | None = None) -> torch.device:
    """The device by name, or the best that works. Raises DnpmError when the named one is not there or does not work.

    proof: what a device that is not the CPU must stand; left out, a small convolution (`trouble`).

    Among several processes of torchrun on one machine (LOCAL_RANK), "auto" and "cuda" mean the GPU of this process's
    number, and no other GPU is touched: each one that is costs some hundred megabytes of its memory.
    """
    kinds, proof = available(), proof or trouble
    if "cuda" in kinds and wanted in ("auto", "cuda") and (rank := local_rank()) is not None:
        count = torch.cuda.device_count()
        if rank >= count:
            raise DnpmError(
                f"process {rank} of this machine has no GPU of its own ({count} seen); start at most {count} "
                "(--nproc-per-node), or give --device cpu"
            )
        own = torch.device("cuda", rank)
        torch.cuda.set_device(own)
        reason = proof(own)
        if reason is None:
            return own
        # All processes must compute on the same kind of device: no quiet change to the CPU here.
        raise DnpmError(f"device '{own}' does not work: {reason}; give --device cpu to every process")
    if wanted != "auto":
        try:
            device = torch.device(wanted)
        except RuntimeError as error:
            raise DnpmError(
                f"device {wanted!r} is none that PyTorch knows; here it has: auto, {', '.join(kinds)}"
            ) from error
        if device.type not in kinds:
            raise DnpmError(
                f"device {wanted!r}: the PyTorch in use ({torch.__version__}) sees none such; "
                f"it has: {', '.join(kinds)}"
            )
        if (reason := (trouble if device.type == "cpu" else proof)(device)) is not None:
            raise DnpmError(
                f"device {wanted!r} does not work: {reason}; choose another one of: auto, {', '.join(kinds)}"
            )
        return device
    # A driver that is too old, or a card that this build of torch has no code for, shows only when it is used.
    for device in map(torch.device, kinds):
        if device.type == "cpu" or (reason := proof(device)) is None:
            return device
        log.warning("the device %s is not used, it does not work: %s", device, reason)
    raise AssertionError(kinds)


def local_rank() -> int | None:
    """This process's number on its machine, as torchrun says (LOCAL_RANK); None elsewhere. Raises DnpmError when it is
    not a number."""
    text = os.environ.get("LOCAL_RANK")
    if text is None:
        return None
    if not text.isdigit():
        raise DnpmError(f"LOCAL_RANK is {text!r}, not a number; start several processes with torchrun")
    return int(text)


def trouble(device: torch.device) -> str | None:
    """Why a small convolution fails on the device, or None when it works."""
    try:
        result = torch.nn.functional.conv2d(
            torch.ones(1, 1, 4, 4, device=device), torch.ones(1, 1, 3, 3, device=device)
        )
        return None if float(result.sum()) == 36.0 else "it computes wrong numbers"
    except Exception as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def how_to_get_the_gpu(device: torch.device) -> str:
    """What to do when this PyTorch was built without support for graphics cards; empty when it needs none."""
    built = any(getattr(torch.version, kind, None) for kind in ("cuda", "hip", "xpu"))
    return torch_advice.how_to_get_the_gpu(device.type, torch.__version__, built)


def name(device: torch.device) -> str:
    """The device as people call it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "xpu":
        return torch.xpu.get_device_name(device)
    if device.type == "mps":
        return f"Apple GPU ({platform.machine()})"
    threads = threads_available()
    return f"{_cpu_name()}, {threads} {'thread' if threads == 1 else 'threads'}"


def limit_threads(count: int) -> None:
    """From now on use at most so many threads; 0 for as many as are good. Wins over OMP_NUM_THREADS."""
    global _wished
    _wished = count


def threads_available() -> int:
    """Threads that the worker may use: as many as `limit_threads` says, else the cores that this process may run on, or
    fewer if OMP_NUM_THREADS says so."""
    if _wished > 0:
        return _wished
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores > 2:
        cores -= 1  # Blender draws meanwhile.
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, _THREADS_MAX, int(wanted) if wanted.isdigit() and int(wanted) else cores))


def use_threads_for(texels: int) -> None:
    """Set torch's threads for work on so many texels: several cost more than they bring when the work is small."""
    wanted = 1 if texels <= _SMALL_TEXELS else threads_available()
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine() or "CPU"
