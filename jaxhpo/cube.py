"""The unit cube as samplers see it: which columns are continuous, a grid or a category, and which
are active when.

`jaxhpo.space` makes a `Layout` from a search space and alone knows what the coordinates mean. A
sampler needs nothing else: it works on points float32 [n, d] in the closed unit cube.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array

INACTIVE = 0.5  # the coordinate that every inactive parameter is given
FINEST_GRID = 1024  # a grid of more levels is continuous to a sampler; decoding still rounds
FEW = 64  # up to so many edges, comparing with each is faster than a binary search


class Kind(enum.IntEnum):
    """What a column of the cube is."""

    CONTINUOUS = 0
    GRID = 1  # ordered levels: integers, steps, ordered choices
    CATEGORY = 2  # levels without an order; level k of K fills [k / K, (k + 1) / K)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Condition:
    """Column `child` is active only where column `parent` is active and at one of `levels`."""

    child: int
    parent: int
    levels: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """The d columns of a search space's unit cube.

    Attributes:
        names: the d parameter names, in column order; a parent comes before its children.
        kinds: the kind of each column.
        positions: for each column its levels' coordinates, increasing (empty where continuous).
            Levels need not be evenly spaced: integers on a log scale are not.
        edges: for each column the K + 1 borders of its K levels, from 0 to 1 (empty where
            continuous): level k is decoded from edges[k] <= u < edges[k + 1].
        conditions: all must hold for a child to be active.
        size: how many distinct configurations there are, or None if there is no end to them.
        nearest: of columns that are continuous here though their values are not (grids of more than
            `FINEST_GRID` levels): the column, and what gives the coordinates of the nearest values,
            float32 [n] to float32 [n], on the host.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    positions: tuple[tuple[float, ...], ...]
    edges: tuple[tuple[float, ...], ...]
    conditions: tuple[Condition, ...] = ()
    size: int | None = None
    nearest: tuple[tuple[int, Callable[[np.ndarray], np.ndarray]], ...] = ()

    @property
    def d(self) -> int:
        """The number of columns."""
        return len(self.names)

    @functools.cached_property
    def levels(self) -> np.ndarray:
        """int32 [d]: how many levels each column has, 0 where it is continuous."""
        return np.array([len(p) for p in self.positions], np.int32)

    def level(self, points: Array) -> Array:
        """int32 [n, d], the level of each coordinate (0 where the column is continuous). Traceable.

        Points and edges are compared in float32. The level of a NaN means nothing.
        """
        columns = [jnp.zeros(points.shape[0], jnp.int32)] * self.d
        for column, edges in enumerate(self.edges):
            if len(edges) > 2:
                inner = jnp.asarray(edges[1:-1], jnp.float32)
                columns[column] = _above(points[:, column], inner)
        return jnp.stack(columns, axis=1) if columns else jnp.zeros(points.shape, jnp.int32)

    def active(self, points: Array) -> Array:
        """bool [n, d], whether each coordinate counts, by the conditions. Traceable."""
        return self._active(self.level(points))

    def _active(self, level: Array) -> Array:
        columns = [jnp.ones(level.shape[0], bool)] * self.d
        for condition in sorted(self.conditions, key=lambda c: c.child):
            parent = level[:, condition.parent]
            at = jnp.any(parent[:, None] == jnp.asarray(condition.levels)[None], axis=1)
            columns[condition.child] &= columns[condition.parent] & at
        return jnp.stack(columns, axis=1) if columns else jnp.zeros(level.shape, bool)

    def snap(self, points: Array) -> Array:
        """float32 [n, d]: clipped, on the grid, inactive coordinates at `INACTIVE`. Traceable.

        Points that are equal when snapped stand for the same configuration. Where no column is
        continuous, only those do.
        """
        points = jnp.clip(points.astype(jnp.float32), 0.0, 1.0)
        level = self.level(points)
        columns = list(points.T)
        for column, positions in enumerate(self.positions):
            if positions:
                columns[column] = jnp.asarray(positions, jnp.float32)[level[:, column]]
        snapped = jnp.stack(columns, axis=1) if columns else points
        return jnp.where(self._active(level), snapped, INACTIVE)

    def settled(self, points: np.ndarray) -> np.ndarray:
        """float32 [n, d], snapped points with coordinates on the finest grids too, so that equal
        configurations are equal points. On the host."""
        if not self.nearest:
            return points
        points, on = points.copy(), np.asarray(self.active(jnp.asarray(points)))
        for column, nearest in self.nearest:
            points[on[:, column], column] = nearest(points[on[:, column], column])
        return points


def _above(units: Array, edges: Array) -> Array:
    """int32 [n], how many of the increasing edges are at or below each coordinate."""
    if edges.size <= FEW:
        return jnp.sum(units[:, None] >= edges[None], axis=1, dtype=jnp.int32)
    return jnp.searchsorted(edges, units, side="right").astype(jnp.int32)
