"""What a person is told who has no PyTorch, one that cannot be loaded, or one that cannot use the graphics card.

Imported on both sides: here nothing loads torch.
"""

from __future__ import annotations

import re
import sys

RUNTIME = "Microsoft Visual C++ Redistributable 2015-2022"
"""By this name Microsoft hands out the libraries that torch's wheels for Windows need and do not carry."""
CUDA_BUILDS = (
    "for an NVIDIA card take torch from PyTorch's index of CUDA builds (pytorch.org, Get Started, shows the command)"
)
_LIBRARY_MISSING = re.compile(r"WinError (126|127|1114)\b|DLL load failed")
"""Windows could not load a library: not found, a procedure of it not found, its start failed."""


def how_to_install(system: str = sys.platform) -> str:
    """How to get a Python that computes; system: as `sys.platform`."""
    # pip's own index has CUDA builds for Linux alone: on Windows `pip install torch` quietly gives none.
    gpu = f"; {CUDA_BUILDS}" if system == "win32" else ""
    return (
        "Install the edition of DNPM Face that carries PyTorch; or install it into any Python from 3.11 on "
        f"(python -m pip install torch numpy{gpu}) and set that Python's path in the preferences of DNPM Face"
    )


def is_library_missing(error: BaseException) -> bool:
    """Whether Windows says that a module is there and a library that it needs is not."""
    return _LIBRARY_MISSING.search(str(error)) is not None


def cannot_be_loaded(error: BaseException) -> str:
    """PyTorch is there and cannot be loaded: why, and what to do."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if is_library_missing(error):
        return (
            f"PyTorch cannot be loaded ({reason}). It needs Microsoft's C++ runtime: install the {RUNTIME} (on "
            "Microsoft's download pages under that name; for the processor of this Python, mostly X64), then start "
            "Blender again"
        )
    return f"PyTorch cannot be loaded ({reason}); install it again"


def how_to_get_the_gpu(device: str, version: str, built_for_gpu: bool, system: str = sys.platform) -> str:
    """What to do when a PyTorch computes on the CPU because it was built without support for graphics cards; empty
    otherwise.

    device: the kind in use. version: PyTorch's. built_for_gpu: it has code for CUDA, ROCm or XPU.
    """
    if device != "cpu" or built_for_gpu or system == "darwin":
        return ""
    return (
        f"This PyTorch ({version}) is built for processors alone. To use a graphics card, let another Python compute "
        f"(in the preferences, or --python): {CUDA_BUILDS}"
    )
