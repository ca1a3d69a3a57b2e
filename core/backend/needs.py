"""What a kind of request needs beyond PyTorch: packages that the worker's Python may lack, or cannot load.

The two cases have different ways out, so the message tells them apart and carries the reason that Python gave.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path

from ..errors import DnpmError

SOUND = {"soundfile": "soundfile", "scipy.signal": "scipy", "scipy.interpolate": "scipy"}
PORTRAITS = {f"scipy.{part}": "scipy" for part in ("ndimage", "optimize", "spatial", "interpolate")}
PHOTOS = {"PIL.Image": "pillow"} | PORTRAITS

VIDEOS = PHOTOS | {"av": "av"}
HEIC_PHOTOS = PHOTOS | {"pillow_heif": "pillow-heif"}
FFMPEG_SOUND = SOUND | {"av": "av"}
"""Of m4a and of videos; soundfile reads the others."""
ALL = HEIC_PHOTOS | FFMPEG_SOUND


def lacking() -> tuple[str, ...]:
    """Packages of those above that this Python does not have. Nothing is loaded, so that the worker can say it when it
    greets; one that is there and cannot be loaded is found by `require`."""
    modules = {package: module.split(".")[0] for module, package in ALL.items()}
    return tuple(sorted(package for package, module in modules.items() if importlib.util.find_spec(module) is None))


def advice(action: str, modules: Mapping[str, str], lacked: Collection[str], python: str) -> str:
    """What to do before anything is tried: empty unless `lacked`, the worker's `lacking()`, has a package of these.

    `action` as for `require`; `python` is the path of the worker's Python.
    """
    packages = [package for package in dict.fromkeys(modules.values()) if package in lacked]
    return _missing(action, packages, python) if packages else ""


def short_advice(modules: Mapping[str, str], lacked: Collection[str]) -> str:
    """The same in few words, for a panel; empty when nothing is lacking."""
    packages = [package for package in dict.fromkeys(modules.values()) if package in lacked]
    if not packages:
        return ""
    return f"Needs {' and '.join(packages)}: python -m pip install {' '.join(packages)}"


def _missing(action: str, packages: list[str], python: str) -> str:
    return (
        f"the backend's Python ({python}) cannot {action}, it has no {' and no '.join(packages)}: install "
        f"it there with `python -m pip install {' '.join(packages)}`, or use the edition of DNPM Face that carries "
        "PyTorch"
    )


def require(action: str, modules: Mapping[str, str]) -> None:
    """Load modules (name -> the package that brings it), so that what is wrong shows before any work is done.

    `action` completes "the backend's Python cannot ...". Raises DnpmError: names every package that is missing; or the
    package that is there and cannot be loaded, with Python's reason and the numpy beside it.
    """
    missing: list[str] = []
    for module, package in modules.items():
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            # A package that is there may lack a module of another one: that is the second case.
            if error.name != module.split(".")[0]:
                raise _unloadable(action, module, package, error) from error
            missing.append(package)
        except Exception as error:  # Extension modules raise whatever they like while they are loaded.
            raise _unloadable(action, module, package, error) from error
    if missing:
        raise DnpmError(_missing(action, list(dict.fromkeys(missing)), sys.executable))


def _unloadable(action: str, module: str, package: str, error: Exception) -> DnpmError:
    reason = " ".join(str(error).split())[:300] or "no reason given"
    return DnpmError(
        f"the backend's Python ({sys.executable}) cannot {action}: {_version(package)} is there but {module} cannot be "
        f"loaded beside {_version('numpy')} ({type(error).__name__}: {reason}). Install a {package} that fits this "
        "Python and this numpy, or choose another Python in the preferences of DNPM Face"
    )


def _version(package: str) -> str:
    """Name, version and place of an installed package, as far as its files tell."""
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return package
    return f"{package} {found.version} in {Path(str(found.locate_file('')))}"
