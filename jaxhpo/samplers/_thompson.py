"""Batches by Thompson sampling from a Gaussian process, for `gp`: each proposal is where one draw
of the process, made jointly over candidates, is least."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.cube import Layout
from jaxhpo.samplers._candidates import candidates
from jaxhpo.samplers._every import listed
from jaxhpo.samplers._fresh import among, finite
from jaxhpo.samplers._kernel import Constants, embedding, factored, gram
from jaxhpo.samplers._posterior import Known, posterior

CENTERS = 25  # so many good points, at most, have candidates around them
_TAKEN = 1e30


class Pool(NamedTuple):
    """How many candidates there are: anywhere, near the best, and those that are drawn over."""

    anywhere: int
    near: int
    joint: int


def drawn(
    layout: Layout,
    sizes: Pool,
    key: Array,
    c: Constants,
    known: Known,
    taken: Array,
    taken_count: Array,
    *,
    n: int,
) -> Array:
    """float32 [n, d], the proposals of one block. Traceable; the key is consumed.

    Args:
        taken: [P, d], points that are in training or were chosen before, `taken_count` of them.
    """
    pool_key, draw_key = jax.random.split(key)
    found = posterior(layout, c, known, taken, taken_count)
    pool = pool_of(layout, sizes, pool_key, known, found.expected)
    where, mean, variance, part = found.at_points(layout, pool)

    gone = among(pool, known.told, jnp.arange(len(known.told)) < known.told_count)
    gone |= among(pool, taken, jnp.arange(len(taken)) < taken_count)
    # The least of a draw lies almost surely where it may be low: only there draws are made.
    low = jnp.where(gone, -_TAKEN, jnp.nan_to_num(2.0 * jnp.sqrt(variance) - mean, nan=0.0))
    short = jax.lax.top_k(low, min(len(pool), max(sizes.joint, 2 * n)))[1]
    pool, where, mean, part, gone = (
        pool[short],
        where[short],
        mean[short],
        part[:, short],
        gone[short],
    )
    explained = jnp.matmul(part.T, part, precision=jax.lax.Precision.HIGHEST)
    spread = factored(gram(embedding(layout), c, where, where) - explained, 1e-5)
    draws = jax.random.normal(draw_key, (len(pool), n))
    draws = mean[:, None] + jnp.matmul(spread, draws, precision=jax.lax.Precision.HIGHEST)

    def one(gone: Array, draw: Array) -> tuple[Array, Array]:
        mine = jnp.argmin(jnp.where(gone, _TAKEN, jnp.nan_to_num(draw, nan=_TAKEN / 2)))
        return gone | (pool == pool[mine][None]).all(axis=1), pool[mine]

    return jax.lax.scan(one, gone, draws.T)[1]


def pool_of(layout: Layout, sizes: Pool, key: Array, known: Known, expected: Array) -> Array:
    """float32 [c, d], what is chosen from. The key is consumed.

    Args:
        expected: [T], what the posterior expects at the known points, infinite in empty places: the
            best by that, not by the loss as observed, are the centers.
    """
    if finite(layout) and (layout.size or 0) <= sizes.anywhere + sizes.near:
        return jnp.asarray(listed(layout))
    order = jnp.argsort(expected)[:CENTERS]
    rank = jnp.arange(CENTERS, dtype=jnp.float32)
    count = jnp.minimum(jnp.ceil(jnp.sqrt(known.count.astype(jnp.float32))), CENTERS)
    weight = jnp.where(rank < count, jnp.log(count + 1.0) - jnp.log(rank + 1.0), 0.0)
    centers = known.points[order]
    return candidates(layout, key, centers, weight, anywhere=sizes.anywhere, near=sizes.near)
