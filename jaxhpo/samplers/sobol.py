"""Quasi-random search: the scrambled Sobol sequence, which leaves smaller gaps than chance does.

The sequence and its scrambling (Owen 1998; Matousek 1998) are SciPy's.
"""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.stats import qmc

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout


def sobol(layout: Layout) -> Sampler:
    """Points of one scrambled Sobol sequence. Point i is a function of the key and i alone."""

    def ask(key: Array, first: int, pending: Array, n: int) -> Proposal:
        return Proposal(sequence(layout, key, first, n), jnp.zeros(n, bool))

    return Sampler(
        init=lambda key: key,
        tell=lambda key, points, losses, valid: key,
        ask=ask,
        adaptive=False,
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
    return _snap(layout, jnp.asarray(points, jnp.float32))


_snap = jax.jit(Layout.snap, static_argnums=0)
