"""The rules *expand* and *narrow* of `jaxhpo.analysis.advice`: the range of a number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxhpo.analysis.bounds import Bound
from jaxhpo.analysis.elites import EliteParameter
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.evidence import Evidence
from jaxhpo.analysis.ground import LEAST, STRONG_Q, STRONG_SUPPORT, Advice, Ground, advised
from jaxhpo.analysis.sample import value_at
from jaxhpo.space import Float, Int

_CUT, _LEAST_END, _ROOM = 0.1, 0.05, 1e-3


def ranged(ground: Ground, elite: EliteParameter, at: int) -> Advice | None:
    """What to do with the range of a number, the parameter at the place `at` of the space; None
    where neither rule applies."""
    name, made = elite.parameter, ground.made
    domain, said = made.space.parameters[name], ground.evidence[at]
    if not isinstance(domain, Float | Int):
        return None
    ends = {b.side: (i, b) for i, b in enumerate(ground.bounds) if b.parameter == name}
    low, high = _cut(ground, elite, said)
    rules, sources, supports = [], [], []
    news = {"low": (domain.low, low), "high": (domain.high, high)}
    new: dict[str, float] = {"low": domain.low, "high": domain.high}
    for side, (i, bound) in ends.items():
        now, cut = news[side]
        at_bound = bound.best or (bound.share or 0.0) >= 0.5
        if bound.expand and bound.to is not None:
            new[side] = bound.to
            rules.append(f"expand {side}")
            sources.append(f"/bounds/{i}")
            supports.append(bound.support or 0.0)
        elif cut is not None and cut != now and not at_bound:
            new[side] = cut
            rules.append(f"narrow {side}")
    narrowed = any(r.startswith("narrow") for r in rules)
    if not rules:
        return None
    if narrowed:
        sources += [f"/evidence/{at}", f"/elites/parameters/{at}"]
    action = "narrow" if not supports else "move" if narrowed else "widen"
    strong = all(s >= STRONG_SUPPORT for s in supports)
    strong &= not narrowed or (ground.unit is None and (said.q or 0.0) <= STRONG_Q)
    return advised(
        name,
        action,
        _reason(ground, ends, rules, elite, said),
        rules=tuple(rules),
        grade="strong" if strong else "weak",
        low=new["low"],
        high=new["high"],
        n=elite.elite,
        interval=Estimate(value=elite.best, low=elite.start.low, high=elite.end.high),
        unit="coordinate",
        evidence=tuple(sources),
    )


def _reason(
    ground: Ground,
    ends: Mapping[str, tuple[int, Bound]],
    rules: list[str],
    elite: EliteParameter,
    said: Evidence,
) -> str:
    parts = []
    for side, (_, bound) in ends.items():
        if f"expand {side}" in rules:
            where = "the best trial lies" if bound.best else f"{bound.share:.0%} of the elite lie"
            parts.append(
                f"{where} at the {side} bound, and the objective improves outward in "
                f"{bound.support:.0%} of bootstrap samples (n = {bound.n})"
            )
    if any(rule.startswith("narrow") for rule in rules):
        parts.append(
            f"{ground.matters(said)}, and the elite (n = {elite.elite})"
            f"{' and the front' if ground.several else ''} lie in a part of the range"
        )
    return "; ".join(parts)


def _cut(
    ground: Ground, elite: EliteParameter, said: Evidence
) -> tuple[float | int | None, float | int | None]:
    """The ends that the rule narrow gives, or None."""
    name, made = elite.parameter, ground.made
    if said.verdict != "matters" or elite.elite < LEAST or elite.start.low is None:
        return None, None
    low, high = float(elite.start.low), float(elite.end.high or 1.0)
    if elite.best is not None:
        low, high = min(low, elite.best), max(high, elite.best)
    low, high = _with_front(ground, name, low, high)
    low, high = (0.0 if low < _LEAST_END else low), (1.0 if high > 1 - _LEAST_END else high)
    if high - low > 1 - _CUT:
        return None, None
    positions = made.layout.positions[made.column(name)]
    domain = made.space.parameters[name]
    if positions:  # outward to the numbers of the grid, and two of them at least
        grid = np.array(positions)
        first = max(int(np.searchsorted(grid, low + 1e-9, side="right")) - 1, 0)
        last = min(int(np.searchsorted(grid, high - 1e-9, side="left")), len(grid) - 1)
        if first == last:
            first, last = max(first - 1, 0), min(last + 1, len(grid) - 1)
        low, high = positions[first], positions[last]
    else:  # room for rounding
        low, high = max(low - _ROOM, 0.0), min(high + _ROOM, 1.0)
    return value_at(domain, low, positions), value_at(domain, high, positions)


def _with_front(ground: Ground, name: str, low: float, high: float) -> tuple[float, float]:
    """A range of coordinates that holds the whole front too, where there are several objectives."""
    units = ground.made.units[ground.front, ground.made.column(name)]
    units = units[~np.isnan(units)]
    if not ground.several or not len(units):
        return low, high
    return min(low, float(units.min())), max(high, float(units.max()))
