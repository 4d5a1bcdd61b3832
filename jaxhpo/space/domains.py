"""What a parameter may be: `Float`, `Int`, `Choice`, `Bool` or `Constant`.

A domain is plain data, written by the user; it is checked (`jaxhpo.space.checks`) when a
`jaxhpo.space.Space` is made of it, so that the message of an error can name the parameter.
`jaxhpo.space.axes` knows how a domain lies on a column of the unit cube.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import numpy as np

Natural = Literal["neither", "low", "high", "both"]


class SpaceError(ValueError):
    """A search space, or a configuration of one, that can't be used. The message names a fix."""


@dataclasses.dataclass(frozen=True)
class Float:
    """A real number from `low` to `high`, both included.

    Attributes:
        low, high: the bounds.
        log: whether to search on a logarithmic scale (low must be above 0). Not with `step`.
        step: if given, only low, low + step, ..., high. Values are the decimals one would write:
            step 0.1 from 0.1 gives 0.3, not 0.30000000000000004.
        when: parent name to value, or to a *list* of values: the parameter is active only where
            each of the parents is active and has one of its values. A tuple is one value.
        natural: which bounds can't be moved (a dropout rate can't go below 0); the others are
            soft, and the analysis may advise to look beyond them.
        static: whether the value is a Python value in the program, so that every value has a
            program of its own; needs `step`.
    """

    low: float
    high: float
    _: dataclasses.KW_ONLY
    log: bool = False
    step: float | None = None
    when: Mapping[str, Any] | None = None
    natural: Natural = "neither"
    static: bool = False


@dataclasses.dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`, both included.

    Attributes:
        low, high: the bounds.
        log: whether to search on a logarithmic scale (low must be at least 1). With a `step` the
            numbers are the same, low + k step; low must then be above half a step, because every
            number fills the cube from half a step below it to half a step above it.
        step: the distance between neighbours; None is 1.
        when, natural: as for `Float`.
        static: whether every value has a program of its own.
    """

    low: int
    high: int
    _: dataclasses.KW_ONLY
    log: bool = False
    step: int | None = None
    when: Mapping[str, Any] | None = None
    natural: Natural = "neither"
    static: bool = False


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some values.

    Attributes:
        choices: the values, hashable and all different: numbers, strings, tuples, None, ... Only
            None, bools, numbers, strings and tuples of those can be written to a file.
        ordered: whether the order of the choices means something (small, medium, large).
        when: as for `Float`.
        static: whether every value has a program of its own. None: not for numbers (or bools)
            alone, else yes, because only a number can be traced.
    """

    choices: Iterable[Any]
    _: dataclasses.KW_ONLY
    ordered: bool = False
    when: Mapping[str, Any] | None = None
    static: bool | None = None

    def __post_init__(self):
        if isinstance(self.choices, Iterator):  # it could be gone through only once
            object.__setattr__(self, "choices", tuple(self.choices))


@dataclasses.dataclass(frozen=True)
class Bool:
    """False or True. `when` is as for `Float`; `static` as for `Int`."""

    _: dataclasses.KW_ONLY
    when: Mapping[str, Any] | None = None
    static: bool = False


@dataclasses.dataclass(frozen=True)
class Constant:
    """A value that is not searched: traced if it is a number or a bool, else static."""

    value: Any
    when: ClassVar[None] = None


Searched = Float | Int | Choice | Bool
Domain = Float | Int | Choice | Bool | Constant
DOMAINS = (Float, Int, Choice, Bool, Constant)


def refused(domain: Any, name: str, argument: str, must: str, got: str, fix: str) -> SpaceError:
    """The error ``Float(low=...) of 'lr' must ..., got ...; fix``."""
    kind = domain if isinstance(domain, str) else type(domain).__name__
    return SpaceError(f"{kind}({argument}=...) of {name!r} must {must}, got {got}; {fix}")


def plain(value: Any) -> Any:
    """A NumPy or JAX scalar as the Python value, anything else as it is."""
    if isinstance(value, np.generic) or (hasattr(value, "dtype") and np.ndim(value) == 0):
        return value.item()
    return value


def tupled(value: Any) -> Any:
    """A list as a tuple, at every depth: files know only lists."""
    return tuple(map(tupled, value)) if isinstance(value, list | tuple) else value


def is_number(value: Any) -> bool:
    """Whether it is an int or a float, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(a: Any, b: Any) -> bool:
    """Whether two values are one for a user: 1 and 1.0 are, 1 and True are not."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def traceable(values: Iterable[Any]) -> bool:
    """Whether an array can hold the values: all numbers, or all bools."""
    values = list(values)
    return all(map(is_number, values)) or all(isinstance(v, bool) for v in values)
