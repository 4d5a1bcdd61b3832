"""What to do with each parameter in the next search, by rules that are written down here.

In this order; the first that applies decides, except that a range may be moved at one end and cut
at the other:

expand  see `jaxhpo.analysis.bounds`. The other end may still be cut by *narrow*.
drop    a choice goes if the parameter matters (`jaxhpo.analysis.evidence`), the choice is rarer
        among the elite than it was sampled (Fisher, q at most 0.05), it was tried at least ten
        times, and the mean of its best tenth (at least three trials) is worse than that of the best
        trial's choice, with a 95 % bootstrap interval that excludes nought.
narrow  a number's range shrinks to the elite's 5th to 95th percentile, each end widened to the
        outer end of its 95 % bootstrap interval and to the best trial, if the parameter matters,
        at least ten elite trials had it, and at least a tenth of the range goes (a twentieth at an
        end that is cut). An end at which
        the best trial or half of the elite lie stays where it is.
fix     a parameter that is not known to matter is fixed at the best trial's value if a trusted
        surrogate predicts that changing it would gain less than one standard deviation between
        replicates (upper end of the 95 % interval); a number never at a bound.
keep    everything else, with the reason.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.analysis.activity import choices, labels, place
from jaxhpo.analysis.bounds import Bound, bounds
from jaxhpo.analysis.elites import EliteParameter, Elites
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.evidence import Evidence
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.replicates import Replicates
from jaxhpo.analysis.sample import Sample, value_at
from jaxhpo.analysis.tunability import Gain, Tunability
from jaxhpo.space import Float, Int

LEAST = 10
_Q = 0.05
_CUT, _LEAST_END, _ROOM = 0.1, 0.05, 1e-3
_STRONG_Q, _STRONG_SUPPORT = 0.01, 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class Advice:
    """One parameter.

    Attributes:
        parameter: its name.
        action: "keep", "widen", "narrow", "move" (widened at one end, cut at the other), "drop"
            (choices) or "fix".
        rules: which rules it is from, in words: "expand high", "narrow low", "drop", "fix", "keep".
        grade: "strong" (every rule has q at most 0.01, or 95 % support, and what was tested were
            final values), "weak", or "" for keep.
        low, high: of a number, the range for the next search; else None.
        kept, dropped: of a choice, its values. value: to fix it at, else None.
        n: trials that the rule looked at. interval: what decided, in `unit`: the coordinates that
            the elite's ends lie in ("coordinate"), a difference or gain in the "objective".
        evidence: where in the results the numbers stand (JSON pointers into an `Analysis`).
        reason: in words.
    """

    parameter: str
    action: str
    rules: tuple[str, ...]
    grade: str
    low: float | None
    high: float | None
    kept: tuple[Any, ...]
    dropped: tuple[Any, ...]
    value: Any
    n: int
    interval: Estimate | None
    unit: str
    evidence: tuple[str, ...]
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ground:
    """What advice is taken from. bounds: both ends of every number, in the order of the space.
    unit: at which the evidence is of, or None for the end of training."""

    made: Sample
    elites: Elites
    independent: Elites
    evidence: Sequence[Evidence]
    tunability: Tunability
    replicates: Replicates
    bounds: Sequence[Bound]
    best: Mapping[str, Any]
    options: Options
    unit: int | None = None

    def matters(self, said: Evidence) -> str:
        """What the evidence says, in words."""
        where = "" if self.unit is None else f" at unit {self.unit}"
        return f"it matters{where} (q = {said.q:.2g}, n = {said.n})"


def all_bounds(
    made: Sample, found: Elites, known: Sequence[Evidence], options: Options
) -> tuple[Bound, ...]:
    """Both ends of every number; what is known of a parameter stands in the order of the space."""
    resamples = max(options.resamples, 100)
    return tuple(
        b
        for p, said in zip(found.parameters, known, strict=True)
        for b in bounds(made, p, resamples, options.seed, matters=said.verdict == "matters")
    )


def advice(ground: Ground) -> tuple[Advice, ...]:
    """Every searched parameter, in the order of the space."""
    return tuple(_advised(ground, name, at) for at, name in enumerate(ground.made.names))


def _advised(ground: Ground, name: str, at: int) -> Advice:
    domain, elite = ground.made.space.parameters[name], ground.elites[name]
    found = None
    if ground.best:
        if isinstance(domain, Float | Int):
            found = _ranged(ground, elite, at)
        else:
            found = _dropped(ground, elite, at)
    return found or _fixed(ground, name, at) or _kept(ground, name, at)


def _advice(name: str, action: str, reason: str, **more: Any) -> Advice:
    fields: dict[str, Any] = {
        "rules": (action,),
        "grade": "",
        "low": None,
        "high": None,
        "kept": (),
        "dropped": (),
        "value": None,
        "n": 0,
        "interval": None,
        "unit": "",
        "evidence": (),
        **more,
    }
    return Advice(parameter=name, action=action, reason=reason, **fields)


def _ranged(ground: Ground, elite: EliteParameter, at: int) -> Advice | None:
    """Expand and narrow."""
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
    strong = all(s >= _STRONG_SUPPORT for s in supports)
    strong &= not narrowed or (ground.unit is None and (said.q or 0.0) <= _STRONG_Q)
    return _advice(
        name,
        action,
        _ranged_reason(ground, ends, rules, elite, said),
        rules=tuple(rules),
        grade="strong" if strong else "weak",
        low=new["low"],
        high=new["high"],
        n=elite.elite,
        interval=Estimate(value=elite.best, low=elite.start.low, high=elite.end.high),
        unit="coordinate",
        evidence=tuple(sources),
    )


def _ranged_reason(
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
            f"{ground.matters(said)}, and the elite (n = {elite.elite}) lie in a part of the range"
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


def _dropped(ground: Ground, elite: EliteParameter, at: int) -> Advice | None:
    name, made, said = elite.parameter, ground.made, ground.evidence[at]
    domain = made.space.parameters[name]
    if said.verdict != "matters" or name not in ground.best:
        return None
    options = choices(domain)
    now = place(options, ground.best[name])
    level, rng = made.level(name), np.random.default_rng([ground.options.seed, 8, at])
    gone, worst = [], None
    for value in ground.independent[name].values:
        k = place(options, value.value)
        n = int((level == k).sum())
        if k == now or value.q_under is None or value.q_under > _Q or n < LEAST:
            continue
        behind = _behind(made.loss[level == k], made.loss[level == now], ground.options, rng)
        if behind.low is not None and behind.low > 0:
            gone.append((k, value.q_under))
            worst = behind if worst is None or behind.low < (worst.low or 0.0) else worst
    if not gone:
        return None
    dropped = {k for k, _ in gone}
    names = [labels(domain)[k] for k in sorted(dropped)]
    highest = max(q for _, q in gone)
    return _advice(
        name,
        "drop",
        f"{ground.matters(said)}; {', '.join(names)} "
        f"{'is' if len(names) == 1 else 'are'} rarer among the best than sampled (q at most "
        f"{highest:.2g}), and the best trials there are worse than with "
        f"{labels(domain)[now]}",
        grade="strong"
        if ground.unit is None and max(highest, said.q or 1.0) <= _STRONG_Q
        else "weak",
        kept=tuple(v for k, v in enumerate(options) if k not in dropped),
        dropped=tuple(v for k, v in enumerate(options) if k in dropped),
        n=int(np.isin(level, list(dropped)).sum()),
        interval=worst,
        unit="objective",
        evidence=(f"/evidence/{at}", f"/elites_independent/parameters/{at}"),
    )


def _behind(
    here: np.ndarray, there: np.ndarray, options: Options, rng: np.random.Generator
) -> Estimate:
    """By how much the mean of the best tenth is worse than elsewhere, with a bootstrap interval."""

    def top(losses: np.ndarray) -> np.ndarray:
        k = max(3, math.ceil(losses.shape[1] / 10))
        return np.sort(losses, axis=1)[:, :k].mean(axis=1)

    value = float((top(here[None]) - top(there[None]))[0])
    resamples = max(options.resamples, 100)
    copies = [x[rng.integers(len(x), size=(resamples, len(x)))] for x in (here, there)]
    low, high = np.quantile(top(copies[0]) - top(copies[1]), [0.025, 0.975])
    return Estimate(value=value, low=float(low), high=float(high))


def _fixed(ground: Ground, name: str, at: int) -> Advice | None:
    found = _gain(ground, name)
    if found is None or ground.evidence[at].verdict == "matters" or _at_bound(ground, name):
        return None
    sd, gain = ground.replicates.sd.value, found[1].gain.high
    if not ground.replicates.usable or sd is None or gain is None or gain >= sd:
        return None
    return _advice(
        name,
        "fix",
        f"changing it is predicted to gain at most {gain:.3g} (upper end of 95 %), less than one "
        f"standard deviation between replicates, {sd:.3g}",
        grade="weak",
        value=ground.best[name],
        n=ground.tunability.n,
        interval=found[1].gain,
        unit="objective",
        evidence=(f"/tunability/best/{found[0]}", "/replicates/sd"),
    )


def _gain(ground: Ground, name: str) -> tuple[int, Gain] | None:
    gains = enumerate(ground.tunability.best)
    return next(((i, g) for i, g in gains if g.parameter == name), None)


def _at_bound(ground: Ground, name: str) -> bool:
    return any(b.parameter == name and b.best for b in ground.bounds)


def _kept(ground: Ground, name: str, at: int) -> Advice:
    said, found = ground.evidence[at], _gain(ground, name)
    sources = [f"/evidence/{at}"]
    if not ground.best:
        reason = "no trial is complete"
    elif said.verdict == "matters":
        reason = f"{ground.matters(said)}, but no rule to change it applies"
    elif said.verdict == "not tested":
        reason = f"nothing can be said: {said.reason}"
    else:
        reason = f"what it does can't be told from chance (q = {said.q:.2g}, n = {said.n})"
        if found is not None and not ground.replicates.usable:
            reason += "; without replicates there is no ground to fix it"
            sources.append("/replicates")
    elite = ground.elites[name]
    return _advice(name, "keep", reason, n=elite.active, evidence=tuple(sources))
