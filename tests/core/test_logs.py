"""The one configuration of logging: levels, console, the file that rotates, and what happens where it cannot."""

from __future__ import annotations

import ast
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dnpm.core import logs
from dnpm.core.cli.main import COMMANDS, _parser, main
from dnpm.core.errors import DnpmError

log = logs.logger("dnpm.core.somewhere")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(logs.FOLDER_VARIABLE, str(tmp_path / "new" / "log"))
    return tmp_path / "new" / "log"


def test_all_loggers_lie_below_dnpm() -> None:
    assert logs.logger("dnpm.core.backend.client.client").name == "dnpm.core.backend.client.client"
    assert logs.logger("dnpm").name == logs.logger("__main__").name == "dnpm"


def test_an_installed_extension_has_the_same_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PACKAGE", "bl_ext.user_default.dnpm_face")
    assert logs.logger("bl_ext.user_default.dnpm_face.operators.handlers").name == "dnpm.operators.handlers"


@pytest.mark.parametrize(
    ("level", "shown"), [(None, "we"), ("warning", "we"), ("INFO", "iwe"), ("debug", "diwe"), ("error", "e")]
)
def test_levels_of_the_console(level: str | None, shown: str, monkeypatch, capsys) -> None:
    if level is None:
        monkeypatch.delenv(logs.LEVEL_VARIABLE)
    else:
        monkeypatch.setenv(logs.LEVEL_VARIABLE, level)
    logs.configure()
    for letter, say in (("d", log.debug), ("i", log.info), ("w", log.warning), ("e", log.error)):
        say("<%s>", letter)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line[-2] for line in err.splitlines()] == list(shown)
    assert ("warning: <w>" in err) == ("w" in shown)


def test_another_word_is_an_error_where_somebody_can_mend_it(monkeypatch, capsys) -> None:
    monkeypatch.setenv(logs.LEVEL_VARIABLE, "loud")
    with pytest.raises(DnpmError, match="DNPM_LOG=loud: is not a level; use one of debug, info, warning, error"):
        logs.configure()
    logs.configure(strict=False)
    assert "DNPM_LOG=loud: is not a level" in capsys.readouterr().err


def test_nothing_is_printed_twice_and_reset_takes_everything_back(capsys) -> None:
    logs.configure("a")
    logs.configure("a")
    log.warning("once")
    assert capsys.readouterr().err == "warning: once\n"
    logs.reset()
    root = logging.getLogger("dnpm")
    assert (root.handlers, root.propagate, logs.is_configured()) == ([], True, False)


def test_control_characters_do_not_reach_the_terminal(capsys) -> None:
    logs.configure()
    log.warning("a\x1b[2Jb\nsecond line")
    assert capsys.readouterr().err == "warning: a\\x1b[2Jb\nsecond line\n"


