"""What a person is told who has no PyTorch, one that cannot be loaded, or one that cannot use the graphics card.

Imported on both sides: here nothing loads torch.
"""

from __future__ import annotations

import platform
import re
import sys

RUNTIME = "Microsoft Visual C++ Redistributable 2015-2022"
"""By this name Microsoft hands out the libraries that torch's wheels for Windows need and do not carry."""
CUDA_BUILDS = (
    "for an NVIDIA card take torch from PyTorch's index of CUDA builds (pytorch.org, Get Started, shows the command)"
)
_LEAST_MACOS = 14
"""What the wheels of the pinned PyTorch are built for: macosx_14_0_arm64."""
_OF_WINDOWS = re.compile(r"WinError (126|127|1114)\b|DLL load failed")
_OF_MACOS = re.compile(r"\bdlopen\(|Symbol not found:|Library not loaded:")
"""The system could not load a library: not found, a procedure of it not found, its start failed."""


def why_not_on_this_mac(system: str = sys.platform, machine: str = "", release: str = "") -> str:
    """Why the edition with PyTorch cannot run on this Mac, and what to do; empty elsewhere, and where it can.

    system: as `sys.platform`. machine: as `platform.machine()`, release: as `platform.mac_ver()`; left out, this one's.
    """
    if system != "darwin":
        return ""
    if (machine or (platform.machine() if sys.platform == "darwin" else "")) == "x86_64":
        return (
            "PyTorch makes no builds for Macs with Intel processors any more: faces stay smooth there, unless a Python "
            "with an older PyTorch is set in the preferences of DNPM Face. On a Mac with Apple silicon take Blender's "
            "download for Apple silicon"
        )
    release = release or platform.mac_ver()[0]
    major = release.split(".")[0]
    # Programs that were built long ago are told 10.16 whatever it is.
    if major.isdigit() and 10 < int(major) < _LEAST_MACOS:
        return (
            f"The edition with PyTorch needs macOS {_LEAST_MACOS} or newer, and this is {release}. A newer system "
            "helps; so does an older PyTorch, which `python -m pip install torch numpy` finds for any Python from 3.11 "
            "on: put that Python's path into the preferences of DNPM Face"
        )
    return ""


def how_to_install(system: str = sys.platform, machine: str = "", release: str = "") -> str:
    """How to get a Python that computes; system, machine, release: as `why_not_on_this_mac`."""
    if reason := why_not_on_this_mac(system, machine, release):
        return reason
    # pip's own index has CUDA builds for Linux alone: on Windows `pip install torch` quietly gives none.
    gpu = f"; {CUDA_BUILDS}" if system == "win32" else ""
    return (
        "Install the edition of DNPM Face that carries PyTorch; or install it into any Python from 3.11 on "
        f"(python -m pip install torch numpy{gpu}) and set that Python's path in the preferences of DNPM Face"
    )


def is_library_missing(error: BaseException) -> bool:
    """Whether Windows or macOS says that a module is there and a library that it needs is not, or does not fit."""
    return any(pattern.search(str(error)) for pattern in (_OF_WINDOWS, _OF_MACOS))


def cannot_be_loaded(error: BaseException, mac: str | None = None) -> str:
    """PyTorch is there and cannot be loaded: why, and what to do. mac: what `why_not_on_this_mac` says of this one."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if mac := why_not_on_this_mac() if mac is None else mac:
        return f"PyTorch cannot be loaded ({reason}). {mac}"
    if _OF_WINDOWS.search(str(error)):
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
