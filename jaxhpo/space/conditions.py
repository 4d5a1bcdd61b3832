"""Which parameters are active when: checks and orders the conditions of a space, and counts the
settings that they leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxhpo.cube import FINEST_GRID, Condition
from jaxhpo.space.axes import Axis, Grid
from jaxhpo.space.domains import Constant, Domain, refused, same, tupled


def ordered(parameters: Mapping[str, Domain]) -> list[str]:
    """The names of the searched parameters, parents before children, else as they came.

    Raises:
        SpaceError: for a condition on an unknown parameter, or conditions that go in a circle.
    """
    placed: dict[str, None] = {}

    def place(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            fix = "drop one of the conditions"
            raise refused(parameters[name], name, "when", "not go in a circle", circle, fix)
        if name in placed or isinstance(parameters[name], Constant):
            return
        for parent in conditions_of(parameters[name]):
            if parent not in parameters:
                must = "name a parameter of the space"
                fix = f"the space has: {', '.join(map(repr, parameters))}"
                raise refused(parameters[name], name, "when", must, repr(parent), fix)
            place(parent, (*path, name))
        placed[name] = None

    for name in parameters:
        place(name, ())
    return list(placed)


def conditions_of(domain: Domain) -> Mapping[str, Any]:
    """Its `when`, or nothing."""
    return domain.when or {}


def resolved(
    name: str, parameters: Mapping[str, Domain], axes: Mapping[str, Axis]
) -> dict[str, list[Any]]:
    """The `when` of a parameter as parent to the list of the parent's own values, in their order.

    Raises:
        SpaceError: for a parent without levels, or a value that it can't take.
    """
    domain = parameters[name]
    found: dict[str, list[Any]] = {}
    for parent, wanted in conditions_of(domain).items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if not values:
            fix = "name a value, or drop the condition"
            raise refused(domain, name, "when", f"name a value of {parent!r}", "[]", fix)
        other = parameters[parent]
        if isinstance(other, Constant):
            for value in values:
                if not same(tupled(value), other.value):
                    must = f"name a value that {parent!r} can take"
                    fix = f"it is the constant {other.value!r}: write that, or drop {name!r}"
                    raise refused(domain, name, "when", must, repr(value), fix)
            found[parent] = [other.value]
            continue
        grid = axes[parent]
        if not isinstance(grid, Grid) or grid.count > FINEST_GRID:
            must = f"depend on a parameter of at most {FINEST_GRID} values"
            got = f"{parent!r}, " + (f"{grid.count} values" if grid.count else "a continuous Float")
            fix = f"give {parent!r} a (larger) step, or add a Bool or Choice to depend on"
            raise refused(domain, name, "when", must, got, fix)
        levels = {_level(name, domain, parent, grid, value, wanted) for value in values}
        found[parent] = [grid.value(level) for level in sorted(levels)]
    return found


def _level(name: str, domain: Domain, parent: str, grid: Grid, value: Any, wanted: Any) -> int:
    level = grid.level(value)
    if level < 0:
        must = f"name values that {parent!r} can take ({grid.expected})"
        fix = "correct it"
        if isinstance(wanted, list) and grid.level(wanted) >= 0:
            fix = f"a list names several values: write [{tupled(wanted)!r}] for this one"
        elif isinstance(value, tuple) and all(grid.level(part) >= 0 for part in value):
            fix = f"a tuple is one value: a list names several, {list(value)!r}"
        raise refused(domain, name, "when", must, f"{parent!r}: {value!r}", fix)
    return level


def columns(
    names: Sequence[str], whens: Mapping[str, Mapping[str, list[Any]]], axes: Mapping[str, Axis]
) -> tuple[Condition, ...]:
    """The resolved conditions by column and level, without those on constants: they hold."""
    where = {name: column for column, name in enumerate(names)}
    found = []
    for name in names:
        for parent, values in whens[name].items():
            grid = axes.get(parent)
            if isinstance(grid, Grid):
                levels = tuple(grid.level(v) for v in values)
                found.append(Condition(child=where[name], parent=where[parent], levels=levels))
    return tuple(found)


Dead = frozenset[int]
"""Columns still to come that are sure to be inactive: all that later columns need to know."""


def count(
    sizes: Sequence[int],
    conditions: Sequence[Condition],
    counted: Collection[int],
    empty: Mapping[int, int] | None = None,
) -> tuple[int, set[int]]:
    """How many different settings the counted columns have together, exactly.

    An inactive column has one setting, "none". Groups of columns that don't depend on each other
    multiply. Within a group the columns are gone through in order, and what is kept is, for every
    history of the counted columns, the *set* of `Dead` that the other columns make possible (the
    subset construction for automata), with the number of such histories.

    Args:
        sizes: levels of each column (1 for a continuous one that is not counted).
        conditions: see `jaxhpo.cube.Layout`.
        counted: the columns whose settings are told apart.
        empty: for a counted column, the level that can't be told from "none", if any.

    Returns:
        The number, and the columns that can be active at all.
    """
    total, reachable = 1, set()
    for group in _groups(len(sizes), conditions):
        histories: Counter[frozenset[Dead]] = Counter({frozenset([Dead()]): 1})
        for column in _order(group, conditions):
            after: Counter[frozenset[Dead]] = Counter()
            levels = _levels(column, sizes[column], conditions, (empty or {}).get(column))
            for possible, ways in histories.items():
                if any(column not in dead for dead in possible):
                    reachable.add(column)
                outcomes = _outcomes(column, levels, possible)
                if column in counted:
                    for there, number in outcomes:
                        after[there] += ways * number
                else:
                    after[frozenset().union(*(there for there, _ in outcomes))] += ways
            histories = after
        total *= sum(histories.values())
    return total, reachable


class _Levels(NamedTuple):
    """What the levels of a column do to its children.

    kills: the children that a level makes inactive, to how many levels do so.
    none: the children that the level that is no different from "none" makes inactive, if any.
    children: all of them, inactive where the column itself is.
    """

    kills: Counter[Dead]
    none: Dead | None
    children: Dead


def _levels(column: int, size: int, conditions: Sequence[Condition], empty: int | None) -> _Levels:
    wanted = {c.child: set(c.levels) for c in conditions if c.parent == column}
    children = Dead(wanted)
    named = set().union(*wanted.values())
    kills: Counter[Dead] = Counter()
    for level in named:
        kills[Dead(child for child, levels in wanted.items() if level not in levels)] += 1
    if size > len(named):
        kills[children] += size - len(named)
    none = None
    if empty is not None:
        none = Dead(child for child, levels in wanted.items() if empty not in levels)
        kills[none] -= 1
    return _Levels(+kills, none, children)


def _outcomes(
    column: int, levels: _Levels, possible: frozenset[Dead]
) -> list[tuple[frozenset[Dead], int]]:
    """What may be dead after a column, and how many of its settings lead there."""
    on = [dead for dead in possible if column not in dead]
    off = {dead - {column} | levels.children for dead in possible if column in dead}
    if on and levels.none is not None:
        off |= {dead | levels.none for dead in on}
    found = [(frozenset(off), 1)] if off else []
    if on:
        found += [(frozenset(d | kill for d in on), n) for kill, n in levels.kills.items()]
    return found


def _groups(d: int, conditions: Iterable[Condition]) -> list[list[int]]:
    """Columns that conditions tie together."""
    group = list(range(d))
    for condition in conditions:
        old, new = group[condition.child], group[condition.parent]
        group = [new if g == old else g for g in group]
    return [[c for c in range(d) if group[c] == g] for g in sorted(set(group))]


def _order(group: Sequence[int], conditions: Iterable[Condition]) -> list[int]:
    """Parents first, and columns without children as soon as may be (few states to keep)."""
    parents = {c: {k.parent for k in conditions if k.child == c} for c in group}
    has_child = {k.parent for k in conditions}
    found: list[int] = []
    left = list(group)
    while left:
        ready = [c for c in left if parents[c] <= set(found)]
        chosen = min(ready, key=lambda c: (c in has_child, c))
        found.append(chosen)
        left.remove(chosen)
    return found


def refuse_unreachable(
    names: Sequence[str], parameters: Mapping[str, Domain], reachable: Collection[int]
) -> None:
    """Raises SpaceError for a parameter whose conditions can't all hold at once."""
    for column, name in enumerate(names):
        if column not in reachable:
            domain = parameters[name]
            got = repr(dict(conditions_of(domain)))
            fix = "the values named can't come together: loosen one of the conditions"
            raise refused(domain, name, "when", "hold for some configuration", got, fix)
