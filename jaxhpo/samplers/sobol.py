"""Quasi-random search: the scrambled Sobol sequence, which leaves smaller gaps than chance does.

The sequence and its scrambling (Owen 1998; Matousek 1998) are SciPy's.
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
from jaxhpo.samplers._fresh import distinct, finite, unlike
from jaxhpo.samplers._scan import measured_all, quasi_random
from jaxhpo.samplers._sizes import room


def sobol(layout: Layout) -> Sampler:
    """Points of one scrambled Sobol sequence. Point i is a function of the key and i alone.

    In a finite space no configuration comes twice, until there are no more. In a branch that has no
    continuous parameter a point that is pending, or in the batch already, is drawn anew.
    """

    def ask(key: Array, first: int, pending: Array, n: int) -> Proposal:
        other_key = jax.random.fold_in(key, first)
        if finite(layout):
            draw = functools.partial(sequence, layout, key, 0)
            return Proposal(distinct(layout, draw, first, n, key), jnp.zeros(n, bool))
        points = unlike(layout, sequence(layout, key, first, n), pending, other_key)
        return Proposal(points, jnp.zeros(n, bool))

    return Sampler(
        init=lambda key: key,
        tell=lambda key, points, losses, valid: key,
        ask=ask,
        adaptive=False,
        size=layout.size if finite(layout) else None,
        search=functools.partial(measured_all, design=functools.partial(quasi_random, layout)),
    )


def sequence(layout: Layout, key: Array, first: int, n: int) -> Array:
    """float32 [n, d], snapped: points `first` to ``first + n - 1`` of the sequence that `key`
    scrambles."""
    words = np.asarray(jax.random.key_data(key)).tolist()
    with warnings.catch_warnings():
        # SciPy warns of lengths that are no power of two. A study can't choose its length so.
        warnings.simplefilter("ignore", UserWarning)
        engine = qmc.Sobol(layout.d, scramble=True, rng=np.random.default_rng(words))
        if first:
            engine.fast_forward(first)
        points = engine.random(n)
    snapped = _snap(layout, np.pad(points.astype(np.float32), ((0, room(n) - n), (0, 0))))
    return snapped[:n]


_snap = jax.jit(Layout.snap, static_argnums=0)
