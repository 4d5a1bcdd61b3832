"""The next search space, as a file that a study accepts as it is.

Two of them. *Aggressive*: all of the advice. *Conservative*: what is graded strong; a range is cut
half as far, and nothing is fixed. A parameter that is fixed, or can no longer become active, stays
in the file as a constant, so that a task that reads it finds it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxhpo.analysis.activity import same
from jaxhpo.analysis.ground import Advice
from jaxhpo.space import Bool, Choice, Constant, Domain, Float, Int, Space
from jaxhpo.space.programs import is_static, stand_in


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextSpace:
    """Attributes:
    name: "aggressive" or "conservative". yaml: the file.
    before, after: how many parameters are searched.
    volume: of the parameters that are searched in both, the volume of the new space in volumes of
        the old one, on the scale that is searched; above 1 where ranges grow.
    changed: parameters whose domain is another; fixed: those that became constants by advice;
    unreachable: those that no configuration has any more.
    """

    name: str
    yaml: str
    before: int
    after: int
    volume: float
    changed: tuple[str, ...]
    fixed: tuple[str, ...]
    unreachable: tuple[str, ...]


def next_spaces(space: Space, advised: Sequence[Advice]) -> tuple[NextSpace, ...]:
    """The conservative one, and the aggressive one."""
    return tuple(_next(space, advised, name) for name in ("conservative", "aggressive"))


def _next(space: Space, advised: Sequence[Advice], name: str) -> NextSpace:
    careful = name == "conservative"
    taken = {a.parameter: a for a in advised if _taken(a, careful)}
    domains = {
        n: _changed(domain, taken[n], careful) if n in taken else domain
        for n, domain in space.parameters.items()
    }
    found, unreachable = _connected(space, domains)
    if all(isinstance(found[n], Constant) for n in space.names):
        first = space.names[0]  # has no condition; a search needs something to search
        found, unreachable = _connected(space, {**domains, first: space.parameters[first]})
    made = Space(found)
    constants = [n for n in space.names if n not in made.names]
    fixed = tuple(n for n in constants if n not in unreachable)
    changed = tuple(n for n in space.names if found[n] != space.parameters[n])
    return NextSpace(
        name=name,
        yaml=made.to_yaml(),
        before=len(space),
        after=len(made),
        volume=math.prod(_ratio(space.parameters[n], made.parameters[n]) for n in made.names),
        changed=changed,
        fixed=fixed,
        unreachable=tuple(unreachable),
    )


def _taken(one: Advice, careful: bool) -> bool:
    if one.action == "keep":
        return False
    return not careful or (one.grade == "strong" and one.action != "fix")


def _changed(domain: Domain, one: Advice, careful: bool) -> Domain:
    if one.action == "fix":
        return Constant(one.value)
    if isinstance(domain, Choice | Bool):
        if len(one.kept) == 1:
            return Constant(one.kept[0])
        return (
            dataclasses.replace(domain, choices=one.kept) if isinstance(domain, Choice) else domain
        )
    if not isinstance(domain, Float | Int) or one.low is None or one.high is None:
        return domain
    low, high = one.low, one.high
    if careful:  # half as far, where it is a cut
        low = _half(domain, domain.low, low) if low > domain.low else low
        high = _half(domain, domain.high, high) if high < domain.high else high
    if isinstance(domain, Int):
        return dataclasses.replace(domain, low=int(low), high=int(high))
    return dataclasses.replace(domain, low=low, high=high)


def _half(domain: Float | Int, now: float, cut: float) -> float:
    """Half way from today's bound to the cut one on the searched scale, outward on a grid."""
    middle = math.sqrt(now * cut) if domain.log else (now + cut) / 2
    if isinstance(domain, Float) and not domain.step:
        return float(f"{middle:.4g}")
    step = domain.step or 1
    steps = abs(middle - now) / step
    moved = math.floor(steps + 1e-9) * step
    exact = now + moved if cut > now else now - moved
    return exact if isinstance(domain, Int) else float(f"{exact:.12g}")


def _connected(space: Space, domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[str]]:
    """Domains whose conditions hold for their parents' new ones, and what is never active."""
    found: dict[str, Domain] = dict(domains)
    dead: list[str] = []
    for name in space.names:  # parents come first
        when = _condition(space, found, dead, name)
        if when is None:
            dead.append(name)
            domain = space.parameters[name]
            found[name] = Constant(None if is_static(domain) else stand_in(domain))
        elif not isinstance(found[name], Constant):
            found[name] = dataclasses.replace(found[name], when=when or None)
    return found, dead


def _condition(
    space: Space, found: Mapping[str, Domain], dead: Sequence[str], name: str
) -> dict[str, Any] | None:
    """What a parameter still needs; None if it can't be had."""
    needed: dict[str, list[Any]] = {}
    for parent, wanted in (space.parameters[name].when or {}).items():
        values = list(wanted) if isinstance(wanted, list) else [wanted]
        if isinstance(space.parameters[parent], Constant):
            continue
        if parent in dead:
            return None
        left = [v for v in values if _may_be(found[parent], v)]
        if not left:
            return None
        if not isinstance(found[parent], Constant):
            needed[parent] = left
            continue
        # A fixed parent is a constant, which has no conditions: the child takes them over.
        above = _condition(space, found, dead, parent)
        for other, held in (above or {}).items():
            before = needed.get(other)
            both = [v for v in held if before is None or any(same(v, b) for b in before)]
            if not both:
                return None
            needed[other] = both
    return needed


def _may_be(domain: Domain, value: Any) -> bool:
    if isinstance(domain, Constant):
        return same(domain.value, value)
    if isinstance(domain, Choice):
        return any(same(choice, value) for choice in domain.choices)
    if isinstance(domain, Float | Int):
        return domain.low <= value <= domain.high
    return True


def _ratio(before: Domain, after: Domain) -> float:
    if isinstance(before, Choice) and isinstance(after, Choice):
        return len(tuple(after.choices)) / len(tuple(before.choices))
    if isinstance(before, Float | Int) and isinstance(after, Float | Int):
        return _width(after) / _width(before)
    return 1.0


def _width(domain: Float | Int) -> float:
    low, high = float(domain.low), float(domain.high)
    if isinstance(domain, Int) or domain.step:
        half = (domain.step or 1) / 2
        low, high = low - half, high + half
    return math.log(high) - math.log(low) if domain.log else high - low
