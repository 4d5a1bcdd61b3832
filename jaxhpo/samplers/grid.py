"""Grid search: every configuration once, in an order that is as good as random.

A grid that is cut short would otherwise be a corner of the space.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.backend import placed
from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.samplers._every import grid_points
from jaxhpo.samplers._scan import measured_all


class _Grid(NamedTuple):
    points: np.ndarray  # [size, d], in the order of proposal


def grid(layout: Layout, *, resolution: int = 5) -> Sampler:
    """Every configuration once, conditions honoured.

    Args:
        resolution: how many values a continuous parameter has, evenly spaced in the cube, the ends
            included. A parameter of more than 1,024 levels counts as continuous: it has the
            different ones of those nearest to so many places.

    Raises:
        ValueError: if the resolution is below 2, or the grid has more than 5,000,000 points.
    """
    if isinstance(resolution, bool) or not hasattr(resolution, "__index__") or resolution < 2:
        raise ValueError(
            f"grid(resolution=...) must be a whole number, at least 2, got "
            f"resolution={resolution!r}"
        )
    points = grid_points(layout, resolution)

    def init(key: Array) -> _Grid:
        words = np.asarray(jax.random.key_data(key)).tolist()
        return _Grid(points[np.random.default_rng(words).permutation(len(points))])

    def ask(state: _Grid, first: int, pending: Array, n: int) -> Proposal:
        part = state.points[first : first + n]
        if len(part) < n:
            raise ValueError(
                f"grid(...).ask(first={first}, n={n}): the grid has {len(points)} points only"
            )
        return Proposal(placed(part), jnp.zeros(n, bool))

    def design(key: Array, n: int) -> Array:
        if n > len(points):
            raise ValueError(
                f"grid(...).search(trials={n}): the grid has {len(points)} points only"
            )
        return jax.random.permutation(key, placed(points))[:n]

    return Sampler(
        init=init,
        tell=lambda state, points, losses, valid: state,
        ask=ask,
        adaptive=False,
        size=len(points),
        search=functools.partial(measured_all, layout, design=design),
    )
