"""What each value of a choice or a boolean came to: means, and the best against the worst.

Means over trials in which everything else varied too. Over trials that a sampler chose by results
they describe the search; the difference of the best and the worst of several is optimistic.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxhpo.analysis.activity import labels
from jaxhpo.analysis.baseline import welch
from jaxhpo.analysis.confirmation import student
from jaxhpo.analysis.estimate import UNKNOWN, Estimate
from jaxhpo.analysis.sample import Sample
from jaxhpo.space import Bool, Choice


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupMean:
    """One value: n trials, the mean of the objective over them (Student's 95 % interval), their
    median and their best; all unknown or None without trials."""

    label: str
    n: int
    mean: Estimate
    median: float | None
    best: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Groups:
    """One choice or boolean.

    Attributes:
        parameter: its name. boolean: whether its values are False and True.
        basis: "every" complete trial, or the "independent" ones. n: in which it was active.
        values: in the order of the space.
        best, worst: the labels with the best and the worst mean; "" with fewer than two values
            that were tried.
        difference: mean of the best less that of the worst, with Welch's 95 % interval. relative:
            difference / |mean of the worst|; None where that is nought.

    No interval has ends where any of the trials was chosen by results.
    """

    parameter: str
    boolean: bool
    basis: str
    n: int
    values: tuple[GroupMean, ...]
    best: str
    worst: str
    difference: Estimate
    relative: float | None


def groups(made: Sample, *, basis: str) -> tuple[Groups, ...]:
    """Every choice and boolean, in the order of the space, over "every" complete trial or the
    "independent" ones."""
    held = made.independent() if basis == "independent" else made
    domains = held.space.parameters
    return tuple(
        _groups(held, name, basis)
        for name in held.names
        if isinstance(domains[name], Bool | Choice)
    )


def _groups(held: Sample, name: str, basis: str) -> Groups:
    domain, level = held.space.parameters[name], held.level(name)
    names = labels(domain)
    parts = [held.value[level == place] for place in range(len(names))]
    tried = [place for place, part in enumerate(parts) if len(part)]
    sign = 1.0 if held.maximize else -1.0
    order = sorted(tried, key=lambda place: -sign * float(parts[place].mean()))
    several, bare = len(order) > 1, not held.free.all()
    difference = welch(parts[order[-1]], parts[order[0]]) if several else UNKNOWN
    difference = Estimate(value=difference.value) if bare else difference
    worst = float(parts[order[-1]].mean()) if several else 0.0
    return Groups(
        parameter=name,
        boolean=isinstance(domain, Bool),
        basis=basis,
        n=int(sum(map(len, parts))),
        values=tuple(_mean(n, p, sign, bare=bare) for n, p in zip(names, parts, strict=True)),
        best=names[order[0]] if several else "",
        worst=names[order[-1]] if several else "",
        difference=difference,
        relative=None if not worst or difference.value is None else difference.value / abs(worst),
    )


def _mean(label: str, values: np.ndarray, sign: float, *, bare: bool) -> GroupMean:
    n = len(values)
    mean = student(values) if n else UNKNOWN
    return GroupMean(
        label=label,
        n=n,
        mean=Estimate(value=mean.value) if bare else mean,
        median=float(np.median(values)) if n else None,
        best=float(sign * (sign * values).max()) if n else None,
    )
