"""How a domain lies on one column of the unit cube.

A continuous float is a line: ``u = (x - low) / (high - low)``, or the same in logarithms. Every
other domain is a grid of K levels whose cells fill [0, 1]: equal cells, or, for whole numbers on a
logarithmic scale, cells from half a step below to half a step above each number, in logarithms.

Points are float32, so a coordinate has 24 bits. A level is encoded as the coordinate of its value
and decoded from its whole cell; `MOST_LEVELS` and a check on the narrowest cell make sure that the
way there and back is exact.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from jaxhpo.cube import FINEST_GRID, Kind
from jaxhpo.space.domains import (
    Bool,
    Domain,
    Float,
    Int,
    Searched,
    is_number,
    plain,
    refused,
    same,
    tupled,
)

HALF_ULP = 2.0**-25  # the largest error of rounding a coordinate in [0.5, 1] to float32
MOST_LEVELS = 2**24 - 1  # half an even cell is then still wider than HALF_ULP
SLACK = 1e-6  # in steps, or in widths of the range: how far off a value may be and still be read


class Axis(abc.ABC):
    """One column.

    Attributes:
        kind: what samplers take the column for; a grid of more than `FINEST_GRID` levels is
            continuous to them.
        count: how many levels there are, None on a line.
    """

    kind: Kind
    count: int | None

    @abc.abstractmethod
    def decode(self, units: np.ndarray) -> tuple[list[Any], np.ndarray | None]:
        """The values at float32 [n] coordinates in [0, 1], and on a grid their int levels."""

    @abc.abstractmethod
    def encode(self, values: Iterable[Any]) -> tuple[np.ndarray, np.ndarray | None]:
        """float64 [n] coordinates, NaN where a value is not of the domain, and their levels."""

    @property
    @abc.abstractmethod
    def expected(self) -> str:
        """What a value must be, for messages."""

    def table(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Positions and edges as `jaxhpo.cube.Layout` wants them; empty where continuous."""
        return (), ()


class Line(Axis):
    """A continuous float.

    Values are rounded to as many decimals (on a logarithmic scale: digits) as a float32 coordinate
    can tell apart, so that 0.01 comes back as 0.01; the bounds themselves are exact.
    """

    kind = Kind.CONTINUOUS
    count = None

    def __init__(self, domain: Float):
        self.low, self.high, self.log = domain.low, domain.high, domain.log
        self._ends = (self.low, self.high)
        if self.log:
            self._ends = (math.log(self.low), math.log(self.high))
        finest = (self._ends[1] - self._ends[0]) * 2 * HALF_ULP  # of x, or of x relative to x
        self._digits = math.floor(-math.log10(finest))

    def decode(self, units: np.ndarray) -> tuple[list[Any], None]:
        u = units.astype(np.float64)
        x = self._ends[0] * (1 - u) + self._ends[1] * u
        if self.log:
            rounded = np.array([float(f"{v:.{self._digits}g}") for v in np.exp(x).tolist()])
        else:
            rounded = np.array([round(v, self._digits) for v in x.tolist()]) + 0.0  # no -0.0
        rounded = np.where(u == 0, self.low, np.where(u == 1, self.high, rounded))
        return rounded.clip(self.low, self.high).tolist(), None

    def encode(self, values: Iterable[Any]) -> tuple[np.ndarray, None]:
        read = [float(v) if is_number(v) else math.nan for v in map(plain, values)]
        x = np.array(read, np.float64)
        if self.log:
            x = np.log(np.where(x > 0, x, np.nan))
        u = (x - self._ends[0]) / (self._ends[1] - self._ends[0])
        inside = (u >= -SLACK) & (u <= 1 + SLACK)
        return np.where(inside, np.clip(u, 0, 1), np.nan), None

    @property
    def expected(self) -> str:
        return f"a number from {self.low!r} to {self.high!r}"


