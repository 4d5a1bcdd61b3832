"""Sees to it that a batch proposes nothing twice while there is anything else to propose."""

from __future__ import annotations

import jax
import numpy as np
from jax import Array

from jaxhpo.cube import Layout
from jaxhpo.samplers.grid import grid_points

_LISTED = 200_000  # finite spaces up to this size are listed to find what is left
_TRIES = 20


def repaired(
    layout: Layout, points: np.ndarray, told: np.ndarray, pending: np.ndarray, key: Array
) -> np.ndarray:
    """`points`, with those replaced that are pending, or stand in the batch already, or in a finite
    space were told already. What takes their place is drawn at random from what is left; if nothing
    is left they stay. The key is consumed.

    Args:
        points [n, d], told [m, d], pending [p, d]: snapped, float32.
    """
    past = [pending] if layout.size is None else [pending, told]
    seen = {row.tobytes() for rows in past for row in np.ascontiguousarray(rows, np.float32)}
    again = []
    for i, row in enumerate(points):
        if row.tobytes() in seen:
            again.append(i)
        seen.add(row.tobytes())
    if not again:
        return points
    fresh = _fresh(layout, seen, len(again), key)
    points = points.copy()
    points[again[: len(fresh)]] = fresh
    return points


def _fresh(layout: Layout, seen: set[bytes], count: int, key: Array) -> np.ndarray:
    """float32 [at most count, d], points not in `seen`, each once."""
    if layout.size is not None and layout.size <= _LISTED:
        every = np.asarray(layout.snap(grid_points(layout, 2)))
        left = np.array([row.tobytes() not in seen for row in every], bool)
        words = np.asarray(jax.random.key_data(key)).tolist()
        order = np.random.default_rng(words).permutation(np.flatnonzero(left))
        return every[order[:count]]
    found: list[np.ndarray] = []
    for i in range(_TRIES):
        draws = jax.random.uniform(jax.random.fold_in(key, i), (2 * count, layout.d))
        for row in np.asarray(layout.snap(draws)):
            if row.tobytes() not in seen and len(found) < count:
                seen.add(row.tobytes())
                found.append(row)
        if len(found) == count:
            break
    return np.array(found, np.float32).reshape(-1, layout.d)
