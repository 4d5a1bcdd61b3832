"""A whole number that is given, or is a hyperparameter of the space."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxhpo import option
from jaxhpo.contracts import Hyperparameters
from jaxhpo.space import Space


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

        def traced(hp: Hyperparameters) -> Array:
            return jnp.asarray(option.number(hp[value])).astype(jnp.int32)

        return Number(lambda hp: int(hp[value]), traced)
    if isinstance(value, bool) or int(value) != value or value < least:
        raise ValueError(f"supervised({argument}=...) must be at least {least}, got {value!r}")
    whole = int(value)
    return Number(lambda hp: whole, lambda hp: jnp.int32(whole))
