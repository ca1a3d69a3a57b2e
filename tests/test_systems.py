"""Windows and macOS, simulated: what only other systems have is used behind a question, and the rest works without."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDERS = ("core", "operators", "panels", "scripts", "benchmarks")
# What Python 3.11 for Windows lacks (https://docs.python.org/3.11/library/os.html and the pages of the modules).
OF_OS = {
    "nice", "fork", "forkpty", "killpg", "setsid", "getsid", "getuid", "geteuid", "getgid", "getegid",
    "getgroups", "setuid", "setgid", "setpgid", "getpgid", "getpgrp", "getpriority", "setpriority",
    "sched_getaffinity", "sched_setaffinity", "sched_yield", "chown", "fchown", "lchown", "fchmod", "mkfifo",
    "mknod", "statvfs", "fstatvfs", "sysconf", "confstr", "uname", "getloadavg", "register_at_fork", "pread",
    "pwrite", "preadv", "pwritev", "readv", "writev", "sendfile", "posix_fallocate", "posix_fadvise",
    "posix_spawn", "posix_spawnp", "wait", "wait3", "wait4", "waitid", "pipe2", "sync", "fdatasync",
    "set_blocking", "get_blocking", "openpty", "ttyname", "ctermid", "tcgetpgrp", "memfd_create", "pidfd_open",
    "getxattr", "setxattr", "listxattr", "removexattr", "chroot", "lockf", "copy_file_range", "WNOHANG",
    "WIFEXITED", "WEXITSTATUS", "WIFSIGNALED", "WTERMSIG", "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC",
    "O_SYNC",
}  # fmt: skip
OF_SIGNAL = {
    "SIGKILL", "SIGHUP", "SIGSTOP", "SIGCONT", "SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGCHLD", "SIGALRM",
    "SIGQUIT", "SIGBUS", "SIGXFSZ", "SIGXCPU", "alarm", "setitimer", "pthread_kill", "pthread_sigmask", "sigwait",
    "siginterrupt", "SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK",
}  # fmt: skip
MODULES = ("resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline", "curses", "posix",
           "_posixshmem")  # fmt: skip
ASKS = ("hasattr(os,", "getattr(os,", "hasattr(signal,", "os.name", "sys.platform")
NOT_THERE = {"scripts/mutants.py": "a tool for developers that is made of forks: Linux and macOS alone"}


def _uses(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id == "os" and node.attr in OF_OS) or (node.value.id == "signal" and node.attr in OF_SIGNAL):
                yield f"{node.value.id}.{node.attr}", node
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module in MODULES:
            yield str(node.module), node


def unguarded(text: str) -> list[str]:
    """Uses of what Windows lacks in code whose function (or `if`, outside of functions) does not ask for the system."""
    tree = ast.parse(text)
    asking = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.If)
        and any(question in ast.unparse(node) for question in ASKS)
    ]
    safe = {id(child) for node in asking for child in ast.walk(node)}
    return [name for name, node in _uses(tree) if id(node) not in safe]


def test_the_search_finds_what_is_unguarded():
    assert unguarded("import resource") == ["resource"]
    assert unguarded("def f():\n    from fcntl import flock") == ["fcntl"]
    assert unguarded("def f():\n    os.nice(3)\n    signal.signal(signal.SIGKILL, g)") == ["os.nice", "signal.SIGKILL"]
    assert unguarded("def f():\n    if hasattr(os, 'nice'):\n        os.nice(3)") == []
    assert unguarded("if sys.platform != 'win32':\n    import resource") == []


def test_what_windows_lacks_is_used_behind_a_question(repository: Path):
    files = [file for folder in FOLDERS for file in (repository / folder).rglob("*.py")]
    assert len(files) > 200
    guilty = {}
    for file in files:
        name = file.relative_to(repository).as_posix()
        if found := unguarded(file.read_text(encoding="utf-8")):
            guilty[name] = found
    assert guilty.keys() == NOT_THERE.keys(), guilty


def unencoded(text: str) -> list[str]:
    """Text that is read or written in whatever encoding the system has: cp1252 on Windows, where ours is UTF-8."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or any(word.arg in ("encoding", None) for word in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = {word.arg: word.value for word in node.keywords}
        is_method = isinstance(node.func, ast.Attribute)
        # `open(path, mode)`, `path.open(mode)`; `av.open(file, mode)` and others like it open no text.
        given = [*node.args[0 if is_method else 1 :][:1], *([words["mode"]] if "mode" in words else [])]
        modes = [word.value for word in given if isinstance(word, ast.Constant)]
        if (
            (is_method and name == "read_text" and not node.args)
            or (is_method and name == "write_text" and len(node.args) == 1)
            or (name == "open" and any(mode in ("r", "w", "a", "x", "rt", "wt", "r+", "w+") for mode in modes))
            or ("text" in words and name in ("run", "Popen", "check_output"))
            or "universal_newlines" in words
        ):  # fmt: skip
            found.append(f"{name}, line {node.lineno}")
    return found


