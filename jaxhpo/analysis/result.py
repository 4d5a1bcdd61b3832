"""The result of an analysis: everything that a report says, as one frozen value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from jaxhpo.analysis.anomalies import Anomaly
from jaxhpo.analysis.association import Association
from jaxhpo.analysis.baseline import Baseline
from jaxhpo.analysis.bounds import Bound
from jaxhpo.analysis.chance import Chance
from jaxhpo.analysis.chosen import Chosen
from jaxhpo.analysis.confirmation import Confirmation
from jaxhpo.analysis.convergence import Convergence
from jaxhpo.analysis.cost import Cost
from jaxhpo.analysis.coverage import Coverage
from jaxhpo.analysis.derived import Derived
from jaxhpo.analysis.direction import Direction
from jaxhpo.analysis.diverged import Diverged
from jaxhpo.analysis.early import Early
from jaxhpo.analysis.elites import Elites
from jaxhpo.analysis.evidence import Evidence
from jaxhpo.analysis.fronts import Fronts
from jaxhpo.analysis.ground import Advice
from jaxhpo.analysis.groups import Groups
from jaxhpo.analysis.importance import Importances
from jaxhpo.analysis.interactions import Interactions
from jaxhpo.analysis.learning import Learning
from jaxhpo.analysis.next_space import NextSpace
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.parameters import Parameter
from jaxhpo.analysis.progress import Progress
from jaxhpo.analysis.replicates import Replicates
from jaxhpo.analysis.slices import Slice
from jaxhpo.analysis.summary import Summary
from jaxhpo.analysis.survivors import Survivors
from jaxhpo.analysis.targets import Targets
from jaxhpo.analysis.top_region import TopRegion
from jaxhpo.analysis.tunability import Tunability

_FEW = 8  # names in a line


@dataclasses.dataclass(frozen=True, kw_only=True)
class Test:
    """What the chosen configuration scored on data that nothing was chosen by."""

    number: int
    metrics: Mapping[str, float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the process; `seconds` and `how` are None if it runs still, or was killed."""

    started: float
    seconds: float | None
    how: str | None
    info: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampled:
    """A table that was too long: `rows` of its `of` rows were drawn at random, all but for `exact`,
    the results that are of all rows."""

    rows: int
    of: int
    exact: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Analysis:
    """Everything that a report says.

    Attributes:
        name: the task's. identity: what the study is a function of (its space is `parameters`).
        command: what was typed to start it, or None. runs: of its process, the oldest first.
        picked: from which trial on a sampler that picks among several used which, and why.
        parameters: one a parameter of the space, constants too.
        summary, progress, associations, slices, learning, diverged, top_region: see the modules of
            these names.
        importance: one a branch (`jaxhpo.analysis.importance`), of the trials that were chosen
            without looking at results. importance_every: the same of all complete trials,
            descriptive; empty where those are the same trials.
        evidence: one verdict a parameter, which the advice is taken from.
        elites: of every complete trial; elites_independent: of those chosen without looking at
            results, which alone are tested.
        directions, interactions, tunability: of the surrogates of every complete trial.
        groups: of every complete trial; groups_independent: of those chosen without looking at
            results.
        baseline, replicates: see the modules of these names.
        survivors: what the tests are of, where a scheduler stopped trials: the independent results
            (`associations`, `top_region`, `importance`, `elites_independent`, `groups_independent`)
            are then of a unit that all reached, or there are none.
        chosen: the configuration to go on with, or None where no trial is complete.
        coverage: how many of the possible configurations were tried. chance: the best against no
            skill.
        derived: what `Options.derived` asks for.
        convergence, confirmation, early, cost, anomalies: see the modules of these names.
        bounds: both ends of every number. advice: one a parameter. next_spaces: the conservative
            and the aggressive one.
        fronts: several objectives and constraints. Where there are constraints, every other result
            that looks at values is of the trials that keep them; where there are several
            objectives, of the first. targets: what the other objectives, and the constraints,
            depend on.
        test: see `Test`, or None where there is none.
        options: what the reader chose, but for `derived`. sampled: None where every row was looked
        at.
    """

    name: str
    identity: Mapping[str, Any]
    command: Sequence[str] | None
    runs: Sequence[Run]
    picked: tuple[tuple[int, str], ...]
    parameters: tuple[Parameter, ...]
    summary: Summary
    chosen: Chosen | None
    progress: Progress
    associations: tuple[Association, ...]
    slices: tuple[Slice, ...]
    groups: tuple[Groups, ...]
    groups_independent: tuple[Groups, ...]
    learning: Learning
    diverged: Diverged
    top_region: tuple[TopRegion, ...]
    importance: tuple[Importances, ...]
    importance_every: tuple[Importances, ...]
    evidence: tuple[Evidence, ...]
    elites: Elites
    elites_independent: Elites
    directions: tuple[Direction, ...]
    interactions: tuple[Interactions, ...]
    tunability: Tunability
    baseline: Baseline
    replicates: Replicates
    survivors: Survivors
    coverage: Coverage
    chance: Chance
    derived: tuple[Derived, ...]
    convergence: Convergence
    confirmation: Confirmation
    early: Early
    cost: Cost
    anomalies: tuple[Anomaly, ...]
    bounds: tuple[Bound, ...]
    advice: tuple[Advice, ...]
    next_spaces: tuple[NextSpace, ...]
    fronts: Fronts
    targets: Targets
    test: Test | None
    options: Options
    sampled: Sampled | None

    def __repr__(self) -> str:
        said, use = self.summary, self.chosen
        way = "higher" if said.maximize else "lower"
        counts = ", ".join(f"{c.n:,} {c.status}" for c in said.counts)
        lines = [f"Analysis of {self.name}: {said.objective}, {way} is better"]
        lines.append(f"  trials: {said.trials:,}{f' ({counts})' if counts else ''}")
        if use is not None:
            value = use.row.value if use.fresh.value is None else use.fresh.value
            lines.append(f"  chosen by {use.by}: trial {use.row.number}, {value:.5g}")
        for verdict in ("matters", "not identifiable", "not tested"):
            names = [e.parameter for e in self.evidence if e.verdict == verdict]
            lines += [f"  {verdict}: {_some(names)}"] if names else []
        for action in dict.fromkeys(a.action for a in self.advice):
            names = [a.parameter for a in self.advice if a.action == action]
            lines.append(f"  {action}: {_some(names)}")
        fields = ", ".join(f.name for f in dataclasses.fields(self))
        return "\n".join([*lines, f"  fields: {fields}"])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"
