"""Histories that a sampler is told in the checks, and what it then proposes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.contracts import Sampler
from jaxhpo.cube import Layout
from jaxhpo.testing.layouts import snap

KEY = 20260101  # of every check; any number would do


def state_after(
    sampler: Sampler, layout: Layout, n: int, *, cuts: list[int] | None = None, seed: int = 0
) -> Any:
    """The sampler's state when told of the first n example points, of which every seventh was lost.

    Args:
        cuts: how many results each tell has, n in all; None: one tell. seed: another key.
    """
    state = sampler.init(jax.random.key(KEY + seed))
    points = example_points(layout, n)
    losses = example_losses(points)
    valid = jnp.arange(n) % 7 != 3
    losses = jnp.where(valid, losses, jnp.nan)
    start = 0
    for size in cuts or [n]:
        part = slice(start, start + size)
        state = sampler.tell(state, points[part], losses[part], valid[part])
        start += size
    return state


def next_points(sampler: Sampler, state: Any, layout: Layout) -> bytes:
    """The bits of up to four points that the sampler proposes next."""
    n = 4 if sampler.size is None else min(4, sampler.size)
    first = 16 if sampler.size is None or sampler.size >= 20 else 0
    return np.asarray(sampler.ask(state, first, none_pending(layout), n).points).tobytes()


def example_points(layout: Layout, n: int) -> jax.Array:
    """float32 [n, d], always the same."""
    return snap(layout, jax.random.uniform(jax.random.key(5), (n, layout.d)))


def example_losses(points: jax.Array) -> jax.Array:
    """float32 [n], least at 0.3 in every coordinate."""
    return jnp.square(points - 0.3).sum(axis=1)


def none_pending(layout: Layout) -> jax.Array:
    """float32 [0, d], the points that are pending where none are."""
    return jnp.zeros((0, layout.d))
