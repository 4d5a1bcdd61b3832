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

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.given import whole
from jaxhpo.samplers import _history, _ratios
from jaxhpo.samplers._fresh import among, finite
from jaxhpo.samplers._fronts import ordered
from jaxhpo.samplers._history import History
from jaxhpo.samplers._mixture import columns, drawn, log_density, rows
from jaxhpo.samplers._options import reals
from jaxhpo.samplers._parzen import Options, ages, by_rank, forgotten, one_by_one, to_mean_one
from jaxhpo.samplers._scan import searched
from jaxhpo.samplers._sizes import padded, room

BLOCK = 64  # proposals chosen by one program; the liar's cost grows with its square
LEAST = 1024  # places for a history: fewer cost as little, and would be compiled for besides


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
    constraints: str = "first",
) -> Sampler:
    """A tree-structured Parzen estimator.

    Trials without a loss count as worse than all others. What is pending, or was proposed before in
    the batch or (in a finite space) ever, is not proposed again while there is anything else.

    Args:
        startup: how many points of a scrambled Sobol sequence come first; by default twice the
            number of parameters, at least 10 and at most 24. The sequence goes on while nothing is
            known.
        most_good: the good trials are the best ``ceil(sqrt(n))``, at most so many (Watanabe 2023,
            section 3.1, "sqrt"; 25 as in Bergstra, Yamins and Cox 2013). Their weights fall with
            the logarithm of their rank, as those of CMA-ES (Hansen and Ostermeier 2001).
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
        constraints: ``"first"``, trials that keep them are better than those that do not; or
            ``"ratios"``, each constraint has densities of its own, which are multiplied (c-TPE:
            `jaxhpo.samplers._ratios`; with several objectives as ``"first"``).

    Raises:
        ValueError: for an option that can't be used.
    """
    whole(
        "tpe",
        startup=(1 if startup is None else startup, 0),
        most_good=(most_good, 1),
        recent=(recent, 1),
        candidates=(candidates, 1),
        most_bad=(most_bad, 1),
    )
    reals(
        "tpe",
        narrowest=(narrowest, 1.0),
        bandwidth=(bandwidth, np.inf),
        prior_weight=(prior_weight, np.inf),
    )
    if constraints not in ("first", "ratios"):
        raise ValueError(
            f"tpe(constraints=...) must be 'first' or 'ratios', got constraints={constraints!r}"
        )
    first_model = _history.startup_default(layout) if startup is None else startup
    options = Options(
        most_good=most_good,
        recent=recent,
        candidates=candidates,
        bandwidth=bandwidth,
        narrowest=narrowest,
        prior_weight=prior_weight,
        most_bad=most_bad,
    )
    choose, by_ratios = _program(layout, options), _by_ratios(layout, options)

    def ask(state: History, first: int, pending: Array, n: int) -> Proposal:
        places = room(len(state.losses), LEAST)
        count = np.int32(len(state.losses))
        losses, shares = padded(state.losses, places), None
        broken = None if state.violations is None else padded(state.violations, places)
        factors = constraints == "ratios" and broken is not None and losses.ndim == 1
        if not (state.single or factors):
            losses, shares = _judged(options, losses, broken, count)
        history = (padded(state.points, places), losses)

        def block_of(key: Array, taken: np.ndarray, taken_count: int, q: int) -> Array:
            if factors:
                return by_ratios(key, *history, broken, count, taken, np.int32(taken_count), n=q)
            given = (key, *history, count, taken, np.int32(taken_count))
            return choose(*given, shares=shares, n=q)

        return _history.proposed(
            layout, state, first, pending, n, startup=first_model, block=BLOCK, choose=block_of
        )

    search = functools.partial(
        searched,
        layout,
        startup=first_model,
        block=BLOCK,
        choose=functools.partial(chosen, layout, options),
    )
    return _history.learner(layout, ask, search=search, several=True)


@functools.lru_cache(maxsize=64)
def _program(layout: Layout, options: Options) -> Callable[..., Array]:
    """The jitted choice of a block; samplers of one layout share what was compiled."""
    return jax.jit(functools.partial(chosen, layout, options), static_argnames="n")


@functools.lru_cache(maxsize=64)
def _by_ratios(layout: Layout, options: Options) -> Callable[..., Array]:
    """The same where constraints are factors."""
    return jax.jit(functools.partial(_ratios.chosen, layout, options), static_argnames="n")


