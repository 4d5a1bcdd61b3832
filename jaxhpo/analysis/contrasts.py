"""Means of the objective at each value of a choice, and how far the best and the worst are apart.

Over all complete trials in which the parameter was active: descriptive, also because the best and
the worst of several values are picked for being so. The tests are elsewhere
(`jaxhpo.analysis.association`, `jaxhpo.analysis.elites`).
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

_FEWEST = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class AtValue:
    """One value over n trials: the mean of the objective with Student's 95 % interval, the sample
    standard deviation, the median and the best value; None (or unknown) where n is too small."""

    label: str
    n: int
    mean: Estimate
    sd: float | None
    median: float | None
    best: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast:
    """One choice or boolean.

    Attributes:
        parameter: its name. kind: "bool" or "choice". n: trials in which it was active.
        values: in the order of the space, those without trials too.
        best, worst: labels of the best and the worst mean among values with two trials or more;
            None if there are fewer than two of them.
        difference: the better mean minus the worse one in units of the objective (of a boolean:
            True minus False), with Welch's 95 % interval. relative: difference / |mean of the
            worst| (of a boolean: of False); None where that is nought.
    """

    parameter: str
    kind: str
    n: int
    values: tuple[AtValue, ...]
    best: str | None
    worst: str | None
    difference: Estimate
    relative: float | None


def contrasts(made: Sample) -> tuple[Contrast, ...]:
    """Every choice and boolean, in the order of the space."""
    domains = made.space.parameters
    return tuple(_contrast(made, n) for n in made.names if isinstance(domains[n], Bool | Choice))


def _contrast(made: Sample, name: str) -> Contrast:
    domain, level = made.space.parameters[name], made.level(name)
    named = labels(domain)
    groups = [made.value[level == k] for k in range(len(named))]
    sign = -1.0 if made.maximize else 1.0
    usable = [k for k, g in enumerate(groups) if len(g) >= _FEWEST]
    order = sorted(usable, key=lambda k: sign * float(groups[k].mean()))
    best = worst = None
    difference, relative = UNKNOWN, None
    if len(order) > 1:
        best, worst = order[0], order[-1]
        to, of = (1, 0) if isinstance(domain, Bool) else (best, worst)
        difference = welch(groups[of], groups[to])
        base = abs(float(groups[of].mean()))
        relative = (difference.value or 0.0) / base if base else None
    return Contrast(
        parameter=name,
        kind="bool" if isinstance(domain, Bool) else "choice",
        n=int((level >= 0).sum()),
        values=tuple(_at(text, g, made.maximize) for text, g in zip(named, groups, strict=True)),
        best=None if best is None else named[best],
        worst=None if worst is None else named[worst],
        difference=difference,
        relative=relative,
    )


def _at(label: str, values: np.ndarray, maximize: bool) -> AtValue:
    n = len(values)
    return AtValue(
        label=label,
        n=n,
        mean=student(values),
        sd=float(values.std(ddof=1)) if n > 1 else None,
        median=float(np.median(values)) if n else None,
        best=float(values.max() if maximize else values.min()) if n else None,
    )
