"""Bayesian optimisation with a Gaussian process, proposing whole batches by Thompson sampling.

Each proposal minimises its own draw of what the objective may look like (Thompson 1933; Kandasamy,
Krishnamurthy, Schneider and Poczos 2018, "Parallelised Bayesian Optimisation via Thompson
Sampling"; jointly over candidates as in Eriksson et al. 2019, "Scalable Global Optimization via
Local Bayesian Optimization", section 3). So a batch spreads out by itself. Points in training are
taken for known, at what is expected of them, which makes the draws certain there (Ginsbourger, Le
Riche and Carraro 2010, "kriging believer").
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.given import whole
from jaxhpo.samplers import _history
from jaxhpo.samplers._candidates import candidates as drawn
from jaxhpo.samplers._fresh import among, finite, listed
from jaxhpo.samplers._history import History
from jaxhpo.samplers._kernel import (
    LEAST_NOISE,
    embedded,
    embedding,
    factored,
    fitted,
    gram,
    masked,
)
from jaxhpo.samplers._linear import solve, solve_back
from jaxhpo.samplers._options import reals
from jaxhpo.samplers._sizes import SMALLEST_BLOCK, padded, room

BLOCK = 256  # draws made together
CENTERS = 25  # so many good points, at most, have candidates around them
_FEW, _GROWTH = 128, 4  # places for trials, and how much more when they are full
_TAKEN = 1e30


class _Options(NamedTuple):
    anywhere: int
    near: int
    joint: int
    steps: int


def gp(
    layout: Layout,
    *,
    startup: int | None = None,
    candidates: int = 2000,
    joint: int = 512,
    prior_share: float = 0.3,
    most_fitted: int = 256,
    most_known: int = 1024,
    steps: int = 50,
    clip: float = 2.0,
) -> Sampler:
    """Thompson sampling from a Gaussian process.

    Trials without a loss count as bad as the worst. What was told or is pending is not proposed
    again while there is anything else.

    Args:
        startup: how many points of a scrambled Sobol sequence come first; by default twice the
            number of parameters, at least 10 and at most 24. The sequence goes on while nothing is
            known.
        candidates: how many points there are to choose from.
        joint: over how many of them draws are made: those with the lowest bounds, two standard
            deviations below what is expected. (At least twice as many as there are draws.)
        prior_share: the share of them that is uniform; the others lie around the best.
        most_fitted: the kernel's constants are fitted to at most so many trials, the best half of
            them and others at random.
        most_known: the posterior knows at most so many, chosen likewise.
        steps: how many steps of Adam the fit takes.
        clip: losses above median + clip (median - least) count as that: what is far worse says
            nothing about where the best is.

    Raises:
        ValueError: for an option that can't be used.
    """
    whole(
        "gp",
        startup=(1 if startup is None else startup, 0),
        candidates=(candidates, 8),
        joint=(joint, 8),
        most_fitted=(most_fitted, 8),
        most_known=(most_known, 8),
        steps=(steps, 1),
    )
    reals("gp", prior_share=(prior_share, 1.0), clip=(clip, np.inf))
    first_model = _history.startup_default(layout) if startup is None else startup
    anywhere = max(1, round(prior_share * candidates))
    choose = _program(layout, _Options(anywhere, candidates - anywhere, joint, steps))
    block = min(BLOCK, room(candidates // 4, 1))

    def ask(state: History, first: int, pending: Array, n: int) -> Proposal:
        known = _known(state, first, most_known, most_fitted, clip)

        def chosen(key: Array, taken: np.ndarray, count: int, q: int) -> Array:
            return choose(key, known, taken, np.int32(count), n=q)

        return _history.proposed(
            layout, state, first, pending, n, startup=first_model, block=block, choose=chosen
        )

    return Sampler(
        init=functools.partial(_history.blank, layout),
        tell=_history.told,
        ask=ask,
        adaptive=True,
        size=layout.size if finite(layout) else None,
    )


class _Known(NamedTuple):
    """The trials that the posterior knows, in places that are a power of two.

    points [T, d]; values [T], standardised; count []: how many places are filled. fit [F]: which of
    them the constants are fitted to, the first fit_count [] of them. told [C, d] and told_count []:
    all that were told, for spaces that have an end.
    """

    points: Array
    values: Array
    count: Array
    fit: Array
    fit_count: Array
    told: Array
    told_count: Array


def _known(state: History, first: int, most: int, most_fitted: int, clip: float) -> _Known:
    """What the program is given of a history; which of many trials are left out depends on the key,
    on the history and on the number of the batch's first trial."""
    n = len(state.losses)
    words = np.asarray(jax.random.key_data(state.key)).tolist()
    rng = np.random.default_rng([*words, first, n])
    values = standardised(state.losses, clip)
    kept = _best_and_others(state.losses, most, rng)
    fit = _best_and_others(state.losses[kept], most_fitted, rng)
    places = _places(len(kept), most)
    found = (
        padded(state.points[kept], places),
        padded(values[kept], places),
        np.int32(len(kept)),
        padded(fit.astype(np.int32), min(places, room(most_fitted, SMALLEST_BLOCK))),
        np.int32(len(fit)),
        padded(state.points, room(n, places)),
        np.int32(n),
    )
    return _Known(*map(jnp.asarray, found))


def _places(n: int, most: int) -> int:
    """Room for n trials, of at most so many. The program is compiled for few sizes, as that takes
    seconds, and in small ones for little more than it needs, as its cost grows with the cube."""
    places = _FEW
    while places < n:
        places *= _GROWTH
    return min(places, room(most, SMALLEST_BLOCK))


