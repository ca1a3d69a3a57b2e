"""Reads a TFLite file into a `Graph`'s parts. Needs the package tflite (the format's schema), when networks are built.

Half-precision constants that the file widens by DEQUANTIZE are widened here, once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DnpmError
from ..files.inputs import reading
from .graph import Step

VERSION = "tflite==2.18.0"
_IDENTIFIER = b"TFL3"
_MOST_PARTS = 20_000
_TYPES: dict[int, Any] = {0: np.float32, 1: np.float16, 2: np.int32, 4: np.int64}
_PADDING, _ACTIVATION = {0: "SAME", 1: "VALID"}, {0: "NONE", 1: "RELU", 3: "RELU6"}


def read_network(data: bytes, name: str) -> tuple[list[Step], dict[int, np.ndarray], list[int], list[int]]:
    """A TFLite file's bytes -> steps, constants by number, inputs, outputs. Raises DnpmError when it cannot be read."""
    try:
        import tflite
    except ImportError as error:
        raise DnpmError(f"the landmark networks are read by {VERSION}: `pip install --no-deps {VERSION}`") from error
    if data[4:8] != _IDENTIFIER:
        raise DnpmError(f"{name}: is not a TFLite file")
    codes = {value: key for key, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
    with reading(name, "give a TFLite file of such a network"):
        model = tflite.Model.GetRootAsModel(data, 0)
        graph = model.Subgraphs(0)
        if max(graph.TensorsLength(), graph.OperatorsLength()) > _MOST_PARTS:
            raise DnpmError(f"has more than {_MOST_PARTS:,} tensors or operators")
        constants: dict[int, np.ndarray] = {}
        for number in range(graph.TensorsLength()):
            tensor = graph.Tensors(number)
            buffer = model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                kind = _TYPES[tensor.Type()]
                shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
                # A view: as many tensors as like may name the same buffer.
                constants[number] = buffer.DataAsNumpy().view(kind).reshape(tuple(shape))
        steps = []
        for k in range(graph.OperatorsLength()):
            operator = graph.Operators(k)
            code = model.OperatorCodes(operator.OpcodeIndex())
            kind = codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            inputs = [int(i) for i in operator.InputsAsNumpy()]
            outputs = [int(i) for i in operator.OutputsAsNumpy()]
            if kind == "DEQUANTIZE" and inputs[0] in constants:
                constants[outputs[0]] = constants.pop(inputs[0]).astype(np.float16)
                continue
            options = _options(tflite, kind, operator)
            if kind == "RESHAPE":
                options["shape"] = [int(n) for n in graph.Tensors(outputs[0]).ShapeAsNumpy()]
                inputs = inputs[:1]
            steps.append(Step(kind, inputs, outputs, options))
        used = {k for step in steps for k in step.inputs}
        constants = {k: v for k, v in constants.items() if k in used}
        first, last = ([int(i) for i in a] for a in (graph.InputsAsNumpy(), graph.OutputsAsNumpy()))
        if sum(value.nbytes for value in constants.values()) > 2 * len(data):
            raise DnpmError("its tensors share their bytes many times over")
        for number, value in constants.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise DnpmError(f"tensor {number} holds numbers that are not finite")
        return steps, {number: value.copy() for number, value in constants.items()}, first, last


def _options(tflite: Any, kind: str, operator: Any) -> dict[str, Any]:
    def table(name: str) -> Any:
        options = getattr(tflite, name)()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        return options

    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        o = table("Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions")
        return {
            "padding": _PADDING[o.Padding()], "stride": [o.StrideH(), o.StrideW()],
            "dilation": [o.DilationHFactor(), o.DilationWFactor()],
            "activation": _ACTIVATION[o.FusedActivationFunction()],
        }  # fmt: skip
    if kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        o = table("Pool2DOptions")
        return {
            "padding": _PADDING[o.Padding()], "stride": [o.StrideH(), o.StrideW()],
            "window": [o.FilterHeight(), o.FilterWidth()], "activation": _ACTIVATION[o.FusedActivationFunction()],
        }  # fmt: skip
    if kind in ("ADD", "SUB", "MUL", "DIV", "FULLY_CONNECTED"):
        o = table("FullyConnectedOptions" if kind == "FULLY_CONNECTED" else f"{kind.capitalize()}Options")
        return {"activation": _ACTIVATION[o.FusedActivationFunction()]}
    if kind in ("MEAN", "SUM"):
        return {"keep": bool(table("ReducerOptions").KeepDims())}
    if kind == "CONCATENATION":
        o = table("ConcatenationOptions")
        return {"axis": int(o.Axis()), "activation": _ACTIVATION[o.FusedActivationFunction()]}
    if kind == "STRIDED_SLICE":
        o = table("StridedSliceOptions")
        return {"begin_mask": o.BeginMask(), "end_mask": o.EndMask(), "shrink_mask": o.ShrinkAxisMask()}
    return {}
