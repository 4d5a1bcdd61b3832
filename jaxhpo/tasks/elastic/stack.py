"""A trunk of fully connected layers whose number, widths, activation, normalisation and dropout may
all be traced hyperparameters.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from jaxhpo.option import Option, choices, combined, distinct, mapped, number
from jaxhpo.tasks.elastic.activation import activation
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.dropout import Dropout
from jaxhpo.tasks.elastic.normalisation import Normalisation
from jaxhpo.tasks.elastic.padded import Columns, resized, whole, widest, width_of


class Stack(nn.Module):
    """Layers one after another: dense, normalisation, activation, dropout.

    Of an `Option` of widths, as many layers are computed as the deepest choice has, each as wide as
    its widest; a member takes no notice of layers beyond its own, and its parameters there are
    zero.

    Attributes:
        widths: a tuple of integers, one a layer, or an `Option` of such tuples, of any lengths (an
            empty one is no layer at all).
        activation: a name in `activation.ACTIVATIONS`, or an `Option` of names.
        norm: "none", "batch" or "layer", or an `Option` of these. Before batch normalisation there
            is no bias.
        dropout: the rate after each layer: a number, an `Option`, or a traced scalar. A Python 0,
            or None, draws nothing.
        momentum: of batch normalisation's running means; may be traced.
        kernel_init: a name in `initial.INITIALISERS`, or an `Option` of names.
    """

    widths: tuple[int, ...] | Option
    activation: Any = "relu"
    norm: Any = "none"
    dropout: Any = 0.0
    momentum: Any = 0.99
    kernel_init: Any = "lecun_normal"

    @nn.compact
    def __call__(self, x: Columns, *, train: bool) -> Columns:
        """[..., in] to [..., last width]; a plain array where that is known while tracing."""
        shapes = mapped(self.widths, tuple)
        first = width_of(x)
        for k in range(max(map(len, choices(shapes)))):
            deep = [shape for shape in choices(shapes) if len(shape) > k]
            if len(deep) == len(choices(shapes)):
                x = self._layer(k, x, mapped(shapes, lambda shape, k=k: shape[k]), train)
                continue
            before = _width_after(shapes, first, k)
            size = widest(first) if k == 0 else max(shape[k - 1] for shape in deep)
            entering = whole(resized(x, size), mapped(before, lambda w, s=size: min(w, s)))
            width = mapped(shapes, lambda shape, k=k: shape[k] if len(shape) > k else 0)
            made = self._layer(k, entering, width, train)
            after = _width_after(shapes, first, k + 1)
            active = number(mapped(shapes, lambda shape, k=k: len(shape) > k))
            both = (resized(made, widest(after)), resized(x, widest(after)))
            x = whole(jnp.where(active, *both), after)
        return x

    def _layer(self, k: int, x: Columns, width: Any, train: bool) -> Columns:
        # Batch normalisation takes any bias away again; its gradient would be rounding errors,
        # which Adam would scale up to steps of full length.
        use_bias = distinct(mapped(self.norm, lambda kind: kind != "batch"))
        dense = Dense(
            distinct(width), use_bias=use_bias, kernel_init=self.kernel_init, name=f"dense_{k}"
        )
        x = dense(x)
        x = Normalisation(self.norm, self.momentum, name=f"norm_{k}")(x, train=train)
        x = activation(self.activation, x)
        if self.dropout is None or (isinstance(self.dropout, int | float) and self.dropout == 0):
            return x
        return Dropout(self.dropout, name=f"dropout_{k}")(x, train=train)


def _width_after(shapes: Any, first: Any, k: int) -> Any:
    """The width after `k` layers, of a member that may have fewer."""
    return distinct(combined(lambda shape, at: (at, *shape)[min(k, len(shape))], shapes, first))
