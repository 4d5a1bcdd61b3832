"""How far to trust the best value: it was chosen for being the best, so it is optimistic.

Trials of the best trial's configuration that came *after* it were not chosen for their values:
their mean is a fair estimate, and the difference is what the choice had added. Without them, and
only for trials drawn without looking at results, shrinkage says how much of a lead is likely to be
noise:

    fair = mean + (1 - s^2 / t^2) (best - mean),

with s the spread of replicates and t that of all these trials (empirical Bayes for normal values,
Efron and Morris 1975). Without either nothing is known but the direction.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import stats

from jaxhpo.analysis.estimate import UNKNOWN, Estimate
from jaxhpo.analysis.replicates import Replicates
from jaxhpo.analysis.sample import Sample

_TOP = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmed:
    """A configuration that was trained again.

    Attributes:
        number: the trial that it was chosen by: its first. value: what that scored.
        fresh: the later trials. mean: of these, with Student's 95 % interval (two or more).
        optimism: by how much the first was better than that mean, in units of the objective.
    """

    number: int
    value: float
    fresh: tuple[int, ...]
    mean: Estimate
    optimism: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Attributes:
    status: "confirmed" (the best configuration has two fresh trials or more), "unconfirmed" or
        "unknown" (no complete trial).
    best: of the best configuration, None without fresh trials. others: of the five best
        configurations that were trained again, the best mean first.
    fair: the shrunk estimate of the best value, unknown where it can't be made. shrinkage: s^2/t^2.
    reason: why `fair` is unknown, or "".
    """

    status: str
    best: Confirmed | None
    others: tuple[Confirmed, ...]
    fair: Estimate
    shrinkage: float | None
    reason: str


def confirmation(made: Sample, noise: Replicates) -> Confirmation:
    """Of the complete trials and the spread of their replicates."""
    if not len(made):
        reason = "there is no complete trial"
        return Confirmation(
            status="unknown", best=None, others=(), fair=UNKNOWN, shrinkage=None, reason=reason
        )
    count = np.bincount(made.group)
    order = np.lexsort((made.number, made.loss))
    top: list[int] = list(dict.fromkeys(made.group[order].tolist()))[: 2 * _TOP]
    found = [_confirmed(made, g) for g in top if count[g] > 1][:_TOP]
    best = _confirmed(made, top[0]) if count[top[0]] > 1 else None
    fair, shrinkage, reason = _fair(made, noise)
    return Confirmation(
        status="confirmed" if best is not None and len(best.fresh) > 1 else "unconfirmed",
        best=best,
        others=tuple(sorted(found, key=lambda c: _sign(made) * (c.mean.value or 0.0))),
        fair=fair,
        shrinkage=shrinkage,
        reason=reason,
    )


def _sign(made: Sample) -> float:
    return -1.0 if made.maximize else 1.0


def _confirmed(made: Sample, group: int) -> Confirmed:
    rows = np.flatnonzero(made.group == group)  # in the order of their numbers
    first, fresh = rows[0], rows[1:]
    values = made.value[fresh]
    return Confirmed(
        number=int(made.number[first]),
        value=float(made.value[first]),
        fresh=tuple(made.number[fresh].tolist()),
        mean=student(values),
        optimism=_sign(made) * float(values.mean() - made.value[first]),
    )


def student(values: np.ndarray) -> Estimate:
    """The mean with Student's 95 % interval, where there are two values or more."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Estimate(value=mean)
    half = float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(value=mean, low=mean - half, high=mean + half)


def _fair(made: Sample, noise: Replicates) -> tuple[Estimate, float | None, str]:
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
    spread = float(once.value.var(ddof=1))
    best, mean = float(made.value[place]), float(once.value.mean())

    def shrunk(sd: float | None) -> tuple[float, float]:
        part = min(1.0, (sd or 0.0) ** 2 / spread) if spread > 0 else 1.0
        return mean + (1 - part) * (best - mean), part

    value, part = shrunk(noise.sd.value)
    ends = sorted((shrunk(noise.sd.low)[0], shrunk(noise.sd.high)[0]))
    return Estimate(value=value, low=ends[0], high=ends[1]), part, ""