def standardised(losses: np.ndarray, clip: float) -> np.ndarray:
    """float32 [n], of mean 0 and variance 1: clipped from above, what has no loss at the top.

    All zero if all are equal.
    """
    y = losses.astype(np.float64)
    sound = np.isfinite(y)
    if not sound.any():
        return np.zeros(len(y), np.float32)
    least, middle = y[sound].min(), np.median(y[sound])
    top = middle + clip * (middle - least) if middle > least else y[sound].max()
    y = np.where(sound, np.minimum(y, top), min(top, y[sound].max()))
    y -= y.mean()
    spread = y.std()
    # Differences in the last digits of the losses are no signal.
    if spread <= 1e-6 * max(abs(least), abs(top)) or spread == 0.0:
        return np.zeros(len(y), np.float32)
    return (y / spread).astype(np.float32)


def _best_and_others(losses: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """int [at most `most`], increasing: the best half and, of the others, some at random."""
    if len(losses) <= most:
        return np.arange(len(losses))
    order = np.argsort(losses, kind="stable")
    others = rng.choice(order[most // 2 :], most - most // 2, replace=False)
    return np.sort(np.concatenate([order[: most // 2], others]))


@functools.lru_cache(maxsize=64)
def _program(layout: Layout, options: _Options) -> Callable[..., Array]:
    """The jitted choice of a block; samplers of one layout share what was compiled."""
    return jax.jit(functools.partial(_chosen, layout, options), static_argnames="n")


def _chosen(
    layout: Layout,
    options: _Options,
    key: Array,
    known: _Known,
    taken: Array,
    taken_count: Array,
    *,
    n: int,
) -> Array:
    """float32 [n, d], the proposals of one block.

    Args:
        taken: [P, d], points that are in training or were chosen before, `taken_count` of them.
    """
    form = embedding(layout)
    pool_key, draw_key = jax.random.split(key)
    filled = jnp.arange(len(known.points)) < known.count
    at = embedded(layout, form, known.points)
    fit_filled = jnp.arange(len(known.fit)) < known.fit_count
    values = jnp.where(fit_filled, known.values[known.fit], 0.0)
    c = fitted(form, layout.d, at[known.fit], values, fit_filled, options.steps)
    noise = jnp.exp(c.noise) + LEAST_NOISE

    # Told trials come first, so that the factor of their covariance is a corner of the whole.
    lies = jnp.arange(len(taken)) < taken_count
    every = jnp.concatenate([at, embedded(layout, form, taken)])
    there = jnp.concatenate([filled, lies])
    factor = factored(masked(gram(form, c, every, every), there, noise))
    m = len(at)
    told_values = jnp.where(filled, known.values, 0.0)
    half = solve(factor[:m, :m], told_values[:, None])
    alpha = solve_back(factor[:m, :m], half)[:, 0]

    pool = _pool(layout, options, pool_key, known, filled, known.values - noise * alpha)
    where = embedded(layout, form, pool)
    cross = jnp.where(there[:, None], gram(form, c, every, where), 0.0)
    mean = jnp.matmul(cross[:m].T, alpha, precision=jax.lax.Precision.HIGHEST)
    part = solve(factor, cross)
    variance = jnp.maximum(jnp.exp(c.signal) - (part**2).sum(axis=0), 0.0)

    gone = among(pool, known.told, jnp.arange(len(known.told)) < known.told_count)
    gone |= among(pool, taken, lies)
    # The least of a draw lies almost surely where it may be low: only there draws are made.
    low = jnp.where(gone, -_TAKEN, jnp.nan_to_num(2.0 * jnp.sqrt(variance) - mean, nan=0.0))
    short = jax.lax.top_k(low, min(len(pool), max(options.joint, 2 * n)))[1]
    pool, where, mean, part, gone = (
        pool[short],
        where[short],
        mean[short],
        part[:, short],
        gone[short],
    )
    explained = jnp.matmul(part.T, part, precision=jax.lax.Precision.HIGHEST)
    spread = factored(gram(form, c, where, where) - explained, 1e-5)
    draws = jax.random.normal(draw_key, (len(pool), n))
    draws = mean[:, None] + jnp.matmul(spread, draws, precision=jax.lax.Precision.HIGHEST)

    def one(gone: Array, draw: Array) -> tuple[Array, Array]:
        mine = jnp.argmin(jnp.where(gone, _TAKEN, jnp.nan_to_num(draw, nan=_TAKEN / 2)))
        return gone | (pool == pool[mine][None]).all(axis=1), pool[mine]

    return jax.lax.scan(one, gone, draws.T)[1]


def _pool(
    layout: Layout, options: _Options, key: Array, known: _Known, filled: Array, mean: Array
) -> Array:
    """float32 [c, d], what is chosen from. The key is consumed.

    Args:
        mean: [T], what the posterior expects at the known points: the best by that, not by the loss
            as observed, are the centers.
    """
    if finite(layout) and (layout.size or 0) <= options.anywhere + options.near:
        return jnp.asarray(listed(layout))
    order = jnp.argsort(jnp.where(filled, mean, jnp.inf))[:CENTERS]
    rank = jnp.arange(CENTERS, dtype=jnp.float32)
    count = jnp.minimum(jnp.ceil(jnp.sqrt(known.count.astype(jnp.float32))), CENTERS)
    weight = jnp.where(rank < count, jnp.log(count + 1.0) - jnp.log(rank + 1.0), 0.0)
    return drawn(
        layout,
        key,
        known.points[order],
        weight,
        anywhere=options.anywhere,
        near=options.near,
    )
