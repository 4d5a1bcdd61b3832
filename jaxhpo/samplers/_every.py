"""Every configuration of a finite space, or of a grid over one."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.cube import INACTIVE, Layout

MOST = 5_000_000


@functools.lru_cache(maxsize=4)
def listed(layout: Layout) -> np.ndarray:
    """float32 [size, d], all points of a finite layout, exactly as `Layout.snap` makes them."""
    with jax.ensure_compile_time_eval():  # `gp` asks for it while it is traced
        return np.asarray(layout.snap(jnp.asarray(grid_points(layout, 2))))


def grid_points(layout: Layout, resolution: int) -> np.ndarray:
    """float32 [size, d], every configuration of the layout once.

    Raises:
        ValueError: if there are more than 5,000,000.
    """
    nearest = dict(layout.nearest)
    points = np.zeros((1, 0), np.float32)
    levels = np.zeros((1, 0), np.int64)
    for column in range(layout.d):
        values = layout.positions[column] or tuple(np.linspace(0.0, 1.0, resolution))
        if column in nearest:  # some of the values may be the same, on a log scale at its low end
            even = np.asarray(values, np.float32)
            values = tuple(np.unique(nearest[column](even)).tolist())
        active = np.ones(len(points), bool)
        for condition in layout.conditions:
            if condition.child == column:
                active &= np.isin(levels[:, condition.parent], condition.levels)
        size = int((~active).sum() + active.sum() * len(values))
        if size > MOST:
            raise ValueError(
                f"grid(resolution={resolution}): the first {column + 1} parameters alone have "
                f"{size:,} combinations, more than {MOST:,}; search fewer values, or use sobol"
            )
        order = np.concatenate(
            [np.flatnonzero(~active), np.flatnonzero(active).repeat(len(values))]
        )
        off = int((~active).sum())
        # An inactive column has no level: -1 is in no condition, so its children are inactive too.
        fresh = np.full(size, INACTIVE, np.float32)
        fresh[off:] = np.tile(np.asarray(values, np.float32), int(active.sum()))
        which = np.full(size, -1)
        which[off:] = np.tile(np.arange(len(values)), int(active.sum()))
        points = np.column_stack([points[order], fresh])
        levels = np.column_stack([levels[order], which])
    return points.astype(np.float32)
