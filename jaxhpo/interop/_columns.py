"""Optuna's distributions as columns of the unit cube, and a study's parameters as a `Layout`.

`jaxhpo.space` is stricter than Optuna (whole numbers of 32 bits, values that float32 tells apart),
so this is a way of its own, in float64 and Python's whole numbers: every distribution that Optuna
accepts has a column, and its values come back exact where it has at most `FINEST_GRID` of them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from jaxhpo.cube import FINEST_GRID, INACTIVE, Condition, Kind, Layout
from jaxhpo.interop._presence import When
from jaxhpo.space.conditions import count


class Shape(NamedTuple):
    """What a sampler has to know of a column; see `jaxhpo.cube.Layout`."""

    kind: Kind
    positions: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()


class Column:
    """One distribution as a column.

    Attributes:
        distribution: the distribution.
        shape: as samplers see it.
        levels: how many values there are, 0 where there is no end to them.
    """

    def __init__(self, distribution: BaseDistribution) -> None:
        self.distribution = distribution
        self._ends: tuple[float, float] | None = None
        self._log = bool(getattr(distribution, "log", False))
        if isinstance(distribution, CategoricalDistribution):
            self.levels = len(distribution.choices)
        elif isinstance(distribution, IntDistribution):
            self.levels = (distribution.high - distribution.low) // distribution.step + 1
            half = distribution.step / 2 if distribution.log else 0
            if distribution.log:
                self._ends = (distribution.low - half, distribution.high + half)
        elif isinstance(distribution, FloatDistribution):
            self._ends = (distribution.low, distribution.high)
            step = distribution.step
            self.levels = 0
            if step is not None:
                self.levels = round((distribution.high - distribution.low) / step) + 1
        else:
            raise ValueError(
                f"JaxhpoSampler: a parameter must have a Float-, Int- or CategoricalDistribution, "
                f"got {distribution!r}; suggest it by suggest_float, suggest_int or "
                f"suggest_categorical"
            )
        self.shape = self._shape()

    def _shape(self) -> Shape:
        if isinstance(self.distribution, CategoricalDistribution):
            kind = Kind.CATEGORY
        elif 0 < self.levels <= FINEST_GRID:
            kind = Kind.GRID
        else:
            return Shape(Kind.CONTINUOUS)
        edges = [self._unit(k - 0.5) for k in range(1, self.levels)]
        positions = tuple(self._unit(k) for k in range(self.levels))
        return Shape(kind, positions, (0.0, *edges, 1.0))

    def _unit(self, level: float) -> float:
        """The coordinate of a (fractional) level: equal cells, or such in logarithms."""
        even = (level + 0.5) / self.levels
        if self._ends is None or not self._log:
            return even
        low, high = self._ends
        return (math.log(low + even * (high - low)) - math.log(low)) / math.log(high / low)

    def level(self, value: Any) -> int:
        """The level of a value of the distribution; 0 where it has none."""
        if isinstance(self.distribution, CategoricalDistribution):
            return int(self.distribution.to_internal_repr(value))
        if isinstance(self.distribution, IntDistribution):
            return (int(value) - self.distribution.low) // self.distribution.step
        step = self._float.step
        return 0 if step is None else round((float(value) - self._float.low) / step)

    @property
    def _float(self) -> FloatDistribution:
        assert isinstance(self.distribution, FloatDistribution)
        return self.distribution

    def encode(self, value: Any) -> float | None:
        """The coordinate of a value, None if the distribution does not hold it."""
        distribution = self.distribution
        try:
            if not distribution._contains(distribution.to_internal_repr(value)):
                return None
        except (TypeError, ValueError):
            return None
        if self.levels:
            return self._unit(self.level(value))
        low, high = self._float.low, self._float.high
        if self._log:
            return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return (value / 2 - low / 2) / (high / 2 - low / 2)  # halves: the range may be no float

    def decode(self, unit: float) -> Any:
        """The value at a coordinate: a plain Python value that the distribution holds."""
        distribution = self.distribution
        unit = min(1.0, max(0.0, float(unit)))
        if not self.levels:
            return self._real(unit)
        if self.shape.edges:
            edges = np.asarray(self.shape.edges[1:-1], np.float32)
            level = int(np.searchsorted(edges, np.float32(unit), side="right"))
        else:
            level = self._level_at(unit)
        if isinstance(distribution, CategoricalDistribution):
            return distribution.choices[level]
        if isinstance(distribution, IntDistribution):
            return distribution.low + level * distribution.step
        low, step = Fraction(repr(self._float.low)), Fraction(repr(self._float.step))
        return min(float(low + level * step), self._float.high)

    def _level_at(self, unit: float) -> int:
        """The level at a coordinate of a very fine grid."""
        if self._log and self._ends is not None:
            low, high = self._ends
            value = math.exp(math.log(low) * (1 - unit) + math.log(high) * unit)
            unit = (value - low) / (high - low)
        numerator, denominator = unit.as_integer_ratio()  # there may be more levels than floats
        return min(numerator * self.levels // denominator, self.levels - 1) if unit > 0 else 0

    def _real(self, unit: float) -> float:
        low, high = self._float.low, self._float.high
        if self._log:
            value = math.exp(math.log(low) * (1 - unit) + math.log(high) * unit)
        else:
            value = low * (1 - unit) + high * unit
        return min(high, max(low, value))


class Columns:
    """The columns of some parameters, parents before their children.

    Attributes:
        names: the parameters, in the order of the columns.
        layout: what samplers are given; the same object for parameters of the same shape, so that
            compiled programs are shared.
    """

    def __init__(self, columns: dict[str, Column], whens: dict[str, dict[str, frozenset[int]]]):
        self.names = _ordered(list(columns), whens)
        self._columns = [columns[name] for name in self.names]
        place = {name: i for i, name in enumerate(self.names)}
        self._needs = [
            [(place[parent], levels) for parent, levels in whens.get(name, {}).items()]
            for name in self.names
        ]
        found = [
            Condition(child=child, parent=parent, levels=tuple(sorted(levels)))
            for child, needs in enumerate(self._needs)
            for parent, levels in needs
        ]
        self.layout = layout(tuple(c.shape for c in self._columns), tuple(found))

    def encode(self, params: dict[str, Any]) -> np.ndarray | None:
        """float32 [d], or None where a parameter is missing or out of its range."""
        point = np.full(len(self.names), INACTIVE, np.float32)
        level: dict[int, int] = {}  # of the active columns
        for i, (name, column) in enumerate(zip(self.names, self._columns, strict=True)):
            if all(level.get(p, -1) in levels for p, levels in self._needs[i]):
                unit = column.encode(params[name]) if name in params else None
                if unit is None:
                    return None
                point[i] = unit
                level[i] = column.level(params[name]) if column.shape.edges else -1
        return point

    def decode(self, point: Sequence[float] | np.ndarray) -> dict[str, Any]:
        """The values of the active parameters."""
        found: dict[str, Any] = {}
        level: dict[int, int] = {}  # of the active columns
        for i, (name, column) in enumerate(zip(self.names, self._columns, strict=True)):
            if all(level.get(p, -1) in levels for p, levels in self._needs[i]):
                found[name] = column.decode(float(point[i]))
                level[i] = column.level(found[name]) if column.shape.edges else -1
        return found


def _ordered(names: list[str], whens: dict[str, dict[str, frozenset[int]]]) -> list[str]:
    placed: dict[str, None] = {}

    def place(name: str) -> None:
        if name not in placed:
            for parent in whens.get(name, {}):
                place(parent)
            placed[name] = None

    for name in names:
        place(name)
    return list(placed)


@functools.lru_cache(maxsize=512)
def layout(shapes: tuple[Shape, ...], conditions: tuple[Condition, ...]) -> Layout:
    """The layout of some shapes; equal arguments give the same object."""
    size = None
    if all(shape.positions for shape in shapes):
        sizes = [len(shape.positions) for shape in shapes]
        size = count(sizes, conditions, range(len(shapes)))[0]
    return Layout(
        names=tuple(f"x{i}" for i in range(len(shapes))),
        kinds=tuple(shape.kind for shape in shapes),
        positions=tuple(shape.positions for shape in shapes),
        edges=tuple(shape.edges for shape in shapes),
        conditions=conditions,
        size=size,
    )


def named(
    whens: Sequence[When | None], names: Sequence[str]
) -> dict[str, dict[str, frozenset[int]]]:
    """Conditions by name instead of by column; what nothing explains is left out."""
    return {
        name: {names[parent]: levels for parent, levels in when.items()}
        for name, when in zip(names, whens, strict=True)
        if when is not None
    }
