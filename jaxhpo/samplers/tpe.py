"""The tree-structured Parzen estimator, proposing whole batches, in one jitted program.

Bergstra, Bardenet, Bengio and Kegl 2011, "Algorithms for Hyper-Parameter Optimization", section 4;
constants after Watanabe 2023, "Tree-Structured Parzen Estimator" (arXiv 2304.11127), and our own
ablation where it says so. Trials are split by loss into few good and many bad ones; a mixture of
kernels is put on each, and of some draws from the good the one is proposed whose ratio of the two
densities is largest. Where we deviate: a point once proposed joins the bad mixture before the next
is chosen (a constant liar, Ginsbourger, Le Riche and Carraro 2010, section 4.2), so that a batch
spreads out; and one joint mixture serves conditional spaces too (see `jaxhpo.samplers._mixture`).
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
from jaxhpo.samplers._fresh import among, finite, repaired
from jaxhpo.samplers._mixture import (
    Rows,
    columns,
    drawn,
    fitted,
    kernel_features,
    log_density,
    log_products,
    point_features,
    rows,
)
from jaxhpo.samplers.sobol import sequence

BLOCK = 64  # proposals chosen by one program; the liar's cost grows with its square
_SMALLEST_BLOCK = 16  # fewer proposals are the first of so many
_SMALLEST = 64  # places for the history, doubled whenever it is full
_TAKEN = -1e30


class _History(NamedTuple):
    key: Array
    points: np.ndarray  # float32 [n, d]
    losses: np.ndarray  # float32 [n], infinite where the trial has none


class _Options(NamedTuple):
    most_good: int = 25
    recent: int = 25
    candidates: int = 24
    bandwidth: float = 1.06
    narrowest: float = 0.01
    prior_weight: float = 1.0
    most_bad: int = 2048


def tpe(
    layout: Layout,
    *,
    startup: int | None = None,
    most_good: int = 25,
    recent: int = 25,
    candidates: int = 24,
    bandwidth: float = 1.06,
    narrowest: float = 0.01,
    prior_weight: float = 1.0,
    most_bad: int = 2048,
) -> Sampler:
    """A tree-structured Parzen estimator.

    Trials without a loss count as worse than all others. What is pending, or was proposed before in
    the batch or (in a finite space) ever, is not proposed again while there is anything else.

    Args:
        startup: how many points of a scrambled Sobol sequence come first; by default twice the
            number of parameters, at least 10 and at most 24. The sequence goes on while nothing is
            known.
        most_good: the good trials are the best ``ceil(sqrt(n))``, at most so many (Watanabe 2023,
            section 3.1, "sqrt"; 25 as in Bergstra, Yamins and Cox 2013).
        recent: the last so many bad trials have full weight, older ones less, down to 1 / n
            (Bergstra, Yamins and Cox 2013, "old trial forgetting").
        candidates: draws from the good mixture for each proposal (24 in both sources).
        bandwidth: the factor in the rule for the bandwidth (1.06: Silverman 1986, equation 3.28;
            the exponent for many parameters is Scott's, 1992).
        narrowest: the least bandwidth, as a share of a parameter's range (1/100 in both sources).
        prior_weight: the weight of the uniform kernel, where a trial's is 1 on average; in a
            category, of the uniform part of every kernel (1 in Bergstra, Yamins and Cox 2013).
        most_bad: only the last so many bad trials are kernels, so that the cost of a proposal does
            not grow with the history for ever.

    Raises:
        ValueError: for an option that can't be used.
    """
    _check(
        startup=(1 if startup is None else startup, 0),
        most_good=(most_good, 1),
        recent=(recent, 1),
        candidates=(candidates, 1),
        most_bad=(most_bad, 1),
    )
    _check_reals(
        narrowest=(narrowest, 1.0),
        bandwidth=(bandwidth, np.inf),
        prior_weight=(prior_weight, np.inf),
    )
    first_model = min(24, max(10, 2 * layout.d)) if startup is None else startup
    options = _Options(
        most_good=most_good,
        recent=recent,
        candidates=candidates,
        bandwidth=bandwidth,
        narrowest=narrowest,
        prior_weight=prior_weight,
        most_bad=most_bad,
    )
    choose = _program(layout, options)

    def init(key: Array) -> _History:
        return _History(key, np.zeros((0, layout.d), np.float32), np.zeros(0, np.float32))

    def tell(state: _History, points: Array, losses: Array, valid: Array) -> _History:
        new = np.asarray(losses, np.float32)
        new = np.where(np.asarray(valid) & np.isfinite(new), new, np.float32(np.inf))
        places = np.concatenate([state.points, np.asarray(points, np.float32)])
        return _History(state.key, places, np.concatenate([state.losses, new]))

    def ask(state: _History, first: int, pending: Array, n: int) -> Proposal:
        start_key, model_key = jax.random.split(state.key)
        waiting = np.asarray(pending, np.float32).reshape(len(pending), layout.d)
        knows = bool(np.isfinite(state.losses).any())
        early = max(0, min(n, first_model - first)) if knows else n
        found = np.zeros((n, layout.d), np.float32)
        if early:
            found[:early] = sequence(layout, start_key, first, early)
        key = jax.random.fold_in(model_key, first)
        history = _padded(state.points, state.losses)
        # All sizes are powers of two, the same for every block: few programs are ever compiled.
        places = _room(len(waiting) + n)
        block = min(BLOCK, _room(n, _SMALLEST_BLOCK))
        for begin in range(early, n, BLOCK):
            taken = np.zeros((places, layout.d), np.float32)
            count = len(waiting) + begin
            taken[:count] = np.concatenate([waiting, found[:begin]])
            chosen = choose(
                jax.random.fold_in(key, begin),
                *history,
                np.int32(len(state.losses)),
                taken,
                np.int32(count),
                n=block,
            )
            found[begin : begin + block] = np.asarray(chosen)[: n - begin]
        fresh_key = jax.random.fold_in(key, n)
        points, fresh = repaired(layout, found, state.points, waiting, fresh_key)
        model = (np.arange(n) >= early) & ~fresh
        return Proposal(jnp.asarray(points), jnp.asarray(model))

    size = layout.size if finite(layout) else None
    return Sampler(init=init, tell=tell, ask=ask, adaptive=True, size=size)


@functools.lru_cache(maxsize=64)
def _program(layout: Layout, options: _Options) -> Callable[..., Array]:
    """The jitted choice of a block; samplers of one layout share what was compiled."""
    return jax.jit(functools.partial(_chosen, layout, options), static_argnames="n")


def _room(n: int, least: int = _SMALLEST) -> int:
    """The next power of two: programs are compiled log n times."""
    return max(least, 1 << max(0, n - 1).bit_length())


def _padded(points: np.ndarray, losses: np.ndarray) -> tuple[Array, Array]:
    """The history, with zeros up to the next power of two."""
    more = _room(len(losses)) - len(losses)
    return jnp.asarray(np.pad(points, ((0, more), (0, 0)))), jnp.asarray(np.pad(losses, (0, more)))


def _chosen(
    layout: Layout,
    options: _Options,
    key: Array,
    points: Array,
    losses: Array,
    count: Array,
    taken: Array,
    taken_count: Array,
    *,
    n: int,
) -> Array:
    """float32 [n, d], the proposals of one block.

    Args:
        points [C, d], losses [C]: the history, of which `count` places are filled.
        taken: [P, d], points that are not to be proposed, of which `taken_count` are filled.
    """
    cols = columns(layout)
    filled = jnp.arange(points.shape[0]) < count
    told = rows(layout, points)
    best, weight, ramp = _split(options, losses, filled, count)
    fit = functools.partial(
        fitted,
        cols,
        bandwidth=options.bandwidth,
        narrowest=options.narrowest,
        prior_weight=options.prior_weight,
    )
    good = fit(told.at(best), weight)

    # The kernels of the bad: the last part of the history, and what is not to be proposed again.
    window = min(points.shape[0], options.most_bad + options.most_good)
    begin = jnp.clip(count - window, 0, points.shape[0] - window)
    last = begin + jnp.arange(window)
    lies = jnp.arange(taken.shape[0]) < taken_count
    pairs = zip(told.at(last), rows(layout, taken), strict=True)
    bad_rows = Rows(*(jnp.concatenate(pair) for pair in pairs))
    bad_weight = jnp.concatenate([ramp[last], lies.astype(jnp.float32)])
    bad = fit(bad_rows, bad_weight)

    pool = rows(layout, drawn(cols, good, layout, key, n * options.candidates))
    score = log_density(cols, good, pool)
    # Not normalised: a liar adds its kernel, and what all are divided by changes no order.
    mass = log_density(cols, bad, pool) + jnp.log(bad_weight.sum() + options.prior_weight)
    score = jnp.where(among(pool.points, taken, lies), _TAKEN, score)
    if finite(layout):
        score = jnp.where(among(pool.points, points, filled), _TAKEN, score)
    features, liars = point_features(cols, pool), kernel_features(cols, bad, pool)
    owner = jnp.arange(n * options.candidates) // options.candidates

    def one(carry: tuple[Array, Array], j: Array) -> tuple[tuple[Array, Array], Array]:
        score, mass = carry
        ratio = score - mass
        own = jnp.where(owner == j, ratio, 2 * _TAKEN)
        mine = jnp.argmax(own)
        # If all of its own are taken, the best that is left of the others'.
        mine = jnp.where(own[mine] > _TAKEN / 2, mine, jnp.argmax(ratio))
        point = pool.points[mine]
        score = jnp.where((pool.points == point[None]).all(axis=1), _TAKEN, score)
        lie = log_products(features, liars[mine][None])[:, 0]
        return (score, jnp.logaddexp(mass, lie)), point

    _, chosen = jax.lax.scan(one, (score, mass), jnp.arange(n))
    return chosen


def _split(
    options: _Options, losses: Array, filled: Array, count: Array
) -> tuple[Array, Array, Array]:
    """Who is good, and with which weight; the weight of each as a bad one.

    Returns:
        int [g], the places of the best; float32 [g], their weights, 0 beyond the good ones;
        float32 [C], the weights of the bad ones, 0 elsewhere.
    """
    sound = filled & jnp.isfinite(losses)
    root = jnp.ceil(jnp.sqrt(count.astype(jnp.float32))).astype(jnp.int32)
    goods = jnp.minimum(jnp.minimum(root, options.most_good), sound.sum(dtype=jnp.int32))
    best = jnp.argsort(jnp.where(sound, losses, jnp.inf), stable=True)[: options.most_good]
    rank = jnp.arange(len(best), dtype=jnp.float32)
    weight = jnp.where(rank < goods, jnp.log(goods + 1.0) - jnp.log(rank + 1.0), 0.0)
    weight = weight * goods / jnp.maximum(weight.sum(), 1e-12)

    bad = filled & ~jnp.zeros(len(losses), bool).at[best].set(rank < goods)
    bads = bad.sum(dtype=jnp.float32)
    age = bads - jnp.cumsum(bad)  # 0 for the latest
    least = 1.0 / jnp.maximum(bads, 1.0)
    steps = jnp.maximum(bads - options.recent - 1.0, 1.0)
    climb = least + (1.0 - least) * jnp.clip((bads - 1.0 - age) / steps, 0.0, 1.0)
    ramp = jnp.where(age < options.recent, 1.0, climb)
    return best, weight, jnp.where(bad & (age < options.most_bad), ramp, 0.0)


def _check(**given: tuple[int, int]) -> None:
    """Refuses what is not a whole number, or below the least; name to (value, least)."""
    for name, (value, least) in given.items():
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
            raise ValueError(
                f"tpe({name}=...) must be a whole number, at least {least}, got {name}={value!r}"
            )


def _check_reals(**given: tuple[float, float]) -> None:
    """Refuses what is not a number between 0 and a limit, both left out; name to (value, limit)."""
    for name, (value, limit) in given.items():
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not real or not 0 < value < limit:
            range_ = "in (0, 1)" if limit == 1 else "a finite number above 0"
            raise ValueError(f"tpe({name}=...) must be {range_}, got {name}={value!r}")
