"""Candidates for `gp`: some from everywhere, most from around the best that is known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.cube import Kind, Layout


def candidates(
    layout: Layout, key: Array, centers: Array, weight: Array, *, anywhere: int, near: int
) -> Array:
    """float32 [anywhere + near, d], snapped: uniform points, then changed centers.

    A changed center takes some coordinates from another center (every fourth does) and moves a
    random share of the others, by steps whose size is log-uniform from 1/1000 to 1/3 of the range,
    at least one level on a grid; a category is drawn anew. The key is consumed.

    Args:
        centers: [k, d], good points. weight: [k], how often each is taken, not normalised.
    """
    d = layout.d
    spread, row, first, second, third = _uniforms(key, anywhere, near, d)
    heap = jnp.cumsum(weight) / weight.sum()
    start, other = (_at(centers, heap, row[:, i]) for i in (0, 1))
    cross = row[:, 2:3] < 0.25
    start = jnp.where(cross & (first < 0.5), other, start)

    share = 1.0 / d + row[:, 3:4] * (1.0 - 1.0 / d)
    at_least = jnp.floor(row[:, 4:5] * d) == np.arange(d, dtype=np.float32)[None]
    moves = (second < share) | at_least
    low, high = np.log(1e-3), np.log(1 / 3)
    size = jnp.exp(low + row[:, 5:6] * (high - low))
    step = np.array([np.diff(p).max(initial=0.0) for p in layout.positions], np.float32)
    normal = jax.scipy.special.ndtri(jnp.clip(third, 1e-6, 1.0 - 1e-6))
    is_category = np.array([kind is Kind.CATEGORY for kind in layout.kinds], bool)
    moved = start + jnp.maximum(size, step[None]) * normal
    moved = jnp.where(is_category[None], third, moved)
    return layout.snap(jnp.concatenate([spread, jnp.where(moves, moved, start)]))


def _uniforms(key: Array, anywhere: int, near: int, d: int) -> tuple[Array, ...]:
    """[anywhere, d], [near, 6] and three of [near, d], from one draw: compiled faster than five."""
    flat = jax.random.uniform(key, (anywhere * d + near * (6 + 3 * d),))
    sizes = [anywhere * d, near * 6, near * d, near * d]
    parts = jnp.split(flat, np.cumsum(sizes).tolist())
    widths = (d, 6, d, d, d)
    return tuple(part.reshape(-1, width) for part, width in zip(parts, widths, strict=True))


def _at(centers: Array, heap: Array, uniform: Array) -> Array:
    """float32 [near, d], centers drawn by the increasing shares in `heap`."""
    which = jnp.sum(uniform[:, None] >= heap[None], axis=1)
    return centers[jnp.minimum(which, len(centers) - 1)]
