"""A whole search as one pure function of arrays: under `jit`, `scan` and `vmap`.

For losses that are JAX functions of a point. What differs from a sampler that is asked and told:
the start-up points are one Sobol sequence shifted at random (Cranley and Patterson 1976), as
scrambling needs the host; and in a finite space of more than 4,096 configurations, or in a branch
that has no continuous parameter, a point that was proposed before may be proposed again.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.stats import qmc

from jaxhpo.cube import Layout
from jaxhpo.samplers._left import left
from jaxhpo.samplers._sizes import room

Choose = Callable[..., Array]


class Model(NamedTuple):
    """Something that is learnt from a history and costs too much to be learnt for every batch.

    learnt: ``(key, points [C, d], losses [C], count) -> pytree``. The key is consumed.
    due: ``(count) -> int``: of so many trials it is to be learnt; if that is no more than what it
        was learnt of last, not again.
    """

    learnt: Callable[[Array, Array, Array, Array], Any]
    due: Callable[[Array], Array]


def searched(
    layout: Layout,
    loss: Callable[[Array, Array], Array],
    key: Array,
    *,
    trials: int,
    batch: int,
    startup: int,
    block: int,
    choose: Choose,
    start: Callable[[Array, int], Array] | None = None,
    model: Model | None = None,
) -> tuple[Array, Array]:
    """Points proposed and their losses, in order. Traceable; the key is consumed.

    Args:
        loss: ``(keys [m], points [m, d]) -> losses [m]``; what is not finite has failed.
        trials: how many points. batch: how many are proposed without knowing each other's losses.
        startup: how many come first without looking at losses.
        block: the most that `choose` is asked for.
        choose: ``(key, points [C, d], losses [C], count, taken [P, d], taken_count, n=n) -> points
            [n, d]``: from a history with `count` places filled, apart from what is taken.
        start: ``(key, n) -> points [n, d]``, the first; by default quasi-random.
        model: what `choose` is given as ``model=...``, and goes on from batch to batch.

    Returns:
        float32 [trials, d]; float32 [trials], infinite where a trial failed.

    Raises:
        ValueError: if the space has fewer configurations than trials.
    """
    first = min(trials, max(1, startup))
    blocks = math.ceil((trials - first) / batch)
    places = room(first + blocks * batch)
    begun = functools.partial(quasi_random, layout) if start is None else start
    start_key, model_key, loss_key = jax.random.split(key, 3)

    def measured(begin: Array, points: Array) -> Array:
        numbers = begin + jnp.arange(len(points))
        found = loss(jax.vmap(lambda i: jax.random.fold_in(loss_key, i))(numbers), points)
        return jnp.where(jnp.isfinite(found), found, jnp.inf).astype(jnp.float32)

    rest, opened = left(layout, trials), begun(start_key, first)
    if rest is not None:
        rest, opened = rest.take(jax.random.fold_in(model_key, blocks), opened)
    points = jnp.zeros((places, layout.d), jnp.float32).at[:first].set(opened)
    losses = jnp.full(places, jnp.inf).at[:first].set(measured(jnp.int32(0), points[:first]))

    def step(carry: tuple, place: Array) -> tuple[tuple, None]:
        points, losses, learnt, rest = carry
        count = first + place * batch
        ask_key = jax.random.fold_in(model_key, place)
        if model is not None:
            # Whether it is due depends on the place alone: a branch also under `vmap` over keys.
            due = (model.due(count) > model.due(count - batch)) | (place == 0)
            given = (jax.random.fold_in(ask_key, batch), points, losses, count)
            learnt = jax.lax.cond(due, model.learnt, lambda *_, old=learnt: old, *given)
        found = jnp.zeros((room(batch, 1), layout.d), jnp.float32)
        for begin in range(0, batch, block):
            n = min(block, batch - begin)
            one_key = jax.random.fold_in(ask_key, begin)
            args = (points, losses, count, found, jnp.int32(begin))
            more = {} if model is None else {"model": learnt}
            part = choose(one_key, *args, n=n, **more)
            found = found.at[begin : begin + n].set(part)
        if rest is not None:
            rest, some = rest.take(jax.random.fold_in(ask_key, batch + 1), found[:batch])
            found = found.at[:batch].set(some)
        points = jax.lax.dynamic_update_slice(points, found[:batch], (count, 0))
        losses = jax.lax.dynamic_update_slice(losses, measured(count, found[:batch]), (count,))
        return (points, losses, learnt, rest), None

    blank = None
    if model is not None:
        shapes = jax.eval_shape(model.learnt, model_key, points, losses, jnp.int32(first))
        blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    begin = (points, losses, blank, rest)
    (points, losses, *_), _ = jax.lax.scan(step, begin, jnp.arange(blocks))
    return points[:trials], losses[:trials]


def measured_all(
    layout: Layout,
    loss: Callable[[Array, Array], Array],
    key: Array,
    *,
    trials: int,
    batch: int,
    design: Callable[[Array, int], Array],
) -> tuple[Array, Array]:
    """A search whose points are known beforehand; as `searched`.

    Args:
        design: ``(key, n) -> points [n, d]``, all of them.

    Raises:
        ValueError: if the space has fewer configurations than trials.
    """
    design_key, loss_key = jax.random.split(key)
    points, rest = design(design_key, trials), left(layout, trials)
    if rest is not None:
        other_key = jax.random.fold_in(loss_key, math.ceil(trials / batch) * batch)
        points = rest.take(other_key, points)[1]
    blocks = math.ceil(trials / batch)
    rows = jnp.pad(points, ((0, blocks * batch - trials), (0, 0)), mode="edge")

    def block(given: tuple[Array, Array]) -> Array:
        numbers, some = given
        found = loss(jax.vmap(lambda i: jax.random.fold_in(loss_key, i))(numbers), some)
        return jnp.where(jnp.isfinite(found), found, jnp.inf).astype(jnp.float32)

    numbers = jnp.arange(blocks * batch).reshape(blocks, batch)
    losses = jax.lax.map(block, (numbers, rows.reshape(blocks, batch, -1)))
    return points, losses.reshape(-1)[:trials]


def quasi_random(layout: Layout, key: Array, n: int) -> Array:
    """float32 [n, d], snapped: a Sobol sequence, shifted at random. The key is consumed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # n is no power of two
        points = qmc.Sobol(layout.d, scramble=False).random(n).astype(np.float32)
    shift = jax.random.uniform(key, (1, layout.d))
    return layout.snap(jnp.mod(jnp.asarray(points) + shift, 1.0))
