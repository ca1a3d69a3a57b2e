"""A set of small smooth maps, and trainers of a G and a D of a few thousand numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnpm.core.dataset import form
from dnpm.core.dataset.dataset import MapDataset, MapWriter
from dnpm.core.training.generator import start
from dnpm.core.training.generator.batches import Batches
from dnpm.core.training.generator.plan import Plan, configured
from dnpm.core.training.generator.start import networks, spread_of
from dnpm.core.training.generator.trainer import GeneratorTrainer

SIZE, COUNT = 32, 40


def make_maps(count: int, size: int, seed: int = 0) -> np.ndarray:
    """(n, R, R) mm: a few waves whose strengths differ."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(*(np.linspace(0, 2 * np.pi, size, endpoint=False),) * 2)
    waves = np.stack([np.sin(x), np.cos(2 * y), np.sin(x + y), np.cos(3 * x - y), np.sin(7 * x) * np.cos(5 * y)])
    strengths = rng.standard_normal((count, len(waves))) * [0.05, 0.04, 0.03, 0.02, 0.02]
    return np.einsum("nk,kij->nij", strengths, waves).astype(np.float32)


@pytest.fixture(autouse=True)
def short_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are spared where it does not matter how well the mapping network was fitted."""
    monkeypatch.setattr(start, "_FIT_STEPS", 3)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> MapDataset:
    folder = tmp_path_factory.mktemp("set")
    mask = np.ones((SIZE, SIZE), np.float32)
    mask[:2] = 0
    about = form.About("waves", SIZE, 2, 3, ["a", "b", "c"], licence="CC0-1.0", source="made by a test")
    with MapWriter(folder, about, mask) as writer:
        for k, one in enumerate(make_maps(COUNT, SIZE)):
            writer.add(str(k), one, split="train" if k < COUNT - 8 else "validation")
    return MapDataset.open(folder)


@pytest.fixture
def small_plan() -> Plan:
    return replace(configured("tiny", SIZE, images=48, batch=8), ada_target=0.6)


@pytest.fixture
def make_trainer(data: MapDataset) -> Iterator[Callable[..., GeneratorTrainer]]:
    made = []

    def make(plan: Plan, **options: object) -> GeneratorTrainer:
        spread = spread_of(data)
        batches = Batches(data, data.split("train"), plan.batch, plan.resolution, plan.seed)
        made.append(batches)
        return GeneratorTrainer(plan, *networks(plan, data, spread), batches, spread, **options)

    yield make
    for batches in made:
        batches.close()


@pytest.fixture
def set_folder(data: MapDataset) -> Path:
    return Path(data.folder)
