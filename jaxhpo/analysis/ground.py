"""What advice is taken from, and the form that a piece of it has: `jaxhpo.analysis.advice` has the
rules."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.analysis.bounds import Bound, bounds
from jaxhpo.analysis.elites import Elites
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.evidence import Evidence
from jaxhpo.analysis.fronts import Fronts
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.replicates import Replicates
from jaxhpo.analysis.sample import Sample
from jaxhpo.analysis.surrogate import Surrogate
from jaxhpo.analysis.targets import Targets
from jaxhpo.analysis.tunability import Tunability

LEAST = 10  # trials behind a rule
STRONG_Q, STRONG_SUPPORT = 0.01, 0.95


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
    best: the configuration that was chosen; empty without a complete trial. unit: at which the
    evidence is of, or None for the end of training. several: whether there are several objectives;
    then front holds the places of its trials in `made`, int [m]. others: of a parameter, which
    further objectives and constraints it matters for. missed: of a parameter, what the forest of
    its branch leaves unexplained in trials that it has not seen, as a standard deviation."""

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
    several: bool = False
    front: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, int))
    others: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    missed: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def matters(self, said: Evidence) -> str:
        """What the evidence says, in words."""
        where = "" if self.unit is None else f" at unit {self.unit}"
        return f"it matters{where} (q = {said.q:.2g}, n = {said.n})"


def further(seen: Targets) -> dict[str, tuple[str, ...]]:
    """Parameter to the further objectives and constraints that it matters for, or goes with
    breaking one of."""
    found: dict[str, list[str]] = {}
    for target in seen.others:
        for one in target.evidence:
            if one.verdict == "matters":
                found.setdefault(one.parameter, []).append(target.name)
    for where in seen.where:
        if where.verdict == "associated" and where.parameter not in found:
            found[where.parameter] = ["keeping the constraints"]
    return {name: tuple(names) for name, names in found.items()}


def unexplained(forests: Sequence[Surrogate]) -> dict[str, float]:
    """Parameter to the standard deviation of the objective that its branch's forest leaves, noise
    included: sqrt(1 - R2) of the whole."""
    return {
        name: one.scale * math.sqrt(max(0.0, 1 - one.quality.r2))
        for one in forests
        if one.quality.r2 is not None
        for name in one.branch.own
    }


def places(made: Sample, ahead: Fronts) -> np.ndarray:
    """int [m], where the front's trials stand in a sample."""
    numbers = [member.number for member in ahead.front]
    return np.flatnonzero(np.isin(made.number, numbers))


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


def advised(name: str, action: str, reason: str, **more: Any) -> Advice:
    """A piece of advice; what is not given is empty."""
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
