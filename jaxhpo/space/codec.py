"""Configurations to points of the unit cube and back, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.cube import INACTIVE, Condition
from jaxhpo.space.axes import Axis
from jaxhpo.space.conditions import conditions_of
from jaxhpo.space.domains import Constant, Domain, SpaceError, plain, same, tupled

_MISSING = object()


class Codec:
    """The way there and back for one space.

    Attributes:
        domains: every parameter and constant, in the order in which a configuration lists them.
        axes: the searched parameters, in the order of the columns, parents before children.
        conditions: by column and level.
    """

    def __init__(
        self,
        domains: Mapping[str, Domain],
        axes: Mapping[str, Axis],
        conditions: tuple[Condition, ...],
    ):
        self.domains, self.axes, self.conditions = domains, axes, conditions
        self._needs = [[c for c in conditions if c.child == i] for i in range(len(axes))]

    def decode(self, points: Any) -> list[dict[str, Any]]:
        """See `jaxhpo.space.Space.decode`."""
        points = self._checked(points)
        levels: list[np.ndarray | None] = []
        active: list[np.ndarray] = []
        columns = {}
        for column, (name, axis) in enumerate(self.axes.items()):
            values, level = axis.decode(points[:, column])
            on = self._active(column, len(points), levels, active)
            if not on.all():
                values = [v if a else _MISSING for v, a in zip(values, on.tolist(), strict=True)]
            columns[name] = values
            levels.append(level)
            active.append(on)
        for name, domain in self.domains.items():
            if isinstance(domain, Constant):
                columns[name] = [domain.value] * len(points)
        order = list(self.domains)
        rows = zip(*(columns[name] for name in order), strict=True)
        if all(on.all() for on in active):
            return [dict(zip(order, row, strict=True)) for row in rows]
        return [
            {n: v for n, v in zip(order, row, strict=True) if v is not _MISSING} for row in rows
        ]

    def _checked(self, points: Any) -> np.ndarray:
        points = np.asarray(points, np.float32)
        if points.ndim != 2 or points.shape[1] != len(self.axes):
            raise SpaceError(
                f"Space.decode(points=...) must have the shape [n, {len(self.axes)}], got "
                f"{list(points.shape)}; one row is a point, one column a searched parameter"
            )
        if np.isnan(points).any():
            row, column = np.argwhere(np.isnan(points))[0].tolist()
            raise SpaceError(
                f"Space.decode(points=...) must be numbers, got nan for "
                f"{list(self.axes)[column]!r} in row {row}; look for where it was computed"
            )
        return points.clip(0, 1)

    def _active(
        self,
        column: int,
        n: int,
        levels: Sequence[np.ndarray | None],
        active: Sequence[np.ndarray],
    ) -> np.ndarray:
        """bool [n], from the levels and the activity of the columns before."""
        on = np.ones(n, bool)
        for condition in self._needs[column]:
            level = levels[condition.parent]
            if level is not None:  # a parent is never continuous
                on &= active[condition.parent] & np.isin(level, condition.levels)
        return on

    def encode(self, configs: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """See `jaxhpo.space.Space.encode`."""
        configs = list(configs)
        self._check_names(configs)
        points = np.full((len(configs), len(self.axes)), INACTIVE, np.float32)
        levels: list[np.ndarray | None] = []
        active: list[np.ndarray] = []
        for column, (name, axis) in enumerate(self.axes.items()):
            on = self._active(column, len(configs), levels, active)
            values = [config.get(name, _MISSING) for config in configs]
            given = np.array([value is not _MISSING for value in values], bool)
            if not np.array_equal(given, on):
                raise self._wrong_presence(name, int(np.argmax(given != on)), values)
            units, level = axis.encode(values)
            wrong = on & np.isnan(units)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise _bad(name, row, f"must be {axis.expected}", values[row], "correct it")
            points[on, column] = units[on]
            levels.append(level)
            active.append(on)
        return points

    def _check_names(self, configs: Sequence[Mapping[str, Any]]) -> None:
        constants = {n: d.value for n, d in self.domains.items() if isinstance(d, Constant)}
        for row, config in enumerate(configs):
            for name, value in config.items():
                if name not in self.domains:
                    fix = f"the space has: {', '.join(map(repr, self.domains))}"
                    raise _bad(name, row, "is unknown", value, fix)
                if name in constants and not same(tupled(plain(value)), constants[name]):
                    must = f"must be the constant {constants[name]!r}"
                    raise _bad(name, row, must, value, "correct it or leave it out")

    def _wrong_presence(self, name: str, row: int, values: Sequence[Any]) -> SpaceError:
        when = dict(conditions_of(self.domains[name]))
        if values[row] is _MISSING:
            reason = f"is active (when={when!r}) but missing" if when else "is missing"
            return _bad(name, row, reason, _MISSING, "give it a value")
        return _bad(name, row, f"is not active (when={when!r})", values[row], "leave it out")


def _bad(name: str, row: int, what: str, value: Any, fix: str) -> SpaceError:
    got = "" if value is _MISSING else f", got {name}={value!r}"
    where = f"Space.encode(configs=...): {name!r} of configuration {row}"
    return SpaceError(f"{where} {what}{got}; {fix}")
