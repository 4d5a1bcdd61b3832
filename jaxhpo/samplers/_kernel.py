"""Gaussian-process regression in float32, for `gp`: Matern 5/2 over numbers and categories, its
constants fitted to what is known, and posteriors that stay finite whatever they are given.

Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning": equation 4.17 (the kernel),
section 2.2 (the posterior), section 5.4.1 (the marginal likelihood and its gradient). A category
adds 1 / scale^2 to the squared distance where two points differ in it (Hamming distance), which is
the Euclidean distance of one-hot vectors, so that the kernel stays positive definite. A parameter
that is inactive is at one place (0.5, or the origin of the one-hot vectors).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.cube import Kind, Layout
from jaxhpo.samplers._linear import cholesky, inverted

LEAST_NOISE = 1e-5  # as a variance, where the values have variance 1; float32 needs so much
_START_NOISE = 1e-3
_RATE, _DECAY = 0.2, 0.97


class Embedding(NamedTuple):
    """How columns of the cube become dimensions in which distance is Euclidean."""

    numeric: np.ndarray  # int [dn], columns that are numbers
    category: np.ndarray  # int [dc], columns that are categories
    width: int  # K, the most levels of a category
    owner: np.ndarray  # int [D], the column that each dimension belongs to


def embedding(layout: Layout) -> Embedding:
    """The dimensions of a layout: the numbers, then K for each category."""
    is_category = np.array([kind is Kind.CATEGORY for kind in layout.kinds], bool)
    numeric, category = np.flatnonzero(~is_category), np.flatnonzero(is_category)
    width = int(layout.levels[category].max(initial=0))
    owner = np.concatenate([numeric, np.repeat(category, width)]).astype(np.int32)
    return Embedding(numeric, category, width, owner)


def embedded(layout: Layout, form: Embedding, points: Array) -> Array:
    """float32 [n, D], snapped points where distance is measured, centred for small squares."""
    numbers = points[:, form.numeric] - 0.5
    if not len(form.category):
        return numbers
    level = layout.level(points)[:, form.category]
    on = layout.active(points)[:, form.category]
    hot = (level[:, :, None] == np.arange(form.width)[None, None]) & on[:, :, None]
    flat = hot.reshape(hot.shape[0], -1).astype(jnp.float32)
    return jnp.concatenate([numbers, flat * np.float32(np.sqrt(0.5))], axis=1)


@jax.custom_jvp
def matern(squares: Array) -> Array:
    """Matern 5/2 of squared distances in units of the scale; differentiable at 0."""
    r = jnp.sqrt(5.0 * squares)
    return (1.0 + r + r**2 / 3.0) * jnp.exp(-r)


@matern.defjvp
def _matern_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (squares,), (change,) = primals, tangents
    r = jnp.sqrt(5.0 * squares)
    slope = -5.0 / 6.0 * (1.0 + r) * jnp.exp(-r)
    return (1.0 + r + r**2 / 3.0) * jnp.exp(-r), slope * change


class Constants(NamedTuple):
    """What is fitted, in logarithms: a scale for each column, variances of signal and noise."""

    scale: Array  # [d]
    signal: Array  # []
    noise: Array  # []


def gram(form: Embedding, c: Constants, a: Array, b: Array) -> Array:
    """float32 [n, m], covariances between embedded points [n, D] and [m, D]."""
    inverse = jnp.exp(-c.scale)[form.owner][None]
    a, b = a * inverse, b * inverse
    cross = jnp.matmul(a, b.T, precision=jax.lax.Precision.HIGHEST)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2.0 * cross
    return jnp.exp(c.signal) * matern(jnp.maximum(squares, 0.0))


def fitted(
    form: Embedding, d: int, at: Array, values: Array, known: Array, steps: int
) -> Constants:
    """The constants of highest posterior density, by Adam in logarithms from two starts.

    Priors, all log-normal: scales around sqrt(d) / 2 (distances grow so with the dimensions;
    Hvarfner, Hellsten and Nardi 2024, "Vanilla Bayesian Optimization Performs Great in High
    Dimensions"), signal around 1, noise around 1e-3.

    Args:
        at: [F, D], embedded. values: [F], of mean 0 and variance 1. known: bool [F].
    """
    middle = np.log(0.5 * np.sqrt(d))

    def prior(c: Constants) -> Array:
        scale = 0.5 * jnp.square((c.scale - middle) / 1.0).sum()
        signal = 0.5 * jnp.square(c.signal / 1.0)
        return scale + signal + 0.5 * jnp.square((c.noise - np.log(_START_NOISE)) / 2.5)

    def slope(c: Constants) -> tuple[Array, Constants]:
        """The negative log-posterior and its gradient, through the inverse and not the factor."""

        def covariance(c: Constants) -> Array:
            return masked(gram(form, c, at, at), known, jnp.exp(c.noise) + LEAST_NOISE)

        matrix, back = jax.vjp(covariance, c)
        half = inverted(matrix)  # of the lower factor
        inverse = jnp.matmul(half.T, half, precision=jax.lax.Precision.HIGHEST)
        alpha = jnp.matmul(inverse, values, precision=jax.lax.Precision.HIGHEST)
        loss, push = jax.value_and_grad(prior)(c)
        loss += 0.5 * jnp.dot(values, alpha) - jnp.log(jnp.diagonal(half)).sum()
        (pull,) = back(0.5 * (inverse - alpha[:, None] * alpha[None]))
        return loss, jax.tree.map(jnp.add, push, pull)

    def step(carry: tuple, i: Array) -> tuple[tuple, None]:
        now, first, second, best, least = carry
        loss, change = slope(now)
        better = loss < least  # False for a NaN
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), now, best)
        least = jnp.where(better, loss, least)
        change = jax.tree.map(lambda g: jnp.clip(jnp.nan_to_num(g), -1e3, 1e3), change)
        first = jax.tree.map(lambda m, g: 0.8 * m + 0.2 * g, first, change)
        second = jax.tree.map(lambda v, g: 0.95 * v + 0.05 * g**2, second, change)
        t = i.astype(jnp.float32) + 1.0
        rate = _RATE * _DECAY ** i.astype(jnp.float32)

        def moved(x: Array, m: Array, v: Array) -> Array:
            size = jnp.sqrt(v / (1.0 - 0.95**t)) + 1e-6
            return jnp.clip(x - rate * m / (1.0 - 0.8**t) / size, -12.0, 8.0)

        return (jax.tree.map(moved, now, first, second), first, second, best, least), None

    def from_one(scale: Array, noise: Array) -> tuple[Constants, Array]:
        c = Constants(jnp.full(d, scale), jnp.zeros(()), noise)
        zero = jax.tree.map(jnp.zeros_like, c)
        begin = (c, zero, zero, c, jnp.asarray(jnp.inf))
        (_, _, _, best, least), _ = jax.lax.scan(step, begin, jnp.arange(steps))
        return best, least

    # Short scales and much noise can explain the same values: both are tried.
    scales = jnp.asarray([middle - 0.5, middle], jnp.float32)
    noises = jnp.log(jnp.asarray([_START_NOISE, 0.3], jnp.float32))
    found, losses = jax.vmap(from_one)(scales, noises)
    return jax.tree.map(lambda x: x[jnp.argmin(losses)], found)


def masked(covariance: Array, known: Array, noise: Array | float) -> Array:
    """[n, n] with noise on its diagonal, where what is not known is independent, of variance 1."""
    both = known[:, None] & known[None]
    return jnp.where(both, covariance, 0.0) + jnp.diag(jnp.where(known, noise, 1.0))


def factored(matrix: Array, least: float = 1e-6) -> Array:
    """The lower Cholesky factor of a positive matrix; as much as need be is added to the diagonal,
    tenfold more each time."""
    return _steady(cholesky, matrix, least)


def inverse_factored(matrix: Array, least: float = 1e-6) -> Array:
    """The inverse of that factor."""
    return _steady(inverted, matrix, least)


def _steady(of: Callable[[Array], Array], matrix: Array, least: float) -> Array:
    size = jnp.diagonal(matrix).mean()
    eye = jnp.eye(len(matrix), dtype=matrix.dtype)

    def spoilt(carry: tuple[Array, Array]) -> Array:
        return ~jnp.isfinite(carry[0]).all() & (carry[1] < 10.0)

    def more(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        jitter = carry[1] * 10.0
        return of(matrix + jitter * size * eye), jitter

    # The first try is one of the loop too: so it is compiled once.
    begin = jnp.full_like(matrix, jnp.nan), jnp.asarray(least / 10.0, matrix.dtype)
    return jax.lax.while_loop(spoilt, more, begin)[0]
