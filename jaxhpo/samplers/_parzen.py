"""What `tpe` has in common with and without ratios for constraints: its numbers, the weights of
trials as kernels, and the choice of a block, one proposal after another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.samplers._mixture import (
    Columns,
    Mixture,
    Rows,
    fitted,
    kernel_features,
    log_products,
    point_features,
)

_TAKEN = -1e30


class Options(NamedTuple):
    """The numbers that `jaxhpo.samplers.tpe.tpe` takes, except for the start."""

    most_good: int = 25
    recent: int = 25
    candidates: int = 24
    bandwidth: float = 1.06
    narrowest: float = 0.01
    prior_weight: float = 1.0
    most_bad: int = 2048

    def fit(self, cols: Columns) -> Callable[[Rows, Array], Mixture]:
        """``(rows [m], weight [m]) -> Mixture`` of kernels on some points."""
        return functools.partial(
            fitted,
            cols,
            bandwidth=self.bandwidth,
            narrowest=self.narrowest,
            prior_weight=self.prior_weight,
        )


def by_rank(rank: Array, many: Array) -> Array:
    """float32 [m], weights ``ln(many + 1) - ln(rank + 1)`` of the `many` best, 0 for others.

    They are those with which CMA-ES recombines (Hansen and Ostermeier 2001; Hansen 2016,
    arXiv 1604.00772, table 1, with all of the good for the half that it takes).
    """
    weight = jnp.log(many + 1.0) - jnp.log(rank + 1.0)
    return jnp.where(rank < many, weight, 0.0)


def to_mean_one(weight: Array, many: Array) -> Array:
    """Weights of which `many` are not 0, 1 on average."""
    return weight * many / jnp.maximum(weight.sum(), 1e-12)


def forgotten(bad: Array, recent: int) -> Array:
    """float32 [m], weights of the bad trials, in the order of their numbers: 1 for the last
    `recent`, for older ones less, down to 1 / n (Bergstra, Yamins and Cox 2013); 0 for others."""
    bads, age = bad.sum(dtype=jnp.float32), ages(bad)
    least = 1.0 / jnp.maximum(bads, 1.0)
    steps = jnp.maximum(bads - recent - 1.0, 1.0)
    climb = least + (1.0 - least) * jnp.clip((bads - 1.0 - age) / steps, 0.0, 1.0)
    return jnp.where(bad, jnp.where(age < recent, 1.0, climb), 0.0)


def ages(bad: Array) -> Array:
    """float32 [m], how many bad trials came after each: 0 for the latest."""
    return bad.sum(dtype=jnp.float32) - jnp.cumsum(bad)


def one_by_one(
    cols: Columns,
    pool: Rows,
    bad: Mixture,
    gone: Array,
    mass: Array,
    worth: Callable[[Array, Array], Array],
    owner: Array,
    n: int,
) -> Array:
    """float32 [n, d], of the candidates: proposal j is the best of its own, and then a kernel of
    the bad mixture for those that follow.

    Args:
        pool: c candidates. bad: what they are in the bad mixture. gone: bool [c], which are not to
            be proposed. mass: float32 [c], the logarithm of the bad density, not normalised, so
            that a kernel is simply added.
        worth: ``(mass, j) -> float32 [c]``, what is best when it is highest.
        owner: int [c], whose candidate each is.
    """
    features, liars = point_features(cols, pool), kernel_features(cols, bad, pool)

    def one(carry: tuple[Array, Array], j: Array) -> tuple[tuple[Array, Array], Array]:
        gone, mass = carry
        value = jnp.where(gone, _TAKEN, worth(mass, j))
        own = jnp.where(owner == j, value, 2 * _TAKEN)
        mine = jnp.argmax(own)
        # If all of its own are taken, the best that is left of the others'.
        mine = jnp.where(own[mine] > _TAKEN / 2, mine, jnp.argmax(value))
        point = pool.points[mine]
        gone |= (pool.points == point[None]).all(axis=1)
        lie = log_products(features, liars[mine][None])[:, 0]
        return (gone, jnp.logaddexp(mass, lie)), point

    return jax.lax.scan(one, (gone, mass), jnp.arange(n))[1]
