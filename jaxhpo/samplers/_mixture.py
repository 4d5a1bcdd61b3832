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
    """What the layout says, in the form the mixtures need."""

    numeric: np.ndarray  # int [dn], columns that are numbers
    category: np.ndarray  # int [dc], columns that are categories
    choices: np.ndarray  # int [dc], levels of each category
    half_step: np.ndarray  # float [dn], half the widest gap between the levels of a grid, else 0


class Mixture(NamedTuple):
    """m kernels and one uniform prior kernel, which comes last.

    log_weight [m + 1], normalised. mean, sigma [m, dn]. table [m, dc, K]: log-probabilities.
    on [m, d]: whether the parameter was active in the kernel's trial.
    """

    log_weight: Array
    mean: Array
    sigma: Array
    table: Array
    on: Array


def columns(layout: Layout) -> Columns:
    """The layout's columns, sorted into numbers and categories."""
    is_category = np.array([kind is Kind.CATEGORY for kind in layout.kinds], bool)
    numeric, category = np.flatnonzero(~is_category), np.flatnonzero(is_category)
    gaps = [np.diff(layout.positions[c]).max(initial=0.0) / 2 for c in numeric]
    return Columns(numeric, category, layout.levels[category], np.array(gaps, np.float32))


def fitted(
    cols: Columns, points: Array, level: Array, on: Array, weight: Array, *, narrowest: float
) -> Mixture:
    """The mixture whose kernels sit at some points.

    Args:
        points [m, d], level int [m, d], on bool [m, d]: the kernels' trials.
        weight: [m], not negative; 0 for places that hold no trial. The prior has weight 1.
        narrowest: the least sigma there ever is.

    The bandwidth is Scott's rule for the effective number of kernels, with the variance shrunk
    towards that of the uniform distribution (1/12), which counts as one observation.
    """
    mean, live = points[:, cols.numeric], (weight > 0)[:, None] & on
    share = jnp.where(live, weight[:, None], 0.0)
    total = share.sum(axis=0)
    share = share / jnp.maximum(total, 1e-12)[None]
    effective = jnp.where(total > 0, 1.0 / jnp.maximum((share**2).sum(axis=0), 1e-12), 0.0)
    sub = share[:, cols.numeric]
    center = (sub * mean).sum(axis=0)
    variance = (sub * (mean - center[None]) ** 2).sum(axis=0)
    n_e = effective[cols.numeric]
    spread = jnp.sqrt((n_e * variance + 1.0 / 12.0) / (n_e + 1.0))
    rule = 1.06 * spread * jnp.maximum(n_e, 1.0) ** (-1.0 / (len(cols.numeric) + 4.0))
    count = (weight > 0).sum().astype(jnp.float32)
    least = jnp.maximum(jnp.maximum(narrowest, 1.0 / (count + 2.0)), cols.half_step)
    sigma = jnp.broadcast_to(jnp.clip(rule, least, 1.0)[None], mean.shape)
    most = int(cols.choices.max(initial=1))
    extra = 1.0 / (count + 1.0)
    hot = (level[:, cols.category, None] == jnp.arange(most)[None, None]).astype(jnp.float32)
    real = (np.arange(most)[None] < cols.choices[:, None]).astype(np.float32)
    all_of_it = 1.0 + extra * cols.choices.astype(np.float32)
    chance = (hot + extra) * real[None] / all_of_it[None, :, None]
    flat = (real / np.maximum(cols.choices[:, None], 1))[None]
    chance = jnp.where(on[:, cols.category, None], chance, flat)
    table = jnp.where(real[None] > 0, jnp.log(jnp.maximum(chance, 1e-30)), _NO_WEIGHT)
    every = jnp.concatenate([weight, jnp.ones(1)])
    log_weight = jnp.where(every > 0, jnp.log(jnp.maximum(every, 1e-30)), _NO_WEIGHT)
    log_weight = log_weight - jax.nn.logsumexp(log_weight)
    return Mixture(log_weight, mean, sigma, table, on)


