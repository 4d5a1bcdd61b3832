"""A whole number that is given, or is a hyperparameter of the space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo import option
from jaxhpo.contracts import Hyperparameters
from jaxhpo.space import Int, Space


class Number(NamedTuple):
    """plain: ``(hp) -> int``, from Python values. traced: ``(hp) -> int32 scalar``, inside a
    program."""

    plain: Callable[[Hyperparameters], int]
    traced: Callable[[Hyperparameters], Array]


def number(space: Space, value: str | int, argument: str, *, least: int = 1) -> Number:
    """How to read a whole number: from the hyperparameters by name, or as given.

    Raises:
        ValueError: if there is no such hyperparameter, or the number is below `least`.
    """
    if isinstance(value, str):
        if value not in space.parameters:
            raise ValueError(
                f"supervised({argument}=...) must be a number or the name of a parameter of the "
                f"space ({', '.join(space.parameters)}), got {value!r}; add "
                f"{value}=Choice([16, 32]) to the space, or give {argument}=32"
            )
        _check(space.parameters[value], value, argument, least)

        def traced(hp: Hyperparameters) -> Array:
            return jnp.asarray(option.number(hp[value])).astype(jnp.int32)

        return Number(lambda hp: int(hp[value]), traced)
    if not _is_whole(value, least):
        raise ValueError(
            f"supervised({argument}=...) must be a whole number, at least {least}, or the name of "
            f"a parameter, got {value!r}"
        )
    whole = int(value)
    return Number(lambda hp: whole, lambda hp: jnp.int32(whole))


def _is_whole(value: Any, least: int) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and bool(value >= least)


def _check(domain: Any, name: str, argument: str, least: int) -> None:
    """Refuses a parameter that may have a value that is no such number."""
    if isinstance(domain, Int):
        values: tuple[Any, ...] = (domain.low,)
    else:
        values = getattr(domain, "choices", (getattr(domain, "value", domain),))
    if not all(_is_whole(value, least) for value in values):
        raise ValueError(
            f"supervised({argument}=...): {name!r} must have whole numbers, at least {least}, got "
            f"{domain!r}; use Int({max(least, 1)}, 8) or Choice([16, 32])"
        )
