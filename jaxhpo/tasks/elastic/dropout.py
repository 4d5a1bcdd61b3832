"""Dropout whose rate may be a traced hyperparameter: one program for every rate, zero included.

flax's own Dropout looks at the rate while tracing, and so needs it as a Python number: a
compilation for every rate that is searched.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn


def dropout(key: jax.Array, rate: Any, x: jax.Array) -> jax.Array:
    """Zeroes each entry of `x` with probability `rate` and scales the others by 1 / (1 - rate).

    Srivastava et al. 2014, "Dropout", section 10 (the scaled form). The key is consumed.

    Args:
        rate: a number or scalar array in [0, 1]; to within 2^-32.
        x: any shape; the result has its shape and dtype.
    """
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    # A word in [0, 2^32) is kept if it lies below keep * 2^32; the conversion saturates at the top.
    limit = jnp.minimum(keep * 2.0**32, 2.0**32 - 256).astype(jnp.uint32)
    kept = (jax.random.bits(key, x.shape, jnp.uint32) < limit) | (keep >= 1.0)
    scale = jnp.where(keep > 0.0, 1.0 / jnp.maximum(keep, 1e-7), 0.0).astype(x.dtype)
    return jnp.where(kept, x * scale, jnp.zeros((), x.dtype))


class Dropout(nn.Module):
    """`dropout` as a flax linen layer. Draws from the "dropout" stream.

    Attributes:
        rate: a number or a traced scalar in [0, 1].
    """

    rate: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`x` with entries dropped while training, `x` itself otherwise."""
        return dropout(self.make_rng("dropout"), self.rate, x) if train else x
