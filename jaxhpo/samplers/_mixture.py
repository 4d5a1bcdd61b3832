"""Mixtures of kernels over the unit cube, for `tpe`: density as one matrix product, and draws.

A kernel is a product over parameters: a normal truncated to [0, 1] for a number, a table for a
category. A parameter that was inactive in a kernel's trial is uniform in that kernel, so that
conditions need no model for each branch.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.cube import Kind, Layout

_NO_WEIGHT = -1e30


class Columns(NamedTuple):
    """What the layout says, in the form that the mixtures need."""

    numeric: np.ndarray  # int [dn], columns that are numbers
    category: np.ndarray  # int [dc], columns that are categories
    choices: np.ndarray  # int [dc], levels of each category
    real: np.ndarray  # bool [dc, K], which of the K = max(choices) places of a table are levels
    half_step: np.ndarray  # float [dn], half the widest gap between the levels of a grid, else 0


class Rows(NamedTuple):
    """Points [m, d], their levels [m, d], and which parameters are active, bool [m, d]."""

    points: Array
    level: Array
    on: Array

    def at(self, places: Array) -> Rows:
        """Some of the rows."""
        return Rows(self.points[places], self.level[places], self.on[places])


class Mixture(NamedTuple):
    """m kernels and one uniform prior kernel, which comes last.

    log_weight [m + 1], normalised. rows: where the m kernels sit. sigma [dn]: the bandwidth of each
    number. extra: what a table adds to the chance of every level before it is normalised.
    """

    log_weight: Array
    rows: Rows
    sigma: Array
    extra: Array


def columns(layout: Layout) -> Columns:
    """The layout's columns, sorted into numbers and categories."""
    is_category = np.array([kind is Kind.CATEGORY for kind in layout.kinds], bool)
    numeric, category = np.flatnonzero(~is_category), np.flatnonzero(is_category)
    choices = layout.levels[category]
    real = np.arange(choices.max(initial=0))[None] < choices[:, None]
    gaps = [np.diff(layout.positions[c]).max(initial=0.0) / 2 for c in numeric]
    return Columns(numeric, category, choices, real, np.array(gaps, np.float32))


def rows(layout: Layout, points: Array) -> Rows:
    """Points [m, d] with what the layout says of them."""
    return Rows(points, layout.level(points), layout.active(points))


def fitted(
    cols: Columns,
    at: Rows,
    weight: Array,
    *,
    bandwidth: float = 1.06,
    narrowest: float,
    prior_weight: float = 1.0,
) -> Mixture:
    """The mixture whose kernels sit at some points.

    Args:
        at: the m points.
        weight: [m], not negative; 0 for places that hold no trial.
        bandwidth: the factor of Scott's rule. narrowest: the least sigma there ever is.
        prior_weight: the weight of the prior kernel, and of the uniform part of a table.

    The bandwidth is Scott's rule for the effective number of kernels, with the variance shrunk
    towards that of the uniform distribution (1/12), which counts as one observation. Both see only
    the trials in which the parameter was active.
    """
    mean = at.points[:, cols.numeric]
    share = jnp.where(at.on[:, cols.numeric], weight[:, None], 0.0)
    total = share.sum(axis=0)
    share = share / jnp.maximum(total, 1e-12)[None]
    n_e = jnp.where(total > 0, 1.0 / jnp.maximum((share**2).sum(axis=0), 1e-12), 0.0)
    center = (share * mean).sum(axis=0)
    variance = (share * (mean - center[None]) ** 2).sum(axis=0)
    spread = jnp.sqrt((n_e * variance + 1.0 / 12.0) / (n_e + 1.0))
    rule = bandwidth * spread * jnp.maximum(n_e, 1.0) ** (-1.0 / (len(cols.numeric) + 4.0))
    count = (weight > 0).sum(dtype=jnp.float32)
    least = jnp.maximum(jnp.maximum(narrowest, 1.0 / (count + 2.0)), cols.half_step)
    every = jnp.concatenate([weight, jnp.full(1, prior_weight)])
    log_weight = jnp.where(every > 0, jnp.log(jnp.maximum(every, 1e-30)), _NO_WEIGHT)
    return Mixture(
        log_weight=log_weight - jnp.log(every.sum()),
        rows=at,
        sigma=jnp.clip(rule, least, 1.0),
        extra=prior_weight / (count + 1.0),
    )


def point_features(cols: Columns, at: Rows) -> Array:
    """float32 [c, F]: what a point shows to the kernels; their product is a log-density.

    Numbers are centred: smaller squares lose less to rounding. What is inactive shows nothing.
    """
    x = at.points[:, cols.numeric] - 0.5
    here = at.on[:, cols.numeric].astype(jnp.float32)
    hot = _one_hot(cols, at.level) * at.on[:, cols.category, None]
    flat = hot.reshape(hot.shape[0], cols.real.size)
    return jnp.concatenate([here * x**2, here * x, here, flat], axis=1)


