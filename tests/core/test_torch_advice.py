"""What people are told about PyTorch on Windows, macOS and Linux. Simulated: the messages are those of Windows."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType

import pytest
import torch

from dnpm.core import devices, torch_advice
from dnpm.core.backend.client import interpreters
from dnpm.core.backend.client import process as client_process
from dnpm.core.backend.worker import process
from dnpm.core.errors import DnpmError

SHOULD_HAVE = "Microsoft Visual C++ Redistributable 2015-2022"


@pytest.mark.parametrize(
    "error",
    [
        OSError(
            "[WinError 126] The specified module could not be found. Error loading "
            '"C:\\Python311\\Lib\\site-packages\\torch\\lib\\fbgemm.dll" or one of its dependencies.'
        ),
        OSError('[WinError 1114] A DLL initialization routine failed. Error loading "C:\\torch\\lib\\c10.dll"'),
        ImportError("DLL load failed while importing _C: The specified module could not be found.\n\nRead this advice"),
    ],
)
def test_without_the_runtime_of_cpp_its_name_is_told(monkeypatch, error):
    _refuse(monkeypatch, error)
    with pytest.raises(DnpmError) as caught:
        process._engine({})
    said = str(caught.value)
    assert SHOULD_HAVE in said
    assert "install it again" not in said
    assert "pip install" not in said
    assert sys.executable in said
    assert "\n" not in said


def test_other_faults_of_loading_are_told_as_before(monkeypatch):
    _refuse(monkeypatch, OSError("libcudart.so.13: cannot open shared object file: No such file or directory"))
    with pytest.raises(DnpmError, match=r"cannot be loaded \(libcudart.*install it again") as caught:
        process._engine({})
    assert SHOULD_HAVE not in str(caught.value)
    _refuse(monkeypatch, ModuleNotFoundError("No module named 'torch'", name="torch"))
    with pytest.raises(DnpmError, match=r"No module named 'torch'.*python -m pip install torch numpy"):
        process._engine({})


OF_DYLD = ImportError(
    "dlopen(/Users/a/torch/_C.cpython-311-darwin.so, 0x0002): Symbol not found: (_kAPIAvailable)\n  Referenced from: "
    "/Users/a/torch/lib/libtorch_cpu.dylib (which was built for Mac OS X 14.0)"
)


@pytest.mark.parametrize("release", ["11.7.10", "12.7", "13.6.4"])
def test_a_mac_that_is_too_old_is_told_so(monkeypatch, release):
    said = torch_advice.why_not_on_this_mac("darwin", "arm64", release)
    assert "macOS 14 or newer" in said
    assert release in said
    assert torch_advice.how_to_install("darwin", "arm64", release) == said
    monkeypatch.setattr(torch_advice, "why_not_on_this_mac", lambda: said)
    _refuse(monkeypatch, OF_DYLD)
    with pytest.raises(DnpmError, match="Symbol not found") as caught:
        process._engine({})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("release", ["14.0", "15.3.1", "26.1", "10.16", ""])
def test_a_mac_that_is_new_enough_has_the_usual_advice(monkeypatch, release):
    monkeypatch.setattr(torch_advice.platform, "mac_ver", lambda: ("", ("", "", ""), ""))
    assert torch_advice.why_not_on_this_mac("darwin", "arm64", release) == ""
    assert "edition of DNPM Face that carries PyTorch" in torch_advice.how_to_install("darwin", "arm64", release)
    _refuse(monkeypatch, OF_DYLD)
    with pytest.raises(DnpmError, match="install it again"):
        process._engine({})


def test_a_mac_with_an_intel_processor_is_told_that_there_are_no_builds():
    said = torch_advice.how_to_install("darwin", "x86_64", "15.0")
    assert "no builds for Macs with Intel processors" in said
    assert "edition" not in said
    assert torch_advice.why_not_on_this_mac("win32", "x86_64") == ""
    assert torch_advice.why_not_on_this_mac("linux", "x86_64") == ""


def _refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Loading the engine, and with it torch, fails."""
    real = builtins.__import__

    def load(name: str, scope: object = None, *rest: object, **more: object) -> ModuleType:
        if (scope or {}).get("__name__") == process.__name__ and "engine" in (rest[1] or () if len(rest) > 1 else ()):
            raise error
        return real(name, scope, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", load)


def test_on_windows_the_hint_says_where_builds_for_the_card_are():
    said = torch_advice.how_to_install("win32")
    assert "pip install torch numpy" in said
    assert "PyTorch's index of CUDA builds" in said
    assert "pytorch.org" in said
    for system in ("linux", "darwin"):
        assert "CUDA" not in torch_advice.how_to_install(system)
        assert "pip install torch numpy" in torch_advice.how_to_install(system)
    assert torch_advice.how_to_install() == interpreters.HOW_TO


@pytest.mark.parametrize("system", ["win32", "linux"])
def test_a_build_for_processors_alone_is_told_of(system):
    said = torch_advice.how_to_get_the_gpu("cpu", "2.13.0+cpu", False, system)
    assert "2.13.0+cpu" in said
    assert "index of CUDA builds" in said
    assert torch_advice.how_to_get_the_gpu("cpu", "2.13.0+cu130", True, system) == "", "the card is missing, not code"
    assert torch_advice.how_to_get_the_gpu("cuda", "2.13.0+cu130", True, system) == ""


def test_a_mac_needs_no_other_build():
    assert torch_advice.how_to_get_the_gpu("cpu", "2.13.0", False, "darwin") == ""


def test_the_build_in_use_is_looked_at(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch_advice.sys, "platform", "linux")
    for kind in ("cuda", "hip", "xpu"):
        monkeypatch.setattr(torch.version, kind, None, raising=False)
    assert torch.__version__ in devices.how_to_get_the_gpu(cpu)
    for kind in ("cuda", "hip", "xpu"):
        with monkeypatch.context() as one:
            one.setattr(torch.version, kind, "1.0", raising=False)
            assert devices.how_to_get_the_gpu(cpu) == ""


def test_on_a_mac_missing_operators_are_computed_on_the_cpu(monkeypatch):
    monkeypatch.delenv("PYTORCH_ENABLE_MPS_FALLBACK", raising=False)
    assert client_process.environment("darwin")["PYTORCH_ENABLE_MPS_FALLBACK"] == "1"
    assert "PYTORCH_ENABLE_MPS_FALLBACK" not in client_process.environment("linux")
    monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "0")
    assert client_process.environment("darwin")["PYTORCH_ENABLE_MPS_FALLBACK"] == "0", "who has set it keeps it"
