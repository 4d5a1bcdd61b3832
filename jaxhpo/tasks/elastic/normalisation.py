"""Layer and batch normalisation over the true width of an elastic layer, on or off by a traced
value.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxhpo.option import Option, choices, distinct, mapped, number, select
from jaxhpo.tasks.elastic.initial import initial, parameter
from jaxhpo.tasks.elastic.padded import Columns, Padded, array, padded, width_of

NORMALISATIONS = ("none", "batch", "layer")


def layer_norm(x: Columns, *, epsilon: Any = 1e-6) -> Columns:
    """Each row less its mean, over its standard deviation, both over the true columns.

    Ba, Kiros and Hinton 2016, "Layer Normalization", without the scale and the shift.
    """
    width = width_of(x)
    values = array(padded(array(x), width))  # so that no gradient reaches padding through the mean
    share = 1.0 / jnp.maximum(jnp.asarray(number(width), jnp.float32), 1.0)
    apart = values - values.sum(axis=-1, keepdims=True) * share
    apart = array(padded(apart, width))
    spread = jnp.square(apart).sum(axis=-1, keepdims=True) * share
    return _like(apart * jax.lax.rsqrt(spread + epsilon), x)


def batch_moments(x: Columns, weights: Array | None = None) -> tuple[Array, Array]:
    """Mean and variance [columns] of every column over all other axes.

    Args:
        x: [rows, ..., columns]. weights: [rows], 0 where a row does not count, 1 where it does.
    """
    values = array(x)
    axes = tuple(range(values.ndim - 1))
    if weights is None:
        mean = values.mean(axis=axes)
        return mean, jnp.square(values - _wide(mean, values)).mean(axis=axes)
    places = values.size // (values.shape[0] * values.shape[-1])
    share = weights * (1.0 / (jnp.maximum(weights.sum(), 1.0) * places))
    share = share.reshape((-1,) + (1,) * (values.ndim - 1))
    mean = (values * share).sum(axis=axes)
    return mean, (jnp.square(values - _wide(mean, values)) * share).sum(axis=axes)


class LayerNorm(nn.Module):
    """`layer_norm`, then a learnt "scale" and "bias" [columns].

    Attributes:
        epsilon: added to the variance; may be traced.
        on: whether it does anything: a Python value (False makes no parameters), an `Option`, or a
            traced scalar.
        use_scale, use_bias: whether to learn them.
    """

    epsilon: Any = 1e-6
    on: Any = True
    use_scale: bool = True
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Columns) -> Columns:
        """The same shape."""
        on = _on(self.on)
        if on is False:
            return x
        return _if(on, _scaled(self, layer_norm(x, epsilon=self.epsilon)), x)


class BatchNorm(nn.Module):
    """Every column less its mean, over its standard deviation, then a learnt "scale" and "bias".

    Ioffe and Szegedy 2015, "Batch Normalization". While training the moments are the batch's, and
    running means of them are kept in the collection "batch_stats"; evaluating uses those. Where a
    batch is trained in parts (micro-batches), the moments are the part's.

    Attributes:
        momentum: how much of the running means stays at a step; may be traced.
        epsilon, on, use_scale, use_bias: as in `LayerNorm`.
    """

    momentum: Any = 0.99
    epsilon: Any = 1e-5
    on: Any = True
    use_scale: bool = True
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Columns, *, train: bool, weights: Array | None = None) -> Columns:
        """The same shape.

        Args:
            weights: [rows], 0 for the rows of a batch that don't count; None: all count.
        """
        on = _on(self.on)
        if on is False:
            return x
        values = array(x).astype(jnp.float32)
        size = (values.shape[-1],)
        ones = array(padded(jnp.ones(size), width_of(x)))
        mean = self.variable("batch_stats", "mean", jnp.zeros, size)
        variance = self.variable("batch_stats", "var", lambda: ones)
        now = (mean.value, variance.value)
        if train:
            now = batch_moments(x, weights)
            if not self.is_initializing():
                for kept, value in zip((mean, variance), now, strict=True):
                    kept.value = self.momentum * kept.value + (1.0 - self.momentum) * value
        centred = values - _wide(now[0], values)
        normal = centred * _wide(jax.lax.rsqrt(now[1] + self.epsilon), values)
        return _if(on, _scaled(self, _like(normal, x)), x)


class Normalisation(nn.Module):
    """Batch normalisation, layer normalisation or none, by name or by a traced index.

    Attributes:
        kind: one of `NORMALISATIONS`, or an `Option` of such names; of an `Option` each is
            computed.
        momentum: of batch normalisation's running means; may be traced.
    """

    kind: Any
    momentum: Any = 0.99

    @nn.compact
    def __call__(self, x: Columns, *, train: bool) -> Columns:
        """The same shape."""
        kind = distinct(self.kind)
        for choice in choices(kind):
            if choice not in NORMALISATIONS:
                raise ValueError(
                    "Normalisation(kind=...) must be one of "
                    f"{', '.join(NORMALISATIONS)}, got {choice!r}"
                )
        made = {
            "none": lambda: x,
            "batch": lambda: BatchNorm(self.momentum, name="batch")(x, train=train),
            "layer": lambda: LayerNorm(name="layer")(x),
        }
        found = {choice: made[choice]() for choice in choices(kind)}
        return _like(select(kind, lambda choice: array(found[choice])), x)


def _scaled(module: LayerNorm | BatchNorm, x: Columns) -> Columns:
    """The learnt scale and shift; the parameters belong to `module`."""
    values, width = array(x), width_of(x)
    for name, kind, used in (
        ("scale", "ones", module.use_scale),
        ("bias", "zeros", module.use_bias),
    ):
        if used:
            size = (values.shape[-1],)
            learnt = _wide(parameter(module, name, initial, kind, size, None, width), values)
            values = values * learnt if name == "scale" else values + learnt
    return padded(values, width)


def _on(value: Any) -> Any:
    """A Python bool where that is known, else a traced one."""
    value = distinct(mapped(value, bool) if isinstance(value, Option) else value)
    return bool(value) if isinstance(value, bool | int) else number(value)


def _if(on: Any, then: Columns, otherwise: Columns) -> Columns:
    if on is True:
        return then
    return _like(jnp.where(on, array(then), array(otherwise)), then)


def _like(values: Array, x: Columns) -> Columns:
    """`values` with the width of `x`; its padding must be zero already."""
    return Padded(values, x.width) if isinstance(x, Padded) else values


def _wide(vector: Array, values: Array) -> Array:
    return vector.reshape((1,) * (values.ndim - 1) + (-1,))
