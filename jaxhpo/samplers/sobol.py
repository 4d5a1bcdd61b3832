"""Quasi-random search: the scrambled Sobol sequence, which leaves smaller gaps than chance does.

The sequence and its scrambling (Owen 1998; Matousek 1998) are SciPy's. Its columns are not all good
together: among the first 16 points of six or more there are always two of which one lies in the
upper half exactly where the other does (or does not), among the first 32 of fifteen likewise, and
no scrambling changes that. A choice of two values would then seem to do whatever the other
parameter does. So every five columns are a sequence of their own, and sequences are put together in
random order, 16 points at a time: Latin supercube sampling (Owen 1998, "Latin supercube sampling
for very high-dimensional simulations", ACM TOMACS 8).
"""

from __future__ import annotations

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.stats import qmc

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.samplers._fresh import Distinct, finite, unlike
from jaxhpo.samplers._scan import measured_all, quasi_random
from jaxhpo.samplers._sizes import room

_TOGETHER = 5  # columns without such a pair among the first 16 points
_BLOCK = 16


def sobol(layout: Layout) -> Sampler:
    """Points of one scrambled Sobol sequence. Point i is a function of the key and i alone.

    In a finite space no configuration comes twice, until there are no more. In a branch that has no
    continuous parameter a point that is pending, or in the batch already, is drawn anew.
    """

    distinct = Distinct(layout)

    def ask(key: Array, first: int, pending: Array, n: int) -> Proposal:
        other_key = jax.random.fold_in(key, first)
        if finite(layout):
            draw = functools.partial(sequence, layout, key)
            return Proposal(distinct(draw, first, n, key), jnp.zeros(n, bool))
        points = unlike(layout, sequence(layout, key, first, n), pending, other_key)
        return Proposal(points, jnp.zeros(n, bool))

    return Sampler(
        init=lambda key: key,
        tell=lambda key, points, losses, valid: key,
        ask=ask,
        adaptive=False,
        size=layout.size if finite(layout) else None,
        search=functools.partial(
            measured_all, layout, design=functools.partial(quasi_random, layout)
        ),
    )


def sequence(layout: Layout, key: Array, first: int, n: int) -> Array:
    """float32 [n, d], snapped: points `first` to ``first + n - 1`` of the sequence that `key`
    scrambles."""
    words = np.asarray(jax.random.key_data(key)).tolist()
    if layout.d <= _TOGETHER:
        points = _scrambled(layout.d, words, first, n)
    else:
        groups = [min(_TOGETHER, layout.d - at) for at in range(0, layout.d, _TOGETHER)]
        points = np.hstack([_mixed(d, [*words, g], first, n) for g, d in enumerate(groups)])
    snapped = _snap(layout, np.pad(points.astype(np.float32), ((0, room(n) - n), (0, 0))))
    return snapped[:n]


def _scrambled(d: int, seed: list[int], first: int, n: int) -> np.ndarray:
    """[n, d], points `first` and on of a Sobol sequence."""
    with warnings.catch_warnings():
        # SciPy warns of lengths that are no power of two. A study can't choose its length so.
        warnings.simplefilter("ignore", UserWarning)
        engine = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed))
        if first:
            engine.fast_forward(first)
        return engine.random(n)


def _mixed(d: int, seed: list[int], first: int, n: int) -> np.ndarray:
    """The same, each block of so many points in an order of its own."""
    begin, end = first // _BLOCK, -(-(first + n) // _BLOCK)
    blocks = _scrambled(d, seed, begin * _BLOCK, (end - begin) * _BLOCK).reshape(-1, _BLOCK, d)
    orders = [np.random.default_rng([*seed, k]).permutation(_BLOCK) for k in range(begin, end)]
    points = np.concatenate([block[order] for block, order in zip(blocks, orders, strict=True)])
    return points[first - begin * _BLOCK :][:n]


_snap = jax.jit(Layout.snap, static_argnums=0)
