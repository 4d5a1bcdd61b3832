"""The best trials, what they have in common, and how often that would be so anyway.

The elite are the best max(`Options.elite`, ten) complete trials, whatever equals the last of them
included; of fewer than twenty trials, half. That all of the elite use a value means little where
most trials used it, so shares stand beside how often the value was sampled, with their quotient
(lift). Over- and under-representation are tested with Fisher's exact test, one-sided each, only
among trials that were chosen without looking at results, and corrected over all values of all
parameters and both sides together after Benjamini and Hochberg 1995.
"""

# scipy types what it returns as anything it may be.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from scipy import special, stats

from jaxhpo.analysis.activity import labels
from jaxhpo.analysis.association import FEWEST
from jaxhpo.analysis.estimate import UNKNOWN, Estimate
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import Sample, value_at
from jaxhpo.analysis.shown import Short
from jaxhpo.space import Float, Int

LEAST = 10
OUTER = 0.1  # of the range, on the scale that is searched


@dataclasses.dataclass(frozen=True, kw_only=True)
class EliteValue:
    """One value of a choice, or one number of a small grid.

    Attributes:
        label: the value as text. value: the value.
        n: trials that had it. elite: elite trials that had it.
        share: elite / elite trials in which the parameter was active, with its 95 % interval
            (Clopper and Pearson 1934). base: n / trials in which it was active.
        lift: share / base, with the same interval over base.
        over, under: Fisher's p for more, and for fewer, among the elite than sampled; q_over,
            q_under: after Benjamini and Hochberg. None where nothing is tested.
    """

    label: str
    value: Any
    n: int
    elite: int
    share: Estimate
    base: float
    lift: Estimate
    over: float | None
    under: float | None
    q_over: float | None
    q_under: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """Of a number over some trials: ends, and the 5th, 25th, 50th, 75th and 95th percentile."""

    n: int
    low: float | None
    five: float | None
    quarter: float | None
    median: float | None
    three_quarters: float | None
    ninety_five: float | None
    high: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EliteParameter:
    """One parameter.

    Attributes:
        parameter: its name. kind: "number" or "labels".
        active: trials in which it was active. elite: elite ones among them.
        sampled, range: of a number, over all these trials and over the elite; else None.
        start, end: of a number, coordinates (0 to 1, on the scale that is searched) of the elite's
            5th and 95th percentile, with 95 % bootstrap intervals.
        at_low, at_high: of a number, the share of the elite in the outer tenth of the range, or
            at the last number of a grid.
        best: the coordinate of the best trial; None where inactive, or for a choice.
        values: of a choice, every value that was sampled.
    """

    parameter: str
    kind: str
    active: int
    elite: int
    sampled: Range | None
    range: Range | None
    start: Estimate
    end: Estimate
    at_low: float | None
    at_high: float | None
    best: float | None
    values: tuple[EliteValue, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Elites(Short):
    """Attributes:
    basis: "every" complete trial, or the "independent" ones. n: how many.
    elite: how many are elite. numbers: which, best first. worst: the value of the last of them.
    mean, rest: the mean objective of the elite and of the others.
    parameters: in the order of the space.
    """

    basis: str
    n: int
    elite: int
    numbers: tuple[int, ...]
    worst: float | None
    mean: float | None
    rest: float | None
    parameters: tuple[EliteParameter, ...]

    def __getitem__(self, name: str) -> EliteParameter:
        """The parameter of that name."""
        return next(p for p in self.parameters if p.parameter == name)


def elites(sample: Sample, options: Options, *, basis: str, best: int | None = None) -> Elites:
    """Of "every" complete trial, or of the "independent" ones (which alone are tested). best: the
    number of the trial that is called so, by default the one of the best value."""
    held = sample.independent() if basis == "independent" else sample
    top = is_elite(held.loss, options.elite)
    order = np.lexsort((held.number, held.loss))
    named = np.flatnonzero(held.number == best) if best is not None else order[:0]
    first = int([*named, *order][0]) if len(held) else None
    tested = basis == "independent" and len(held) >= FEWEST and not top.all()
    rng = np.random.default_rng([options.seed, 5])
    found = [_parameter(held, name, top, first, tested, options, rng) for name in held.names]
    chosen = [i for i in order if top[i]]
    return Elites(
        basis=basis,
        n=len(held),
        elite=int(top.sum()),
        numbers=tuple(int(held.number[i]) for i in chosen),
        worst=float(held.value[chosen[-1]]) if chosen else None,
        mean=float(held.value[top].mean()) if top.any() else None,
        rest=float(held.value[~top].mean()) if not top.all() else None,
        parameters=_corrected(found),
    )


def is_elite(loss: np.ndarray, share: float) -> np.ndarray:
    """bool [n]."""
    n = len(loss)
    k = min(max(math.ceil(share * n), LEAST), math.ceil(n / 2))
    return loss <= np.partition(loss, k - 1)[k - 1] if n else np.zeros(0, bool)


def outer(held: Sample, name: str) -> tuple[float, float]:
    """Below and above which coordinate a value lies at a bound: in the outer tenth of the range, or
    at the last number of a grid."""
    positions = held.layout.positions[held.column(name)] or (0.0, 1.0)
    return max(OUTER, positions[0]) + 1e-9, min(1 - OUTER, positions[-1]) - 1e-9


def _parameter(
    held: Sample,
    name: str,
    best: np.ndarray,
    first: int | None,
    tested: bool,
    options: Options,
    rng: np.random.Generator,
) -> EliteParameter:
    at, domain = held.column(name), held.space.parameters[name]
    units = held.units[:, at]
    on = ~np.isnan(units)
    elite, number = units[on & best], isinstance(domain, Float | Int)
    top = np.nan if first is None else units[first]
    low = high = UNKNOWN
    ends = outer(held, name)
    if number and len(elite):
        low, high = _ends(elite, options.resamples, rng)
    return EliteParameter(
        parameter=name,
        kind="number" if number else "labels",
        active=int(on.sum()),
        elite=len(elite),
        sampled=_range(held, name, units[on]) if number else None,
        range=_range(held, name, elite) if number else None,
        start=low,
        end=high,
        at_low=float((elite <= ends[0]).mean()) if number and len(elite) else None,
        at_high=float((elite >= ends[1]).mean()) if number and len(elite) else None,
        best=float(top) if number and not np.isnan(top) else None,
        values=() if number else _values(held, name, on, best, tested),
    )


def _range(held: Sample, name: str, units: np.ndarray) -> Range:
    domain = held.space.parameters[name]
    positions = held.layout.positions[held.column(name)]
    wanted = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
    at = np.quantile(units, wanted, method="nearest") if len(units) else []
    found = [float(value_at(domain, float(u), positions)) for u in at] or [None] * 7
    keys = ("low", "five", "quarter", "median", "three_quarters", "ninety_five", "high")
    return Range(n=len(units), **dict(zip(keys, found, strict=True)))


def _ends(elite: np.ndarray, resamples: int, rng: np.random.Generator) -> tuple[Estimate, Estimate]:
    """The 5th and 95th percentile with their bootstrap intervals."""
    drawn = elite[rng.integers(len(elite), size=(resamples, len(elite)))]
    found = []
    for share in (0.05, 0.95):
        copies = np.quantile(drawn, share, axis=1)
        low, high = np.quantile(copies, [0.025, 0.975])
        value = float(np.quantile(elite, share))
        found.append(Estimate(value=value, low=float(low), high=float(high)))
    return found[0], found[1]


def _values(
    held: Sample, name: str, on: np.ndarray, best: np.ndarray, tested: bool
) -> tuple[EliteValue, ...]:
    domain, level = held.space.parameters[name], held.level(name)
    positions = held.layout.positions[held.column(name)]
    total, top = int(on.sum()), int((on & best).sum())
    found = []
    for k, label in enumerate(labels(domain)):
        n, elite = int((level == k).sum()), int((best & (level == k)).sum())
        if not n:
            continue
        base, share = n / total, _share(elite, top)
        if not held.free.all():
            share = Estimate(value=share.value)
        over = under = None
        if tested and n < total and 0 < top < total:
            table = [[elite, top - elite], [n - elite, (total - n) - (top - elite)]]
            over = float(stats.fisher_exact(table, alternative="greater").pvalue)
            under = float(stats.fisher_exact(table, alternative="less").pvalue)
        found.append(
            EliteValue(
                label=label,
                value=value_at(domain, positions[k], positions),
                n=n,
                elite=elite,
                share=share,
                base=base,
                lift=Estimate(**{e: _over(getattr(share, e), base) for e in _ESTIMATE}),
                over=over,
                under=under,
                q_over=None,
                q_under=None,
            )
        )
    return tuple(found)


_ESTIMATE = ("value", "low", "high")


def _over(share: float | None, base: float) -> float | None:
    return None if share is None else share / base


def _share(k: int, n: int) -> Estimate:
    if not n:
        return UNKNOWN
    low = special.betaincinv(k, n - k + 1, 0.025) if k else 0.0
    high = special.betaincinv(k + 1, n - k, 0.975) if k < n else 1.0
    return Estimate(value=k / n, low=float(low), high=float(high))


def _corrected(found: list[EliteParameter]) -> tuple[EliteParameter, ...]:
    tested = [p for one in found for v in one.values for p in (v.over, v.under) if p is not None]
    adjusted = iter(stats.false_discovery_control(tested).tolist() if tested else ())

    def judged(value: EliteValue) -> EliteValue:
        if value.over is None:
            return value
        return dataclasses.replace(value, q_over=next(adjusted), q_under=next(adjusted))

    return tuple(
        dataclasses.replace(one, values=tuple(judged(v) for v in one.values)) for one in found
    )
