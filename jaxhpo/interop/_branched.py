"""A search space with conditions for trials that only say which parameters they had."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxhpo.interop._presence import conditions
from jaxhpo.space import Bool, Choice, Constant, Domain, Float, Int, Space

BITS = 10.0  # a condition must be as unlikely by chance as 1 in 1,024


class Branched(NamedTuple):
    """A space, the rows as configurations of it, and what was found out, as sentences.

    A row is None where it is no configuration of the space: a parameter is missing.
    """

    space: Space
    configs: list[dict[str, Any] | None]
    notes: list[str]


def branched(
    domains: Mapping[str, Domain], rows: Sequence[Mapping[str, Any]], whole: Sequence[bool]
) -> Branched:
    """Finds the conditions by which parameters are there or not.

    Where a parameter is missing in some trials and no other parameter accounts for it, whether it
    is there becomes a parameter itself, a Bool called ``NAME is given``: so it is inactive where it
    is missing, and nothing is made up.

    Args:
        domains: of every parameter, without conditions.
        rows: the parameters of each trial.
        whole: whether a trial got so far that its parameters are all there.

    Raises:
        SpaceError: if nothing is searched.
    """
    names = [name for name, domain in domains.items() if not isinstance(domain, Constant)]
    sure = [row for row, is_whole in zip(rows, whole, strict=True) if is_whole] or list(rows)
    present = np.array([[name in row for name in names] for row in sure], bool)
    present = present.reshape(len(sure), len(names))
    known = [_levels(domains[name]) for name in names]
    levels = np.array(
        [
            [_level(known[i], row[name]) if name in row else 0 for i, name in enumerate(names)]
            for row in sure
        ],
        int,
    ).reshape(present.shape)
    ordered = [isinstance(domains[name], Int) for name in names]
    found = conditions(present, levels, [len(k) for k in known], ordered, bits=BITS)

    made: dict[str, Domain] = dict(domains)
    notes: list[str] = []
    given: dict[bytes, str] = {}  # which trials have it, to the Bool that says so
    children: dict[str, str] = {}
    for i, name in enumerate(names):
        when = found[i]
        if when is None:
            pattern = present[:, i].tobytes()
            if pattern not in given:
                given[pattern] = _free(f"{name} is given", made)
                made[given[pattern]] = Bool()
            children[name] = given[pattern]
            made[name] = _with(domains[name], {given[pattern]: True})
            notes.append(
                f"{name!r} is missing in {int((~present[:, i]).sum())} of {len(sure)} trials and "
                f"no other parameter accounts for it; whether it is there is shown as "
                f"{given[pattern]!r}"
            )
        elif when:
            wanted = {
                names[p]: [value for k, value in enumerate(known[p]) if k in ks]
                for p, ks in when.items()
            }
            made[name] = _with(domains[name], wanted)
            said = " and ".join(f"{p!r} is {_either(values)}" for p, values in wanted.items())
            notes.append(f"{name!r} is taken to be active where {said}: so it is in all trials")
    space = Space(made)
    marks = dict.fromkeys(given.values())
    configs = [
        config_of(
            space,
            {**row, **{m: any(children.get(n) == m for n in row) for m in marks}},
        )
        for row in rows
    ]
    return Branched(space, configs, notes)


def config_of(space: Space, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The active parameters of a row, None if one of them is missing."""
    found: dict[str, Any] = {}
    for name in (*space.names, *(n for n in space.parameters if n not in space.names)):
        domain = space.parameters[name]
        if isinstance(domain, Constant):
            found[name] = domain.value
            continue
        when = domain.when or {}
        if all(p in found and _is_in(found[p], wanted) for p, wanted in when.items()):
            if name not in row:
                return None
            found[name] = row[name]
    return {name: found[name] for name in space.parameters if name in found}


def _is_in(value: Any, wanted: Any) -> bool:
    options = wanted if isinstance(wanted, list) else [wanted]
    return any(value == o and isinstance(value, bool) == isinstance(o, bool) for o in options)


def _levels(domain: Domain) -> list[Any]:
    """The values that a condition may name; none for those without an end, or with too many."""
    if isinstance(domain, Choice):
        return list(domain.choices)
    if isinstance(domain, Bool):
        return [False, True]
    if isinstance(domain, Int) and (domain.high - domain.low) // (domain.step or 1) < 1024:
        return list(range(domain.low, domain.high + 1, domain.step or 1))
    return []


def _level(levels: Sequence[Any], value: Any) -> int:
    for k, level in enumerate(levels):
        if level == value and isinstance(level, bool) == isinstance(value, bool):
            return k
    return 0


def _with(domain: Domain, when: Mapping[str, Any]) -> Domain:
    assert isinstance(domain, Float | Int | Choice | Bool)
    return dataclasses.replace(domain, when=when)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name


def _either(values: Sequence[Any]) -> str:
    shown = [repr(value) for value in values[:6]]
    if len(values) > 6:
        shown[-1] = f"one of {len(values) - 5} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
