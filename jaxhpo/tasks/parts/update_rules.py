"""What each kind of optimizer does with one array of gradients: a line or two over two slots, which
hold a mean of gradients, of their squares, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Numbers(NamedTuple):
    """float32 scalars; `whole_first` is 1 / (1 - b1^t) at step t, from 1, `ahead` at t + 1. b1, b2
    and decay come with what they lack to 1, which of a Python number is known more exactly."""

    b1: tuple[Array, Array]
    b2: tuple[Array, Array]
    decay: tuple[Array, Array]
    eps: Array
    momentum: Array
    whole_first: Array
    whole_second: Array
    ahead: Array

    def held(self, taken: Array) -> Numbers:
        """These, or those with which a gradient of 0 leaves the slots as they are."""

        def shares(pair: tuple[Array, Array]) -> tuple[Array, Array]:
            return jnp.where(taken, pair[0], 1.0), jnp.where(taken, pair[1], 0.0)

        return self._replace(
            b1=shares(self.b1),
            b2=shares(self.b2),
            decay=shares(self.decay),
            eps=jnp.where(taken, self.eps, 0.0),
            momentum=jnp.where(taken, self.momentum, 1.0),
        )


Rule = Callable[[Array, Any, Any, Numbers], tuple[Array, Any, Any]]


class Kind(NamedTuple):
    """rule: ``(gradient, first, second, numbers) -> (direction, first, second)``. b2, eps,
    weight_decay: by default. decoupled: whether it decays weights."""

    rule: Rule
    slots: tuple[bool, bool]
    b2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = True


def _sgd(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    return g, m, v


def _momentum(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    m = g + n.momentum * m
    return m, m, v


def _nesterov(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    m = g + n.momentum * m
    return g + n.momentum * m, m, v


def _adam(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    m, v = _mean(m, g, n.b1), _mean(v, g * g, n.b2)
    return m * n.whole_first / (jnp.sqrt(v * n.whole_second) + n.eps), m, v


def _nadam(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    m, v = _mean(m, g, n.b1), _mean(v, g * g, n.b2)
    ahead = n.b1[0] * m * n.ahead + n.b1[1] * g * n.whole_first
    return ahead / (jnp.sqrt(v * n.whole_second) + n.eps), m, v


def _adamax(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    m, v = _mean(m, g, n.b1), jnp.maximum(jnp.abs(g) + n.eps, n.b2[0] * v)
    return m * n.whole_first / v, m, v


def _adabelief(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    m = _mean(m, g, n.b1)
    v = _mean(v, jnp.square(g - m), n.b2) + n.eps
    return m * n.whole_first / (jnp.sqrt(v * n.whole_second) + n.eps), m, v


def _adagrad(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    v = v + g * g
    return g * jax.lax.rsqrt(v + 0.1 + n.eps), m, v


def _rmsprop(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    v = _mean(v, g * g, n.decay)
    return g * jax.lax.rsqrt(v + n.eps), m, v


def _lion(g: Array, m: Any, v: Any, n: Numbers) -> tuple[Array, Any, Any]:
    return jnp.sign(_mean(m, g, n.b1)), _mean(m, g, n.b2), v


def _mean(old: Any, new: Array, shares: tuple[Array, Array]) -> Array:
    return shares[0] * old + shares[1] * new


KINDS: Mapping[str, Kind] = {
    "adam": Kind(_adam, (True, True), decoupled=False),
    "adamw": Kind(_adam, (True, True), weight_decay=1e-4),
    "nadam": Kind(_nadam, (True, True), decoupled=False),
    "nadamw": Kind(_nadam, (True, True), weight_decay=1e-4),
    "adamax": Kind(_adamax, (True, True)),
    "adabelief": Kind(_adabelief, (True, True), eps=1e-16),
    "sgd": Kind(_sgd, (False, False)),
    "momentum": Kind(_momentum, (True, False)),
    "nesterov": Kind(_nesterov, (True, False)),
    "rmsprop": Kind(_rmsprop, (False, True)),
    "adagrad": Kind(_adagrad, (False, True), eps=1e-7),
    "lion": Kind(_lion, (True, False), b2=0.99, weight_decay=1e-3),
}
