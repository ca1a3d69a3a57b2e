"""The drivers by which a board moves a face's expressions.

Their expressions are of Blender's simple kind, which it computes itself: they work in files whose scripts are not
trusted, and where this extension is not installed.
"""

from __future__ import annotations

from typing import Any

import bpy

from ....core.face_model import board
from ....core.face_model.board import Axis
from ..face import slider_values
from . import posing
from .joints import Joints

_GAZE = ("ROT_X", "ROT_Y")
_STEPS = 20_000
"""A radian in so many steps."""


def add(face: bpy.types.Object, armature: bpy.types.Object, joints: Joints) -> list[str]:
    """Let the board move every expression that it can. Returns those that the artist's own drivers move.

    `armature` has its bones already.
    """
    keys = slider_values.shape_keys(face)
    data = keys.animation_data_create()
    theirs = {curve.data_path for curve in data.drivers}
    left = []
    for axis in board.AXES:
        for name, sign in ((axis.plus, 1), (axis.minus, -1)):
            if not name or name not in keys.key_blocks:
                continue
            path = f'key_blocks["{name}"].value'
            if path in theirs:
                left.append(name)
                continue
            _add_one(keys.driver_add(path), armature, axis, name, sign, joints)
    return left


def update(face: bpy.types.Object, armature: bpy.types.Object, joints: Joints, unit: float) -> None:
    """Give the board's drivers the factors of a face that has become another person; unit: the board's as it stands."""
    data = slider_values.shape_keys(face).animation_data
    found = {curve.data_path: curve for curve in data.drivers if posing.is_ours(curve)} if data is not None else {}
    for axis in board.AXES:
        for name, sign in ((axis.plus, 1), (axis.minus, -1)):
            curve = found.get(f'key_blocks["{name}"].value')
            if curve is not None:
                _set_text(curve.driver, _text(armature, axis, name, sign, joints, unit))
    data = armature.animation_data
    jaw = {(curve.data_path, curve.array_index): curve for curve in data.drivers} if data is not None else {}
    for path, index, text in _jaw_ways(joints, unit):
        curve = jaw.get((f'pose.bones["dnpm_jaw"].{path}', index))
        if curve is not None and posing.is_ours(curve):
            _set_text(curve.driver, text)


def _set_text(driver: Any, text: str) -> None:
    if driver.expression != text:
        driver.expression = text


def _add_one(
    curve: Any, armature: bpy.types.Object, axis: Axis, name: str, sign: int, joints: Joints
) -> None:  # fmt: skip
    driver: bpy.types.Driver = curve.driver
    driver.type = "SCRIPTED"
    _number(driver, "place", armature, axis.control, f".location[{axis.axis}]")
    if axis.along:
        _number(driver, "along", armature, axis.along, f".location[{axis.axis}]")
    extra = _extra(armature, name, joints, joints.unit)
    if extra is not None and extra[1] in _GAZE:
        _gaze(driver, armature, *extra[:2])
    elif extra is not None:
        _number(driver, "turn", armature, *extra[:2])
    if axis.both:
        _number(driver, "both", armature, axis.control, f'["{axis.both}"]')
    driver.expression = _text(armature, axis, name, sign, joints, joints.unit)


def _text(armature: bpy.types.Object, axis: Axis, name: str, sign: int, joints: Joints, unit: float) -> str:
    """The driver's expression, of the variables of `_add_one`."""
    terms = ["dnpm_place" if sign > 0 else "-dnpm_place"]
    if axis.along:
        terms.append(f"{'+' if sign > 0 else '-'} dnpm_along")
    extra = _extra(armature, name, joints, unit)
    if extra is not None and extra[1] in _GAZE:
        # The eyes' matrices are not exact: below 0.003 degrees they rest.
        terms.append(_times(f"trunc(dnpm_turn * {_STEPS})", extra[2] / _STEPS))
    elif extra is not None:
        terms.append(_times("dnpm_turn", extra[2]))
    text = f"max({' '.join(terms)}, 0)" + (" + dnpm_both" if axis.both else "")
    return f"min({text}, 1)"


def _extra(armature: bpy.types.Object, name: str, joints: Joints, unit: float) -> tuple[str, str, float] | None:
    """`_turned`, where the armature has that bone."""
    extra = _turned(name, joints, unit)
    return extra if extra is not None and extra[0] in posing.bones_of(armature) else None


