"""Which Python runs the worker: one that has torch. Looked for without importing torch in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import processes, programs, torch_advice
from ...errors import DnpmError

MINIMUM = (3, 11)
NEEDED = ("torch", "numpy")
PROBE_LIMIT_S = 30.0
HOW_TO = torch_advice.how_to_install()
# Runs in the Python that is looked at, which may be a very old one.
_PROBE = """
import json, sys
found = {"version": list(sys.version_info[:3])}
if sys.version_info >= (3, 11):
    from importlib import metadata, util
    place = next((k for k, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[place:place] = [folder for folder in sys.argv[2:] if folder not in sys.path]
    user = None
    try:
        import site
        user = site.getusersitepackages()
    except Exception:
        pass
    found["user"] = user
    found["only there"] = []
    from importlib import machinery
    for name in sys.argv[1].split(","):
        try:
            spec = util.find_spec(name)
            if spec is None and user and machinery.PathFinder.find_spec(name, [user]):
                found["only there"].append(name)
            found[name] = None if spec is None or spec.origin is None else metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown version"
        except Exception:
            found[name] = None
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that can run the worker."""

    path: str
    version: str
    torch_version: str
    paths: tuple[str, ...] = ()
    """Folders that it has to look for packages in besides its own: those of an extension's bundled wheels."""

    def command(self, module: str, *arguments: str) -> list[str]:
        """The command that runs a module of this package with it."""
        return programs.module_command(self.path, module, *arguments, folders=self.paths)


def find(explicit: str | None = None) -> Interpreter:
    """The Python that runs the worker: the explicit one, else `DNPM_PYTHON`, else this process's own, with the
    folders in which this process would find torch (Blender's own Python with an extension's wheels).

    Takes some tenths of a second. Raises DnpmError that says what is missing where, and how to get it.
    """
    wanted = programs.pasted(explicit or "") or programs.pasted(os.environ.get("DNPM_PYTHON", ""))
    if wanted:
        return probe(wanted)
    try:
        return probe(own_python(), torch_folders())
    except DnpmError as error:
        raise DnpmError(f"No backend, therefore no detail (the face itself works): {error}") from error


def own_python() -> str:
    """The program that runs Python as this process does. Inside Blender that is the Python which Blender carries."""
    if sys.executable and "python" in Path(sys.executable).name.lower():
        return sys.executable
    # An embedded interpreter may name the program that it is embedded in: its Python lies in its prefix.
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    names = ("python.exe", "bin/python.exe") if os.name == "nt" else (f"bin/python{version}", "bin/python3")
    for name in names:
        if (path := Path(sys.prefix, name)).is_file():
            return str(path)
    raise DnpmError(f"there is no Python program in {sys.prefix}. {HOW_TO}")


def torch_folders(paths: Sequence[str] | None = None) -> tuple[str, ...]:
    """Folders of `sys.path` that hold torch: where Blender unpacks the wheels of extensions."""
    return tuple(p for p in (sys.path if paths is None else paths) if p and Path(p, "torch", "__init__.py").is_file())


def probe(path: str, paths: Sequence[str] = ()) -> Interpreter:
    """Ask a Python what it has. Raises DnpmError when it is not a Python, too old, or lacks a package."""
    path = programs.program(path, HOW_TO)
    try:
        done = processes.run([path, "-I", "-c", _PROBE, ",".join(NEEDED), *paths], PROBE_LIMIT_S)
    except OSError as error:
        raise DnpmError(f"{path}: cannot be run as Python ({error.strerror or error}). {HOW_TO}") from error
    except subprocess.TimeoutExpired as error:
        raise DnpmError(f"{path}: gave no answer within {PROBE_LIMIT_S:.0f} s. {HOW_TO}") from error
    try:
        found = json.loads(done.stdout.decode("utf-8", "replace").strip().splitlines()[-1])
        version = tuple(found["version"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise DnpmError(
            f"{path}: is not a working Python (exit code {done.returncode}"
            + (f": {said[-1][:200]}" if said else "")
            + f"). {HOW_TO}"
        ) from error
    text = ".".join(map(str, version))
    if version < MINIMUM:
        raise DnpmError(f"{path}: is Python {text}; the backend needs {MINIMUM[0]}.{MINIMUM[1]} or newer. {HOW_TO}")
    if missing := [name for name in NEEDED if not found.get(name)]:
        hidden = [name for name in missing if name in found.get("only there", ())]
        note = f" but in {found['user']}, which is not used" if hidden else ""
        raise DnpmError(f"{path} (Python {text}) has no {' and no '.join(missing)}{note}. {HOW_TO}")
    return Interpreter(path, text, found["torch"], tuple(paths))
