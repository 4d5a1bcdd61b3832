"""Checks what a study is given, before anything is traced, and says which argument is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from jaxhpo import registry
from jaxhpo.contracts import Task
from jaxhpo.space import Space


def whole(where: str, **given: tuple[Any, int]) -> None:
    """Refuses what is not a whole number, or less than the least allowed; None passes.

    Args:
        where: what is called. given: argument name to (value, least).

    Raises:
        ValueError: naming the argument and the value.
    """
    for name, (value, least) in given.items():
        if value is None:
            continue
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
            raise ValueError(
                f"{where}({name}=...) must be a whole number, at least {least}, got {value!r}"
            )


def task(given: Any) -> None:
    """Refuses what is not a task, or a task whose static names are not in its space.

    Raises:
        ValueError: saying how tasks are made.
    """
    if not isinstance(given, Task) or not isinstance(given.space, Space):
        raise ValueError(
            f"Study(task=...) must be a jaxhpo.contracts.Task over a jaxhpo.Space, got "
            f"{type(given).__name__}; make one with jaxhpo.tasks.objective.objective(fn, space) or "
            "jaxhpo.tasks.supervised.supervised(space, ...)"
        )
    unknown = sorted(set(given.static) - set(given.space.parameters))
    if unknown:
        raise ValueError(
            f"Task(static=...) must name parameters of the space "
            f"({', '.join(given.space.parameters)}), got {', '.join(map(repr, unknown))}"
        )


def made(family: str, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What the factory `name` of a family (``samplers`` or ``schedulers``) makes.

    Raises:
        ValueError: if there is no such factory, or it has no such option, or refuses a value.
    """
    factory = registry.get(family, name)
    parameters = list(inspect.signature(factory).parameters)[len(arguments) :]
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        raise ValueError(
            f"{family[:-1]}_options={dict(options)!r}: {name}(...) has no option "
            f"{', '.join(map(repr, unknown))}; it has "
            f"{', '.join(parameters) if parameters else 'no options'}"
        )
    return factory(*arguments, **options)
