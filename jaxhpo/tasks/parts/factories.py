"""The functions that make a supervised task's optimizer from a member's hyperparameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import optax

from jaxhpo.contracts import Hyperparameters
from jaxhpo.space import Space
from jaxhpo.tasks.parts import optimizers


def adam(space: Space) -> Callable[[Hyperparameters], optax.GradientTransformation]:
    """Adam with the space's learning rate.

    Raises:
        ValueError: if it has none.
    """
    rate = next((n for n in ("lr", "learning_rate") if n in space.parameters), None)
    if rate is None:
        raise ValueError(
            "supervised(optimizer=...) must be given where the space has no parameter 'lr' or "
            f"'learning_rate' (it has {', '.join(space.parameters)}); for example "
            "optimizer=lambda hp: optax.adam(1e-3)"
        )
    return lambda hp: optimizers.optimizer("adam", hp[rate])


def with_steps(
    optimizer: Callable[..., optax.GradientTransformation],
) -> Callable[[Hyperparameters, Any], optax.GradientTransformation]:
    """The user's factory as one that takes the number of steps too, whether it wants it or not.

    Raises:
        ValueError: if it is no function; when called, if it returns no optimizer.
    """
    if not callable(optimizer):
        raise ValueError(
            "supervised(optimizer=...) must be a function (hp) -> optax optimizer or (hp, steps) "
            f"-> optax optimizer, got {optimizer!r}; for example "
            "optimizer=lambda hp: optax.adam(hp['lr'])"
        )
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p for p in inspect.signature(optimizer).parameters.values() if p.kind in kinds]

    def made(hp: Hyperparameters, steps: Any) -> optax.GradientTransformation:
        found = optimizer(hp) if len(names) == 1 else optimizer(hp, steps)
        if isinstance(found, optax.MultiSteps):
            found = found.gradient_transformation()
        if not isinstance(found, optax.GradientTransformation):
            raise ValueError(
                "supervised(optimizer=...) must return an optax optimizer, got "
                f"{type(found).__name__}"
            )
        return found

    return made
