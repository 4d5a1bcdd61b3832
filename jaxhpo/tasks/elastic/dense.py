"""A fully connected layer whose number of units may be a traced hyperparameter."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxhpo.option import Option, choices, combined
from jaxhpo.tasks.elastic.initial import initial, parameter
from jaxhpo.tasks.elastic.padded import Columns, array, padded, widest, width_of


def dense(x: Columns, kernel: Array, bias: Array | None, width: int | Option) -> Columns:
    """``x @ kernel + bias``, zero beyond `width`.

    Args:
        x: [..., in], padded or not.
        kernel: [in, out], `out` at least the largest width. bias: [out] or None.
        width: how many of the outputs count, an integer or an `Option` of integers.
    """
    y = jnp.dot(array(x).astype(kernel.dtype), kernel)
    if bias is not None:
        y = y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
    return padded(y, width)


def bias_of(module: Any, width: int | Option, rows: Any) -> Array | None:
    """The parameter "bias" [largest width] of a layer, or None, as its `use_bias` says.

    A member without a bias has one of which no entry counts.
    """
    if not any(choices(module.use_bias)):
        return None
    held = combined(lambda units, used: units if used else 0, width, module.use_bias)
    bias = parameter(module, "bias", initial, module.bias_init, (widest(width),), rows, held)
    return array(padded(bias, held)) if isinstance(module.use_bias, Option) else bias


class Dense(nn.Module):
    """`dense` as a flax linen layer; parameters "kernel" [in, out] and "bias" [out].

    Both have the size of the largest width. What lies beyond a member's own is zero at first, gets
    no gradient, and so stays zero under any optimizer that leaves zeros alone.

    Attributes:
        features: how many units: an integer, or an `Option` of integers.
        use_bias: whether there is a bias, a bool or an `Option` of bools.
        kernel_init, bias_init: names in `initial.INITIALISERS`, or an `Option` of names.
    """

    features: int | Option
    use_bias: bool | Option = True
    kernel_init: Any = "lecun_normal"
    bias_init: Any = "zeros"

    @nn.compact
    def __call__(self, x: Columns) -> Columns:
        """[..., in] to [..., features]; a plain array where `features` is an integer."""
        size = widest(self.features)
        rows, width = width_of(x), self.features
        shape = (array(x).shape[-1], size)
        kernel = parameter(self, "kernel", initial, self.kernel_init, shape, rows, width)
        return dense(x, kernel, bias_of(self, width, rows), width)
