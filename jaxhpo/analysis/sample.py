"""The complete trials of a table as arrays: what every statistic over several parameters is of.

Coordinates are those of the unit cube (`jaxhpo.cube.Layout`), so that a parameter on a logarithmic
scale is judged in logarithms, and NaN where a parameter was not active.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.activity import PREFIX, active, choices, coordinates
from jaxhpo.cube import Kind, Layout
from jaxhpo.space import Domain, Float, Int, Space
from jaxhpo.trial import Phase, Status


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """n complete trials in the order of their numbers; d searched parameters.

    Attributes:
        space: what was searched. maximize: whether more of the objective is better.
        units: float64 [n, d], coordinates, NaN where not active.
        value: float64 [n], the objective. loss: the same, lower is better.
        free: bool [n], whether the configuration was chosen without looking at results.
        number: int64 [n].
    """

    space: Space
    maximize: bool
    units: np.ndarray
    value: np.ndarray
    free: np.ndarray
    number: np.ndarray

    def __len__(self) -> int:
        return len(self.value)

    @property
    def names(self) -> tuple[str, ...]:
        """The d parameters."""
        return self.space.names

    @property
    def layout(self) -> Layout:
        """The columns."""
        return self.space.layout

    @functools.cached_property
    def loss(self) -> np.ndarray:
        """float64 [n], lower is better."""
        return -self.value if self.maximize else self.value

    @functools.cached_property
    def group(self) -> np.ndarray:
        """int [n]: equal for equal configurations, which differ in their random draws alone."""
        if not self.names or not len(self):
            return np.zeros(len(self), int)
        filled = np.where(np.isnan(self.units), -1.0, self.units)
        rows = np.ascontiguousarray(filled).view(np.dtype((np.void, filled.itemsize * self.d)))
        return np.unique(rows[:, 0], return_inverse=True)[1]

    @property
    def d(self) -> int:
        """How many parameters are searched."""
        return len(self.names)

    def column(self, name: str) -> int:
        """The place of a parameter."""
        return self.names.index(name)

    def level(self, name: str) -> np.ndarray:
        """int [n], the level of a grid or a category, -1 where not active."""
        at = self.column(name)
        found = np.searchsorted(np.array(self.layout.edges[at][1:-1]), self.units[:, at], "right")
        return np.where(np.isnan(self.units[:, at]), -1, found)

    def ordered(self, name: str) -> bool:
        """Whether the parameter's values have an order."""
        return self.layout.kinds[self.column(name)] is not Kind.CATEGORY

    def at(self, rows: np.ndarray) -> Sample:
        """The same, of some rows (a mask or places)."""
        return dataclasses.replace(
            self,
            units=self.units[rows],
            value=self.value[rows],
            free=self.free[rows],
            number=self.number[rows],
        )

    def independent(self) -> Sample:
        """The trials that were chosen without looking at results."""
        return self.at(self.free)


def sample(table: pd.DataFrame, space: Space, *, maximize: bool) -> Sample:
    """The complete trials of a trial table whose objective is finite."""
    finite = np.isfinite(table["value"].to_numpy(float))
    rows = table[(table["status"].to_numpy() == Status.COMPLETE.value) & finite].sort_index()
    units = np.full((len(rows), len(space.names)), np.nan)
    for at, name in enumerate(space.names):
        on = active(rows, space, name)
        domain = space.parameters[name]
        units[on, at] = _units(domain, rows[PREFIX + name][on], space.layout.positions[at])
    return Sample(
        space=space,
        maximize=maximize,
        units=units,
        value=rows["value"].to_numpy(float),
        free=rows["phase"].to_numpy() == Phase.EXPLORE.value,
        number=rows.index.to_numpy(np.int64),
    )


def snapped(layout: Layout, units: np.ndarray) -> np.ndarray:
    """float64 [n, d]: on the positions of the levels where a column has levels."""
    found = units.copy()
    for at, (positions, edges) in enumerate(zip(layout.positions, layout.edges, strict=True)):
        if positions:
            level = np.searchsorted(np.array(edges[1:-1]), units[:, at], side="right")
            found[:, at] = np.array(positions)[level]
    return found


def _units(domain: Domain, values: pd.Series, positions: tuple[float, ...]) -> np.ndarray:
    x = coordinates(domain, values)
    if not isinstance(domain, Float | Int):
        return np.array(positions)[x.astype(int)]
    step = float(domain.step or 1) if isinstance(domain, Int) or domain.step else None
    if positions and step:
        level = np.clip(np.round((x - domain.low) / step).astype(int), 0, len(positions) - 1)
        return np.array(positions)[level]
    low, high = float(domain.low), float(domain.high)
    if step:  # more levels than a grid has: from half a step outside the first and the last
        low, high = low - step / 2, high + step / 2
    if domain.log:
        low, high, x = math.log(low), math.log(high), np.log(x)
    return np.clip((x - low) / (high - low), 0.0, 1.0)


def value_at(domain: Domain, unit: float, positions: tuple[float, ...]) -> Any:
    """The value at a coordinate; of a continuous one, four digits are kept."""
    if positions:
        level = int(np.argmin(np.abs(np.array(positions) - unit)))
        if not isinstance(domain, Float | Int):
            return choices(domain)[level]
        exact = domain.low + level * (domain.step or 1)
        return int(exact) if isinstance(domain, Int) else float(f"{exact:.12g}")
    if not isinstance(domain, Float | Int):
        raise TypeError(f"value_at(domain=...) must have positions or be a number, got {domain!r}")
    if unit <= 0 or unit >= 1:
        return domain.low if unit <= 0 else domain.high
    low, high, step = float(domain.low), float(domain.high), float(domain.step or 1)
    if isinstance(domain, Int) or domain.step:
        low, high = low - step / 2, high + step / 2
    if domain.log:
        x = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
    else:
        x = low + unit * (high - low)
    if isinstance(domain, Int) or domain.step:
        level = math.floor((x - low) / step)
        last = round((domain.high - domain.low) / step)
        x = domain.low + min(max(level, 0), last) * step
        return int(x) if isinstance(domain, Int) else float(f"{x:.12g}")
    return min(max(float(f"{x:.4g}"), domain.low), domain.high)
