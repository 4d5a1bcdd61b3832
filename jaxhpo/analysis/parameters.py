"""What was searched, in words that a reader of the report understands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxhpo.analysis.activity import labels
from jaxhpo.space import Bool, Choice, Constant, Domain, Float, Int, Space


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of the space.

    kind: "float", "int", "choice", "bool" or "constant". low, high, log, step: of a number.
    values: of a choice, a bool or a constant. when: parent to the values at which it is active.
    """

    name: str
    kind: str
    low: float | None
    high: float | None
    log: bool
    step: float | None
    values: tuple[Any, ...]
    when: Mapping[str, tuple[Any, ...]]


def parameters(space: Space) -> tuple[Parameter, ...]:
    """All parameters, in the order of their declaration."""
    return tuple(_parameter(name, domain) for name, domain in space.parameters.items())


def _parameter(name: str, domain: Domain) -> Parameter:
    number = domain if isinstance(domain, Float | Int) else None
    values: tuple[Any, ...] = ()
    if isinstance(domain, Constant):
        values = (domain.value,)
    elif isinstance(domain, Bool | Choice):
        values = labels(domain)
    return Parameter(
        name=name,
        kind=type(domain).__name__.lower(),
        low=number.low if number else None,
        high=number.high if number else None,
        log=bool(number and number.log),
        step=number.step if number else None,
        values=values,
        when={
            parent: tuple(found) if isinstance(found, list) else (found,)
            for parent, found in (domain.when or {}).items()
        },
    )
