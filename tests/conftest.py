"""What every test file stands on: a clean Blender profile, a safe end of the process, and the built face model.

Test files that use bpy each need a process of their own (`make test` and tests/run.py see to that).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before any `import bpy`: no test may read or write the settings and extensions of the person who runs it.
_PROFILE = Path(tempfile.mkdtemp(prefix="dnpm-test-profile-"))
os.environ["BLENDER_USER_RESOURCES"] = str(_PROFILE)
# Nor its logs.
os.environ["DNPM_LOG_FOLDER"] = str(_PROFILE / "log")
# Small tensors are many times slower with several threads, and test processes run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
_status: list[int] = []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    _status.append(int(session.exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_PROFILE, ignore_errors=True)
    if "bpy" in sys.modules:
        # With a class still registered Blender 4.2 crashes and 4.5 hangs when the interpreter is torn down.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[0] if _status else 3)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging as a new process has it: what a test, or a command that it runs, sets up is taken back."""
    from dnpm.core import logs

    monkeypatch.setenv(logs.LEVEL_VARIABLE, "warning")
    yield
    logs.reset()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data beside the repository; a test that needs it is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}")
    return folder


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """The folder of inputs that once failed, beside the repository; a test that needs it is skipped where it is
    absent."""
    folder = ROOT.parent / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return folder


def _file_of(module: str, *place: str) -> Path:
    """A data file of an installed package, which is not imported; fails (never skips) when it is missing, because
    scripts/make_venv.sh installs it."""
    first, _, rest = module.partition(".")
    spec = importlib.util.find_spec(first)
    for folder in spec.submodule_search_locations if spec is not None else ():
        file = Path(folder, *rest.split("."), *place) if rest else Path(folder, *place)
        if file.is_file():
            return file
    pytest.fail(f"{'/'.join(place)} of the package {module} is missing: scripts/make_venv.sh installs it")


@pytest.fixture(scope="session")
def astronaut_file() -> Path:
    """A portrait of 512 x 512 pixels: Eileen Collins, by NASA, in the public domain (in scikit-image)."""
    return _file_of("skimage", "data", "astronaut.png")


@pytest.fixture(scope="session")
def conversation_file() -> Path:
    """30 s of two people who talk, 16 kHz (in pyannote.audio)."""
    return _file_of("pyannote.audio", "sample", "sample.wav")


@pytest.fixture(scope="session")
def turns(conversation_file: Path) -> list[tuple[float, float]]:
    """(begin, end) in seconds: where somebody speaks in that sound, as a person marked it."""
    lines = conversation_file.with_suffix(".rttm").read_text(encoding="utf-8").splitlines()
    return [(float(w[3]), float(w[3]) + float(w[4])) for w in (line.split() for line in lines) if w]


@pytest.fixture(scope="session")
def face_model_file() -> Path:
    """The built face model; fails (never skips) when it is missing, because `make test` builds it."""
    path = Path(os.environ.get("DNPM_FACE_MODEL") or ROOT / "build" / "face_model.safetensors")
    if not path.is_file():
        pytest.fail(f"{path} is missing: build it with `make face-model`")
    return path


@pytest.fixture(scope="session")
def face_model(face_model_file: Path):
    """The built face model in memory (immutable, therefore one for all tests)."""
    from dnpm.core.face_model.model import FaceModel

    return FaceModel.load(face_model_file)


@pytest.fixture(scope="session")
def tiny_model():
    """A FaceModel of a few hundred numbers (tests/tiny_face.py)."""
    spec = importlib.util.spec_from_file_location("dnpm_tests_tiny_face", ROOT / "tests" / "tiny_face.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.tiny_face_model()


@pytest.fixture(scope="session")
def tiny_parts(tiny_model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.safetensors, a face model, and weights/ for it, made in another process: no torch here."""
    folder = tmp_path_factory.mktemp("parts")
    tiny_model.save(folder / "tiny.safetensors")
    script = ROOT / "tests" / "tiny_weights.py"
    command = [sys.executable, str(script), str(folder / "tiny.safetensors"), str(folder / "weights")]
    subprocess.run(command, check=True, timeout=180)
    return folder
