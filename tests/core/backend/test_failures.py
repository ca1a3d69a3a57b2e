"""What goes wrong: workers that die, hang, talk nonsense, do not fit; clients that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from dnpm.core import logs
from dnpm.core.backend import protocol
from dnpm.core.backend.requests import InfoRequest, MapRequest, MapsRequest
from dnpm.core.backend.types import Limits
from dnpm.core.errors import DnpmError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the signals of POSIX are what kills and stops workers here")
QUICK = Limits(start_s=60, request_s=60, restarts=2, window_s=60)


def exists(process: int) -> bool:
    """Running or a zombie."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def runs(process: int) -> bool:
    """Running, and no zombie (an orphan's zombie waits for the system's first process, which may be slow)."""
    stat = Path("/proc", str(process), "stat")
    if not Path("/proc/self/stat").exists():
        return exists(process)
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def fake_python(folder: Path, script: str) -> str:
    """A "Python" that passes the probe, and runs the given script in place of the worker."""
    code = folder / "fake_worker.py"
    code.write_text(textwrap.dedent(script))
    python = folder / "fake-python"
    python.write_text(
        f'#!/bin/sh\nfor a in "$@"; do case "$a" in *worker.main) exec {sys.executable} {code};; esac; done\n'
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    return str(python)


def test_killed_worker_is_replaced_and_the_last_request_answered(make_client, sliders, wait_for, shared_names):
    client = make_client()
    client.start()
    wait_for(lambda: client.status.state == "ready")
    first = client.status.pid
    os.kill(first, signal.SIGSTOP)  # so that it is surely killed in the middle of a request
    ticket = client.request("Face", MapRequest(**sliders))
    wait_for(lambda: client.status.state == "busy")
    os.kill(first, signal.SIGKILL)
    (reply,) = wait_for(client.poll)
    assert (reply.ticket, reply.error) == (ticket, None)
    assert client.status.restarts == 1
    assert client.status.pid != first
    assert not exists(first), "the dead worker was left as a zombie"
    # What the user drags meanwhile goes on as before.
    ticket = client.request("Face", MapRequest(**sliders))
    (reply,) = wait_for(client.poll)
    assert (reply.ticket, reply.error) == (ticket, None)
    assert not shared_names(), "the names of shared memory are removed as soon as the worker has it"


def test_idle_worker_killed(make_client, wait_for):
    client = make_client()
    client.start()
    wait_for(lambda: client.status.state == "ready")
    first = client.status.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: client.status.restarts == 1 and client.status.state == "ready")
    assert "SIGKILL" in client.status.message


def test_newer_request_replaces_the_one_that_the_worker_died_on(make_client, sliders, wait_for):
    client = make_client()
    client.start()
    wait_for(lambda: client.status.state == "ready")
    os.kill(client.status.pid, signal.SIGSTOP)
    client.request("Face", MapRequest(**sliders))
    wait_for(lambda: client.status.state == "busy")
    newer = client.request("Face", MapRequest(**sliders, resolution=32))
    os.kill(client.status.pid, signal.SIGKILL)
    (reply,) = wait_for(client.poll)
    assert reply.ticket == newer


def test_hung_worker_is_replaced(make_client, sliders, wait_for):
    client = make_client(limits=Limits(start_s=60, request_s=1.0, restarts=2, window_s=60))
    client.start()
    wait_for(lambda: client.status.state == "ready")
    first = client.status.pid
    os.kill(first, signal.SIGSTOP)
    ticket = client.request("Face", MapRequest(**sliders))
    (reply,) = wait_for(client.poll)
    assert reply.ticket == ticket
    assert "longer than 1 s" in reply.error
    assert not exists(first)
    assert client.call(MapRequest(**sliders)).answer.displacement.shape == (64, 64)


