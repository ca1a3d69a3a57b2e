"""Where rays meet a mesh of triangles: a tree of boxes, walked by many rays at once. Numpy alone, for Blender too.

Triangles are put in Morton order (Morton 1966) and grouped by fours, the groups again by fours, and so on; a group of
neighbouring rays walks down wherever its box overlaps. Triangles are met as in Moeller and Trumbore 1997.
"""

from __future__ import annotations

import numpy as np

_FAN = 4
_PACKET = 16
_PARTS = (0.1, 0.35, 1.0)
_CHUNK = 2048
"""Packets that walk at once: it bounds the memory at some hundred megabytes."""
_EDGE = 1e-5
"""A ray that passes an edge this near (in barycentric weight) meets the triangle: no cracks between neighbours."""


class TriangleTree:
    """A mesh that rays can be sent at. vertices (V, 3), triangles (T, 3) int; triangles without area meet nothing."""

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        corners = np.asarray(vertices, np.float64)[np.asarray(triangles)]
        corners = corners[np.argsort(_morton(corners.mean(1)), kind="stable")]
        missing = -len(corners) % _FAN
        self._corners = np.concatenate([corners, np.repeat(corners[-1:], missing, 0)])
        low, high = self._corners.min(1), self._corners.max(1)
        # levels[0] are boxes of four triangles, the last level is one that all else fits into.
        self._levels: list[tuple[np.ndarray, np.ndarray]] = []
        while not self._levels or len(low) > 1:
            extra = -len(low) % _FAN
            low, high = (np.concatenate([a, np.repeat(a[-1:], extra, 0)]) for a in (low, high))
            low = low.reshape(-1, _FAN, 3).min(1)
            high = high.reshape(-1, _FAN, 3).max(1)
            self._levels.append((low, high))

    def along(self, origins: np.ndarray, directions: np.ndarray, limit: float) -> np.ndarray:
        """(n, 3), (n, 3) of length 1, limit -> (n,) float32: the signed distance to the mesh on either side, or nan.

        Only surfaces that face the way the ray goes count (what lies behind the skin's other side does not); of several
        the nearest to the origin.
        """
        origins, directions = np.asarray(origins, np.float64), np.asarray(directions, np.float64)
        found = np.full(len(origins), np.nan, np.float32)
        if not len(origins):
            return found
        order = np.argsort(_morton(origins), kind="stable")
        # Most surfaces are near: what a short ray meets is the nearest, and a short ray passes few boxes.
        for part in _PARTS:
            left = order[np.isnan(found[order])]
            left = np.concatenate([left, np.repeat(left[-1:], -len(left) % _PACKET)])
            for start in range(0, len(left), _CHUNK * _PACKET):
                rays = left[start : start + _CHUNK * _PACKET]
                found[rays] = self._packets(origins[rays], directions[rays], limit * part)
        return found

    def _packets(self, origins: np.ndarray, directions: np.ndarray, limit: float) -> np.ndarray:
        ends = np.stack([origins - limit * directions, origins + limit * directions])
        ray_low, ray_high = ends.min(0), ends.max(0)
        low, high = ray_low.reshape(-1, _PACKET, 3).min(1), ray_high.reshape(-1, _PACKET, 3).max(1)
        packet, node = np.arange(len(low)), np.zeros(len(low), np.int64)
        for level in range(len(self._levels) - 1, -1, -1):
            box_low, box_high = self._levels[level]
            if level < len(self._levels) - 1:
                node = (node[:, None] * _FAN + np.arange(_FAN)).ravel()
                packet = np.repeat(packet, _FAN)
                there = node < len(box_low)
                node, packet = node[there], packet[there]
            meets = ((box_low[node] <= high[packet]) & (box_high[node] >= low[packet])).all(1)
            node, packet = node[meets], packet[meets]
        best = np.full(len(origins), np.inf)
        signed = np.full(len(origins), np.nan)
        box_low, box_high = self._levels[0]
        # A packet's leaves, then only those that the ray's own box meets, then the four triangles of each.
        for first in range(0, len(node), 200_000):
            leaf = np.repeat(node[first : first + 200_000], _PACKET)
            ray = (packet[first : first + 200_000, None] * _PACKET + np.arange(_PACKET)).ravel()
            meets = ((box_low[leaf] <= ray_high[ray]) & (box_high[leaf] >= ray_low[ray])).all(1)
            leaf, ray = leaf[meets], ray[meets]
            triangle = (leaf[:, None] * _FAN + np.arange(_FAN)).ravel()
            ray = np.repeat(ray, _FAN)
            t = _meet(origins[ray], directions[ray], self._corners[triangle])
            hit = np.abs(t) <= limit
            ray, t = ray[hit], t[hit]
            np.minimum.at(best, ray, np.abs(t))
            nearest = np.abs(t) == best[ray]
            signed[ray[nearest]] = t[nearest]
        return signed.astype(np.float32)


def triangulated(faces: np.ndarray) -> np.ndarray:
    """(F, 4) polygons, -1 as a triangle's fourth -> (T, 3)."""
    faces = np.asarray(faces)
    return np.concatenate([faces[:, [0, 1, 2]], faces[faces[:, 3] >= 0][:, [0, 2, 3]]])


def _meet(origin: np.ndarray, direction: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(n, 3), (n, 3), (n, 3, 3) -> (n,) signed distance, nan where they do not meet or the triangle faces the ray."""
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = np.cross(direction, edge2)
    # Negative where the triangle's normal goes along with the ray.
    determinant = (edge1 * p).sum(1)
    forward = determinant < -1e-14
    inverse = 1 / np.where(forward, determinant, 1.0)
    s = origin - corners[:, 0]
    u = (s * p).sum(1) * inverse
    q = np.cross(s, edge1)
    v = (direction * q).sum(1) * inverse
    inside = forward & (u >= -_EDGE) & (v >= -_EDGE) & (u + v <= 1 + _EDGE)
    return np.where(inside, (edge2 * q).sum(1) * inverse, np.nan)


def _morton(points: np.ndarray) -> np.ndarray:
    """(n, 3) -> (n,) int64: places along a curve on which neighbours in space are near."""
    low, size = points.min(0), max(float(np.ptp(points, axis=0).max()), 1e-9)
    cells = ((points - low) / size * 1023).astype(np.int64)
    code = np.zeros(len(points), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= (cells[:, axis] >> bit & 1) << (3 * bit + axis)
    return code