def kernel_logs(cols: Columns, mixture: Mixture, points: Array, level: Array, on: Array) -> Array:
    """float32 [c, m], the log-density of every kernel (without its weight) at every point.

    A parameter that is inactive at a point says nothing about it. Everything is one product of
    [c, F] features of the points, (x^2, x, 1, one-hot), and [m, F] features of the kernels.
    """
    x = points[:, cols.numeric] - 0.5  # centred: smaller squares, less rounding
    mu = mixture.mean - 0.5
    on_kernel = mixture.on[:, cols.numeric]
    a = jnp.where(on_kernel, 0.5 / mixture.sigma**2, 0.0)
    inside = jax.scipy.special.ndtr((0.5 - mu) / mixture.sigma) - jax.scipy.special.ndtr(
        (-0.5 - mu) / mixture.sigma
    )
    norm = jnp.log(mixture.sigma * jnp.sqrt(2 * jnp.pi) * jnp.maximum(inside, 1e-12))
    norm = jnp.where(on_kernel, norm, 0.0)
    kernels = [-a, 2 * a * mu, -a * mu**2 - norm, mixture.table.reshape(mixture.table.shape[0], -1)]
    here = on[:, cols.numeric].astype(jnp.float32)
    most = mixture.table.shape[2]
    hot = (level[:, cols.category, None] == jnp.arange(most)[None, None]).astype(jnp.float32)
    hot = hot * on[:, cols.category, None]
    features = [here * x**2, here * x, here, hot.reshape(hot.shape[0], -1)]
    return jnp.matmul(
        jnp.concatenate(features, axis=1),
        jnp.concatenate(kernels, axis=1).T,
        precision=jax.lax.Precision.HIGHEST,
    )


def prior_log(cols: Columns, on: Array) -> Array:
    """float32 [c], the log-density of the uniform kernel: 1 for numbers, 1 / K for categories."""
    chance = np.log(np.maximum(cols.choices, 1)).astype(np.float32)
    return -(on[:, cols.category] * chance[None]).sum(axis=1)


def log_density(cols: Columns, mixture: Mixture, points: Array, level: Array, on: Array) -> Array:
    """float32 [c], the log-density of the mixture at every point."""
    logs = kernel_logs(cols, mixture, points, level, on)
    every = jnp.concatenate([logs, prior_log(cols, on)[:, None]], axis=1)
    return jax.nn.logsumexp(every + mixture.log_weight[None], axis=1)


def drawn(cols: Columns, mixture: Mixture, layout: Layout, key: Array, count: int) -> Array:
    """float32 [count, d], points drawn from the mixture and snapped. The key is consumed."""
    pick, numbers, labels, uniform = jax.random.split(key, 4)
    which = jax.random.categorical(pick, mixture.log_weight, shape=(count,))
    prior = which == mixture.mean.shape[0]
    which = jnp.minimum(which, mixture.mean.shape[0] - 1)
    points = jax.random.uniform(uniform, (count, layout.d))
    from_kernel = ~prior[:, None] & mixture.on[which]
    mean, sigma = mixture.mean[which], mixture.sigma[which]
    z = jax.random.truncated_normal(numbers, -mean / sigma, (1.0 - mean) / sigma)
    near = jnp.clip(mean + sigma * z, 0.0, 1.0)
    points = points.at[:, cols.numeric].set(
        jnp.where(from_kernel[:, cols.numeric], near, points[:, cols.numeric])
    )
    if len(cols.category):
        label = jax.random.categorical(labels, mixture.table[which], axis=2)
        place = (label + 0.5) / cols.choices.astype(np.float32)[None]
        points = points.at[:, cols.category].set(
            jnp.where(from_kernel[:, cols.category], place, points[:, cols.category])
        )
    return layout.snap(points)
