"""The objective against one parameter at a time: what a slice plot shows."""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.space import Bool, Float, Int, Space


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice:
    """One parameter, and the n complete trials in which it was active.

    Attributes:
        parameter: its name. kind: "number" or "labels". log: whether its scale is logarithmic.
        whole: whether its values are whole numbers.
        low, high: its bounds, for a number.
        labels: its values as text in their order, for labels.
        x: of each trial the value, or the place of its label. value: the objective.
        phase, number: of each trial.
        medians: of the objective for each label, None where it has no trial.
        inactive: complete trials in which it was not active.
    """

    parameter: str
    kind: str
    log: bool
    whole: bool
    low: float | None
    high: float | None
    labels: tuple[str, ...]
    x: tuple[float, ...]
    value: tuple[float, ...]
    phase: tuple[str, ...]
    number: tuple[int, ...]
    medians: tuple[float | None, ...]
    inactive: int


def slices(table: pd.DataFrame, space: Space) -> tuple[Slice, ...]:
    """Every searched parameter, in the order of the space."""
    complete = table[(table["status"] == "complete") & table["value"].notna()].sort_index()
    return tuple(_slice(complete, name, space.parameters[name]) for name in space.names)


def label(value: Any) -> str:
    """A choice as text."""
    return value if isinstance(value, str) else repr(value)


def _slice(complete: pd.DataFrame, name: str, domain: Any) -> Slice:
    active = complete[complete[f"param.{name}"].notna()]
    given = active[f"param.{name}"]
    value = active["value"].to_numpy(float)
    number = isinstance(domain, Float | Int)
    labels = () if number else tuple(label(choice) for choice in _choices(domain))
    x = coordinates(domain, given)
    medians = tuple(
        float(np.median(value[x == i])) if (x == i).any() else None for i in range(len(labels))
    )
    return Slice(
        parameter=name,
        kind="number" if number else "labels",
        log=bool(getattr(domain, "log", False)),
        whole=isinstance(domain, Int),
        low=float(domain.low) if number else None,
        high=float(domain.high) if number else None,
        labels=labels,
        x=tuple(x.tolist()),
        value=tuple(value.tolist()),
        phase=tuple(active["phase"].astype(str)),
        number=tuple(int(i) for i in active.index),
        medians=medians,
        inactive=len(complete) - len(active),
    )


def coordinates(domain: Any, given: pd.Series) -> np.ndarray:
    """float [n], where values stand on their scale: numbers as they are, labels by place."""
    if isinstance(domain, Float | Int):
        return given.to_numpy(float)
    places = {repr(choice): place for place, choice in enumerate(_choices(domain))}
    return np.array([places[repr(_plain(value))] for value in given], float)


def _choices(domain: Any) -> tuple[Any, ...]:
    return (False, True) if isinstance(domain, Bool) else tuple(domain.choices)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
