"""Finds programs and libraries, and says how a Python is started so that it runs nothing but what was named.

Nothing that lies in the working directory is ever run because it lies there: programs are found in the folders that
PATH names in full, and every Python that is started ignores its working directory, the PYTHON... variables and the
user's own folder of packages (https://docs.python.org/3/using/cmdline.html#cmdoption-I). `processes.py` starts them.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import DnpmError

ISOLATED = ("-I", "-X", "utf8")
"""Options of every Python: -I is -E (no PYTHON... variable counts), -P (neither the working directory nor the script's
folder is a place for modules) and -s (nor is the user's own folder of packages)."""
MODULE_MAIN = Path(__file__).with_name("module_main.py")
_LISTS = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
_WINDOWS = os.name == "nt"


def find_program(name: str | os.PathLike[str]) -> str | None:
    """The absolute path of a program, None when there is none.

    A name with a folder in it is that very file, as the person named it. A bare name is looked for in the folders of
    PATH, of which empty and relative ones do not count; and never in the working directory, where Windows looks first.
    """
    text = os.fspath(name)
    if not text:
        return None
    if Path(text).name != text:
        return next(_usable(Path(text).absolute()), None)
    folders = _absolute(os.environ.get("PATH") or os.defpath)
    return next((found for folder in folders for found in _usable(Path(folder, text))), None)


def program(name: str | os.PathLike[str], how_to: str) -> str:
    """The same; raises DnpmError that names the program and ends with `how_to` when there is none."""
    found = find_program(name)
    if found is None:
        where = "no such program" if Path(name).name != os.fspath(name) else "no such program in the folders of PATH"
        raise DnpmError(f"{os.fspath(name) or 'a program without a name'}: {where}; {how_to}")
    return found


def pasted(path: str) -> str:
    """A path as a person pastes it, without the spaces and the quotes that Explorer's *Copy as path*, a shell or a mail
    put around it."""
    text = path.strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def find_library(name: str) -> str | None:
    """The absolute path of a shared library of the system ("espeak-ng"), None when there is none.

    `ctypes.util.find_library` starts compilers and linkers to find it, and on Windows looks in relative folders.
    """
    for folder in _library_folders():
        if _WINDOWS:
            files = [Path(folder, stem) for stem in (f"{name}.dll", f"lib{name}.dll")]
        elif sys.platform == "darwin":
            files = [Path(folder, f"lib{name}.dylib"), *sorted(Path(folder).glob(f"lib{name}.*.dylib"))]
        else:
            files = [Path(folder, f"lib{name}.so"), *sorted(Path(folder).glob(f"lib{name}.so.*"))]
        for file in files:
            if file.is_file():
                return str(file)
    return None


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for what is started: this process's (or `base`), without what is meant for this process's Python
    alone, and without folders of programs and libraries that depend on the working directory."""
    kept = {
        name: value
        for name, value in (os.environ if base is None else base).items()
        if not name.upper().startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }
    for name in _LISTS:
        if name in kept:
            kept[name] = os.pathsep.join(_absolute(kept[name]))
            if not kept[name]:
                # An empty list means the working directory.
                del kept[name]
    if _WINDOWS:
        kept["NoDefaultCurrentDirectoryInExePath"] = "1"
    return kept


def module_command(python: str, module: str, *arguments: str, folders: tuple[str, ...] = ()) -> list[str]:
    """The command that runs a module of this package ("benchmarks.photo") in a Python, wherever the package lies.

    folders: where that Python looks for packages besides its own.
    """
    more = [option for folder in folders for option in ("--path", folder)]
    # -u: what a library prints is not held back when the process is killed.
    return [python, *ISOLATED, "-u", str(MODULE_MAIN), *more, module, *arguments]


def leave_working_directory() -> None:
    """For a command line that begins: from now on this process imports nothing, and starts nothing, because it lies in
    the working directory. Folders of this Python's own packages stay, even when one is the working directory."""
    try:
        here = Path.cwd().resolve()
    except OSError:  # It was deleted: nothing can lie in it.
        here = None
    # Not `sysconfig`, which imports a module of its own by a name that could be found in the working directory.
    sys.path[:] = [
        entry for entry in sys.path if Path(entry).is_absolute() and (Path(entry).resolve() != here or _is_own(entry))
    ]
    os.environ["PATH"] = os.pathsep.join(_absolute(os.environ.get("PATH", ""))) or os.defpath
    if _WINDOWS:
        os.environ["NODEFAULTCURRENTDIRECTORYINEXEPATH"] = "1"


def _is_own(folder: str) -> bool:
    """Whether it holds this Python's standard library or packages."""
    place, library = Path(folder).resolve(), Path(os.__file__).resolve().parent
    prefixes = (Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
    packages = place.name.endswith("-packages") and any(place.is_relative_to(prefix) for prefix in prefixes)
    return packages or place in (library, library / "lib-dynload")


def _absolute(folders: str) -> list[str]:
    """The entries of a list of folders that do not depend on the working directory."""
    entries = (entry.strip('"') if _WINDOWS else entry for entry in folders.split(os.pathsep))
    return [entry for entry in entries if entry and Path(entry).is_absolute()]


def _usable(path: Path) -> Iterator[str]:
    """The path, on Windows also with each ending of a program, where that is a file that may be run."""
    names = [path]
    if _WINDOWS:
        endings = [e for e in os.environ.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(";") if e]
        with_ending = [path.with_name(path.name + ending) for ending in endings]
        names = [path] if path.suffix.upper() in {e.upper() for e in endings} else with_ending
    for candidate in names:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            yield str(candidate)


def _library_folders() -> list[str]:
    if _WINDOWS:
        roots = [os.environ.get(name, "") for name in ("ProgramFiles", "ProgramFiles(x86)")]
        return [str(folder) for root in roots if root for folder in Path(root).glob("eSpeak*")]
    if sys.platform == "darwin":
        return ["/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib", "/usr/lib"]
    multiarch = sysconfig.get_config_var("MULTIARCH")
    several = [f"{root}/{multiarch}" for root in ("/usr/lib", "/lib", "/usr/local/lib") if multiarch]
    return [*several, "/usr/local/lib", "/usr/lib64", "/usr/lib", "/lib64", "/lib"]
