"""What a Gaussian process expects, from trials with losses and from points in training, for `gp`.

Points in training are taken for known, at what is expected of them, which makes the process certain
there and changes no mean (Ginsbourger, Le Riche and Carraro 2010, "kriging believer").
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.cube import Layout
from jaxhpo.samplers._kernel import (
    LEAST_NOISE,
    Constants,
    embedded,
    embedding,
    gram,
    inverse_factored,
    masked,
)


class Known(NamedTuple):
    """The trials that the posterior knows, in places that are a power of two.

    points [T, d]; values [T], standardised; count []: how many places are filled. told [C, d] and
    told_count []: all that is not to be proposed again.
    """

    points: Array
    values: Array
    count: Array
    told: Array
    told_count: Array


class Posterior(NamedTuple):
    """Traced; made by `posterior`.

    at [T + P, D]: the trials and then the points in training, embedded; there: bool [T + P], which
    places are filled. inverse [T + P, T + P]: of the lower factor of their covariance. alpha [T]:
    the covariance's inverse times the values. expected [T]: the mean at the trials, infinite where
    a place is empty.
    """

    constants: Constants
    at: Array
    there: Array
    inverse: Array
    alpha: Array
    expected: Array

    def at_points(self, layout: Layout, points: Array) -> tuple[Array, Array, Array, Array]:
        """The points embedded [n, D], their mean [n] and variance [n], and the part [T + P, n]
        whose products with itself are what is explained of their covariance."""
        form = embedding(layout)
        where = embedded(layout, form, points)
        cross = jnp.where(self.there[:, None], gram(form, self.constants, self.at, where), 0.0)
        mean = _product(self.alpha[None], cross[: len(self.alpha)])[0]
        part = _product(self.inverse, cross)
        variance = jnp.exp(self.constants.signal) - (part**2).sum(axis=0)
        return where, mean, jnp.maximum(variance, 0.0), part


def posterior(
    layout: Layout, c: Constants, known: Known, taken: Array, taken_count: Array
) -> Posterior:
    """The posterior, where `taken` [P, d] are points in training, `taken_count` of them."""
    form = embedding(layout)
    filled = jnp.arange(len(known.points)) < known.count
    every = jnp.concatenate([known.points, taken])
    at = embedded(layout, form, every)
    there = jnp.concatenate([filled, jnp.arange(len(taken)) < taken_count])
    noise = jnp.exp(c.noise) + LEAST_NOISE
    inverse = inverse_factored(masked(gram(form, c, at, at), there, noise))
    # Trials come first, so that the factor of their covariance is a corner of the whole.
    m = len(known.points)
    corner, values = inverse[:m, :m], jnp.where(filled, known.values, 0.0)
    alpha = _product(corner.T, _product(corner, values[:, None]))[:, 0]
    expected = jnp.where(filled, known.values - noise * alpha, jnp.inf)
    return Posterior(c, at, there, inverse, alpha, expected)


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)