def test_the_file_holds_information_and_is_made_with_its_folder(folder: Path) -> None:
    logs.configure("worker")
    assert not folder.exists(), "nothing is written before there is something to say"
    log.debug("no")
    log.info("some %s", "thing")
    log.warning("wrong: \udcff")
    lines = (folder / "worker.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(f"INFO {os.getpid()} dnpm.core.somewhere: some thing")
    assert lines[1].endswith("wrong: \\udcff")
    assert logs.recent()[0] == lines[0]


def test_memory_keeps_the_last_records() -> None:
    logs.configure()
    for number in range(250):
        log.info("%d", number)
    kept = logs.recent()
    assert len(kept) == 100
    assert kept[-1].endswith(": 249")


def test_the_file_rotates(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    logs.configure("worker")
    for number in range(200):
        log.info("record %d", number)
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["worker.log", "worker.log.1", "worker.log.2", "worker.log.3"]
    assert all(file.stat().st_size <= 2000 for file in folder.iterdir())
    assert "record 199" in (folder / "worker.log").read_text()


def test_two_processes_share_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that did not rotate goes on in the new file, and not in the one that was renamed."""
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    path = folder / "worker.log"
    one, two = logs.RotatingFile(path), logs.RotatingFile(path)
    record = logging.LogRecord("dnpm", logging.INFO, "", 0, "x" * 1800, (), None)
    two.emit(logging.LogRecord("dnpm", logging.INFO, "", 0, "small", (), None))
    one.emit(record)
    one.emit(record)
    two.emit(logging.LogRecord("dnpm", logging.INFO, "", 0, "last", (), None))
    assert one.problem is two.problem is None
    assert "last" in path.read_text()
    path.unlink()
    two.emit(logging.LogRecord("dnpm", logging.INFO, "", 0, "again", (), None))
    assert "again" in path.read_text()
    one.close()
    two.close()


@pytest.mark.parametrize("kind", ["file in the way", "pipe", "folder of its name", "read-only"])
def test_where_no_file_can_be_written_nothing_fails_and_nothing_waits(kind: str, folder: Path, capsys) -> None:
    folder.parent.mkdir(parents=True)
    if kind == "file in the way":
        folder.write_text("a file")
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes here")
        folder.mkdir()
        os.mkfifo(folder / "worker.log")
    elif kind == "folder of its name":
        (folder / "worker.log").mkdir(parents=True)
    else:
        folder.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
        if os.access(folder.parent, os.W_OK):
            pytest.skip("this user may write everywhere")
    logs.configure("worker")
    thread = threading.Thread(target=lambda: [log.warning("it is said all the same") for _ in range(3)], daemon=True)
    thread.start()
    thread.join(5)
    folder.parent.chmod(stat.S_IRWXU)
    assert not thread.is_alive()
    assert capsys.readouterr().err.count("it is said all the same") == 3
    assert len(logs.recent()) == 3
    handler = next(h for h in logging.getLogger("dnpm").handlers if isinstance(h, logs.RotatingFile))
    assert handler.problem


def test_a_full_disk_costs_the_file_alone(folder: Path, capsys) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no full device here")
    logs.configure("worker")
    log.warning("first")
    handler = next(h for h in logging.getLogger("dnpm").handlers if isinstance(h, logs.RotatingFile))
    handler._follow = lambda: None
    handler.stream.close()
    handler.stream = open("/dev/full", "a")  # noqa: PTH123, SIM115
    log.warning("second")
    assert "No space left" in handler.problem
    log.warning("third")
    assert capsys.readouterr().err.splitlines() == ["warning: first", "warning: second", "warning: third"]
    with pytest.raises(OSError, match="No space"):
        handler.stream.close()
    handler.stream = None


def test_the_folder_of_each_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(logs.FOLDER_VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert logs.folder() == tmp_path / ".local/state/dnpm-face/log"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert logs.folder() == tmp_path / "state/dnpm-face/log"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert logs.folder() == tmp_path / "Library/Logs/dnpm-face"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_verbose(command: str) -> None:
    """And every command below it, wherever the word stands."""

    def parsers(parser):
        yield parser
        for action in parser._actions:
            if isinstance(getattr(action, "choices", None), dict):
                for sub in action.choices.values():
                    yield from parsers(sub)

    found = list(parsers(_parser(command)._subparsers._group_actions[0].choices[command]))
    assert all("--verbose" in parser._option_string_actions for parser in found)
    assert len(found) > 1 or command not in ("build", "data", "train", "evaluate")


def test_verbose_reaches_the_command_and_what_it_starts(capsys, monkeypatch, tmp_path: Path) -> None:
    from dnpm.core.cli import info

    def run(args):
        assert not hasattr(args, "verbose"), "what a command writes down of its arguments stays the same"
        log.info("level %s", os.environ[logs.LEVEL_VARIABLE])
        return 0

    monkeypatch.setattr(info, "run", run)
    for words, said in (
        (["info"], ""),
        (["info", "--verbose"], "level info\n"),
        (["--verbose", "info"], "level info\n"),
    ):
        monkeypatch.setenv(logs.LEVEL_VARIABLE, "warning")
        assert main(words) == 0
        assert capsys.readouterr().err == said
    monkeypatch.setenv(logs.LEVEL_VARIABLE, "debug")
    assert main(["info", "--verbose"]) == 0
    assert "level debug" in capsys.readouterr().err
    monkeypatch.setenv(logs.LEVEL_VARIABLE, "much")
    assert main(["info"]) == 2
    assert "error: DNPM_LOG=much: is not a level" in capsys.readouterr().err


def test_a_library_prints_nothing_below_a_warning() -> None:
    """Without `configure`, as a script has it that uses the package."""
    code = "from dnpm.core import logs; log = logs.logger('dnpm.x'); log.info('quiet'); log.warning('heard')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr.strip()) == ("", "heard")


def test_messages_pass_progress_bars_by(capsys, monkeypatch) -> None:
    from tqdm import tqdm

    logs.configure()
    with tqdm(total=3, file=sys.stderr) as bar:
        bar.update(1)
        log.warning("beside the bar")
    assert "warning: beside the bar\n" in capsys.readouterr().err


PRINTS = {
    "core/progress.py": "the lines of a bar that has no terminal",
    "core/training/loop.py": "where a training stands",
    "core/training/checkpoint.py": "that a signal was heard",
    "operators/headless/batch.py": "a line an item, the command's result",
    "operators/headless/clip.py": "the clip's files, the command's result",
    "operators/headless/engine.py": "how far the export is, and its files, the command's result",
    "operators/headless/engine_compare.py": "the pictures, the command's result",
    "operators/headless/scene.py": "one line a frame, on the stream kept for that",
}


def test_only_commands_print() -> None:
    """What a command makes is printed by its module, on stdout; everything else is logged."""
    root = Path(logs.__file__).parents[1]
    found = {}
    for file in (file for room in ("core", "operators", "panels") for file in (root / room).rglob("*.py")):
        name = file.relative_to(root).as_posix()
        calls = [
            call for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
        ]  # fmt: skip
        to_stderr = [call for call in calls if any(keyword.arg == "file" for keyword in call.keywords)]
        if name not in PRINTS and (to_stderr if name.startswith("core/cli/") else calls):
            found[name] = len(calls)
    # The last word of a command that fails is no matter of levels.
    assert set(found) == {"core/cli/main.py"}
