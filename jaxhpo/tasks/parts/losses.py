"""The losses and metrics that `supervised` knows by name. Each gives a value a row, or a scalar."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

RowLoss = Callable[[Any, Any, Mapping[str, Any]], Any]


def cross_entropy(outputs: Array, targets: Array, smoothing: Any = 0.0) -> Array:
    """float32 [rows], the cross-entropy in nats of logits [rows, classes] and labels int [rows].

    Args:
        smoothing: the share of the probability that is spread over all classes (Szegedy et al.
            2016, "Rethinking the Inception Architecture", section 7); may be traced.
    """
    classes = outputs.shape[-1]
    hot = jnp.asarray(targets)[:, None] == jnp.arange(classes)[None]
    wanted = jnp.where(hot, 1.0 - smoothing, 0.0) + smoothing * (1.0 / classes)
    return optax.softmax_cross_entropy(outputs, wanted)


def squared_error(outputs: Array, targets: Array) -> Array:
    """float32 [rows], the squared error, averaged over the outputs of a row."""
    return jnp.square(outputs - targets).reshape(outputs.shape[0], -1).mean(axis=1)


def absolute_error(outputs: Array, targets: Array) -> Array:
    """float32 [rows], the absolute error, averaged over the outputs of a row."""
    return jnp.abs(outputs - targets).reshape(outputs.shape[0], -1).mean(axis=1)


def accuracy(outputs: Array, targets: Array) -> Array:
    """float32 [rows], 1 where the largest logit is the label's."""
    return (jnp.argmax(outputs, axis=-1) == targets).astype(jnp.float32)


def rmse(outputs: Array, targets: Array) -> Array:
    """The root of the mean squared error, a scalar in the unit of the targets."""
    return jnp.sqrt(squared_error(outputs, targets).mean())


def r2(outputs: Array, targets: Array) -> Array:
    """The share of the targets' variance that is explained, averaged over outputs, a scalar."""
    rest = jnp.square(outputs - targets).mean(axis=0)
    spread = jnp.square(targets - targets.mean(axis=0, keepdims=True)).mean(axis=0)
    return (1.0 - rest / spread).mean()


def weighted(losses: Any, logits: Any) -> Array:
    """The sum of several losses, weighted with the softmax of `logits` times their number.

    Weights that are searched as logits need no rule that they add up: equal logits leave the plain
    sum, and every choice has the same sum of weights, so that the learning rate keeps its meaning.

    Args:
        losses: one a head: a sequence of arrays of one shape, or an array [heads, ...].
        logits: as many numbers, traced or not.

    Raises:
        ValueError: if there are not as many logits as losses.
    """
    parts = jnp.stack([jnp.asarray(part, jnp.float32) for part in losses])
    scores = jnp.stack([jnp.asarray(logit, jnp.float32) for logit in logits])
    if scores.shape != parts.shape[:1]:
        raise ValueError(
            f"weighted(logits=...) must be {parts.shape[0]} numbers, one a loss, got "
            f"{list(scores.shape)}"
        )
    return jnp.tensordot(jax.nn.softmax(scores) * parts.shape[0], parts, axes=1)


LOSSES: Mapping[str, Callable[..., Array]] = {
    "cross_entropy": cross_entropy,
    "mse": squared_error,
    "mae": absolute_error,
}
METRICS: Mapping[str, Mapping[str, Callable[..., Array]]] = {
    "cross_entropy": {"accuracy": accuracy},
    "mse": {"mae": absolute_error, "rmse": rmse, "r2": r2},
    "mae": {"rmse": rmse, "r2": r2},
}
ROW_METRICS = frozenset({"accuracy", "mae"})
"""Those of the metrics that have a value a row."""


def check_a_row(values: Mapping[str, Any]) -> None:
    """Refuses metrics that can't be added up over blocks of rows.

    Raises:
        ValueError: naming the first that has no value a row.
    """
    for name, value in values.items():
        if not jnp.shape(value):
            raise ValueError(
                f"supervised(stream=...): metric {name!r} must have a value a row, of which the "
                "mean is taken over all blocks, got a scalar; return its parts as metrics of their "
                "own (the mean squared error for a root mean squared error)"
            )


def per_row(known: Mapping[str, Callable[..., Array]], given: Any, argument: str) -> RowLoss:
    """A loss or metric as a function of ``(outputs, targets, hp)``.

    Raises:
        ValueError: if it is neither known by name nor a function of two or three arguments.
    """
    if isinstance(given, str) and given in known:
        fn = known[given]
        return lambda outputs, targets, hp: fn(_same(outputs, targets, fn, argument), targets)
    if callable(given):
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(given).parameters.values()
        needed = sum(p.kind in kinds and p.default is p.empty for p in parameters)
        if needed == 2:
            return lambda outputs, targets, hp: given(outputs, targets)
        if needed == 3:
            return given
    names = ", ".join(map(repr, known))
    raise ValueError(
        f"supervised({argument}=...) must be {names + ', or ' if names else ''}a function "
        f"(outputs, targets) or (outputs, targets, hp), got {given!r}"
    )


def _same(outputs: Array, targets: Array, fn: Callable[..., Array], argument: str) -> Array:
    """The outputs, where their shape fits the targets'; silent broadcasting would be wrong."""
    fits = (
        outputs.ndim == 2 and targets.shape == outputs.shape[:1]
        if fn is cross_entropy
        else outputs.shape == targets.shape
    )
    if not fits:
        wants = "[rows, classes] and [rows]" if fn is cross_entropy else "the same shape"
        raise ValueError(
            f"supervised({argument}=...): the model's outputs and the targets must have {wants}, "
            f"got {list(outputs.shape)} and {list(targets.shape)}"
        )
    return outputs