class Grid(Axis):
    """A domain of K levels; the subclasses say what their values are.

    Attributes:
        ends: None for equal cells; else the values half a step outside the first and the last
            level, whose logarithms 0 and 1 stand for.
    """

    count: int  # pyright: ignore[reportIncompatibleVariableOverride] - never None here
    kind = Kind.GRID
    ends: tuple[float, float] | None = None

    @abc.abstractmethod
    def value(self, level: int) -> Any:
        """The value of a level."""

    @abc.abstractmethod
    def level(self, value: Any) -> int:
        """The level of a value, -1 if it is not of the domain."""

    def settle(self, name: str, domain: Domain) -> Grid:
        """Self, once it is sure that float32 tells the levels apart."""
        narrowest = 0.5 / self.count
        if self.ends is not None:  # the last half cell; 0.1 % for the rounding of logarithms
            top = self._to_unit(np.array([self.count - 1, self.count - 0.5]))
            narrowest = float(top[1] - top[0]) * 0.999
        if self.count > MOST_LEVELS or narrowest <= HALF_ULP:
            fix = "use a larger step, a smaller range, or Float"
            most = "a million with log=True" if self.ends is not None else f"{MOST_LEVELS}"
            must = f"have no more values than a float32 coordinate tells apart (about {most})"
            raise refused(domain, name, "low, high", must, f"{self.count} values", fix)
        if self.count > FINEST_GRID:
            self.kind = Kind.CONTINUOUS
        else:
            self._values = [self.value(k) for k in range(self.count)]
            self._inner = self._to_unit(np.arange(1, self.count) - 0.5).astype(np.float32)
        return self

    def _to_unit(self, levels: np.ndarray) -> np.ndarray:
        """float64 coordinates of (fractional) levels; level k's cell is [k - 0.5, k + 0.5]."""
        even = (levels + 0.5) / self.count
        if self.ends is None:
            return even
        start, end = self.ends
        x = start + even * (end - start)
        return (np.log(x) - math.log(start)) / (math.log(end) - math.log(start))

    def _to_level(self, units: np.ndarray) -> np.ndarray:
        if self.count <= FINEST_GRID:  # as `Layout.level` does it, to the bit
            return np.searchsorted(self._inner, units, side="right")
        even = units.astype(np.float64)
        if self.ends is not None:
            start, end = self.ends
            x = np.exp(math.log(start) * (1 - even) + math.log(end) * even)
            even = (x - start) / (end - start)
        return np.clip(np.floor(even * self.count).astype(np.int64), 0, self.count - 1)

    def decode(self, units: np.ndarray) -> tuple[list[Any], np.ndarray]:
        levels = self._to_level(units)
        if self.count <= FINEST_GRID:
            values = self._values
            return [values[k] for k in levels.tolist()], levels
        return [self.value(k) for k in levels.tolist()], levels

    def encode(self, values: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
        levels = np.array([self.level(v) for v in map(plain, values)], np.int64)
        return np.where(levels < 0, np.nan, self._to_unit(levels.clip(0))), levels

    def table(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        if self.count > FINEST_GRID:
            return (), ()
        positions = self._to_unit(np.arange(self.count))
        edges = self._to_unit(np.arange(self.count + 1) - 0.5)
        return tuple(positions.tolist()), (0.0, *edges[1:-1].tolist(), 1.0)


class Whole(Grid):
    """Whole numbers, `step` apart."""

    def __init__(self, domain: Int):
        self.low, self.high, self.step = domain.low, domain.high, domain.step or 1
        self.count = (self.high - self.low) // self.step + 1
        if domain.log:
            self.ends = (self.low - self.step / 2, self.high + self.step / 2)

    def value(self, level: int) -> int:
        return self.low + level * self.step

    def level(self, value: Any) -> int:
        if not is_number(value) or not self.low <= value <= self.high or value != int(value):
            return -1
        level, rest = divmod(int(value) - self.low, self.step)
        return -1 if rest else level

    @property
    def expected(self) -> str:
        steps = f" in steps of {self.step}" if self.step != 1 else ""
        return f"a whole number from {self.low} to {self.high}{steps}"


class Stepped(Grid):
    """Floats, `step` apart.

    Level k is low + k (high - low) / (K - 1), computed exactly from the decimals that one writes
    for the bounds, then rounded once: 0.1 + 2 * 0.1 is 0.3.
    """

    def __init__(self, domain: Float):
        self.low, self.high = domain.low, domain.high
        self.count = round((self.high - self.low) / (domain.step or 1.0)) + 1
        low, high = Fraction(repr(self.low)), Fraction(repr(self.high))
        step = (high - low) / (self.count - 1)
        self._denominator = math.lcm(low.denominator, step.denominator)
        self._low = int(low * self._denominator)
        self._step = int(step * self._denominator)
        self._width = float(step)

    def value(self, level: int) -> float:
        return (self._low + level * self._step) / self._denominator

    def level(self, value: Any) -> int:
        if not is_number(value) or not math.isfinite(value):
            return -1
        near = (value - self.low) / self._width
        level = round(near)
        return level if 0 <= level < self.count and abs(near - level) <= SLACK else -1

    @property
    def expected(self) -> str:
        return f"a number from {self.low!r} to {self.high!r} in steps of {self._width:.12g}"


class Table(Grid):
    """Values as they are listed."""

    def __init__(self, values: tuple[Any, ...], *, ordered: bool):
        self._values = list(values)
        self.count = len(values)
        self._levels = {v: k for k, v in enumerate(values)}
        if not ordered:
            self.kind = Kind.CATEGORY

    def value(self, level: int) -> Any:
        return self._values[level]

    def level(self, value: Any) -> int:
        value = tupled(value)  # it may have been through JSON
        try:
            level = self._levels.get(value, -1)
        except TypeError:
            return -1
        return level if level >= 0 and same(value, self._values[level]) else -1

    @property
    def expected(self) -> str:
        shown = ", ".join(map(repr, self._values[:12]))
        return f"one of {shown}{', ...' if self.count > 12 else ''}"


def axis(domain: Searched, name: str) -> Axis:
    """The column of a checked domain.

    Raises:
        SpaceError: if it has more levels than float32 coordinates tell apart, or an (ordered or
            not) choice more than `FINEST_GRID`.
    """
    if isinstance(domain, Float):
        return Line(domain) if domain.step is None else Stepped(domain).settle(name, domain)
    if isinstance(domain, Int):
        return Whole(domain).settle(name, domain)
    if isinstance(domain, Bool):
        return Table((False, True), ordered=False).settle(name, domain)
    grid = Table(tuple(domain.choices), ordered=domain.ordered)
    if grid.count > FINEST_GRID:
        fix = "search an index: Int(0, n - 1)"
        must = f"hold at most {FINEST_GRID} values"
        raise refused(domain, name, "choices", must, f"{grid.count} values", fix)
    return grid.settle(name, domain)
