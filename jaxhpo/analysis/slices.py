"""The objective against one parameter at a time: what a slice plot shows."""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from jaxhpo.analysis.activity import PREFIX, active, coordinates, fraction, labels
from jaxhpo.analysis.shown import Short
from jaxhpo.space import Domain, Float, Int, Space

_BINS = 8
_FEWEST = 5  # trials, below which a bin has no median
_FEW_LEVELS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Middle:
    """The median of the objective over the n trials at `x` (a label's place, or the mean of a bin
    on the scale that is searched); None where there are too few trials."""

    x: float
    n: int
    median: float | None


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Slice(Short):
    """One parameter, and the n complete trials in which it was active.

    Attributes:
        parameter: its name. kind: "number" or "labels". log: whether its scale is logarithmic.
        whole: whether its values are whole numbers.
        low, high: its bounds, for a number.
        spacing: the distance of neighbours, for a number of at most 16 levels on a linear scale.
        labels: its values as text in their order, for labels.
        x: of each trial the value, or the place of its label. value: the objective.
        phase, number: of each trial.
        middles: of each label (at least 1 trial); of a number (at least 5 trials) of each value
            where there are no more than 8 of them, else of 8 equal parts of the range.
        inactive: complete trials in which it was not active; they are nowhere else in here.
    """

    parameter: str
    kind: str
    log: bool
    whole: bool
    low: float | None
    high: float | None
    spacing: float | None
    labels: tuple[str, ...]
    x: tuple[float, ...]
    value: tuple[float, ...]
    phase: tuple[str, ...]
    number: tuple[int, ...]
    middles: tuple[Middle, ...]
    inactive: int


def slices(table: pd.DataFrame, space: Space) -> tuple[Slice, ...]:
    """Every searched parameter, in the order of the space."""
    complete = table[(table["status"] == "complete") & table["value"].notna()].sort_index()
    return tuple(_slice(complete, name, space) for name in space.names)


def _slice(complete: pd.DataFrame, name: str, space: Space) -> Slice:
    domain = space.parameters[name]
    rows = complete[active(complete, space, name)]
    value = rows["value"].to_numpy(float)
    x = coordinates(domain, rows[PREFIX + name])
    number = isinstance(domain, Float | Int)
    texts = () if number else labels(domain)
    return Slice(
        parameter=name,
        kind="number" if number else "labels",
        log=bool(getattr(domain, "log", False)),
        whole=isinstance(domain, Int),
        low=float(domain.low) if number else None,
        high=float(domain.high) if number else None,
        spacing=_spacing(domain),
        labels=texts,
        x=tuple(x.tolist()),
        value=tuple(value.tolist()),
        phase=tuple(rows["phase"].astype(str)),
        number=tuple(int(i) for i in rows.index.to_numpy()),
        middles=_of_parts(domain, x, value) if number else _of_labels(len(texts), x, value),
        inactive=len(complete) - len(rows),
    )


def _spacing(domain: Domain) -> float | None:
    if not isinstance(domain, Float | Int) or domain.log:
        return None
    step = domain.step or (1 if isinstance(domain, Int) else None)
    return float(step) if step and (domain.high - domain.low) / step < _FEW_LEVELS else None


def _of_labels(count: int, x: np.ndarray, value: np.ndarray) -> tuple[Middle, ...]:
    return tuple(_middle(float(i), value[x == i], 1) for i in range(count))


def _of_parts(domain: Domain, x: np.ndarray, value: np.ndarray) -> tuple[Middle, ...]:
    """Of the values, if few, or of equal parts of the searched scale, those with trials."""
    log = bool(getattr(domain, "log", False))
    parts = np.array([fraction(domain, v) or 0.0 for v in x], float)
    bins = np.minimum((parts * _BINS).astype(int), _BINS - 1)
    spacing = _spacing(domain)
    if spacing and isinstance(domain, Float | Int) and (domain.high - domain.low) / spacing < _BINS:
        bins = np.round((x - domain.low) / spacing).astype(int)
    scale = np.log(x) if log else x
    found = []
    for i in np.unique(bins):
        at = float(scale[bins == i].mean())
        found.append(_middle(float(np.exp(at)) if log else at, value[bins == i], _FEWEST))
    return tuple(found)


def _middle(x: float, values: np.ndarray, fewest: int) -> Middle:
    n = len(values)
    return Middle(x=x, n=n, median=float(np.median(values)) if n >= fewest else None)
