"""Which pieces of a former study's advice a later study proved right.

Judged on those trials of the later study that were chosen without looking at results. A bound that
was moved was right where the elite lie beyond the old one more often than trials do, and wrong
where less often (Fisher's exact test, both sides); a range or choices that were cut, the other way
round, where the later study still tried them. q is p after Benjamini and Hochberg 1995 over all
pieces of advice that could be judged so, and 0.05 at most for a verdict. A fixed parameter is
judged by whether it turned out to matter, where it was still searched. What the later study did not
try, it can't tell, but that a range was cut too far, where it now gets better beyond the new end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from jaxhpo.analysis.activity import same
from jaxhpo.analysis.elites import is_elite
from jaxhpo.analysis.ground import Advice
from jaxhpo.analysis.sample import Sample, value_at
from jaxhpo.space import Constant, Domain, Float, Int, Space

if TYPE_CHECKING:
    from jaxhpo.analysis.result import Analysis

_FEWEST = 10  # trials on either side
_RATE = 0.05  # false discovery rate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """One piece of advice.

    Attributes:
        parameter, rule: of `jaxhpo.analysis.advice`; rule is one of `Advice.rules`.
        followed: whether the later space has it so.
        verdict: "right", "wrong" or "unknown".
        n: of the later study's `tried` exploring trials in which the parameter was active, those
            where the two spaces differ (beyond an old bound, or in what was advised to be cut).
            elite: elite trials among these, of `of` elite trials.
        p, q: see the module; None where it could not be tested so.
        reason: in words.
    """

    parameter: str
    rule: str
    followed: bool
    verdict: str
    n: int
    tried: int
    elite: int
    of: int
    p: float | None
    q: float | None
    reason: str


def outcomes(
    advised: Sequence[Advice], before: Space, after: Space, made: Sample, found: Analysis
) -> tuple[Outcome, ...]:
    """Of the first study's advice and space, and the later study's space, trials and analysis."""
    free = made.independent()
    best = is_elite(free.loss, found.options.elite)
    judged = []
    for one in advised:
        if one.action == "keep" or one.parameter not in after.parameters:
            continue
        old, new = before.parameters[one.parameter], after.parameters[one.parameter]
        values = _values(free, one.parameter)
        for rule in one.rules:
            judged.append(_counted(one, rule, old, new, values, best, found))
    tested = [o.p for o in judged if o.p is not None]
    adjusted = iter(stats.false_discovery_control(tested).tolist() if tested else ())
    return tuple(o if o.p is None else _verdict(o, next(adjusted)) for o in judged)


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


def _counted(
    one: Advice,
    rule: str,
    old: Domain,
    new: Domain,
    values: list[Any],
    best: np.ndarray,
    found: Analysis,
) -> Outcome:
    """With p where it can be tested, and no verdict on that yet."""
    inside = np.array([_elsewhere(one, rule, old, v) for v in values], bool)
    on = np.array([v is not None for v in values], bool)
    n, tried = int(inside.sum()), int(on.sum())
    elite, of = int((inside & best).sum()), int((on & best).sum())
    followed = _followed(one, rule, old, new)
    where = "beyond the old bound" if rule.startswith("expand") else "in what was to be cut"
    verdict, p = "unknown", None
    if rule == "fix":
        verdict, reason = _of_fixed(one, new, found)
    elif not n:
        reason = f"none of its {tried} exploring trials lies {where}"
        verdict, more = _at_new_end(one, rule, found) if followed else (verdict, "")
        reason += more
    elif min(n, tried - n) < _FEWEST:
        few = f"{n} of its {tried} exploring trials lie {where}"
        reason = f"{few}; {_FEWEST} are needed there and elsewhere"
    else:
        reason = (
            f"{elite} of {of} elite exploring trials lie {where}, as do {n} of all {tried} "
            "exploring ones"
        )
        table = np.array([[elite, of - elite], [n - elite, tried - of - n + elite]])
        p = float(stats.fisher_exact(table).pvalue)  # pyright: ignore[reportAttributeAccessIssue]
    return Outcome(
        parameter=one.parameter,
        rule=rule,
        followed=followed,
        verdict=verdict,
        n=n,
        tried=tried,
        elite=elite,
        of=of,
        p=p,
        q=None,
        reason=reason,
    )


def _at_new_end(one: Advice, rule: str, found: Analysis) -> tuple[str, str]:
    """A range that was cut too far has its elite at the new end, and improves beyond it."""
    side = rule.removeprefix("narrow ")
    ends = [b for b in found.bounds if b.parameter == one.parameter and b.side == side]
    if not ends or ends[0].share is None:
        return "unknown", ""
    end = ends[0]
    if end.expand:
        return "wrong", f", but it gets better beyond the new {side} end, where its best lie"
    return "unknown", f"; {end.share:.0%} of its elite lie at the new {side} end"


def _verdict(one: Outcome, q: float) -> Outcome:
    more = one.elite * one.tried > one.n * one.of
    right = more is one.rule.startswith("expand")
    verdict = "unknown" if q > _RATE else "right" if right else "wrong"
    return dataclasses.replace(one, q=q, verdict=verdict, reason=f"{one.reason} (q = {q:.2g})")


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
