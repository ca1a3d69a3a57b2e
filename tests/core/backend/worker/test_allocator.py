"""core/backend/worker/allocator.py: in a process of its own, because the setting stays."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_COUNT = """
import resource, sys
import numpy as np
from dnpm.core.backend.worker.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()

def features():
    pieces = [np.ones(5 << 20, np.float32) for _ in range(4)]  # 20 MiB each
    return sum(float(piece[0]) for piece in pieces)

features(), features()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    features()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of the GNU C library")
def test_memory_is_not_fetched_anew():
    faults = {}
    for case in ("given back", "kept"):
        command = [sys.executable, "-c", _COUNT, case]
        faults[case] = int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    assert faults["kept"] < 100
    assert faults["given back"] > 5_000
