"""How much the objective differs between trials of one and the same configuration.

Trials of equal configurations differ in their random draws alone. Their spread, pooled over
configurations, is the noise that every other difference must be compared with:

    sd^2 = sum over configurations of (n_c - 1) s_c^2 / sum of (n_c - 1),

with the interval of chi squared, which takes the spread for normal.

Where a trial is trained by several members (seeds, or folds) and its value is their mean, the
spread of that mean is known without repeated configurations: the residual of members x_tr, trials t
by members r, once the means of trials and of members (folds may differ in difficulty) are taken
out,

    sd^2 = sum (x_tr - x_t. - x_.r + x_..)^2 / ((T - 1)(R - 1)) / R.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from jaxhpo.analysis.estimate import UNKNOWN, Estimate, deviation
from jaxhpo.analysis.sample import Sample

ENOUGH = 3  # degrees of freedom, below which an sd is no ground for advice


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replicated:
    """One configuration with several trials: their numbers, mean and sample standard deviation."""

    numbers: tuple[int, ...]
    mean: float
    sd: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replicates:
    """Attributes:
    n: complete trials. configurations: different ones. repeated: those with two trials or more.
    source: what `sd` is from: "configurations" (repeated ones), "members" (of each trial), or "".
    members: how many train a trial. freedom: degrees of freedom of `sd`.
    sd: the standard deviation of a trial's value with its 95 % interval; unknown without either.
    groups: the repeated configurations, the best mean first, twenty at most.
    reason: why sd is unknown, or "".
    """

    n: int
    configurations: int
    repeated: int
    source: str
    members: int
    freedom: int
    sd: Estimate
    groups: tuple[Replicated, ...]
    reason: str

    @property
    def usable(self) -> bool:
        """Whether the sd may be a ground for advice."""
        return self.freedom >= ENOUGH


def replicates(made: Sample, members: Mapping[int, Sequence[float]] | None = None) -> Replicates:
    """Of the complete trials, and of the last losses of each one's members, by trial number."""
    count = np.bincount(made.group) if len(made) else np.zeros(0, int)
    several = np.flatnonzero(count > 1)
    repeated = np.isin(made.group, several)
    freedom = int((count[several] - 1).sum())
    groups = []
    for name in several:
        values = made.value[made.group == name] if len(several) <= 1000 else None
        if values is not None:
            numbers = tuple(made.number[made.group == name].tolist())
            mean, sd = float(values.mean()), deviation(values)
            groups.append(Replicated(numbers=numbers, mean=mean, sd=sd))
    groups.sort(key=lambda g: -g.mean if made.maximize else g.mean)
    several_members = _matrix(made, members or {})
    sd, source = UNKNOWN, ""
    if freedom:
        sd, source = _pooled(made.value[repeated], made.group[repeated], freedom), "configurations"
    elif several_members is not None:
        sd, freedom, source = *_between_members(several_members), "members"
    return Replicates(
        n=len(made),
        configurations=len(count),
        repeated=len(several),
        freedom=freedom,
        source=source,
        members=1 if several_members is None else several_members.shape[1],
        sd=sd,
        groups=tuple(groups[:20]),
        reason="" if freedom else "no configuration, and no trial, was trained more than once",
    )


def _matrix(made: Sample, members: Mapping[int, Sequence[float]]) -> np.ndarray | None:
    """float64 [T, R], of the complete trials that have as many finite members as most have."""
    rows = [members[int(n)] for n in made.number if len(members.get(int(n), ())) > 1]
    if not rows:
        return None
    most = max(map(len, rows))
    full = np.array([row for row in rows if len(row) == most], float)
    full = full[np.isfinite(full).all(axis=1)]
    return full if len(full) > 1 else None


def _between_members(x: np.ndarray) -> tuple[Estimate, int]:
    rest = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0, keepdims=True) + x.mean()
    freedom = (x.shape[0] - 1) * (x.shape[1] - 1)
    return _spread(rest.ravel() / math.sqrt(x.shape[1]), freedom), freedom


def _pooled(values: np.ndarray, group: np.ndarray, freedom: int) -> Estimate:
    names, place = np.unique(group, return_inverse=True)
    count = np.bincount(place, minlength=len(names))
    mean = np.bincount(place, weights=values, minlength=len(names)) / count
    return _spread(values - mean[place], freedom)


def _spread(rest: np.ndarray, freedom: int) -> Estimate:
    """Of residuals; scaled, so that squares of the smallest of numbers are not nought."""
    most = float(np.abs(rest).max(initial=0.0))
    squares = float(((rest / most) ** 2).sum()) if most else 0.0
    low, high = (math.sqrt(squares / stats.chi2.ppf(q, freedom)) for q in (0.975, 0.025))
    return Estimate(value=most * math.sqrt(squares / freedom), low=most * low, high=most * high)
