"""A tongue that rises: a movement beside a model's own expressions, made of the person's shape alone. numpy alone.

ARKit knows one movement of the tongue, tongueOut, and a tongue that comes out never rises. `tongueTipUp` (the name is
Audio2Face-3D's; ARKit, Oculus and VRM have none) bends the front of the tongue until its tip lies behind the edge of
the upper front teeth, as in l, t, d and n. It is no expression of the bilinear model: nothing is learnt of it, the
networks do not hear of it, and files of models need not hold it. It is an approximation of one clear gesture, without
the tongue's sides and its groove.

In a mouth that is open further the tip has further to go: at 1 it is at the teeth where the jaw is `FULL_JAW` open,
and `reach` says how much of it another opening needs.
"""

from __future__ import annotations

import numpy as np

from .arkit import ARKIT_NAMES, BEHIND_TEETH, TIP_UP
from .model import FaceModel

NAMES = (TIP_UP,)
FULL_JAW = 0.3
"""jawOpen at which the movement at 1 brings the tip to the teeth."""
REACH = 0.36
"""What a shut mouth needs of it: measured on the default model (five people: .35 to .44)."""
_FORWARD_JAW = 0.2
"""jawOpen at which it comes just so far forward: in wider mouths it goes a millimetre into the teeth, in narrower ones
it stays two behind them."""
_BENDS = 0.55
"""Of the tongue's length, from the tip: what bends."""
_HEIGHT = 0.03
"""Where the tip's middle goes: from the upper front teeth's edge (0) to the end of the tooth (1). In speech it goes to
the ridge, at .4 or so; but there nobody would see it (looked at)."""
_CLEAR_MM = 0.6
_THICKER = 0.25
"""Of its thickness, by which the raised tip is thicker: muscle that is drawn together."""
_BELOW = 0.7
_NARROW = 0.3
"""Of its width, by which the raised tip is narrower: it lies within the arch of the teeth."""
_FRONT_MM = 7.0
"""Half the width of the front teeth, of which the edge is taken."""


def names(model: FaceModel) -> tuple[str, ...]:
    """The movements that can be made of this model: those without a tongue, upper teeth or a jaw that opens have
    none."""
    return NAMES if _parts(model) is not None else ()


def reach(jaw: np.ndarray) -> np.ndarray:
    """jawOpen -> tongueTipUp at which the tip is at the teeth, 0 to 1."""
    return (REACH + (1 - REACH) * np.asarray(jaw) / FULL_JAW).clip(0, 1)


def arkit_alone(expression: np.ndarray, tip_up: np.ndarray) -> np.ndarray:
    """(T, 52) in ARKit's order and tongueTipUp (T,) -> (T, 52) for what knows ARKit's movements alone: the tongue shows
    at the lower teeth in place of the upper ones."""
    result = np.array(expression, np.float32)
    out = ARKIT_NAMES.index("tongueOut")
    result[:, out] = np.maximum(result[:, out], BEHIND_TEETH * tip_up)
    return result


def deltas(model: FaceModel, rest: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """(len(names(model)), V, 3) float32 mm: what each movement at 1 adds. rest (V, 3) mm: a person; opened (V, 3) mm:
    what jawOpen at 1 adds to it."""
    parts = _parts(model)
    if parts is None:
        return np.zeros((0, *rest.shape), np.float32)
    tongue, teeth = parts
    result = np.zeros((1, *rest.shape), np.float32)
    result[0, tongue] = _tip_up(rest[tongue].astype(np.float64), rest[teeth], opened[tongue])
    return result


def of(model: FaceModel, identity: np.ndarray, values: dict[str, float]) -> np.ndarray | None:
    """(V, 3) float32 mm that movements at these values, 0 to 1, add to a person (n_id,); None for nothing."""
    there = [(k, values[name]) for k, name in enumerate(names(model)) if values.get(name)]
    if not there:
        return None
    opened = model.expression_deltas(identity)[model.expression_index["jawOpen"]]
    made = deltas(model, model.neutral_of(identity), opened)
    return np.sum([np.float32(value) * made[k] for k, value in there], 0)


def _parts(model: FaceModel) -> tuple[np.ndarray, np.ndarray] | None:
    """Vertices of the tongue and of the upper teeth, which the jaw does not take along."""
    tongue, jaw = model.vertex_groups.get("tongue"), model.expression_index.get("jawOpen")
    teeth = [group for name, group in model.vertex_groups.items() if name.startswith("teeth")]
    if tongue is None or jaw is None or not teeth or not len(tongue):
        return None
    teeth_all = np.concatenate(teeth)
    still = ~model.moved[jaw]
    upper = teeth_all[still[teeth_all]]
    if not len(upper) or still[tongue].all():
        return None
    return tongue, upper


def _tip_up(tongue: np.ndarray, teeth: np.ndarray, opened: np.ndarray) -> np.ndarray:
    """(n, 3) mm, of the person's upper teeth (m, 3), and of what jawOpen at 1 adds to the tongue (n, 3) -> (n, 3)."""
    middle, tip = tongue[:, 0].mean(), tongue[:, 2].max()
    length = _BENDS * np.ptp(tongue[:, 2])
    along = ((tongue[:, 2] - (tip - length)) / length).clip(0, 1)
    share = along**2 * (1.5 - 0.5 * along)
    slope = along * (3.0 - 1.5 * along) / length
    at_tip = along > 0.85
    centre = tongue[at_tip].mean(0) + FULL_JAW * opened[at_tip].mean(0)
    front = teeth[np.abs(teeth[:, 0] - middle) < _FRONT_MM]
    edge, root = front[:, 1].min(), front[:, 1].max()
    # The tooth's back half-way up.
    behind = front[np.abs(front[:, 1] - (edge + root) / 2) < 0.3 * (root - edge)][:, 2].min() - _CLEAR_MM
    rise = edge + _HEIGHT * (root - edge) - centre[1]
    foremost = (tongue[at_tip] + _FORWARD_JAW * opened[at_tip])[:, 2].max()
    forward = (behind - foremost) / float(reach(np.array(_FORWARD_JAW)))
    angle = np.arctan(rise * slope)
    # The middle line of the bending part at each vertex's place.
    order = np.polynomial.Polynomial.fit(tongue[:, 2], tongue[:, 1], 3)
    off = tongue[:, 1] - order(tongue[:, 2])
    # Below, what holds the tip up comes along: the underside is seen as a slope, not as a ledge.
    thick = 1 + _THICKER * share + np.where(off < 0, _BELOW * 4 * along * (1 - along), 0)
    moved = np.zeros_like(tongue)
    moved[:, 0] = -_NARROW * share * (tongue[:, 0] - middle)
    moved[:, 1] = rise * share + (thick * np.cos(angle) - 1) * off
    moved[:, 2] = forward * share - thick * np.sin(angle) * off
    return moved