def kernel_features(cols: Columns, mixture: Mixture, at: Rows) -> Array:
    """float32 [m, F], of kernels at some points, as wide as those of the mixture."""
    on, sigma = at.on[:, cols.numeric], mixture.sigma[None]
    low, high = _edges(cols, mixture, at)
    mu = at.points[:, cols.numeric] - 0.5
    a = jnp.where(on, 0.5 / sigma**2, 0.0)
    norm = jnp.where(on, jnp.log(sigma * np.float32(np.sqrt(2 * np.pi)) * (high - low)), 0.0)
    table = jnp.log(jnp.maximum(_tables(cols, mixture, at), 1e-30))
    flat = table.reshape(table.shape[0], cols.real.size)
    return jnp.concatenate([-a, 2 * a * mu, -a * mu**2 - norm, flat], axis=1)


def log_products(features: Array, kernels: Array) -> Array:
    """float32 [c, m], the log-density of every kernel, without its weight, at every point."""
    return jnp.matmul(features, kernels.T, precision=jax.lax.Precision.HIGHEST)


def log_density(cols: Columns, mixture: Mixture, at: Rows) -> Array:
    """float32 [c], the log-density of the mixture at every point."""
    kernels = kernel_features(cols, mixture, mixture.rows)
    logs = log_products(point_features(cols, at), kernels)
    # The uniform kernel: density 1 for a number, 1 / K for a category.
    chance = np.log(np.maximum(cols.choices, 1)).astype(np.float32)
    prior = -(at.on[:, cols.category] * chance[None]).sum(axis=1)
    every = jnp.concatenate([logs, prior[:, None]], axis=1) + mixture.log_weight[None]
    return jax.nn.logsumexp(every, axis=1)


def drawn(cols: Columns, mixture: Mixture, layout: Layout, key: Array, count: int) -> Array:
    """float32 [count, d], points drawn from the mixture and snapped. The key is consumed.

    A kernel is picked, then every coordinate is its inverse distribution at a uniform number: at
    the prior, and where the kernel's parameter was inactive, that is the number itself.
    """
    uniform = jax.random.uniform(key, (count, layout.d + 1))
    m = mixture.log_weight.shape[0] - 1
    heap = jnp.cumsum(jnp.exp(mixture.log_weight))
    which = jnp.sum(uniform[:, :1] * heap[-1] >= heap[None], axis=1)  # past the last: the prior
    at = mixture.rows.at(jnp.minimum(which, m - 1))
    points = uniform[:, 1:]
    kernel = at.on & (which < m)[:, None]

    low, high = _edges(cols, mixture, at)
    u = points[:, cols.numeric]
    z = jax.scipy.special.ndtri(low + u * (high - low))
    near = jnp.clip(at.points[:, cols.numeric] + mixture.sigma[None] * z, 0.0, 1.0)
    points = points.at[:, cols.numeric].set(jnp.where(kernel[:, cols.numeric], near, u))
    if len(cols.category):
        v = points[:, cols.category]
        heaps = jnp.cumsum(_tables(cols, mixture, at), axis=2)
        label = jnp.sum((v[:, :, None] >= heaps) & cols.real[None], axis=2)
        place = jnp.minimum(label + 0.5, cols.choices[None] - 0.5) / cols.choices[None]
        points = points.at[:, cols.category].set(jnp.where(kernel[:, cols.category], place, v))
    return layout.snap(points)


def _edges(cols: Columns, mixture: Mixture, at: Rows) -> tuple[Array, Array]:
    """float32 [m, dn] each: the distribution functions of the whole normals at 0 and at 1."""
    mean, sigma = at.points[:, cols.numeric], mixture.sigma[None]
    cdf = jax.scipy.special.ndtr
    return cdf(-mean / sigma), cdf((1.0 - mean) / sigma)


def _tables(cols: Columns, mixture: Mixture, at: Rows) -> Array:
    """float32 [m, dc, K], the chance of every level in every kernel; 0 in places past the last."""
    count = np.maximum(cols.choices, 1).astype(np.float32)
    all_of_it = 1.0 + mixture.extra * count
    chance = (_one_hot(cols, at.level) + mixture.extra) / all_of_it[None, :, None]
    chance = jnp.where(at.on[:, cols.category, None], chance, 1.0 / count[None, :, None])
    return chance * cols.real[None]


def _one_hot(cols: Columns, level: Array) -> Array:
    """float32 [m, dc, K]."""
    places = np.arange(cols.real.shape[1])
    return (level[:, cols.category, None] == places[None, None]).astype(jnp.float32)
