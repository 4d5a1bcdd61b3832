"""In which trials a parameter was active, and where its values stand on its scale.

A table cannot tell a choice that *is* None from a parameter that was not active, so activity is
read from the space's conditions and the parents' values, never from what is missing.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.space import Bool, Choice, Constant, Domain, Float, Int, Space

PREFIX = "param."


def active(table: pd.DataFrame, space: Space, name: str) -> np.ndarray:
    """bool [n], the trials in which every condition of the parameter holds."""
    found = np.ones(len(table), bool)
    for parent, values in (space.parameters[name].when or {}).items():
        if isinstance(space.parameters[parent], Constant):
            continue  # the space has refused a condition that a constant does not meet
        wanted = values if isinstance(values, list) else [values]
        known: dict[tuple[type, Any], bool] = {}

        def held(value: Any, wanted: list[Any] = wanted, known: dict = known) -> bool:
            key = (type(value), value)
            if key not in known:
                known[key] = any(same(value, w) for w in wanted)
            return known[key]

        column = map(held, table[PREFIX + parent].tolist())
        found &= active(table, space, parent) & np.fromiter(column, bool, len(table))
    return found


def choices(domain: Domain) -> tuple[Any, ...]:
    """The values of a Bool or a Choice, in their order."""
    return tuple(domain.choices) if isinstance(domain, Choice) else (False, True)


def labels(domain: Domain) -> tuple[str, ...]:
    """The same values as text; strings are quoted only where text alone would not tell them."""
    found = choices(domain)
    names = tuple(value if isinstance(value, str) else repr(value) for value in found)
    return names if len(set(names)) == len(names) else tuple(map(repr, found))


def coordinates(domain: Domain, values: pd.Series) -> np.ndarray:
    """float [n], where values stand: numbers as they are, choices by their place, from 0."""
    if isinstance(domain, Float | Int):
        return values.to_numpy(float)
    found, known = choices(domain), {}

    def placed(value: Any) -> int:
        key = (type(value), value)
        if key not in known:
            known[key] = place(found, value)
        return known[key]

    return np.fromiter(map(placed, values.tolist()), float, len(values))


def place(found: tuple[Any, ...], value: Any) -> int:
    """Which choice a table's value is; a table may hold 1 as 1.0 or as a NumPy number.

    Raises:
        ValueError: if it is none of them.
    """
    for i, choice in enumerate(found):
        if same(plain(value), choice):
            return i
    raise ValueError(
        f"the table holds {value!r} where the space has {', '.join(map(repr, found))}; analyse a "
        "table with the space that it was made from"
    )


def plain(value: Any) -> Any:
    """A NumPy scalar as a Python value."""
    return value.item() if isinstance(value, np.generic) else value


def original(domain: Domain, value: Any) -> Any:
    """A table's value as the configuration had it."""
    if isinstance(domain, Constant):
        return domain.value
    if isinstance(domain, Bool | Choice):
        found = choices(domain)
        return found[place(found, value)]
    return int(value) if isinstance(domain, Int) else float(value)


def fraction(domain: Domain, value: Any) -> float | None:
    """How far a number lies between its bounds, 0 to 1, on the scale that is searched.

    None for a choice, and where the bounds are equal.
    """
    if not isinstance(domain, Float | Int) or domain.low == domain.high:
        return None
    low, high, at = float(domain.low), float(domain.high), float(value)
    if domain.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return min(1.0, max(0.0, (at - low) / (high - low)))


def same(a: Any, b: Any) -> bool:
    """Equal, where 1 and 1.0 are and 1 and True are not."""
    a, b = plain(a), plain(b)
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)
