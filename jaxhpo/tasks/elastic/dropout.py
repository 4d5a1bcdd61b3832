"""Dropout whose rate may be a traced hyperparameter: one program for every rate, zero included.

flax's own Dropout looks at the rate while tracing, and so needs it as a Python number: a
compilation for every rate that is searched. `Dropout` is for linen, `NnxDropout` for nnx.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import nnx

from jaxhpo.option import number
from jaxhpo.random_bits import table_bits
from jaxhpo.tasks.elastic.padded import Columns, Padded, array


def dropout(key: jax.Array, rate: Any, x: jax.Array) -> jax.Array:
    """Zeroes each entry of `x` with probability `rate` and scales the others by 1 / (1 - rate).

    Srivastava et al. 2014, "Dropout", section 10 (the scaled form). The key is consumed.

    Args:
        rate: a number or scalar array in [0, 1]; to within 2^-32.
        x: any shape; the result has its shape and dtype.
    """
    return _dropped(jax.random.bits(key, x.shape, jnp.uint32), rate, x)


def dropout_rows(key: jax.Array, rate: Any, x: jax.Array) -> jax.Array:
    """`dropout` in which an entry's fate depends on the key, its row and its column alone.

    An array that is padded, in its columns or in its rows, loses the same entries as one that is
    not. The key is consumed.

    Args:
        rate: as in `dropout`.
        x: [..., columns]; a row is all but the last axis, counted in order.
    """
    if x.ndim < 2:
        return dropout(key, rate, x)
    return _dropped(table_bits(key, x.shape), rate, x)


def _dropped(words: jax.Array, rate: Any, x: jax.Array) -> jax.Array:
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    # A word in [0, 2^32) is kept if it lies below keep * 2^32; the conversion saturates at the top.
    limit = jnp.minimum(keep * 2.0**32, 2.0**32 - 256).astype(jnp.uint32)
    kept = (words < limit) | (keep >= 1.0)
    scale = jnp.where(keep > 0.0, 1.0 / jnp.maximum(keep, 1e-7), 0.0).astype(x.dtype)
    return jnp.where(kept, x * scale, jnp.zeros((), x.dtype))


class Dropout(nn.Module):
    """`dropout_rows` as a flax linen layer. Draws from the "dropout" stream.

    Attributes:
        rate: a number, an `Option` of numbers, or a traced scalar, in [0, 1].
    """

    rate: Any

    @nn.compact
    def __call__(self, x: Columns, *, train: bool) -> Any:
        """`x` with entries dropped while training, `x` itself otherwise."""
        if not train:
            return x
        key, rate = self.make_rng("dropout"), number(self.rate)
        dropped = dropout_rows(key, rate, array(x))  # what was zero stays zero
        return Padded(dropped, x.width) if isinstance(x, Padded) else dropped


class NnxDropout(nnx.Module):
    """`dropout_rows` as a flax nnx layer. Draws from the "dropout" stream of `rngs`.

    Args:
        rate: a number, an `Option` of numbers, or a traced scalar, in [0, 1].
        rngs: what the layers of a model are made with.
    """

    def __init__(self, rate: Any, *, rngs: nnx.Rngs) -> None:
        self.rate = number(rate)
        self.rngs = rngs
        self.deterministic = False  # set by the model's `train()` and `eval()`

    def __call__(self, x: jax.Array) -> jax.Array:
        """`x` with entries dropped while training, `x` itself otherwise."""
        return x if self.deterministic else dropout_rows(self.rngs.dropout(), self.rate, x)
