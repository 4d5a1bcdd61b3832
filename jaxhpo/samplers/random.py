"""Random search: every point uniform in the cube, each by itself (Bergstra and Bengio 2012)."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout


def random(layout: Layout) -> Sampler:
    """Uniform points. Point i is a function of the key and i alone.

    In a finite space a configuration may come twice; `grid` tries each once.
    """

    def ask(key: Array, first: int, pending: Array, n: int) -> Proposal:
        return Proposal(_points(layout, key, jnp.int32(first), n), jnp.zeros(n, bool))

    return Sampler(
        init=lambda key: key,
        tell=lambda key, points, losses, valid: key,
        ask=ask,
        adaptive=False,
    )


@functools.partial(jax.jit, static_argnames=("layout", "n"))
def _points(layout: Layout, key: Array, first: Array, n: int) -> Array:
    """float32 [n, d], uniform and snapped."""
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(n))
    return layout.snap(jax.vmap(lambda k: jax.random.uniform(k, (layout.d,)))(keys))
