"""How much the objective differs between trials of one and the same configuration.

Trials of equal configurations differ in their random draws alone. Their spread, pooled over
configurations, is the noise that every other difference must be compared with:

    sd^2 = sum over configurations of (n_c - 1) s_c^2 / sum of (n_c - 1),

with the interval of chi squared, which takes the spread for normal.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import stats

from jaxhpo.analysis.estimate import UNKNOWN, Estimate
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
    freedom: degrees of freedom of `sd`. sd: the pooled standard deviation with its 95 % interval;
        unknown without repeated configurations.
    groups: the repeated configurations, the best mean first, twenty at most.
    reason: why sd is unknown, or "".
    """

    n: int
    configurations: int
    repeated: int
    freedom: int
    sd: Estimate
    groups: tuple[Replicated, ...]
    reason: str

    @property
    def usable(self) -> bool:
        """Whether the sd may be a ground for advice."""
        return self.freedom >= ENOUGH


def replicates(made: Sample) -> Replicates:
    """Of the complete trials."""
    count = np.bincount(made.group) if len(made) else np.zeros(0, int)
    several = np.flatnonzero(count > 1)
    repeated = np.isin(made.group, several)
    freedom = int((count[several] - 1).sum())
    groups = []
    for name in several:
        values = made.value[made.group == name] if len(several) <= 1000 else None
        if values is not None:
            numbers = tuple(made.number[made.group == name].tolist())
            mean, sd = float(values.mean()), float(values.std(ddof=1))
            groups.append(Replicated(numbers=numbers, mean=mean, sd=sd))
    groups.sort(key=lambda g: -g.mean if made.maximize else g.mean)
    return Replicates(
        n=len(made),
        configurations=len(count),
        repeated=len(several),
        freedom=freedom,
        sd=_pooled(made.value[repeated], made.group[repeated], freedom) if freedom else UNKNOWN,
        groups=tuple(groups[:20]),
        reason="" if freedom else "no configuration was trained more than once",
    )


def _pooled(values: np.ndarray, group: np.ndarray, freedom: int) -> Estimate:
    names, place = np.unique(group, return_inverse=True)
    count = np.bincount(place, minlength=len(names))
    mean = np.bincount(place, weights=values, minlength=len(names)) / count
    squares = float(((values - mean[place]) ** 2).sum())
    low, high = (squares / float(stats.chi2.ppf(q, freedom)) for q in (0.975, 0.025))
    return Estimate(value=math.sqrt(squares / freedom), low=math.sqrt(low), high=math.sqrt(high))
