"""Bayesian optimisation with a Gaussian process: one proposal by expected improvement, a batch by
Thompson sampling.

In a batch each proposal minimises its own draw of what the objective may look like (Thompson 1933;
Kandasamy, Krishnamurthy, Schneider and Poczos 2018, "Parallelised Bayesian Optimisation via
Thompson Sampling"; jointly over candidates as in Eriksson et al. 2019, "Scalable Global
Optimization via Local Bayesian Optimization", section 3). So a batch spreads out by itself. A batch
of one need not: it is the point of highest expected improvement (`jaxhpo.samplers._improve`).
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
from jaxhpo.samplers import _gp_search, _history
from jaxhpo.samplers._history import History
from jaxhpo.samplers._improve import improving
from jaxhpo.samplers._kernel import Constants, embedded, embedding, fitted
from jaxhpo.samplers._known import Remembered, best_and_others, known, standardised
from jaxhpo.samplers._options import reals
from jaxhpo.samplers._posterior import Known
from jaxhpo.samplers._scan import Model, searched
from jaxhpo.samplers._sizes import SMALLEST_BLOCK, padded, room
from jaxhpo.samplers._thompson import Pool, drawn, pool_of

BLOCK = 256  # draws made together
_FEW, _FEW_ALONE = 512, 256  # places for trials to begin with, in batches and alone
_FITTED_ALONE = 128  # a proposal alone costs less than a fit to more than that
_TAKEN_ALONE = 16  # places for what is in training


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
    alone: str = "improvement",
) -> Sampler:
    """Bayesian optimisation with a Gaussian process.

    Trials without a loss count as bad as the worst. What was told or is pending is not proposed
    again while there is anything else.

    Args:
        startup: how many points of a scrambled Sobol sequence come first; by default twice the
            number of parameters, at least 10 and at most 24. The sequence goes on while nothing is
            known.
        candidates: how many points there are to choose from; half as many for a proposal alone,
            which is improved on afterwards.
        joint: over how many of them draws are made: those with the lowest bounds, two standard
            deviations below what is expected. (At least twice as many as there are draws.)
        prior_share: the share of them that is uniform; the others lie around the best.
        most_fitted: the kernel's constants are fitted to at most so many trials, the best half of
            them and others at random; to at most 128 where proposals come alone.
        most_known: the posterior knows at most so many, chosen likewise.
        steps: how many steps of Adam the fit takes.
        clip: losses above median + clip (median - least) count as that: what is far worse says
            nothing about where the best is.
        alone: what a proposal is that is asked for alone: ``"improvement"``, the point of highest
            expected improvement, or ``"draw"``, as in a batch.

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
    if alone not in ("improvement", "draw"):
        raise ValueError(f"gp(alone=...) must be 'improvement' or 'draw', got alone={alone!r}")
    first_model = _history.startup_default(layout) if startup is None else startup
    block = min(BLOCK, room(candidates // 4, 1))
    drawn_from = _pool(candidates, prior_share, joint)
    improved_from = _pool(max(8, candidates // 2), prior_share, joint)
    fit, draw = _fit(layout, steps), _draw(layout, drawn_from)
    improve = _improve(layout, improved_from)
    remembered = Remembered()

    def constants(state: History, words: list[int], n: int, most: int) -> Constants:
        """Of the first n trials, fitted to at most so many of them."""

        def made() -> Constants:
            kept = best_and_others(state.losses[:n], most, np.random.default_rng([*words, n, 1]))
            values = standardised(state.losses[:n], clip)[kept]
            places = room(most, SMALLEST_BLOCK)
            return fit(padded(state.points[kept], places), padded(values, places), len(kept))

        name = (tuple(words), most, state.points[:n].tobytes(), state.losses[:n].tobytes())
        return remembered.of(name, made)

    def ask(state: History, first: int, pending: Array, n: int) -> Proposal:
        by_itself, improves = n == 1, n == 1 and alone == "improvement"
        words = np.asarray(jax.random.key_data(state.key)).tolist()
        told = len(state.losses)
        fitted_to, most = told, most_fitted
        if by_itself:
            fitted_to, most = refitted(told), min(most_fitted, _FITTED_ALONE)

        def chosen(key: Array, taken: np.ndarray, count: int, q: int) -> Array:
            few = _FEW_ALONE if by_itself else _FEW
            given = known(state, [*words, first, told], clip=clip, most=most_known, few=few)
            c = constants(state, words, fitted_to, most)
            if improves:
                places = _TAKEN_ALONE if count <= _TAKEN_ALONE else len(taken)
                return improve(key, c, given, taken[:places], np.int32(count))
            return draw(key, c, given, taken, np.int32(count), n=q)

        return _history.proposed(
            layout, state, first, pending, n, startup=first_model, block=block, choose=chosen
        )

    def search(
        loss: Callable[[Array, Array], Array],
        key: Array,
        *,
        trials: int,
        batch: int,
        other: tuple[int, Callable[..., Array]] | None = None,
    ) -> tuple[Array, Array]:
        improves = batch == 1 and alone == "improvement"
        most = min(most_fitted, _FITTED_ALONE) if batch == 1 else most_fitted
        choose = functools.partial(
            _gp_search.chosen,
            layout,
            drawn_from,
            improved_from if improves else None,
            most_known,
            clip,
        )
        return searched(
            layout,
            loss,
            key,
            trials=trials,
            batch=batch,
            startup=first_model,
            block=block,
            choose=choose if other is None else _gp_search.in_turns(*other, choose),
            model=Model(_gp_search.learnt(layout, steps, most, clip), _refitted_traced),
        )

    return _history.learner(layout, ask, search=search)


def refitted(n: int) -> int:
    """How many of n trials the constants are fitted to where proposals come one by one: 8 times
    in every doubling, so that which trials they are depends on n alone."""
    step = 1 << max(0, n.bit_length() - 4)
    return n - n % step


def _refitted_traced(n: Array) -> Array:
    """The same of a traced number."""
    doublings = 31 - jax.lax.clz(jnp.maximum(n, 1))
    step = jnp.left_shift(1, jnp.maximum(doublings - 3, 0))
    return n - n % step


def _pool(candidates: int, prior_share: float, joint: int) -> Pool:
    anywhere = max(1, round(prior_share * candidates))
    return Pool(anywhere, candidates - anywhere, joint)


# Samplers of one layout share what was compiled.


@functools.lru_cache(maxsize=64)
def _fit(layout: Layout, steps: int) -> Callable[..., Constants]:
    """``(points [F, d], values [F], count) -> Constants``, jitted."""
    form = embedding(layout)

    def fit(points: Array, values: Array, count: Array) -> Constants:
        at, filled = embedded(layout, form, points), jnp.arange(len(points)) < count
        return fitted(form, layout.d, at, jnp.where(filled, values, 0.0), filled, steps)

    return jax.jit(fit)


@functools.lru_cache(maxsize=64)
def _draw(layout: Layout, sizes: Pool) -> Callable[..., Array]:
    """The jitted choice of a block."""
    return jax.jit(functools.partial(drawn, layout, sizes), static_argnames="n")


@functools.lru_cache(maxsize=64)
def _improve(layout: Layout, sizes: Pool) -> Callable[..., Array]:
    """The jitted choice of one point."""

    def improve(key: Array, c: Constants, given: Known, taken: Array, taken_count: Array) -> Array:
        def pool(key: Array, expected: Array) -> Array:
            return pool_of(layout, sizes, key, given, expected)

        return improving(layout, key, c, given, taken, taken_count, pool)

    return jax.jit(improve)
