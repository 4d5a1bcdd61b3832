"""The sizes that programs are compiled for: powers of two, so that few are ever compiled."""

from __future__ import annotations

import numpy as np

SMALLEST = 64  # places for points, doubled whenever they are full
SMALLEST_BLOCK = 16  # fewer proposals are the first of so many


def room(n: int, least: int = SMALLEST) -> int:
    """The next power of two, at least `least`."""
    return max(least, 1 << max(0, n - 1).bit_length())


def padded(rows: np.ndarray, places: int) -> np.ndarray:
    """An array with zeros at its end, so that it has so many rows."""
    more = places - len(rows)
    return np.pad(rows, [(0, more)] + [(0, 0)] * (rows.ndim - 1))
