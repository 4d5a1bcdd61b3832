"""Which members' states hold a number that is none."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def with_nan(state: Any, live: Array, platform: str) -> Array:
    """bool [W]: which lanes, of those that are `live` [W], hold a NaN in their state.

    On a CPU arrays are first added up, which XLA does fast: a sum is NaN if an entry is. Entry by
    entry they are looked at only where a sum is NaN, for that of infinities of both signs is too.
    A maximum would not do: of some thousand entries that of XLA on a CPU leaves NaN out.

    Args:
        state: leaves [W, ...] of any kind. platform: "cpu", "gpu" or "tpu".
    """
    leaves = [
        leaf.reshape(len(leaf), -1)
        for leaf in jax.tree.leaves(state)
        if jnp.issubdtype(leaf.dtype, jnp.inexact) and leaf.size
    ]
    if not leaves:
        return jnp.zeros_like(live)
    if platform != "cpu":
        return live & _any(leaves)
    sums = [jnp.isnan(leaf.sum(1)) for leaf in leaves]
    suspects = live & functools.reduce(jnp.logical_or, sums)
    return jax.lax.cond(suspects.any(), lambda: suspects & _any(leaves), lambda: suspects)


def _any(leaves: list[Array]) -> Array:
    """Looks at every entry. The arrays are not laid end to end: on an accelerator that may copy a
    quarter of what a tile holds."""
    return functools.reduce(jnp.logical_or, [jnp.isnan(leaf).any(1) for leaf in leaves])
