"""How many of the configurations that the space holds were tried."""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.activity import PREFIX, active, choices, coordinates
from jaxhpo.space import Constant, Domain, Float, Int, Space

_MOST = 10_000  # combinations of the parents' values that are looked at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coverage:
    """Attributes:
    trials: that were proposed. tried: different configurations among them, what was inactive left
        aside. complete: different ones with a complete trial.
    possible: how many the space holds; None where a parameter is continuous, or where they can't be
        counted.
    continuous: the parameters that have no smallest step.
    """

    trials: int
    tried: int
    complete: int
    possible: int | None
    continuous: tuple[str, ...]


def coverage(table: pd.DataFrame, space: Space) -> Coverage:
    """Of all trials of a table."""
    done = (table["status"] == "complete").to_numpy()
    group = _groups(table, space)
    without = tuple(n for n in space.names if levels(space.parameters[n]) is None)
    return Coverage(
        trials=len(table),
        tried=len(np.unique(group)),
        complete=len(np.unique(group[done])),
        possible=None if without else possible(space),
        continuous=without,
    )


def levels(domain: Domain) -> int | None:
    """How many values a parameter has; None for a continuous one."""
    if isinstance(domain, Constant):
        return 1
    if not isinstance(domain, Float | Int):
        return len(choices(domain))
    step = domain.step or (1 if isinstance(domain, Int) else None)
    return None if step is None else math.floor((domain.high - domain.low) / step + 1e-9) + 1


def possible(space: Space) -> int | None:
    """How many configurations a space without continuous parameters holds: for each combination of
    the values that others depend on, the product of what is active; None where there are too many
    of those."""
    parents = {parent for d in space.parameters.values() for parent in d.when or {}}
    parents = [n for n in space.names if n in parents]
    options = [_values(space.parameters[name]) for name in parents]
    if math.prod(map(len, options)) > _MOST:
        return None
    whole, seen = 0, set()
    for values in itertools.product(*options):
        held: dict[str, Any] = {}
        for name, value in zip(parents, values, strict=True):
            if _on(space, name, held):
                held[name] = value
        key = tuple((n, repr(held[n])) for n in sorted(held))
        if key not in seen:
            seen.add(key)
            rest = [n for n in space.names if n not in parents and _on(space, n, held)]
            whole += math.prod(levels(space.parameters[n]) or 1 for n in rest)
    return whole


def _values(domain: Domain) -> list[Any]:
    if not isinstance(domain, Float | Int):
        return list(choices(domain))
    return [domain.low + k * (domain.step or 1) for k in range(levels(domain) or 0)]


def _on(space: Space, name: str, held: Mapping[str, Any]) -> bool:
    for parent, wanted in (space.parameters[name].when or {}).items():
        if isinstance(space.parameters[parent], Constant):
            continue
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if parent not in held or not any(held[parent] == w for w in allowed):
            return False
    return True


def _groups(table: pd.DataFrame, space: Space) -> np.ndarray:
    """int [n], equal for equal configurations."""
    columns = np.full((len(table), max(len(space.names), 1)), np.nan)
    for at, name in enumerate(space.names):
        on = active(table, space, name)
        columns[on, at] = coordinates(space.parameters[name], table[PREFIX + name][on])
    filled = np.ascontiguousarray(np.where(np.isnan(columns), -np.inf, columns) + 0.0)
    rows = filled.view(np.dtype((np.void, filled.itemsize * filled.shape[1])))
    return np.unique(rows[:, 0], return_inverse=True)[1]
