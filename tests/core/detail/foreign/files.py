"""Makes checkpoints of other projects' formats, from a state dict with official names."""

from __future__ import annotations

import argparse
import contextlib
import io
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

SOURCE = "import os\nos.mkdir('was_run')\n"
TAPS = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1]))


@contextlib.contextmanager
def official_modules():
    """Modules with the names that those pickles refer to; they are gone when the pickle is read."""
    persistence, dnnlib, util = (types.ModuleType(n) for n in ("torch_utils.persistence", "dnnlib", "dnnlib.util"))

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("the file's code was run")

    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj
    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    util.EasyDict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    parts = {"torch_utils": types.ModuleType("torch_utils"), persistence.__name__: persistence, "dnnlib": dnnlib,
             "dnnlib.util": util}  # fmt: skip
    before = {name: sys.modules.get(name) for name in parts}
    sys.modules.update(parts)
    try:
        yield persistence, util
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Persistent(torch.nn.Module):
    """A network that pickles itself as stylegan2-ada-pytorch's do: its source beside its state."""

    def __reduce__(self):
        meta = sys.modules["dnnlib.util"].EasyDict(
            type="class", version=6, module_src=SOURCE, class_name="Generator", state=dict(self.__dict__)
        )
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,)


def network(state: dict[str, torch.Tensor]) -> Persistent:
    """Nested networks that hold a state dict; averages, noise and filters are buffers, as there."""
    made = Persistent()
    for name, value in state.items():
        *path, leaf = name.split(".")
        place = made
        for part in path:
            if part not in place._modules:
                place.add_module(part, Persistent())
            place = place._modules[part]
        if leaf in ("w_avg", "noise_const", "resample_filter"):
            place.register_buffer(leaf, value.clone())
        else:
            place.register_parameter(leaf, torch.nn.Parameter(value.clone()))
        if leaf == "weight":
            # As there: numbers of numpy, which a pickle writes by numpy's own functions.
            rate = 0.01 if path[0] == "mapping" else 1
            place.weight_gain, place.bias_gain = rate / np.sqrt(value[0].numel()), rate
            place.activation = "linear" if path[-1] in ("affine", "torgb") else "lrelu"
    made.init_kwargs = {"epochs": 3.0, "dtype": torch.float32, "device": torch.device("cpu")}
    return made


def write_official(path: Path, state: dict[str, torch.Tensor], protocol: int = 3, **others: object) -> Path:
    """A `.pkl` as stylegan2-ada-pytorch writes it."""
    full = dict(state)
    for name in state:
        if name.endswith("conv0.weight"):
            full[name.replace("weight", "resample_filter")] = TAPS / 64
    with official_modules() as (_, util):
        made = network(full)
        content = {"G": None, "D": network({"b4.fc.weight": torch.ones(2, 2)}), "G_ema": made, "augment_pipe": None}
        content |= {"training_set_kwargs": util.EasyDict(path="data.zip", use_labels=False), **others}
        path.write_bytes(pickle.dumps(content, protocol))
    return path


def rosinality(state: dict[str, torch.Tensor]) -> OrderedDict[str, torch.Tensor]:
    """Official names -> rosinality's, with its factors and the buffers that it stores."""
    result: OrderedDict[str, torch.Tensor] = OrderedDict()
    resolutions = sorted({int(n.split(".")[1][1:]) for n in state if n.startswith("synthesis.b")})
    for k in range(8):
        for leaf in ("weight", "bias"):
            result[f"style.{k + 1}.{leaf}"] = state[f"mapping.fc{k}.{leaf}"]
    result["input.input"] = state["synthesis.b4.const"][None]
    convs = [(f"b{r}.conv{i}", r) for r in resolutions for i in ((0, 1) if r > 4 else (1,))]
    for k, (layer, _) in enumerate(convs):
        name, get = "conv1" if k == 0 else f"convs.{k - 1}", lambda leaf: state[f"synthesis.{layer}.{leaf}"]  # noqa: B023
        weight = get("weight")
        result[f"{name}.conv.weight"] = weight[None] * weight[0].numel() ** 0.5
        result[f"{name}.conv.modulation.weight"], result[f"{name}.conv.modulation.bias"] = (
            get("affine.weight"), get("affine.bias"),
        )  # fmt: skip
        result[f"{name}.noise.weight"] = get("noise_strength").reshape(1)
        result[f"{name}.activate.bias"] = get("bias")
        result[f"noises.noise_{k}"] = get("noise_const")[None, None]
        if layer.endswith("conv0"):
            result[f"{name}.conv.blur.kernel"] = TAPS / 16
    for k, r in enumerate(resolutions):
        name, get = "to_rgb1" if k == 0 else f"to_rgbs.{k - 1}", lambda leaf: state[f"synthesis.b{r}.torgb.{leaf}"]  # noqa: B023
        result[f"{name}.bias"] = get("bias").reshape(1, -1, 1, 1)
        result[f"{name}.conv.weight"] = get("weight")[None]
        result[f"{name}.conv.modulation.weight"], result[f"{name}.conv.modulation.bias"] = (
            get("affine.weight"), get("affine.bias"),
        )  # fmt: skip
        if k:
            result[f"{name}.upsample.kernel"] = TAPS / 16
    return result


def write_rosinality(
    path: Path, state: dict[str, torch.Tensor], *, averaged: bool = True, training: bool = False, old: bool = False
) -> Path:
    """A `.pt` as its training (with its command line in it) or its converter writes it; old: as before PyTorch 1.6."""
    content: dict[str, object] = {"g_ema": rosinality(state)}
    if averaged:
        content["latent_avg"] = state["mapping.w_avg"]
    if training:
        content |= {"args": argparse.Namespace(size=64, batch=4), "ada_aug_p": 0.0, "d_optim": {"state": {}}}
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    return path


class Raw:
    """Pickles as a call of anything, to make files that must be refused."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def storage_bytes(numbers: torch.Tensor) -> bytes:
    """What torch writes for a storage inside of a pickle."""
    file = io.BytesIO()
    torch.save(numbers.storage(), file, _use_new_zipfile_serialization=False)
    return file.getvalue()
