"""Which pieces of a former study's advice a later study proved right.

Judged on the later study's trials: a bound that was moved, by whether its elite lie beyond the old
one; a range or choices that were cut, by whether its elite lie in what was kept, where it still
tried the rest; a fixed parameter, by whether it turned out to matter, where it was still searched.
What the later study did not try, it can't tell.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxhpo.analysis.activity import same
from jaxhpo.analysis.advice import Advice
from jaxhpo.analysis.elites import is_elite
from jaxhpo.analysis.sample import Sample, value_at
from jaxhpo.space import Constant, Domain, Float, Int, Space

if TYPE_CHECKING:
    from jaxhpo.analysis.result import Analysis

_FEWEST = 10
_MOST, _HALF = 0.9, 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """One piece of advice.

    Attributes:
        parameter, rule: of `jaxhpo.analysis.advice`; rule is one of `Advice.rules`.
        followed: whether the later space has it so.
        verdict: "right", "wrong" or "unknown".
        n: the later study's trials that were tried where the two spaces differ (beyond an old
            bound, or in what was advised to be cut). elite: elite trials among these, of `of` elite
            trials.
        reason: in words.
    """

    parameter: str
    rule: str
    followed: bool
    verdict: str
    n: int
    elite: int
    of: int
    reason: str


def outcomes(
    advised: Sequence[Advice], before: Space, after: Space, made: Sample, found: Analysis
) -> tuple[Outcome, ...]:
    """Of the first study's advice and space, and the later study's space, trials and analysis."""
    best = is_elite(made.loss, found.options.elite)
    judged = []
    for one in advised:
        if one.action == "keep" or one.parameter not in after.parameters:
            continue
        old, new = before.parameters[one.parameter], after.parameters[one.parameter]
        values = _values(made, one.parameter)
        for rule in one.rules:
            judged.append(_judged(one, rule, old, new, values, best, found))
    return tuple(judged)


def _values(made: Sample, name: str) -> list[Any]:
    """The parameter in every trial, None where not active; of a constant, its value."""
    domain = made.space.parameters[name]
    if isinstance(domain, Constant):
        return [domain.value] * len(made)
    at = made.column(name)
    positions = made.layout.positions[at]
    return [
        None if np.isnan(u) else value_at(domain, float(u), positions) for u in made.units[:, at]
    ]


def _judged(
    one: Advice,
    rule: str,
    old: Domain,
    new: Domain,
    values: list[Any],
    best: np.ndarray,
    found: Analysis,
) -> Outcome:
    inside = np.array([_elsewhere(one, rule, old, v) for v in values], bool)
    n, elite, of = int(inside.sum()), int((inside & best).sum()), int(best.sum())
    followed = _followed(one, rule, old, new)
    if rule == "fix":
        verdict, reason = _of_fixed(one, new, found)
    elif n < _FEWEST:
        verdict, reason = "unknown", f"{n} trials tried it; {_FEWEST} are needed"
    elif rule.startswith("expand"):
        right = elite >= _HALF * of
        verdict = "right" if right else "wrong" if not elite else "unknown"
        reason = f"{elite} of {of} elite trials lie beyond the old bound (n = {n} tried)"
    else:
        kept = of - elite
        verdict = "right" if kept >= _MOST * of else "wrong" if elite >= _HALF * of else "unknown"
        reason = f"{elite} of {of} elite trials lie in what was to be cut (n = {n} tried)"
    return Outcome(
        parameter=one.parameter,
        rule=rule,
        followed=followed,
        verdict=verdict,
        n=n,
        elite=elite,
        of=of,
        reason=reason,
    )


def _elsewhere(one: Advice, rule: str, old: Any, value: Any) -> bool:
    """Whether a value lies beyond an old bound, or in what was to be cut."""
    if value is None and rule == "fix":
        return False
    if rule == "drop":
        return any(same(value, d) for d in one.dropped)
    if rule == "fix":
        return not same(value, one.value)
    numbers = isinstance(old, Float | Int) and one.low is not None and one.high is not None
    if not numbers or value is None:
        return False
    if rule == "expand low":
        return value < old.low
    if rule == "expand high":
        return value > old.high
    return value < (one.low or 0.0) if rule == "narrow low" else value > (one.high or 0.0)


def _followed(one: Advice, rule: str, old: Domain, new: Domain) -> bool:
    if rule == "fix":
        return isinstance(new, Constant) and same(new.value, one.value)
    if rule == "drop":
        if isinstance(new, Constant):
            return not any(same(new.value, d) for d in one.dropped)
        left = getattr(new, "choices", (False, True))
        return not any(same(v, d) for v in left for d in one.dropped)
    if not isinstance(new, Float | Int) or not isinstance(old, Float | Int):
        return False
    moved = {
        "expand low": new.low < old.low,
        "expand high": new.high > old.high,
        "narrow low": new.low > old.low,
        "narrow high": new.high < old.high,
    }
    return moved[rule]


def _of_fixed(one: Advice, new: Domain, found: Analysis) -> tuple[str, str]:
    if isinstance(new, Constant):
        return "unknown", "it was not searched again"
    said = next(e for e in found.evidence if e.parameter == one.parameter)
    if said.verdict == "matters":
        return "wrong", f"it turned out to matter (q = {said.q:.2g}, n = {said.n})"
    if said.verdict == "not tested":
        return "unknown", f"it could not be tested again: {said.reason}"
    return "right", f"it was searched again, and did not turn out to matter (n = {said.n})"
