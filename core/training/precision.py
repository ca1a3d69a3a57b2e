"""In which numbers a training computes: float32, or autocast to bfloat16 or float16 where device and trainer allow it.

bfloat16 has float32's range, so that no loss must be scaled. float16 overflows in G's demodulation (squares of styles):
it is offered only by trainings without G, whose losses are scaled then (`loop.Trainer.descend`).

On processors with matrix units for bfloat16 (AMX) it may be asked for as well; "auto" leaves it to GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch

from ..errors import DnpmError

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose(wanted: str, device: torch.device, allowed: Sequence[Precision]) -> Precision:
    """The precision that is used: "auto" is bfloat16 where the device computes with it quickly, else float32.

    Raises DnpmError when the training or the device does not allow what was asked for.
    """
    if wanted == "auto":
        return "bf16" if "bf16" in allowed and device.type == "cuda" and _quick(device, "bf16") else "fp32"
    for precision in allowed:
        if precision == wanted:
            if precision != "fp32" and not _quick(device, precision):
                name = {"bf16": "bfloat16", "fp16": "float16"}[precision]
                raise DnpmError(
                    f"--precision {wanted}: {device} does not compute with {name} (or far slower); use fp32"
                )
            return precision
    raise DnpmError(f"--precision {wanted}: this training allows {', '.join(allowed)} only")


def precision_entry(precision: Precision) -> dict[str, str]:
    """What a state says of it: nothing of float32, as states did before there was a choice."""
    return {} if precision == "fp32" else {"precision": precision}


def _quick(device: torch.device, precision: Precision) -> bool:
    """Whether the device has units for it."""
    if device.type == "cpu":
        return precision == "bf16" and bool(torch.cpu.get_capabilities().get("amx_bf16"))
    if device.type != "cuda":
        return False
    return precision == "fp16" or torch.cuda.is_bf16_supported(including_emulation=False)
