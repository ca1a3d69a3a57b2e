"""The speech encoder, converted once for all tests from the installed package."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def encoder_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dnpm.core.speech.encoders.whisper import build_encoder

    return build_encoder(tmp_path_factory.mktemp("encoder") / "speech_encoder.safetensors")
