"""The form on disk: what goes in comes out, splits keep people apart, damage is found, a stopped writer goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import mmap
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnpm.core.dataset import form
from dnpm.core.dataset.dataset import MapDataset, MapWriter
from dnpm.core.errors import DnpmError

R, N_ID, NAMES = 8, 3, ["jawOpen", "browInnerUp"]


def about(**changes) -> form.About:
    return form.About(
        **({"name": "tiny", "resolution": R, "n_id": N_ID, "n_exp": 2, "expression_names": NAMES} | changes)
    )


def filled(folder: Path, count: int = 30, people: int = 10, **changes) -> np.ndarray:
    rng = np.random.default_rng(0)
    maps = rng.normal(0, 0.1, (count, R, R)).astype(np.float32)
    with MapWriter(folder, about(**changes), np.ones((R, R)), shard_size=7) as writer:
        for k in range(count):
            writer.add(f"s{k}", maps[k], np.full(N_ID, k), [k / count, 0], person=f"p{k % people}")
    return maps


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 29), max_size=12), st.sampled_from(["float16", "uint16"]))
def test_what_goes_in_comes_out_in_any_order(tmp_path_factory, wanted, dtype):
    folder = tmp_path_factory.mktemp("set")
    maps = filled(folder, dtype=dtype, scale_mm=1.0 if dtype == "float16" else 1e-4)
    data = MapDataset.open(folder)
    assert len(data) == 30
    assert len(data.about.shards) == 5
    got = data.maps(np.array(wanted, int))
    assert got.dtype == np.float32
    assert np.abs(got - maps[wanted]).max(initial=0) < 3e-4
    assert np.array_equal(data.identity(np.array(wanted, int))[:, 0], np.array(wanted, np.float32))
    assert [data.keys[k] for k in wanted] == [f"s{k}" for k in wanted]


def test_the_statistics_are_the_maps(tmp_path):
    maps = filled(tmp_path)
    told = form.read_about(tmp_path).statistics()
    assert told["mean_mm"] == pytest.approx(maps.mean(), abs=1e-4)
    assert told["std_mm"] == pytest.approx(maps.std(), rel=1e-3)
    assert told["least_mm"] == pytest.approx(maps.min(), rel=1e-3)


def test_another_program_can_read_a_shard(tmp_path):
    maps = filled(tmp_path, count=5)
    tensors = safetensors.numpy.load_file(tmp_path / "shard_00000.safetensors")
    assert np.allclose(tensors["maps"], maps, atol=1e-3)


def test_maps_are_not_loaded_when_opened(tmp_path):
    filled(tmp_path)
    for shard in MapDataset.open(tmp_path)._shards:
        base = shard["maps"]
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)


def test_no_person_is_in_two_splits(tmp_path):
    filled(tmp_path, 120, 40)
    data = MapDataset.open(tmp_path)
    parts = {name: data.split(name) for name in form.SPLITS}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(120))
    people = [set(data.person(part)) for part in parts.values()]
    assert [len(p) for p in people] == [36, 2, 2]
    assert not people[0] & people[1] | people[0] & people[2] | people[1] & people[2]
    assert data.about.counts == {name: len(part) for name, part in parts.items()}
    data.check()


def test_a_person_stays_in_the_split_also_when_the_set_grows(tmp_path):
    mask = np.ones((R, R))
    with MapWriter(tmp_path, about(), mask) as writer:
        writer.add("a", np.zeros((R, R)), person="ann", split="test")
    with MapWriter(tmp_path, about(), mask) as writer:
        writer.add("b", np.zeros((R, R)), person="ann")
        with pytest.raises(DnpmError, match="in the split 'test'"):
            writer.add("c", np.zeros((R, R)), person="ann", split="train")
    assert list(MapDataset.open(tmp_path).split("test")) == [0, 1]


def test_unknown_coefficients_are_none(tmp_path):
    with MapWriter(tmp_path, about(), np.ones((R, R))) as writer:
        writer.add("a", np.zeros((R, R)))
        writer.add("b", np.zeros((R, R)), np.ones(N_ID), np.ones(2))
    data = MapDataset.open(tmp_path)
    assert data.identity(np.array([0, 1])) is None
    assert data.expression(np.array([0])) is None
    assert np.array_equal(data.expression(np.array([1])), [[1, 1]])
    assert list(data.with_coefficients(np.arange(2))) == [1]


def test_a_set_from_before_skin_components_has_neutral_skin(tmp_path, tiny_model):
    """The tiny model has three shape components, as the set; two of the skin are added, and are 0 for the set."""
    filled(tmp_path)
    core = np.concatenate([tiny_model.core, np.zeros((2, *tiny_model.core.shape[1:]), np.float32)])
    labels = (*tiny_model.identity_labels, "Forehead lines", "Moles")
    newer = dataclasses.replace(tiny_model, core=core, identity_labels=labels)
    identity = MapDataset.open(tmp_path).for_model(newer).identity(np.array([4, 2]))
    assert identity.tolist() == [[4, 4, 4, 0, 0], [2, 2, 2, 0, 0]]
    assert MapDataset.open(tmp_path).for_model(tiny_model).identity(np.array([4])).shape == (1, 3)
    assert form.face_model_entry(newer) == form.face_model_entry(tiny_model)


def test_a_stopped_writer_goes_on_where_it_was(tmp_path):
    with contextlib.suppress(KeyboardInterrupt), MapWriter(tmp_path, about(), np.ones((R, R)), shard_size=3) as writer:
        for k in range(5):
            writer.add(f"s{k}", np.full((R, R), k / 100))
        raise KeyboardInterrupt
    # A shard that was written, but not yet named: the next run overwrites it.
    (tmp_path / "shard_00002.safetensors").write_bytes(b"half a shard")
    with MapWriter(tmp_path, about(), np.ones((R, R)), shard_size=3) as writer:
        assert writer.has("s4")
        assert not writer.has("s5")
        writer.add("s5", np.full((R, R), 0.05))
    data = MapDataset.open(tmp_path)
    data.check()
    assert np.allclose(data.maps(np.arange(6))[:, 0, 0], np.arange(6) / 100, atol=1e-4)


def test_shuffled_batches_hold_each_sample_once_and_depend_on_the_seed(tmp_path):
    filled(tmp_path)
    data = MapDataset.open(tmp_path)
    batches = list(data.shuffled("train", 4, seed=1))
    again = list(data.shuffled("train", 4, seed=1))
    assert sorted(np.concatenate(batches)) == list(data.split("train"))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(list(data.shuffled("train", 4, 1, epoch=1))))


def test_masks_of_their_own(tmp_path):
    own = np.zeros((R, R), np.float32)
    own[2:5] = 1
    shared = np.ones((R, R), np.float32)
    shared[:, 0] = 0
    with MapWriter(tmp_path, about(has_masks=True), shared) as writer:
        writer.add("a", np.zeros((R, R)), mask=own)
    assert np.array_equal(MapDataset.open(tmp_path).masks(np.array([0]))[0], own * shared)


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ({"displacement": np.full((R, R), np.nan)}, "not finite"),
        ({"displacement": np.zeros((R, R + 1))}, "8 x 8"),
        ({"displacement": np.full((R, R), 500.0)}, "is the unit right"),
        ({"identity": np.full(N_ID, np.nan)}, "not finite"),
        ({"identity": np.zeros(N_ID + 1)}, "this set's"),
        ({"expression": np.array([0.5, 1.5])}, "0 to 1"),
        ({"split": "holdout"}, "not a split"),
        ({"mask": np.ones((R, R))}, "one mask for all"),
    ],
)
def test_a_bad_sample_is_refused_and_not_kept(tmp_path, sample, says):
    with MapWriter(tmp_path, about(), np.ones((R, R))) as writer, pytest.raises(DnpmError, match=says):
        writer.add("bad", **({"displacement": np.zeros((R, R))} | sample))
    assert len(MapDataset.open(tmp_path)) == 0


def test_heights_beyond_uint16_are_refused(tmp_path):
    with (
        MapWriter(tmp_path, about(dtype="uint16", scale_mm=1e-5), np.ones((R, R))) as writer,
        pytest.raises(DnpmError, match="do not fit"),
    ):
        writer.add("a", np.full((R, R), 0.5))


def test_damage_is_found(tmp_path):
    filled(tmp_path)
    path = tmp_path / "shard_00001.safetensors"
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[-300] ^= 1
    path.write_bytes(changed)
    with pytest.raises(DnpmError, match=r"shard_00001.*SHA-256"):
        MapDataset.open(tmp_path).check()
    path.write_bytes(whole[:-10])
    with pytest.raises(DnpmError, match=r"shard_00001.*truncated"):
        MapDataset.open(tmp_path)
    path.unlink()
    with pytest.raises(DnpmError, match=r"shard_00001.*no such file"):
        MapDataset.open(tmp_path)


@pytest.mark.parametrize(
    "change", [{"format": "other"}, {"resolution": 16}, {"dtype": "int8"}, {"shards": [{"file": "x"}]}]
)
def test_a_wrong_description_is_refused(tmp_path, change):
    filled(tmp_path)
    path = tmp_path / form.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DnpmError):
        MapDataset.open(tmp_path)


def test_a_folder_outside_is_never_reached(tmp_path):
    filled(tmp_path)
    path = tmp_path / form.NAME
    told = json.loads(path.read_text())
    told["shards"][0]["file"] = "../shard_00000.safetensors"
    path.write_text(json.dumps(told))
    with pytest.raises(DnpmError, match="contradict"):
        MapDataset.open(tmp_path)


@pytest.mark.parametrize("change", [{"resolution": 4}, {"recipe": {"seed": 1}}, {"expression_names": ["a", "b"]}])
def test_another_set_is_not_written_into_the_same_folder(tmp_path, change):
    filled(tmp_path)
    side = change.get("resolution", R)
    with pytest.raises(DnpmError, match="choose another folder"):
        MapWriter(tmp_path, about(**change), np.ones((side, side)))


def test_no_data_set(tmp_path):
    with pytest.raises(DnpmError, match="is not a data set"):
        MapDataset.open(tmp_path)
