"""A whole search by `gp` as one traceable function: what the sampler does with a history on the
host is done here inside the program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.cube import Layout
from jaxhpo.samplers._improve import improving
from jaxhpo.samplers._kernel import Constants, embedded, embedding, fitted
from jaxhpo.samplers._posterior import Known
from jaxhpo.samplers._thompson import Pool, drawn, pool_of


def learnt(
    layout: Layout, steps: int, most: int, clip: float
) -> Callable[[Array, Array, Array, Array], Constants]:
    """``(key, points [C, d], losses [C], count) -> Constants``, fitted to at most so many."""
    form = embedding(layout)

    def fit(key: Array, points: Array, losses: Array, count: Array) -> Constants:
        which, many = some(key, losses, count, most)
        values = scaled(losses, count, clip)[which]
        filled = jnp.arange(len(which)) < many
        at = embedded(layout, form, points[which])
        return fitted(form, layout.d, at, jnp.where(filled, values, 0.0), filled, steps)

    return fit


def chosen(
    layout: Layout,
    drawn_from: Pool,
    improved_from: Pool | None,
    most: int,
    clip: float,
    key: Array,
    points: Array,
    losses: Array,
    count: Array,
    taken: Array,
    taken_count: Array,
    *,
    n: int,
    model: Constants,
) -> Array:
    """float32 [n, d], the next proposals. The key is consumed.

    Args:
        drawn_from, improved_from: candidates for a batch, and for a proposal alone (None: as a
            batch). most: so many trials the posterior knows at most.
        model: the kernel's constants. The others as in `jaxhpo.samplers._scan.searched`.
    """
    some_key, key = jax.random.split(key)
    which, many = some(some_key, losses, count, most)
    known = Known(points[which], scaled(losses, count, clip)[which], many, points, count)
    if n == 1 and improved_from is not None:
        sizes = improved_from

        def pool(key: Array, expected: Array) -> Array:
            return pool_of(layout, sizes, key, known, expected)

        return improving(layout, key, model, known, taken, taken_count, pool)
    return drawn(layout, drawn_from, key, model, known, taken, taken_count, n=n)


def in_turns(
    every: int, other: Callable[..., Array], choose: Callable[..., Array]
) -> Callable[..., Array]:
    """`choose`, except that one batch in so many, by the number of trials before, is another's."""

    def turn(
        key: Array, points: Array, losses: Array, count: Array, *taken: Array, n: int, model: Any
    ) -> Array:
        given = (key, points, losses, count, *taken)
        return jax.lax.cond(
            count % every == 0,
            functools.partial(other, n=n),
            functools.partial(choose, n=n, model=model),
            *given,
        )

    return turn


def some(key: Array, losses: Array, count: Array, most: int) -> tuple[Array, Array]:
    """int [at most `most`], places of the best half and, of the others, some at random; int [], how
    many of these there are. The key is consumed."""
    filled = jnp.arange(len(losses)) < count
    if len(losses) <= most:
        return jnp.arange(len(losses)), count
    order = jnp.argsort(jnp.where(filled, losses, jnp.inf))
    rank = jnp.zeros(len(losses), jnp.int32).at[order].set(jnp.arange(len(losses)))
    draw = jax.random.uniform(key, losses.shape)
    first = jnp.where(rank < most // 2, -1.0, draw)
    kept = jax.lax.top_k(-jnp.where(filled, first, 2.0), most)[1]
    return kept, jnp.minimum(count, most)


def scaled(losses: Array, count: Array, clip: float) -> Array:
    """float32 [C], as `jaxhpo.samplers._known.standardised`, 0 in empty places."""
    filled = jnp.arange(len(losses)) < count
    sound = filled & jnp.isfinite(losses)
    order = jnp.sort(jnp.where(sound, losses, jnp.inf))
    many = jnp.maximum(sound.sum(dtype=jnp.int32), 1)
    least, middle = order[0], 0.5 * (order[(many - 1) // 2] + order[many // 2])
    worst = order[many - 1]
    top = jnp.where(middle > least, jnp.minimum(middle + clip * (middle - least), worst), worst)
    y = jnp.where(sound, jnp.minimum(losses, top), top) - middle
    y = jnp.where(filled, y, 0.0)
    y = jnp.where(filled, y - y.sum() / jnp.maximum(count, 1), 0.0)
    spread = jnp.sqrt((y**2).sum() / jnp.maximum(count, 1))
    says = sound.any() & (spread > 1e-6 * jnp.maximum(jnp.abs(least), jnp.abs(top)))
    return jnp.where(says, y / jnp.where(says, spread, 1.0), 0.0)
