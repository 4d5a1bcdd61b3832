"""What `jaxhpo.report.lint` looks for in advice: contradictions in it, with other results, and with
the files of the next spaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_SPACES = ("next_space_aggressive", "next_space_conservative")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What is wrong: the rule's name, where, and how."""

    rule: str
    where: str
    text: str


def advised(whole: dict[str, Any], home: Path) -> Iterator[Finding]:
    """One parameter, one kind of advice; and the files are spaces that follow it."""
    from jaxhpo.space import Space

    said: dict[str, dict[str, Any]] = {}
    for one in whole.get("advice", ()):
        name = one["parameter"]
        if name in said:
            yield Finding(rule="advice", where=name, text="is given two kinds of advice")
        said[name] = one
        yield from _one_way(one)
        yield from _for_all(one, whole.get("targets", {}).get("others", ()))
    for bound in whole.get("bounds", ()):
        yield from _outward(bound, said[bound["parameter"]])
    for name in _SPACES:
        path = home / f"{name}.yaml"
        if not path.exists():
            continue
        try:
            space = Space.from_yaml(path)
        except ValueError as error:
            yield Finding(rule="advice", where=path.name, text=str(error))
            continue
        if name == _SPACES[0]:
            yield from _followed(space.to_dict(), said, path.name)


def _for_all(one: dict[str, Any], others: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """What another objective or a constraint depends on is not fixed for the first one."""
    for target in others if "fix" in one["rules"] else ():
        if any(_matters(e, one["parameter"]) for e in target["evidence"]):
            why = f"is fixed, though it matters for {target['name']}"
            yield Finding(rule="advice", where=one["parameter"], text=why)


def _matters(said: dict[str, Any], name: str) -> bool:
    return said["parameter"] == name and said["verdict"] == "matters"


def _one_way(one: dict[str, Any]) -> Iterator[Finding]:
    """Nothing is fixed and explored, or widened and cut at one end."""
    name, rules = one["parameter"], set(one["rules"])
    for side in ("low", "high"):
        if {f"expand {side}", f"narrow {side}"} <= rules:
            yield Finding(rule="advice", where=name, text=f"is widened and cut at its {side} end")
    if "fix" in rules and len(rules) > 1:
        yield Finding(rule="advice", where=name, text=f"is fixed and explored: {sorted(rules)}")


def _outward(bound: dict[str, Any], one: dict[str, Any]) -> Iterator[Finding]:
    """What should be looked for beyond a bound is not cut there, or fixed."""
    if bound["expand"] and f"expand {bound['side']}" not in one["rules"]:
        why = f"should be searched beyond its {bound['side']} end, but: {one['rules']}"
        yield Finding(rule="advice", where=one["parameter"], text=why)


def _followed(
    space: dict[str, Any], said: dict[str, dict[str, Any]], where: str
) -> Iterator[Finding]:
    """The aggressive space does what the advice says."""
    for name, one in said.items():
        domain = space.get(name)
        if not isinstance(domain, dict):
            continue  # a constant, by advice or because it can no longer be active
        if one["action"] == "fix" and domain.get("type") != "constant":
            yield Finding(rule="advice", where=where, text=f"{name} is to be fixed, and is not")
        if one["action"] in ("widen", "narrow", "move") and "low" in domain:
            asked, there = (one["low"], one["high"]), (domain["low"], domain["high"])
            if asked != there:
                why = f"{name} is to go from {asked[0]} to {asked[1]}, and is {there}"
                yield Finding(rule="advice", where=where, text=why)