def test_the_search_finds_text_without_an_encoding():
    guilty = ("p.read_text()", "p.write_text(x)", "open(p, 'w')", "p.open('r')", "subprocess.run(c, text=True)")
    for line in guilty:
        assert len(unencoded(line)) == 1, line
    for line in ("p.read_text(encoding='utf-8')", "p.open('rb')", "writing.write_text(path, x)", "run(c, **options)"):
        assert unencoded(line) == [], line


def test_all_text_says_its_encoding(repository: Path):
    files = [file for folder in FOLDERS for file in (repository / folder).rglob("*.py")]
    found = {file.relative_to(repository).as_posix(): unencoded(file.read_text(encoding="utf-8")) for file in files}
    guilty = {name: lines for name, lines in found.items() if lines}
    assert guilty.keys() <= NOT_THERE.keys(), guilty


def tracked(repository: Path) -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, encoding="utf-8")
    if done.returncode:
        pytest.skip("not a clone")
    return [name for name in done.stdout.split("\0") if name]


LONGEST = 259 - len(
    r"C:\Users\twenty-letters-of-name\AppData\Roaming\Blender Foundation\Blender\4.5\extensions\user_default"
)
"""Of a path in the extension, with its folder: 260 characters with the end that Windows counts."""


def test_every_file_can_lie_on_windows_and_on_macos(repository: Path):
    """Names that differ by case alone are one file there; some names are devices; long paths are not unpacked."""
    from dnpm.core.files.names import is_reserved, key

    every = tracked(repository)
    assert len(every) > 800
    keys: dict[str, str] = {}
    for name in every:
        assert keys.setdefault(key(name), name) == name
        parts = name.split("/")
        assert not any(is_reserved(part) or part[-1] in ". " or set(part) & set('<>:"\\|?*') for part in parts), name
        assert len(f"/dnpm_face/{name}") <= LONGEST, name


WITHOUT = """
import importlib, importlib.abc, os, pkgutil, signal, sys
import numpy, torch, scipy.signal, scipy.ndimage, scipy.optimize, scipy.spatial, scipy.interpolate, scipy.sparse.linalg
import asyncio, multiprocessing, concurrent.futures.process, tempfile, shutil, subprocess
for library in ("PIL.Image", "soundfile", "av", "safetensors", "OpenEXR", "torch.utils.tensorboard"):
    try:
        importlib.import_module(library)
    except ImportError:
        pass
from pathlib import Path
if sys.argv[1] == "win32":
    import mmap
    # The libraries above are this system's, and stay.
    gone = {MODULES!r}

    class Refuse(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name in gone:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

    for name in gone:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Refuse())
    for module, names in ((os, {OF_OS!r}), (signal, {OF_SIGNAL!r})):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for name in gone:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        raise SystemExit(f"{{name}} is still there: this test proves nothing")
    assert not hasattr(os, "nice") and not hasattr(os, "fork") and not hasattr(signal, "SIGKILL")
sys.platform = sys.argv[1]
import dnpm.core
count, wrong = 0, []
for found in pkgutil.walk_packages(dnpm.core.__path__, "dnpm.core."):
    if found.name.endswith((".module_main", ".worker.main", ".__main__")):
        continue
    try:
        importlib.import_module(found.name)
        count += 1
    except BaseException as error:
        wrong.append(f"{{found.name}}: {{type(error).__name__}}: {{error}}")
from dnpm.core import devices, processes
from dnpm.core.files import writing
if sys.argv[1] == "win32":
    processes._begin_helper(3, int, ())
    processes.wake_with_parent()
    processes._die_with_parent()
    assert devices.threads_available() >= 1
    writing.grow(sys.argv[2], 1000)
    os.name = "nt"
    processes.watch_parent(sys.exit)
    signal.set_wakeup_fd = lambda *_, **__: -1  # This one asks for what Windows does not ask for.
    processes.end_on_signals()
print(count, *wrong, sep="\\n")
os._exit(bool(wrong))
"""


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_every_module_is_imported_without_what_other_systems_have(repository: Path, tmp_path: Path, system: str):
    code = WITHOUT.format(MODULES=set(MODULES), OF_OS=OF_OS, OF_SIGNAL=OF_SIGNAL)
    command = [sys.executable, "-c", code, system, str(tmp_path / "grown")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    modules = [file for file in (repository / "core").rglob("*.py") if file.name not in ("module_main.py", "main.py")]
    assert int(done.stdout.split()[0]) >= 0.9 * len(modules) - 20
