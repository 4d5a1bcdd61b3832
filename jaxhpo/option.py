"""A Python value that is one of several, where only the running program knows which.

A static hyperparameter (a tuple of layer widths, the name of an activation, a batch size) reaches a
task as a Python value, and each value has a program of its own. Where the task can take it either
way (`jaxhpo.contracts.Task.elastic`), the engine may hand it over as an `Option` instead: all
values that there are, and a traced index. One program then serves them all. The functions here read
both forms, so that a layer is written once.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Option:
    """One of `choices`, the one at `index`.

    Attributes:
        choices: the Python values, known while tracing.
        index: int32 scalar in [0, len(choices)); usually traced.
    """

    choices: tuple[Any, ...] = dataclasses.field(metadata={"static": True})
    index: Array


def mapped(value: Any, fn: Callable[[Any], Any]) -> Any:
    """``fn(value)``; of an `Option` the `Option` of what `fn` makes of each choice."""
    if isinstance(value, Option):
        return Option(tuple(fn(choice) for choice in value.choices), value.index)
    return fn(value)


def choices(value: Any) -> tuple[Any, ...]:
    """All that `value` may be: the choices of an `Option`, or the value alone."""
    return value.choices if isinstance(value, Option) else (value,)


def number(value: Any) -> Any:
    """A number as it may enter arithmetic: of an `Option` of numbers a traced scalar, else itself.

    Integers and booleans keep their kind (int32, bool), everything else is float32.
    """
    if not isinstance(value, Option):
        return value
    if all(isinstance(c, bool | np.bool_) for c in value.choices):
        kind: Any = bool
    elif all(isinstance(c, int | np.integer) for c in value.choices):
        kind = np.int32
    else:
        kind = np.float32
    return jnp.asarray(np.array(value.choices, kind))[value.index]


def distinct(value: Any) -> Any:
    """The same value with each choice named once; the choice itself where only one is left.

    What is computed for every choice (`select`) or padded to the largest is then no more than need
    be: of twelve architectures, the third layer may have two widths, or only one.
    """
    if not isinstance(value, Option):
        return value
    names = [(type(choice), choice) for choice in value.choices]
    once = list(dict.fromkeys(names))
    if len(once) == 1:
        return value.choices[0]
    if len(once) == len(names):
        return value
    places = np.array([once.index(name) for name in names], np.int32)
    return Option(tuple(choice for _, choice in once), jnp.asarray(places)[value.index])


def combined(fn: Callable[..., Any], *values: Any) -> Any:
    """``fn`` of several values that may be `Option`: a Python value, or the `Option` of all cases.

    Args:
        fn: ``(choice of each value) -> Python value``. It is called for every combination.
    """
    if not any(isinstance(value, Option) for value in values):
        return fn(*values)
    index: Any = jnp.zeros((), jnp.int32)
    for value in values:
        if isinstance(value, Option):
            index = index * len(value.choices) + value.index
    return Option(tuple(fn(*case) for case in itertools.product(*map(choices, values))), index)


def select(value: Any, branches: Callable[[Any], Any]) -> Any:
    """``branches(value)``; of an `Option` every choice is computed and the one at the index taken.

    Args:
        branches: ``(choice) -> pytree of arrays``, the same shapes and dtypes for every choice.
    """
    if not isinstance(value, Option):
        return branches(value)
    first, *others = [branches(choice) for choice in value.choices]
    return jax.tree.map(lambda *leaves: _pick(value.index, leaves), first, *others)


def _pick(index: Array, leaves: Sequence[Array]) -> Array:
    picked = leaves[0]
    for place, leaf in enumerate(leaves[1:], start=1):
        picked = jnp.where(index == place, leaf, picked)
    return picked
