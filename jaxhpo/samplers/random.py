"""Random search: every point uniform in the cube, each by itself (Bergstra and Bengio 2012)."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.samplers._fresh import Distinct, finite, unlike
from jaxhpo.samplers._scan import searched
from jaxhpo.samplers._sizes import room


def random(layout: Layout) -> Sampler:
    """Uniform points. Point i is a function of the key and i alone.

    In a finite space no configuration comes twice, until there are no more. In a branch that has no
    continuous parameter a point that is pending, or in the batch already, is drawn anew.
    """

    distinct = Distinct(layout)

    def ask(key: Array, first: int, pending: Array, n: int) -> Proposal:
        points_key, other_key = jax.random.split(key)
        if finite(layout):
            draw = functools.partial(_points, layout, points_key)
            return Proposal(distinct(draw, first, n, other_key), jnp.zeros(n, bool))
        points = _points(layout, points_key, first, room(n))[:n]
        points = unlike(layout, points, pending, jax.random.fold_in(other_key, first))
        return Proposal(points, jnp.zeros(n, bool))

    return Sampler(
        init=lambda key: key,
        tell=lambda key, points, losses, valid: key,
        ask=ask,
        adaptive=False,
        size=layout.size if finite(layout) else None,
        search=functools.partial(
            searched,
            layout,
            startup=1,
            block=1 << 30,
            choose=lambda key, *history, n: _uniform(layout, key, n),
            start=functools.partial(_uniform, layout),
        ),
    )


def _uniform(layout: Layout, key: Array, n: int) -> Array:
    """float32 [n, d], snapped. The key is consumed."""
    return layout.snap(jax.random.uniform(key, (n, layout.d)))


@functools.partial(jax.jit, static_argnames=("layout", "n"))
def _points(layout: Layout, key: Array, first: Array, n: int) -> Array:
    """float32 [n, d], uniform and snapped."""
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(n))
    return layout.snap(jax.vmap(lambda k: jax.random.uniform(k, (layout.d,)))(keys))