def chosen(
    layout: Layout,
    options: Options,
    key: Array,
    points: Array,
    losses: Array,
    count: Array,
    taken: Array,
    taken_count: Array,
    *,
    n: int,
    shares: Array | None = None,
) -> Array:
    """float32 [n, d], the proposals of one block.

    Args:
        points [C, d], losses [C]: the history, of which `count` places are filled.
        taken: [P, d], points that are not to be proposed, of which `taken_count` are filled.
        shares: [g], the weights of the good, where `judged` has given them; `losses` are then what
            it makes of several objectives and constraints.
    """
    cols = columns(layout)
    filled = jnp.arange(points.shape[0]) < count
    best, weight, ramp = _split(options, losses, filled, count, shares)
    fit = options.fit(cols)
    good = fit(rows(layout, points[best]), weight)

    # The kernels of the bad: the last part of the history, and what is not to be proposed again.
    window = min(points.shape[0], options.most_bad + options.most_good)
    begin = jnp.clip(count - window, 0, points.shape[0] - window)
    last = begin + jnp.arange(window)
    lies = jnp.arange(taken.shape[0]) < taken_count
    bad_rows = rows(layout, jnp.concatenate([points[last], taken]))
    bad_weight = jnp.concatenate([ramp[last], lies.astype(jnp.float32)])
    bad = fit(bad_rows, bad_weight)

    pool = rows(layout, drawn(cols, good, layout, key, n * options.candidates))
    score = log_density(cols, good, pool)
    # Not normalised: a liar adds its kernel, and what all are divided by changes no order.
    mass = log_density(cols, bad, pool) + jnp.log(bad_weight.sum() + options.prior_weight)
    gone = among(pool.points, taken, lies)
    if finite(layout):
        gone |= among(pool.points, points, filled)
    owner = jnp.arange(n * options.candidates) // options.candidates

    def worth(mass: Array, j: Array) -> Array:
        return score - mass

    return one_by_one(cols, pool, bad, gone, mass, worth, owner, n)


def judged(
    options: Options, losses: Array, violations: Array | None, count: Array
) -> tuple[Array, Array | None]:
    """Several objectives and constraints as one order: what `chosen` takes for losses.

    Args:
        losses: [C, k] or [C]. violations: [C, c] or None. The first `count` rows are filled.

    Returns:
        float32 [C], the place of each of the best, from 0; C for other trials that have losses,
        infinite for those that have none; float32 [g], the weights of the best as good ones, None
        for one objective: as ever.
    """
    table = losses if losses.ndim == 2 else losses[:, None]
    filled = jnp.arange(len(table)) < count
    sound = filled & jnp.isfinite(table).all(axis=1)
    places, fronts = ordered(table, violations, filled, options.most_good)
    rank = jnp.arange(len(places), dtype=jnp.float32)
    order = jnp.where(sound, jnp.float32(len(table)), jnp.inf)
    order = order.at[jnp.where(fronts >= 0, places, len(table))].set(rank, mode="drop")
    return order, None if table.shape[1] == 1 else 1.0 / jnp.maximum(1.0 + fronts, 1.0)


_judged = jax.jit(judged, static_argnums=0)


def _split(
    options: Options, losses: Array, filled: Array, count: Array, shares: Array | None = None
) -> tuple[Array, Array, Array]:
    """Who is good, and with which weight; the weight of each as a bad one.

    Returns:
        int [g], the places of the best; float32 [g], their weights, 0 beyond the good ones;
        float32 [C], the weights of the bad ones, 0 elsewhere.
    """
    sound = filled & jnp.isfinite(losses)
    root = jnp.ceil(jnp.sqrt(count.astype(jnp.float32))).astype(jnp.int32)
    goods = jnp.minimum(jnp.minimum(root, options.most_good), sound.sum(dtype=jnp.int32))
    # Of equal losses the earlier comes first; this costs less than to sort a long history.
    best = jax.lax.top_k(-jnp.where(sound, losses, jnp.inf), min(options.most_good, len(losses)))[1]
    rank = jnp.arange(len(best), dtype=jnp.float32)
    weight = by_rank(rank, goods) if shares is None else jnp.where(rank < goods, shares, 0.0)
    bad = filled & ~jnp.zeros(len(losses), bool).at[best].set(rank < goods)
    ramp = jnp.where(ages(bad) < options.most_bad, forgotten(bad, options.recent), 0.0)
    return best, to_mean_one(weight, goods), ramp
