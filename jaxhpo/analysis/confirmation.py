"""How far to trust the best value: it was chosen for being the best, so it is optimistic.

The best trials may have been trained again with fresh seeds for this (`jaxhpo.study.confirm`). Else
trials of the best trial's configuration that came *after* it were not chosen for their values:
their mean is a fair estimate, and the difference is what the choice had added. Without them, and
only for trials drawn without looking at results, shrinkage says how much of a lead is likely to be
noise:

    fair = mean + (1 - s^2 / t^2) (best - mean),

with s the spread of replicates and t that of all these trials (empirical Bayes for normal values,
Efron and Morris 1975). Its interval is that of the posterior, 1.96 s sqrt(1 - s^2 / t^2) to either
side, for s anywhere in its own 95 % interval. Without either nothing is known but the direction.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from jaxhpo.analysis.estimate import UNKNOWN, Estimate, deviation
from jaxhpo.analysis.replicates import Replicates
from jaxhpo.analysis.sample import Sample

_TOP = 5
_Z = 1.96


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmed:
    """A configuration that was trained again.

    Attributes:
        number: the trial that it was chosen by: its first. value: what that scored.
        fresh: what it scored when trained again; numbers: in which trials, empty where it was
            trained outside the search. diverged: how often it then ended without a value.
        mean: of the fresh values, with Student's 95 % interval (two or more).
        test: name to the mean of the fresh ones' test metrics, in the same way.
        optimism: by how much the first was better than that mean, in units of the objective.
    """

    number: int
    value: float
    fresh: tuple[float, ...]
    numbers: tuple[int, ...]
    diverged: int
    mean: Estimate
    optimism: float
    test: Mapping[str, Estimate]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Attributes:
    status: "confirmed" (the best configuration has two fresh values or more), "unconfirmed" or
        "unknown" (no complete trial). source: "confirm" (trained again for this), "trials" or "".
    best: of the best configuration, None without fresh trials. others: of the five best
        configurations that were trained again, the best mean first.
    winner: the number of the trial whose configuration has the best mean of those that were trained
        again for this; stood: whether that is the best trial; both None otherwise.
    fair: the shrunk estimate of the best value, unknown where it can't be made. shrinkage: s^2/t^2.
    reason: why `fair` is unknown, or "".
    """

    status: str
    source: str
    best: Confirmed | None
    others: tuple[Confirmed, ...]
    winner: int | None
    stood: bool | None
    fair: Estimate
    shrinkage: float | None
    reason: str


def confirmation(
    made: Sample,
    noise: Replicates,
    again: Mapping[str, Any] | None = None,
    *,
    best: int | None = None,
) -> Confirmation:
    """Of the complete trials, the spread of their replicates, and the study's record of having
    trained the best again (the fact "confirm"). best: the number of the best trial, where the
    sample may lack it."""
    fair, shrinkage, reason = _fair(made, noise)
    if again:
        found = [_trained_again(made, entry) for entry in again["entries"]]
        source = "confirm"
    else:
        found, source = _in_the_search(made), "trials"
    top = best
    if top is None and len(made):
        top = int(made.number[np.lexsort((made.number, made.loss))[0]])
    first = next((c for c in found if c.number == top), None)
    if first is None and not again and len(made):
        first = next((c for c in found if top in c.numbers), None)
    confirmed = first is not None and len(first.fresh) > 1
    return Confirmation(
        status="unknown" if top is None else "confirmed" if confirmed else "unconfirmed",
        source=source if found else "",
        best=first,
        others=tuple(sorted(found, key=lambda c: _sign(made) * (c.mean.value or 0.0))),
        winner=again["winner"] if again else None,
        stood=again["winner"] == top if again and top is not None else None,
        fair=fair,
        shrinkage=shrinkage,
        reason=reason,
    )


def _sign(made: Sample) -> float:
    return -1.0 if made.maximize else 1.0


def _trained_again(made: Sample, entry: Mapping[str, Any]) -> Confirmed:
    values = np.array([v for v in entry["values"] if v is not None and np.isfinite(v)], float)
    tests = {
        name: student(np.array([v for v in each if v is not None and np.isfinite(v)], float))
        for name, each in entry["test"].items()
    }
    return Confirmed(
        number=entry["number"],
        value=entry["value"],
        fresh=tuple(values.tolist()),
        numbers=(),
        diverged=len(entry["values"]) - len(values),
        mean=student(values),
        optimism=_sign(made) * float(values.mean() - entry["value"]) if len(values) else 0.0,
        test=tests,
    )


def _in_the_search(made: Sample) -> list[Confirmed]:
    if not len(made):
        return []
    count = np.bincount(made.group)
    order = np.lexsort((made.number, made.loss))
    top: list[int] = list(dict.fromkeys(made.group[order].tolist()))[: 2 * _TOP]
    return [_confirmed(made, g) for g in top if count[g] > 1][:_TOP]


def _confirmed(made: Sample, group: int) -> Confirmed:
    rows = np.flatnonzero(made.group == group)  # in the order of their numbers
    first, fresh = rows[0], rows[1:]
    values = made.value[fresh]
    return Confirmed(
        number=int(made.number[first]),
        value=float(made.value[first]),
        fresh=tuple(values.tolist()),
        numbers=tuple(made.number[fresh].tolist()),
        diverged=0,
        mean=student(values),
        optimism=_sign(made) * float(values.mean() - made.value[first]),
        test={},
    )


def student(values: np.ndarray) -> Estimate:
    """The mean with Student's 95 % interval, where there are two values or more."""
    n = len(values)
    if not n:
        return UNKNOWN
    mean = float(values.mean())
    if n < 2:
        return Estimate(value=mean)
    half = float(stats.t.ppf(0.975, n - 1) * deviation(values) / np.sqrt(n))
    return Estimate(value=mean, low=mean - half, high=mean + half)


def _fair(made: Sample, noise: Replicates) -> tuple[Estimate, float | None, str]:
    if not len(made):
        return UNKNOWN, None, "there is no complete trial"
    free = made.independent()
    place = int(np.argmin(made.loss))
    if not noise.usable or noise.sd.value is None:
        reason = noise.reason or "too few replicates to know their spread"
        return UNKNOWN, None, f"the spread of replicates is unknown: {reason}"
    if not made.free[place]:
        return (
            UNKNOWN,
            None,
            "the best trial was chosen by results, for which shrinkage does not hold",
        )
    once = free.at(np.sort(np.unique(free.group, return_index=True)[1]))
    if len(once) < 10:
        return UNKNOWN, None, f"n = {len(once)} configurations drawn without looking; 10 are needed"
    spread = deviation(once.value)
    best, mean = float(made.value[place]), float(once.value.mean())

    def shrunk(sd: float | None) -> tuple[float, float, float]:
        """The mean and the half width of the posterior, and how much is shrunk."""
        part = min(1.0, ((sd or 0.0) / spread) ** 2) if spread > 0 else 1.0
        half = _Z * (sd or 0.0) * math.sqrt(1 - part)
        return mean + (1 - part) * (best - mean), half, part

    value, _, part = shrunk(noise.sd.value)
    found = [shrunk(sd)[:2] for sd in (noise.sd.low, noise.sd.value, noise.sd.high)]
    low, high = min(m - half for m, half in found), max(m + half for m, half in found)
    return Estimate(value=value, low=low, high=high), part, ""
