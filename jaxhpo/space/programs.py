"""How a parameter's value enters a program: as a Python value (static) or in an array (traced)."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxhpo.space.checks import INT32
from jaxhpo.space.domains import (
    Bool,
    Choice,
    Constant,
    Domain,
    Float,
    Int,
    SpaceError,
    traceable,
)


def is_static(domain: Domain) -> bool:
    """Whether the domain says so, or no array of 32 bits can hold a constant."""
    if not isinstance(domain, Constant):
        return bool(domain.static)
    value = domain.value
    if isinstance(value, int) and not INT32.min <= value <= INT32.max:
        return True
    return not traceable([value])


def dtype(domain: Domain, name: str) -> type[np.float32] | type[np.int32] | type[np.bool_]:
    """See `jaxhpo.space.Space.dtype`."""
    if isinstance(domain, Float):
        return np.float32
    if isinstance(domain, Int):
        return np.int32
    if isinstance(domain, Bool):
        return np.bool_
    values = domain.choices if isinstance(domain, Choice) else (domain.value,)
    if not traceable(values):
        raise SpaceError(
            f"dtype(name=...) must be a parameter that an array can hold, got {name!r} with "
            f"{list(values)!r}; ask static_names() first"
        )
    if all(isinstance(v, bool) for v in values):
        return np.bool_
    return np.int32 if all(isinstance(v, int) for v in values) else np.float32


def stand_in(domain: Domain) -> Any:
    """The value that a program is given for an inactive traced parameter."""
    if isinstance(domain, Float | Int):
        return domain.low
    return next(iter(domain.choices)) if isinstance(domain, Choice) else False