def test_call_gives_up_in_time(make_client, sliders, wait_for):
    client = make_client()
    client.start()
    wait_for(lambda: client.status.state == "ready")
    os.kill(client.status.pid, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(DnpmError, match=r"longer than 0\.5 s"):
        client.call(MapRequest(**sliders), timeout=0.5)
    assert time.monotonic() - start < 5


def test_final_request_makes_way_for_a_newer_one(make_client, sliders, wait_for):
    client = make_client()
    client.start()
    wait_for(lambda: client.status.state == "ready")
    first = client.status.pid
    many = {name: np.repeat(array[None], 3000, 0) for name, array in sliders.items()}
    heavy = time.monotonic()
    client.call(MapsRequest(**many))
    heavy = time.monotonic() - heavy
    start = time.monotonic()
    client.request("Face", MapsRequest(**many, final=True))
    wait_for(lambda: client.status.state == "busy")
    newer = client.request("Face", MapRequest(**sliders))
    (reply,) = wait_for(client.poll)
    assert (reply.ticket, reply.error, reply.stale) == (newer, None, False)
    assert time.monotonic() - start < heavy * 0.7, "the useless request was computed to its end"
    assert client.status.pid == first


def test_breaker(make_client, sliders, wait_for):
    client = make_client(limits=QUICK)
    client.start()
    for restarts in range(QUICK.restarts + 1):
        wait_for(lambda restarts=restarts: client.status.state == "ready" and client.status.restarts == restarts)
        os.kill(client.status.pid, signal.SIGKILL)
    wait_for(lambda: client.status.state == "failed")
    assert "ended 3 times within 60 s" in client.status.message
    assert "SIGKILL" in client.status.message
    client.request("Face", MapRequest(**sliders))
    (reply,) = client.poll()
    assert reply.error == client.status.message
    with pytest.raises(DnpmError, match="ended 3 times"):
        client.call(InfoRequest())
    client.start()
    assert client.call(InfoRequest()).answer.device == "cpu"


def test_request_that_kills_the_worker_is_given_up(tmp_path, make_client, sliders, wait_for):
    # Greets like a worker, dies on its first request: as with a driver's fault, or when memory runs out.
    python = fake_python(
        tmp_path,
        f"""
        import json, os, struct, sys
        def read():
            (n,) = struct.unpack("<I", sys.stdin.buffer.read(4))
            return json.loads(sys.stdin.buffer.read(n))
        hello = read()
        ready = dict(type="ready", protocol={protocol.VERSION}, package=hello["package"], device="cpu", device_name="",
                     torch_version="", weights_name="")
        text = json.dumps(ready).encode()
        sys.stdout.buffer.write(struct.pack("<I", len(text)) + text)
        sys.stdout.flush()
        read()
        print("out of luck", file=sys.stderr)
        os._exit(7)
        """,
    )
    client = make_client(python=python)
    client.start()
    client.request("Face", MapRequest(**sliders))
    (reply,) = wait_for(client.poll)
    assert "died 2 times on this request" in reply.error
    assert "exit code 7" in reply.error
    assert "out of luck" in reply.error
    wait_for(lambda: client.status.state == "ready")


def test_garbage_instead_of_messages(tmp_path, make_client, wait_for):
    client = make_client(
        python=fake_python(tmp_path, "print('Welcome to my Python!', flush=True); input()"), limits=QUICK
    )
    client.start()
    wait_for(lambda: client.status.state == "failed")
    assert "no frame" in client.status.message
    assert "Welc" in client.status.message


def test_worker_of_another_version(tmp_path, make_client, wait_for):
    python = fake_python(
        tmp_path,
        """
        import json, struct, sys
        text = json.dumps(dict(type="ready", protocol=1, package="0.0.1")).encode()
        sys.stdout.buffer.write(struct.pack("<I", len(text)) + text)
        sys.stdout.flush()
        sys.stdin.buffer.read()
        """,
    )
    client = make_client(python=python)
    client.start()
    wait_for(lambda: client.status.state == "failed")
    assert "another version (0.0.1, protocol 1)" in client.status.message
    assert client.status.restarts == 0


def test_worker_refuses_another_version(make_client, wait_for, monkeypatch):
    monkeypatch.setattr(protocol, "VERSION", protocol.VERSION + 1)
    client = make_client()
    client.start()
    wait_for(lambda: client.status.state == "failed")
    assert "restart Blender after an update" in client.status.message


def test_worker_that_never_gets_ready(tmp_path, make_client, wait_for):
    client = make_client(python=fake_python(tmp_path, "import time; time.sleep(600)"), limits=Limits(start_s=1.0))
    client.start()
    wait_for(lambda: client.status.state == "failed", 20)
    assert "did not get ready within 1 s" in client.status.message


def failure(client, wait_for) -> str:
    client.start()
    wait_for(lambda: client.status.state == "failed")
    return client.status.message


def test_weights_that_are_missing_or_foreign(tmp_path, make_client, tiny_weights, other_model_file, wait_for):
    assert "no detail weights there" in failure(make_client(weights=str(tmp_path)), wait_for)
    message = failure(make_client(face_model=str(other_model_file)), wait_for)
    assert "'tiny-weights' were trained on the face model" in message
    assert "identity components 3, the face model has 5" in message
    assert "no such face model" in failure(make_client(face_model=str(tmp_path / "none")), wait_for)

    for file in tiny_weights.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "encoder.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    assert "SHA-256 is not the card's" in failure(make_client(weights=str(tmp_path)), wait_for)


def test_device_that_is_not_there(make_client, wait_for):
    import torch

    if not torch.cuda.is_available():
        assert "'cuda'" in failure(make_client(device="cuda"), wait_for)
    assert "none that PyTorch knows" in failure(make_client(device="abacus"), wait_for)


def test_what_libraries_print_does_not_reach_the_messages(make_client, sliders):
    client = make_client()
    client.start()
    facts = client.call(InfoRequest()).answer
    # Descriptor 1 of the worker is its standard error, descriptor 0 is nothing.
    if Path("/proc/self/fd").exists():
        worker = Path("/proc", str(client.status.pid), "fd")
        assert (worker / "1").readlink() == (worker / "2").readlink()
        assert str((worker / "0").readlink()) == os.devnull
    assert facts.python


def test_the_worker_keeps_a_log(make_client, sliders, tmp_path, monkeypatch, caplog):
    """In the folder of the process that asks; a fault's trace is in it, and its warnings reach that process's log."""
    monkeypatch.setenv(logs.FOLDER_VARIABLE, str(tmp_path / "log"))
    monkeypatch.setenv(logs.LEVEL_VARIABLE, "debug")
    client = make_client()
    client.start()
    with caplog.at_level("INFO", "dnpm"):
        client.call(MapRequest(**sliders))
        with pytest.raises(DnpmError):
            client.call(MapRequest(**(sliders | {"identity": np.zeros(7, np.float32)})))
        worker = client.status.pid
        client.stop()
    text = (tmp_path / "log" / "worker.log").read_text(encoding="utf-8")
    assert f" INFO {worker} dnpm.core.backend.worker.process: ready: Python " in text
    assert "DEBUG" in text
    assert "request displacement: " in text
    assert "request displacement: identity: has the shape (1, 7)" in text
    assert any(message.startswith(f"worker {worker}: request displacement: ") for message in caplog.messages)


def test_a_log_that_cannot_be_written_hinders_no_map(make_client, sliders, tmp_path, monkeypatch):
    (tmp_path / "log").write_text("a file where the folder should be")
    monkeypatch.setenv(logs.FOLDER_VARIABLE, str(tmp_path / "log"))
    client = make_client()
    client.start()
    assert client.call(MapRequest(**sliders)).answer.displacement.shape


CHILD = """
import sys, time
import numpy as np
from dnpm.core.backend.client.client import BackendClient
from dnpm.core.backend.requests import MapsRequest
client = BackendClient(device="cpu", weights=sys.argv[1], face_model=sys.argv[2])
client.start()
while client.status.state == "starting":
    time.sleep(.01)
many = {"identity": np.zeros((20000, 3), np.float32), "expression": np.zeros((20000, 4), np.float32)}
if sys.argv[3] == "busy":
    client.request("Face", MapsRequest(**many))
    while client.status.state != "busy":
        time.sleep(.01)
print(client.status.pid, flush=True)
if sys.argv[3] == "leaves":
    sys.exit(0)
time.sleep(600)
"""


@pytest.mark.parametrize("state", ["idle", "busy", "leaves"])
def test_nothing_is_left_when_the_client_dies(state, tiny_weights, tiny_model_file, wait_for):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tiny_weights), str(tiny_model_file), state],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        worker = int(child.stdout.readline())
        if state == "leaves":
            assert child.wait(30) == 0
        else:
            assert runs(worker)
            child.kill()
            child.wait()
        wait_for(lambda: not runs(worker), 5)
        if Path("/dev/shm").is_dir():
            assert not list(Path("/dev/shm").glob(f"dnpm-{child.pid}-*"))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_forgotten_client_takes_its_worker_along(make_client, tiny_weights, tiny_model_file, wait_for):
    from dnpm.core.backend.client.client import BackendClient

    client = BackendClient(device="cpu", weights=str(tiny_weights), face_model=str(tiny_model_file))
    client.call(InfoRequest())
    worker = client.status.pid
    del client
    wait_for(lambda: not exists(worker), 5)
