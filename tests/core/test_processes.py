"""No process outlives what started it, and none is started in a way that runs what lies about."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from dnpm.core import processes
from dnpm.core.errors import DnpmError

posix = pytest.mark.skipif(os.name == "nt", reason="the signals of POSIX end processes here")


def runs(process: int) -> bool:
    """Running, and no zombie."""
    try:
        return Path("/proc", str(process), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition, limit_s: float = 20.0):
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)
    return found


def quiet(folder: Path) -> bool:
    """Whether nothing in the folder is written to any more."""
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    time.sleep(0.4)
    return before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_run_keeps_what_is_said_and_stands_where_it_is_told(tmp_path):
    code = "import os, sys; print(os.getcwd()); print('wrong', file=sys.stderr); sys.exit(3)"
    done = processes.run([sys.executable, "-I", "-c", code], 60, folder=tmp_path)
    assert done.returncode == 3
    assert done.stdout.decode().strip() == str(tmp_path.resolve())
    assert done.stderr.strip() == b"wrong"
    with pytest.raises(AssertionError):
        processes.run(["python3", "-c", ""], 60)


@posix
def test_a_run_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    note = tmp_path / "pid"
    code = f"sleep 600 & echo $! > {note}; wait"
    start = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(["/bin/sh", "-c", code], 1.0)
    assert time.monotonic() - start < 5
    eventually(lambda: not runs(int(note.read_text())), 5)


RUNNER = """
import sys
from dnpm.core import processes
processes.run(["/bin/sh", "-c", "echo $$ > {note}; exec sleep 600"], 600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a dead process by itself")
def test_a_program_that_watches_nothing_ends_when_its_parent_is_killed(tmp_path):
    note = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", RUNNER.format(note=note)])
    pid = int(eventually(lambda: note.is_file() and note.read_text()))
    parent.kill()
    parent.wait()
    eventually(lambda: not runs(pid), 5)


CHILD = """
import os, sys, threading, time
from pathlib import Path
from dnpm.core import processes
from dnpm.core.files import writing
processes.hold_lifeline()
processes.end_on_signals()
folder = Path(sys.argv[1])
(folder / "child").write_text(str(os.getpid()))
with writing.writing(folder / "picture.png") as beside, beside.open("ab", buffering=0) as file:
    while True:  # A render that goes on writing.
        file.write(b"x")
        time.sleep(0.01)
"""
PARENT = """
import sys
from dnpm.core import processes
from dnpm.core.cli import main
class Command:
    __doc__ = ""
    add_arguments = staticmethod(lambda parser: parser.add_argument("child", nargs=2))
    run = staticmethod(lambda args: processes.attend([sys.executable, "-I", *args.child]))
main.importlib.import_module = lambda *_: Command
sys.exit(main.main(["batch", *sys.argv[1:]]))
"""


def attended(tmp_path: Path) -> tuple[subprocess.Popen, int, Path]:
    """A `dnpm` process that attends a child which writes; both processes, and the folder that is written to."""
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path / "child.py"), str(folder)]
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    child = int(eventually(lambda: (folder / "child").is_file() and (folder / "child").read_text()))
    eventually(lambda: list(folder.glob(".picture*")))
    return parent, child, folder


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_child_ends_with_its_parent_and_leaves_nothing_half_written(tmp_path, number):
    parent, child, folder = attended(tmp_path)
    start = time.monotonic()
    parent.send_signal(number)
    said = parent.communicate(timeout=60)[1]
    eventually(lambda: not runs(child), 5)
    assert time.monotonic() - start < 5
    assert quiet(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["child"]
    assert parent.returncode == (-number if number == signal.SIGKILL else 128 + number)
    if number != signal.SIGKILL:
        assert said.strip().splitlines()[-1] == "stopped", "one word, no traceback"


@posix
def test_a_stopped_child_is_ended_too(tmp_path):
    parent, child, _ = attended(tmp_path)
    os.kill(child, signal.SIGSTOP)
    parent.terminate()
    parent.communicate(timeout=60)
    assert not runs(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux wakes the children of a dead process")
def test_a_stopped_child_wakes_and_ends_when_its_parent_is_killed(tmp_path):
    parent, child, folder = attended(tmp_path)
    os.kill(child, signal.SIGSTOP)
    parent.kill()
    parent.communicate(timeout=60)
    eventually(lambda: not runs(child), 5)
    assert sorted(path.name for path in folder.iterdir()) == ["child"]


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_child_itself_ends_cleanly_at_a_signal(tmp_path, number):
    parent, child, folder = attended(tmp_path)
    os.kill(child, number)
    parent.communicate(timeout=60)
    assert parent.returncode == 128 + number
    assert sorted(path.name for path in folder.iterdir()) == ["child"]


def test_spread_gives_every_result_with_its_place():
    found = dict(processes.spread(abs, [-3, 4, -5, 6], 2, int))
    assert found == {0: 3, 1: 4, 2: 5, 3: 6}
    assert not __import__("multiprocessing").active_children()


def test_spread_passes_on_what_a_function_raises():
    with pytest.raises(ZeroDivisionError):
        list(processes.spread(eval, ["1", "1 // 0"], 1, int))


def test_a_helper_that_dies_is_an_error_and_no_endless_wait():
    with pytest.raises(DnpmError, match="a helper process ended before its time"):
        list(processes.spread(os._exit, [3], 1, int))


def test_spread_that_is_not_finished_leaves_no_helper():
    import multiprocessing

    parts = processes.spread(eval, ["1", *["__import__('time').sleep(60)"] * 3], 2, int)
    next(parts)
    start = time.monotonic()
    parts.close()
    assert time.monotonic() - start < 5
    assert not multiprocessing.active_children()


def test_helpers_run_nothing_of_the_working_directory(tmp_path):
    """Whatever this process was started with: they are isolated, and have its modules all the same."""
    names = ("json", "pickle", "socket", "tempfile", "random", "sitecustomize", "usercustomize", "numpy", "dnpm")
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})")
    user = textwrap.dedent("""
        from dnpm.core import processes
        if __name__ == "__main__":
            code = "(__import__('sys').path[0], sorted(k for k in __import__('os').environ if k.startswith('PYTHON')))"
            print(dict(processes.spread(eval, [code], 1, int)))
    """)
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "user.py").write_text(user)
    env = os.environ | {"PYTHONSTARTUP": str(tmp_path / "json.py"), "HOME": str(tmp_path)}
    command = [sys.executable, str(tmp_path / "user" / "user.py")]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "PYTHONSAFEPATH" in done.stdout
    assert "PYTHONSTARTUP" not in done.stdout
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


HELPED = """
import os, sys, time
from dnpm.core import processes
code = "open({note!r}, 'a').write(str(__import__('os').getpid()) + chr(10)) and __import__('time').sleep(600)"
if __name__ == "__main__":
    with processes.stop_on_signals():
        list(processes.spread(eval, [code, code], 2, int))
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_helpers_end_with_their_parent(tmp_path, number):
    note = tmp_path / "pids"
    (tmp_path / "helped.py").write_text(HELPED.format(note=str(note)))
    parent = subprocess.Popen([sys.executable, str(tmp_path / "helped.py")], stderr=subprocess.DEVNULL)
    pids = eventually(lambda: note.is_file() and (p := note.read_text().split()) and len(p) == 2 and p, 60)
    start = time.monotonic()
    parent.send_signal(number)
    parent.wait(10)
    eventually(lambda: not any(runs(int(pid)) for pid in pids), 5)
    assert time.monotonic() - start < 5
