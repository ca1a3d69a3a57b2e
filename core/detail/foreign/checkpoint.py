"""Which network of a checkpoint is the generator: its container, the dictionaries around it, its names' prefix.

Seen in the field: `G_ema` beside G and D (stylegan2-ada-pytorch, stylegan3), `g_ema` beside `latent_avg` (rosinality),
`params_ema` (BasicSR), `state_dict` with `decoder.` beside `encoder.`, and `latent_avg` beside it (pSp, e4e, ReStyle),
`module.` in front of every name (DataParallel), a state dict with nothing around it, a network alone.
"""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import DnpmError
from ...files.inputs import one_line, opened, read_start, regular_file
from ...files.sealed import DamagedError, RefusedError
from ...files.torch_file import load_tensors
from .numpy_values import NAMES, Dtype, scalar
from .safe_pickle import Network, is_tensor, read_pickle, tensors_of

_MOST_BYTES = 4_000_000_000
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How torch.save began before 1.6: a pickle of its magic number."""
_DEPTH = 3
ANCHORS = {
    "stylegan2-ada-pytorch": "synthesis.b4.const",
    "rosinality/stylegan2-pytorch": "input.input",
    "BasicSR": "constant_input.weight",
}
"""By the project whose names they are: the constant from which every StyleGAN2 generator starts."""
_AVERAGE = "latent_avg"


@dataclass(frozen=True)
class Candidate:
    """A generator in a checkpoint, its names as they are in it but for the prefix."""

    label: str
    """Where it lies: `g_ema`, `state_dict/decoder`; empty when nothing is around it."""
    project: str
    """A key of ANCHORS."""
    holder: Network | Mapping[str, Any]
    prefix: str
    parents: tuple[Mapping[str, Any], ...]
    """The dictionaries around it, the innermost last."""

    def state(self) -> dict[str, Tensor]:
        """Its parameters and buffers."""
        whole = self.holder.tensors() if isinstance(self.holder, Network) else tensors_of(self.holder)
        return {name.removeprefix(self.prefix): v for name, v in whole.items() if name.startswith(self.prefix)}

    def average(self) -> Tensor | None:
        """The average of w that lies beside it, of whatever shape; None when there is none."""
        outer = [m[1] for k in range(len(self.prefix)) if (m := re.match(rf"(.{{{k}}})(?:$|[^.]+\.)", self.prefix))]
        holders = [] if isinstance(self.holder, Network) else [self.holder]
        for holder in (*holders, *reversed(self.parents)):
            for name in (_AVERAGE, *(f"{prefix}{_AVERAGE}" for prefix in outer)):
                if is_tensor(holder.get(name)):
                    return tensors_of({name: holder[name]})[name]
        return None


def open_checkpoint(path: Path) -> Any:
    """A checkpoint's content: dictionaries, lists, tensors, networks; what kind of file it is is read from its begin.

    Nothing in it is run. Raises DnpmError when it is damaged, or wants to run code.
    """
    regular_file(path, _MOST_BYTES)
    again = "convert only files whose origin you trust"
    if read_start(path, len(_OLD_TORCH)).startswith((b"PK\3\4", _OLD_TORCH)):
        # Training checkpoints hold their command line as a Namespace: a plain container.
        return load_tensors(path, again, (argparse.Namespace, (Dtype, "numpy.dtype"), *((scalar, n) for n in NAMES)))
    try:
        with opened(path) as file:
            return read_pickle(file, regular_file(path))
    except RefusedError as error:
        raise DnpmError(
            f"{path}: is not opened, because {error}. A file of stylegan2-ada-pytorch or stylegan3 holds networks "
            f"alone; {again}"
        ) from error
    except DamagedError as error:
        raise DnpmError(f"{path}: is not a checkpoint of a known kind, or damaged ({error})") from error


def find_generator(content: Any, key: str | None, path: Path) -> Candidate:
    """The generator that is meant: the one called `key`, else the averaged one (ema), else the only one.

    Raises DnpmError when there is none, or several to choose from.
    """
    found = list(_candidates(content, (), ()))
    if key is not None:
        wanted = [c for c in found if key == c.label or key in re.split(r"[/.]", c.label)]
        if not wanted:
            raise DnpmError(f"{path}: holds no network {one_line(key)!r}, but {_names(content)}; name one with --key")
    else:
        wanted = [c for c in found if "ema" in c.label.lower()] or found
    if not wanted:
        raise DnpmError(
            f"{path}: is not a StyleGAN2 generator with skip connections; it holds {_names(content)}. Networks of "
            "StyleGAN3, StyleGAN (2019) and residual generators cannot be converted"
        )
    if len(wanted) > 1:
        names = one_line(", ".join(c.label or "the file itself" for c in wanted))
        raise DnpmError(f"{path}: holds several generators ({names}); name one with --key")
    return wanted[0]


def _candidates(
    content: Any, labels: tuple[str, ...], parents: tuple[Mapping[str, Any], ...]
) -> Iterator[Candidate]:  # fmt: skip
    if isinstance(content, Network):
        names = list(content.names())
    elif isinstance(content, Mapping):
        names = [name for name, value in content.items() if isinstance(name, str) and is_tensor(value)]
    else:
        return
    for project, anchor in ANCHORS.items():
        for name in names:
            if name == anchor or name.endswith(f".{anchor}"):
                prefix = name.removesuffix(anchor)
                label = "/".join([*labels, *([prefix[:-1]] if prefix else [])])
                yield Candidate(label, project, content, prefix, parents)
    if isinstance(content, Mapping) and len(labels) < _DEPTH:
        for name, value in content.items():
            if isinstance(name, str):
                yield from _candidates(value, (*labels, name), (*parents, content))


def _names(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__} alone"
    names = [one_line(name, 60) for name in itertools.islice(content, 6)]
    more = f" and {len(content) - 6} more" if len(content) > 6 else ""
    return f"{', '.join(names)}{more}" if names else "nothing"
