"""Filters for grooves of several widths and directions on the detail UV, as transfer functions (`relief.py`)."""

from __future__ import annotations

import numpy as np

from .relief_zones import DIRECTIONS, SIDE

WIDTHS_MM = ((0.6, 2.4), (1.1, 3.4), (2.0, 5.0))
"""Standard deviations across and along the grooves that are looked for."""
FORM_MM = 3.3
"""What answers more strongly at this width is no line but a form."""


def kernels(mm: float) -> tuple[list[list[np.ndarray]], list[list[np.ndarray]]]:
    """Transfer functions of derivatives across lines, smoothed along them, by width and direction: the second, times
    the width's square, and the first, times the width."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    turn = 2 * np.pi
    even, odd = [], []
    for across_mm, along_mm in WIDTHS_MM:
        across, along = across_mm / mm, along_mm / mm
        seconds, firsts = [], []
        for angle in np.arange(DIRECTIONS) * np.pi / DIRECTIONS:
            a = turn * (columns * np.cos(angle) + rows * np.sin(angle)) * across
            b = turn * (-columns * np.sin(angle) + rows * np.cos(angle)) * along
            smooth = np.exp(-0.5 * (a * a + b * b))
            seconds.append((-a * a * smooth).astype(np.float32))
            firsts.append((1j * a * smooth).astype(np.complex64))
        even.append(seconds)
        odd.append(firsts)
    return even, odd


def round_kernels(mm: float) -> list[list[np.ndarray]]:
    """By width, the last a form's: transfer functions of the round Gaussian's derivatives (columns twice, both, rows
    twice, columns, rows), times the width as often: any direction's are combinations of them (Freeman and Adelson
    1991)."""
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    found = []
    for across in [*(across for across, _ in WIDTHS_MM), FORM_MM]:
        x, y = (2 * np.pi * across / mm * f + 0 * (rows + columns) for f in (columns, rows))
        smooth = np.exp(-0.5 * (x * x + y * y))
        seconds = [(-a * b * smooth).astype(np.float32) for a, b in ((x, x), (x, y), (y, y))]
        found.append(seconds + [(1j * a * smooth).astype(np.complex64) for a in (x, y)])
    return found
