"""A feed-forward network as a list of operators, run by torch: what a TFLite file describes, without its runtime.

Tensors lie as in TFLite, channels last: (1, height, width, channels). Source of each operator's meaning: TensorFlow
Lite's schema and its reference kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import DnpmError
from ..files.inputs import one_line, reading


@dataclass(frozen=True)
class Step:
    """One operator: numbers of the tensors that it reads and makes, and its options."""

    kind: str
    inputs: list[int]
    outputs: list[int]
    options: dict[str, Any] = field(default_factory=dict)


_MOST_STEPS, _MOST_NUMBERS, _MOST_PRODUCTS = 20_000, 1 << 29, 1 << 37
"""Of one pass through a network. The largest of the three takes some 200 steps, 2^24 numbers and 2^28 products."""


class Graph(nn.Module):
    """constants: number -> tensor; inputs and outputs: the numbers of the network's own."""

    def __init__(
        self, steps: Sequence[Step], constants: Mapping[int, Tensor], inputs: list[int], outputs: list[int]
    ) -> None:
        """Raises DnpmError on an operator that is not known, or a tensor that nothing makes."""
        super().__init__()
        if len(steps) > _MOST_STEPS:
            raise DnpmError(f"a network has {len(steps)} operators; at most {_MOST_STEPS} are run")
        if unknown := sorted({step.kind for step in steps} - set(_KINDS)):
            raise DnpmError(f"a network has operators that are not known here: {one_line(', '.join(unknown))}")
        made = {*constants, *inputs}
        for step in steps:
            if not made.issuperset(k for k in step.inputs if k >= 0):
                raise DnpmError(f"a network's {step.kind} reads what nothing has made before it")
            made |= set(step.outputs)
        if not made.issuperset(outputs):
            raise DnpmError("a network does not make what it should give")
        self.steps, self.inputs, self.outputs = list(steps), list(inputs), list(outputs)
        for number, value in constants.items():
            self.register_buffer(f"c{number}", value)
        self.numbers = frozenset(constants)

    def shapes(self, *inputs: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
        """Number of each tensor -> its shape, for inputs of these shapes, found without computing or making room.

        Raises DnpmError when an operator does not fit what it reads, or a pass would take far more numbers or products
        than any such network does.
        """
        known: dict[int, Tensor] = {k: torch.empty(s, device="meta") for k, s in zip(self.inputs, inputs, strict=True)}
        # Sizes, axes and amounts of padding are numbers that an operator looks at.
        looked_at = {k for step in self.steps if step.kind in _LOOKS for k in step.inputs[1:]}
        for k in self.numbers:
            value = self.get_buffer(f"c{k}")
            known[k] = value if k in looked_at and value.numel() < 100 else value.to("meta")
        numbers = products = 0
        for step in self.steps:
            with reading(f"operator {step.kind}"):
                given = [known[k] for k in step.inputs if k >= 0]
                made = _KINDS[step.kind](given, step.options)
                known[step.outputs[0]] = made
            numbers += made.numel()
            products += made.numel() * (given[1][:1].numel() if step.kind in _SUMS else 1)
            if numbers > _MOST_NUMBERS or products > _MOST_PRODUCTS:
                raise DnpmError(f"a network's {step.kind} makes more numbers than such networks have")
        return {k: tuple(value.shape) for k, value in known.items()}

    def forward(self, *values: Tensor) -> list[Tensor]:
        """The inputs in order -> the outputs in order."""
        return self.up_to(self.outputs, *values)

    def up_to(self, wanted: Sequence[int], *values: Tensor) -> list[Tensor]:
        """The inputs in order -> tensors of these numbers, which may lie inside the network: what comes after them is
        not computed."""
        known: dict[int, Tensor] = dict(zip(self.inputs, values, strict=True))
        known |= {number: self.get_buffer(f"c{number}") for number in self.numbers}
        for step in self.steps:
            if all(number in known for number in wanted):
                break
            given = [known[k] for k in step.inputs if k >= 0]
            known[step.outputs[0]] = _fused(_KINDS[step.kind](given, step.options), step.options)
        return [known[number] for number in wanted]


def _fused(x: Tensor, options: dict[str, Any]) -> Tensor:
    kind = options.get("activation", "NONE")
    if kind == "RELU":
        return functional.relu(x)
    if kind == "RELU6":
        return functional.relu6(x)
    return x


def _edges(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's SAME: the output has size / stride, rounded up; of an odd padding the end has more."""
    reach = (window - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _padded(x: Tensor, window: Sequence[int], options: dict[str, Any], value: float = 0.0) -> Tensor:
    """x (B, C, H, W)."""
    if options["padding"] != "SAME":
        return x
    dilation = options.get("dilation", [1, 1])
    top, bottom = _edges(x.shape[2], window[0], options["stride"][0], dilation[0])
    left, right = _edges(x.shape[3], window[1], options["stride"][1], dilation[1])
    return functional.pad(x, (left, right, top, bottom), value=value)


def _conv(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    x, weight, *bias = given
    if weight.shape[1:3] == (1, 1) and list(options["stride"]) == [1, 1] and weight.shape[3] == x.shape[3]:
        # One product of matrices, as the tensors lie: torch's own convolution copies them first.
        return functional.linear(x, weight[:, 0, 0], bias[0] if bias else None)
    kernel = weight.permute(0, 3, 1, 2)  # (out, h, w, in)
    x = _padded(x.permute(0, 3, 1, 2), kernel.shape[2:], options)
    y = functional.conv2d(x, kernel, bias[0] if bias else None, options["stride"], 0, options["dilation"])
    return y.permute(0, 2, 3, 1)


def _depthwise(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    x, weight, *bias = given
    kernel = weight.permute(3, 0, 1, 2)  # (1, h, w, in * multiplier)
    groups = x.shape[3]
    x = _padded(x.permute(0, 3, 1, 2), kernel.shape[2:], options)
    y = functional.conv2d(x, kernel, bias[0] if bias else None, options["stride"], 0, options["dilation"], groups)
    return y.permute(0, 2, 3, 1)


def _pool(kind: str) -> Callable[[list[Tensor], dict[str, Any]], Tensor]:
    def run(given: list[Tensor], options: dict[str, Any]) -> Tensor:
        x, window = given[0].permute(0, 3, 1, 2), options["window"]
        if kind == "max":
            y = functional.max_pool2d(_padded(x, window, options, -torch.inf), window, options["stride"])
        else:
            # Padding does not count in TensorFlow's mean.
            ones = torch.ones_like(x[:1, :1])
            total, share = (
                functional.avg_pool2d(_padded(v, window, options), window, options["stride"]) for v in (x, ones)
            )
            y = total / share
        return y.permute(0, 2, 3, 1)

    return run


def _prelu(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    x, slope = given
    # The same numbers as a choice between x and x * slope, in a third of its time.
    return torch.addcmul(x.clamp_min(0), x.clamp_max(0), slope)


def _pad(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    pairs = given[1].long().tolist()
    return functional.pad(given[0], [amount for pair in reversed(pairs) for amount in pair])


def _reshape(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    first, *rest = shape = options["shape"]
    # A file describes its networks for one picture; several at once are as many rows.
    several = first == 1 and given[0].numel() != math.prod(shape)
    return given[0].reshape([-1, *rest] if several else shape)


def _strided(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    x, begin, end, step = given
    slices: list[Any] = []
    for k in range(x.dim()):
        low = None if options["begin_mask"] >> k & 1 else int(begin[k])
        high = None if options["end_mask"] >> k & 1 else int(end[k])
        if options["shrink_mask"] >> k & 1:
            slices.append(int(begin[k]))
        else:
            slices.append(slice(low, high, int(step[k])))
    return x[tuple(slices)]


def _over(reduce: Callable[..., Tensor]) -> Callable[[list[Tensor], dict[str, Any]], Tensor]:
    def run(given: list[Tensor], options: dict[str, Any]) -> Tensor:
        axes = given[1].long().reshape(-1).tolist()
        return reduce(given[0], dim=axes, keepdim=options["keep"])

    return run


def _linear(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    x, weight, *bias = given
    return functional.linear(x.reshape(-1, weight.shape[1]), weight, bias[0] if bias else None)


def _l2(given: list[Tensor], options: dict[str, Any]) -> Tensor:
    return functional.normalize(given[0], dim=-1, eps=1e-6)


_LOOKS = ("PAD", "STRIDED_SLICE", "MEAN", "SUM", "TRANSPOSE")
_SUMS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_KINDS: dict[str, Callable[[list[Tensor], dict[str, Any]], Tensor]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "MAX_POOL_2D": _pool("max"),
    "AVERAGE_POOL_2D": _pool("mean"),
    "FULLY_CONNECTED": _linear,
    "L2_NORMALIZATION": _l2,
    "PRELU": _prelu,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "STRIDED_SLICE": _strided,
    "MEAN": _over(torch.mean),
    "SUM": _over(torch.sum),
    "ADD": lambda x, _: x[0] + x[1],
    "SUB": lambda x, _: x[0] - x[1],
    "MUL": lambda x, _: x[0] * x[1],
    "DIV": lambda x, _: x[0] / x[1],
    "SQUARED_DIFFERENCE": lambda x, _: (x[0] - x[1]).square(),
    "NEG": lambda x, _: -x[0],
    "ABS": lambda x, _: x[0].abs(),
    "RELU": lambda x, _: functional.relu(x[0]),
    "SQRT": lambda x, _: x[0].sqrt(),
    "RSQRT": lambda x, _: x[0].rsqrt(),
    "LOGISTIC": lambda x, _: x[0].sigmoid(),
    "TRANSPOSE": lambda x, _: x[0].permute(x[1].long().tolist()),
    "CONCATENATION": lambda x, options: torch.cat(x, options["axis"]),
}
