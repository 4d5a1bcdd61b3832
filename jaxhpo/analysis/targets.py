"""What the objectives after the first depend on, and what makes a trial break a constraint.

Every further objective is looked at as the first one is: its associations, what decides whether a
trial is among the best in it, and its shares of variance, over the complete trials that keep the
constraints. A constraint's metric is a target too, lower is better, over all complete trials, those
that break it included. And of the trials that break any constraint it is asked where they lie, as
of those that diverged (`jaxhpo.analysis.diverged`).

All of them together have one part of the budget for what is said of noise
(`jaxhpo.analysis.budget.OTHERS`), each an equal part of it.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from jaxhpo.analysis.association import Association, associations
from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.budget import OTHERS
from jaxhpo.analysis.diverged import Where, diverged
from jaxhpo.analysis.evidence import Evidence, agreed
from jaxhpo.analysis.fronts import feasible
from jaxhpo.analysis.importance import Importances, importances
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.analysis.survivors import gated, survivors, withheld
from jaxhpo.analysis.top_region import TopRegion, top_region
from jaxhpo.goals import Goals
from jaxhpo.space import Space
from jaxhpo.trial import Phase, Status, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One metric that a study asks something of.

    Attributes:
        name: the metric. role: "objective" or "constraint". maximize: whether more is better.
        bound: what a constraint's may be at most, else None. n: complete trials that have it.
        unit: at which tests are of, where a scheduler stopped trials; None for the end of training.
        associations, top_region, importance, importance_every, evidence: as of the first objective,
            in `jaxhpo.analysis.result.Analysis`, but that only a parameter that matters is called
            important.
    """

    name: str
    role: str
    maximize: bool
    bound: float | None
    n: int
    unit: int | None
    associations: tuple[Association, ...]
    top_region: tuple[TopRegion, ...]
    importance: tuple[Importances, ...]
    importance_every: tuple[Importances, ...]
    evidence: tuple[Evidence, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Targets:
    """Attributes:
    others: the objectives after the first, then the constraints; empty where there is neither.
    rate: the largest q at which a parameter of one of them matters, or goes with breaking a
        constraint: 0.01 over the number of these questions.
    n: complete trials; broken: those that break any constraint. where: every parameter in which
        these differ from the others (diverged stands for broken there); empty if none or all do.
    """

    others: tuple[Target, ...]
    rate: float
    n: int
    broken: int
    where: tuple[Where, ...]


def targets(
    table: pd.DataFrame, space: Space, trials: Sequence[Trial], goals: Goals, options: Options
) -> Targets:
    """Of a whole trial table (`jaxhpo.analysis.given`) with the columns ``metric.<name>``; `trials`
    hold the curves."""
    kept = feasible(table, goals)
    asked = [(name, "objective", up, None) for name, up in goals.objectives[1:]]
    asked += [(name, "constraint", False, bound) for name, bound in goals.constraints]
    questions = len(asked) + bool(goals.constraints)
    rate = OTHERS / max(questions, 1)
    found = []
    for name, role, maximize, bound in asked:
        column = f"metric.{name}"
        value = table[column].to_numpy(float) if column in table else np.full(len(table), np.nan)
        if role == "objective":
            value = np.where(kept, value, np.nan)
        part = table.assign(value=value, loss=-value if maximize else value)
        found.append(_target(part, space, trials, name, role, maximize, bound, rate, options))
    complete = table["status"].to_numpy() == Status.COMPLETE.value
    where = _where(table, space, trials, goals, complete, kept, rate) if goals.constraints else ()
    return Targets(
        others=tuple(found),
        rate=rate,
        n=int(complete.sum()),
        broken=int((complete & ~kept).sum()),
        where=where,
    )


def _target(
    table: pd.DataFrame,
    space: Space,
    trials: Sequence[Trial],
    name: str,
    role: str,
    maximize: bool,
    bound: float | None,
    rate: float,
    options: Options,
) -> Target:
    made = sample(table, space, maximize=maximize)
    living, tested = survivors(table, space, trials, objective=name)
    free = made if living.basis == "final" else sample(tested, space, maximize=maximize)
    adaptive = not made.free.all() or living.basis != "final"
    parts = branches(space)
    independent = [withheld(living, surrogate(free, b, "independent", options)) for b in parts]
    every = [surrogate(made, b, "every", options) for b in parts] if adaptive else []
    related, top = gated(
        living,
        associations(table, space, tested),
        top_region(made, options, independent=free),
    )
    related, known = agreed(related, top, space.names, rate=rate)
    matters = {one.parameter for one in known if one.verdict == "matters"}
    return Target(
        name=name,
        role=role,
        maximize=maximize,
        bound=bound,
        n=len(made),
        unit=living.unit,
        associations=related,
        top_region=top,
        importance=tuple(_agreed(importances(s, tested=True), matters) for s in independent),
        importance_every=tuple(importances(s, tested=False) for s in every),
        evidence=known,
    )


def _agreed(found: Importances, matters: set[str]) -> Importances:
    """Only what matters is called important."""
    parameters = tuple(
        p
        if p.verdict != "important" or p.parameter in matters
        else dataclasses.replace(p, verdict="not identifiable")
        for p in found.parameters
    )
    return dataclasses.replace(found, parameters=parameters)


def _where(
    table: pd.DataFrame,
    space: Space,
    trials: Sequence[Trial],
    goals: Goals,
    complete: np.ndarray,
    kept: np.ndarray,
    rate: float,
) -> tuple[Where, ...]:
    """Where complete trials lie that break a constraint; untested where a scheduler chose them."""
    rows = table[complete]
    lost = np.where(kept[complete], Status.COMPLETE.value, Status.DIVERGED.value)
    living, _ = survivors(table, space, trials, objective=goals.names[0])
    phase = rows["phase"].to_numpy()
    if living.basis != "final":
        phase = np.full(len(rows), Phase.MODEL.value, object)
    found = diverged(rows.assign(status=lost.astype(object), phase=phase), space, rate=rate).where
    if living.basis == "final":
        return found
    return tuple(dataclasses.replace(w, reason=living.reason) for w in found)
