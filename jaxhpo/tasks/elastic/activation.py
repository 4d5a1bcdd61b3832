"""Activation functions chosen by name, while tracing or by a traced index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from jaxhpo.option import choices, distinct, select
from jaxhpo.tasks.elastic.padded import Columns, Padded, array

_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jax.nn.tanh,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "leaky_relu": jax.nn.leaky_relu,
    "softplus": jax.nn.softplus,
    "mish": jax.nn.mish,
    "identity": lambda x: x,
}
_NOT_ZERO_AT_ZERO = {"sigmoid", "softplus"}
ACTIVATIONS = tuple(_FUNCTIONS)


def activation(name: Any, x: Columns) -> Columns:
    """The activation called `name`, entry by entry; padding stays zero.

    Args:
        name: one of `ACTIVATIONS`, or an `Option` of such names: each of them is then computed, and
            one is taken (10-15 % of a small network's time for four of them).
        x: any shape.

    Raises:
        ValueError: if there is no such activation.
    """
    name = distinct(name)
    for choice in choices(name):
        if choice not in _FUNCTIONS:
            raise ValueError(
                f"activation(name=...) must be one of {', '.join(ACTIVATIONS)}, got {choice!r}"
            )

    def fn(values: Array) -> Array:
        return select(name, lambda choice: _FUNCTIONS[choice](values))

    if not isinstance(x, Padded):
        return fn(array(x))
    if _NOT_ZERO_AT_ZERO.isdisjoint(choices(name)):
        return Padded(fn(x.x), x.width)
    return x.map(fn)
