"""An epoch in mini-batches, of a size that is a Python number or an `Option`.

With a Python number every step is a batch. With an `Option` every step is a micro-batch, as large
as the greatest common divisor of the sizes; gradients are summed, and the optimizer is applied
where a batch ends. An epoch is then equally many steps for every size, and one program serves them
all: a step at which the batch of any member of the tile ends computes an update, which those
members take whose batch ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxhpo.contracts import Hyperparameters
from jaxhpo.option import Option, choices, mapped, number
from jaxhpo.space import Space
from jaxhpo.tasks.parts.numbers import Number
from jaxhpo.tasks.parts.numbers import number as read
from jaxhpo.tasks.parts.optimizers import Optimizer
from jaxhpo.tasks.parts.skipping import skipped_unless


class Batches(NamedTuple):
    """How the rows of an epoch are cut.

    n: rows. size: ``(hp) -> int or Option``, rows of a batch. plain: ``(hp) -> int``, batches of an
    epoch from Python values. steps: the same inside a program.
    """

    n: int
    size: Callable[[Hyperparameters], Any]
    plain: Callable[[Hyperparameters], int]
    steps: Callable[[Hyperparameters], Any]


class Batch(NamedTuple):
    """One step's rows.

    rows: int32 [b], which rows. count: float32 [b], 1 where the row counts, or None: all do.
    whole: float32 scalar, how many rows count in the whole batch. step: int32, which step it is.
    """

    rows: Array
    count: Array | None
    whole: Array
    step: Array

    def mean(self, values: Array) -> Array:
        """This step's share of the batch's mean of `values` [b]."""
        if self.count is None:
            return values.mean()
        return (values * (self.count * (1.0 / self.whole))).sum()


def batches(space: Space, batch_size: str | int, n: int) -> Batches:
    """The cutting of `n` rows. A size above n is n.

    Raises:
        ValueError: if the space has no such parameter, or the number is below 1.
    """
    given: Number = read(space, batch_size, "batch_size")

    def size(hp: Hyperparameters) -> Any:
        held = hp[batch_size] if isinstance(batch_size, str) else batch_size
        return mapped(held, lambda value: min(int(value), n))

    def plain(hp: Hyperparameters) -> int:
        return -(-n // min(given.plain(hp), n))

    def steps(hp: Hyperparameters) -> Any:
        return number(mapped(size(hp), lambda value: -(-n // value)))

    return Batches(n, size, plain, steps)


def epoch(
    cut: Batches,
    hp: Hyperparameters,
    order: Array,
    loss: Callable[[Any, Any, Batch], tuple[Array, Any]],
    optimizer: optax.GradientTransformation,
    carry: tuple[Any, Any, Any],
) -> tuple[tuple[Any, Any, Any], Array]:
    """One pass over the rows.

    Args:
        order: int32 [n], the rows in the order of this epoch.
        loss: ``(params, rest, batch) -> (a step's share of the batch's mean loss, rest)``.
        carry: params, rest, the optimizer's state.

    Returns:
        The same after the epoch, and the mean loss of all rows, each at its own step.
    """
    size = cut.size(hp)
    if isinstance(size, Option):
        return _accumulated(cut, size, order, loss, optimizer, carry)
    n = cut.n
    order, counts, steps = _table(order, n, size)
    even = steps * size == n

    def one(carry: tuple[Any, Any, Any], step: Array) -> tuple[tuple[Any, Any, Any], Array]:
        params, rest, moments = carry
        whole = counts[step].sum()
        # The last batch is filled up with rows that don't count, so that every row counts once.
        batch = Batch(order[step], None if even else counts[step], whole, step)
        grad = jax.value_and_grad(loss, has_aux=True)
        (value, rest), slope = grad(params, rest, batch)
        told = _told(optimizer, value, slope, lambda p: loss(p, rest, batch)[0])
        change, moments = optimizer.update(slope, moments, params, **told)
        return (optax.apply_updates(params, change), rest, moments), value * whole

    carry, losses = jax.lax.scan(one, carry, jnp.arange(steps))
    return carry, losses.sum() * np.float32(1.0 / n)


def _table(order: Array, n: int, size: int) -> tuple[Array, Array, int]:
    """The rows in steps of `size`, [steps, size], filled up with rows that don't count; which count
    (1 or 0); how many steps."""
    steps = -(-n // size)
    order = jnp.concatenate([order, order[: steps * size - n]]).reshape(steps, size)
    counts = (jnp.arange(steps * size) < n).astype(jnp.float32).reshape(steps, size)
    return order, counts, steps


def _accumulated(
    cut: Batches,
    size: Option,
    order: Array,
    loss: Callable[[Any, Any, Batch], tuple[Array, Any]],
    optimizer: optax.GradientTransformation,
    carry: tuple[Any, Any, Any],
) -> tuple[tuple[Any, Any, Any], Array]:
    n, micro = cut.n, math.gcd(*choices(size))
    order, counts, steps = _table(order, n, micro)
    full = number(size)
    turns = number(mapped(size, lambda value: value // micro))

    def one(carry: Any, step: Array) -> tuple[Any, Array]:
        (params, rest, moments), (total, summed) = carry
        begins, ends = step % turns == 0, ((step + 1) % turns == 0) | (step == steps - 1)
        left = n - step // turns * full  # rows from the beginning of this batch on
        whole = jnp.minimum(full, left).astype(jnp.float32)
        batch = Batch(order[step], counts[step], whole, step)
        grad = jax.value_and_grad(loss, has_aux=True)
        (value, rest), slope = grad(params, rest, batch)
        total = jax.tree.map(lambda sums, new: jnp.where(begins, 0.0, sums) + new, total, slope)
        summed = () if own else jnp.where(begins, 0.0, summed) + value
        params, moments = skipped_unless(
            ends,
            lambda held: _updated(optimizer, total, held[1], held[0], ends, summed),
            (params, moments),
        )
        return ((params, rest, moments), (total, summed)), value * whole

    own = isinstance(optimizer, Optimizer)
    zeros = (jax.tree.map(jnp.zeros_like, carry[0]), () if own else jnp.float32(0.0))
    (carry, _), losses = jax.lax.scan(one, (carry, zeros), jnp.arange(steps))
    return carry, losses.sum() * np.float32(1.0 / n)


def _updated(
    optimizer: optax.GradientTransformation,
    slope: Any,
    moments: Any,
    params: Any,
    taken: Array,
    value: Any,
) -> tuple[Any, Any]:
    """Parameters and the optimizer's state after a step, or as they are if it is not `taken`."""
    if isinstance(optimizer, Optimizer):
        change, moments = optimizer.update(slope, moments, params, taken=taken)
        return optax.apply_updates(params, change), moments
    try:
        change, after = optimizer.update(slope, moments, params, **_told(optimizer, value, slope))
    except TypeError as error:
        if "value_fn" not in str(error):
            raise
        raise ValueError(
            "supervised(optimizer=...): a line search asks for the loss of a whole batch, which is "
            f"trained in micro-batches where its size is searched ({error}); give "
            "supervised(batch_size=...) a number"
        ) from error
    made = (optax.apply_updates(params, change), after)
    return jax.tree.map(lambda new, old: jnp.where(taken, new, old), made, (params, moments))


def _told(
    optimizer: optax.GradientTransformation, value: Any, slope: Any, at: Any = None
) -> dict[str, Any]:
    """What some of optax's rules ask for besides the gradient: the loss, and for line searches the
    gradient again and, where a step is the whole batch, the loss at other parameters."""
    takes = isinstance(optimizer, optax.GradientTransformationExtraArgs)
    if not takes or isinstance(optimizer, Optimizer):
        return {}
    return {"value": value, "grad": slope} | ({} if at is None else {"value_fn": at})
