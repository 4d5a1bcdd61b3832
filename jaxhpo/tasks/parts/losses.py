"""The losses and metrics that `supervised` knows by name. Each gives a value a row, or a scalar."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxhpo.tasks.parts.splits import Rows

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


def labels(data: Mapping[str, Rows]) -> tuple[int, str]:
    """The largest label of all splits, and the split that holds it.

    Raises:
        ValueError: if targets are not labels: an array [rows] of whole numbers from 0 on.
    """
    found = []
    for name, rows in data.items():
        held, where = rows.targets, f"supervised(loss='cross_entropy'): data[{name!r}] must have"
        if not isinstance(held, np.ndarray) or held.ndim != 1:
            got = list(held.shape) if isinstance(held, np.ndarray) else type(held).__name__
            raise ValueError(
                f"{where} labels of shape [rows] for targets, got {got}; of one-hot rows give "
                "targets.argmax(axis=1), of a column targets[:, 0], of anything else a loss of "
                "your own: loss=function"
            )
        if held.dtype.kind not in "biu":
            raise ValueError(
                f"{where} whole numbers for labels, got {held.dtype} ({held[0]}, ...); give "
                "labels.astype(int), or loss='mse' where the targets are no classes"
            )
        if held.min() < 0:
            raise ValueError(
                f"{where} labels from 0 on, got {held.min()}; number the classes 0, 1, 2, ..., "
                "for example with numpy.unique(labels, return_inverse=True)[1]"
            )
        found.append((int(held.max()), name))
    return max(found)


def varied(data: Mapping[str, Rows]) -> None:
    """Checks that r2 can be an objective.

    Raises:
        ValueError: if an output is the same in all rows that it is measured on: it has no r2.
    """
    name = "validation" if "validation" in data else "train"
    for leaf in jax.tree.leaves(data[name].targets):
        flat = leaf.reshape(len(leaf), -1)
        same = np.flatnonzero((flat == flat[:1]).all(axis=0))
        if len(same):
            which = f"output {same[0]} of {flat.shape[1]}" if leaf.ndim > 1 else "the targets"
            raise ValueError(
                f"supervised(objective='r2'): what is predicted must vary, but in data[{name!r}] "
                f"{which} is {flat[0, same[0]]} in every row; leave it out, or search on "
                "objective='loss'"
            )


def per_row(
    known: Mapping[str, Callable[..., Array]],
    given: Any,
    argument: str,
    data: Mapping[str, Rows] | None = None,
) -> RowLoss:
    """A loss or metric as a function of ``(outputs, targets, hp)``.

    A loss gives a value a row, [rows]; a metric that, or a scalar.

    Args:
        known: those that have a name. data: the splits, for what a named loss asks of targets.

    Raises:
        ValueError: if it is neither known by name nor a function of two or three arguments; or if
            the targets are none for it. The function itself raises one while it is traced, if the
            shapes don't fit or the model has no output for a label.
    """
    if isinstance(given, str) and given in known:
        fn = known[given]
        top = labels(data) if fn is cross_entropy and data is not None else None

        def named(outputs: Any, targets: Any, hp: Any) -> Array:
            _same(outputs, targets, given)
            if top is not None and top[0] >= outputs.shape[-1]:
                raise ValueError(
                    f"supervised(loss={given!r}): data[{top[1]!r}] holds the label {top[0]}, but "
                    f"the model has {outputs.shape[-1]} outputs, for the labels 0 to "
                    f"{outputs.shape[-1] - 1}; give its last layer {top[0] + 1} outputs, or number "
                    "the classes 0, 1, 2, ..."
                )
            return fn(outputs, targets)

        return named
    if callable(given):
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(given).parameters.values()
        needed = sum(p.kind in kinds and p.default is p.empty for p in parameters)
        if needed in (2, 3):

            def own(outputs: Any, targets: Any, hp: Any) -> Array:
                both = (outputs, targets)
                value = given(*both, hp) if needed == 3 else given(*both)
                return _a_row_each(value, both, argument)

            return own
    names = ", ".join(map(repr, known))
    raise ValueError(
        f"supervised({argument}=...) must be {names + ', or ' if names else ''}a function "
        f"(outputs, targets) or (outputs, targets, hp), got {given!r}"
    )


def _a_row_each(value: Any, both: tuple[Any, Any], argument: str) -> Array:
    """What a function of the user's gave, where it is a value a row, or a metric's scalar."""
    numbers = isinstance(value, jax.Array | np.ndarray | np.generic | bool | int | float | None)
    if not numbers or jnp.iscomplexobj(value):
        raise ValueError(
            f"supervised({argument}=...) must give one array of real numbers, got {value!r}; give "
            "several as metrics of their own"
        )
    rows = {leaf.shape[0] for leaf in jax.tree.leaves(both) if jnp.ndim(leaf)}
    shape = np.shape(value) if value is not None else None
    scalar = argument != "loss"
    fits = shape is not None and (len(shape) == 1 or (scalar and shape == ()))
    if not fits or (shape and shape[0] not in rows):
        got = "None" if shape is None else f"shape {list(shape)}"
        ways = " (or a scalar)" if scalar else ""
        shapes = ", ".join(str(list(jnp.shape(leaf))) for leaf in jax.tree.leaves(both))
        raise ValueError(
            f"supervised({argument}=...) must give a value a row{ways}, shape {sorted(rows)}, got "
            f"{got} of outputs and targets of shapes {shapes}; average over all axes but the "
            "first, and see that outputs and targets have the same shape where they are subtracted"
        )
    return jnp.asarray(value)


def _same(outputs: Any, targets: Any, name: str) -> None:
    """Refuses outputs whose shape doesn't fit the targets'; silent broadcasting would be wrong."""
    for what, held in (("model's outputs", outputs), ("targets", targets)):
        if not isinstance(held, jax.Array | np.ndarray):
            raise ValueError(
                f"supervised(loss={name!r}): the {what} must be one array, got "
                f"{_form(held)}; give a loss of your own: loss=function"
            )
    if name == "cross_entropy":
        fits, wants = (
            outputs.ndim == 2 and targets.shape == outputs.shape[:1],
            ("[rows, classes] and [rows]"),
        )
    else:
        fits, wants = outputs.shape == targets.shape, "the same shape"
    if not fits:
        way = "targets[:, None]" if outputs.ndim > targets.ndim else "outputs[:, None]"
        raise ValueError(
            f"supervised(loss={name!r}): the model's outputs and the targets must have {wants}, "
            f"got {list(outputs.shape)} and {list(targets.shape)}"
            + (f"; for example {way}" if {outputs.ndim, targets.ndim} == {1, 2} else "")
        )


def _form(held: Any) -> str:
    if isinstance(held, Mapping):
        return f"a dict of {', '.join(map(str, held))}"
    if isinstance(held, tuple | list):
        return f"a {type(held).__name__} of {len(held)}"
    return "None" if held is None else type(held).__name__