def _times(what: str, factor: float) -> str:
    return f"{'+' if factor > 0 else '-'} {what} * {abs(factor):.9f}"


def _number(driver: bpy.types.Driver, name: str, armature: bpy.types.Object, bone: str, what: str) -> None:
    """A number of a bone as it was set: exact, and not changed by constraints."""
    variable = driver.variables.new()
    variable.name, variable.type = f"{posing.VARIABLE}{name}", "SINGLE_PROP"
    variable.targets[0].id = armature
    variable.targets[0].data_path = f'pose.bones["{bone}"]{what}'


def _gaze(driver: bpy.types.Driver, armature: bpy.types.Object, bone: str, what: str) -> None:
    """How far a constraint has turned an eye."""
    variable = driver.variables.new()
    variable.name, variable.type = f"{posing.VARIABLE}turn", "TRANSFORMS"
    target: Any = variable.targets[0]
    target.id, target.bone_target = armature, bone
    target.transform_type, target.transform_space = what, "LOCAL_SPACE"
    target.rotation_mode = "AUTO"


def _turned(name: str, joints: Joints, unit: float) -> tuple[str, str, float] | None:
    """What beside its control moves an expression: a bone, what of it, and the factor."""
    if name == "jawOpen" and joints.jaw_open:
        return "jaw_bone", ".rotation_euler[0]", 1 / joints.jaw_open
    if name in ("jawLeft", "jawRight"):
        return "jaw_bone", ".rotation_euler[1]", (1 if name == "jawLeft" else -1) / joints.jaw_side
    if name == "jawForward":
        return "jaw_bone", ".location[2]", unit / joints.jaw_forward
    for letter, side in (("L", "Left"), ("R", "Right")):
        eye, bone = joints.eyes[letter], f"dnpm_eye.{letter}"
        inward, outward = (eye.right, eye.left) if letter == "L" else (eye.left, eye.right)
        ways = {
            "Up": ("ROT_X", -1 / eye.up), "Down": ("ROT_X", 1 / eye.down),
            "Out": ("ROT_Y", (1 if letter == "L" else -1) / outward),
            "In": ("ROT_Y", (-1 if letter == "L" else 1) / inward),
        }  # fmt: skip
        for way, (kind, factor) in ways.items():
            if name == f"eyeLook{way}{side}":
                return bone, kind, factor
    return None


def add_jaw(armature: bpy.types.Object, joints: Joints) -> None:
    """What turns of the jaw's bone no expression says, the skin follows by weights: wider, further back, tilted."""
    bone: Any = posing.bones_of(armature)["dnpm_jaw"]
    for path, index, text in _jaw_ways(joints, joints.unit):
        driver = bone.driver_add(path, index).driver
        driver.type = "SCRIPTED"
        _number(driver, "turn", armature, "jaw_bone", f".{path}[{index}]")
        driver.expression = text


def _jaw_ways(joints: Joints, unit: float) -> tuple[tuple[str, int, str], ...]:
    """Path, index and expression of each of these drivers."""
    excess = "dnpm_turn - min(max(dnpm_turn, {low:.9f}), {high:.9f})"
    return (
        ("rotation_euler", 0, excess.format(low=0.0, high=joints.jaw_open)),
        ("rotation_euler", 1, excess.format(low=-joints.jaw_side, high=joints.jaw_side)),
        ("rotation_euler", 2, "dnpm_turn"),
        ("location", 2, excess.format(low=0.0, high=joints.jaw_forward / unit)),
    )


def mute(face: bpy.types.Object, *, muted: bool) -> None:
    """Let the board move the face, or not."""
    keys = face.data.shape_keys
    data = keys.animation_data if keys is not None else None
    for curve in data.drivers if data is not None else ():
        if posing.is_ours(curve):
            curve.mute = muted


def remove(face: bpy.types.Object) -> None:
    """Take the board's drivers away; the artist's stay."""
    keys = face.data.shape_keys
    data = keys.animation_data if keys is not None else None
    if data is None:
        return
    for curve in [curve for curve in data.drivers if posing.is_ours(curve)]:
        data.drivers.remove(curve)
