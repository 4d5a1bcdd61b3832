"""All results of a study together: what a report is rendered from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.advice import Advice, Ground, advice, all_bounds
from jaxhpo.analysis.anomalies import Anomaly, anomalies
from jaxhpo.analysis.association import Association, associations
from jaxhpo.analysis.baseline import Baseline, baseline, baseline_config
from jaxhpo.analysis.bounds import Bound
from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.chance import Chance, chance
from jaxhpo.analysis.confirmation import Confirmation, confirmation
from jaxhpo.analysis.convergence import Convergence, convergence
from jaxhpo.analysis.cost import Cost, cost
from jaxhpo.analysis.coverage import Coverage, coverage
from jaxhpo.analysis.derived import Derived, derived
from jaxhpo.analysis.direction import Direction, directions
from jaxhpo.analysis.diverged import Diverged, diverged
from jaxhpo.analysis.early import Early, early
from jaxhpo.analysis.elites import Elites, elites
from jaxhpo.analysis.evidence import Evidence, agreed
from jaxhpo.analysis.fronts import Fronts, feasible, fronts
from jaxhpo.analysis.given import given
from jaxhpo.analysis.groups import Groups, groups
from jaxhpo.analysis.importance import Importances, importances
from jaxhpo.analysis.interactions import Interactions, interactions
from jaxhpo.analysis.learning import Learning, learning
from jaxhpo.analysis.next_space import NextSpace, next_spaces
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.parameters import Parameter, parameters
from jaxhpo.analysis.progress import Progress, progress
from jaxhpo.analysis.replicates import Replicates, replicates
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.slices import Slice, slices
from jaxhpo.analysis.summary import Summary, summary
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.analysis.survivors import Survivors, gated, survivors, withheld
from jaxhpo.analysis.targets import Targets, targets
from jaxhpo.analysis.top_region import TopRegion, top_region
from jaxhpo.analysis.tunability import Tunability, tunability
from jaxhpo.goals import Goals, stated
from jaxhpo.space import Space
from jaxhpo.table import trials_table
from jaxhpo.trial import Status, Trial


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


@dataclasses.dataclass(frozen=True, kw_only=True)
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


def analysed(records: Any, options: Options | None = None) -> Analysis:
    """All results, of open records."""
    identity, trials = records.identity, records.trials()
    space, task = Space.from_dict(identity["space"]), identity["task"]
    objective, maximize = task["objective"], task["maximize"]
    facts, asked = records.facts(), stated(task)
    test = facts.get("test")
    found = analysed_table(
        trials_table(trials, space=space, objective=objective, maximize=maximize, goals=asked),
        space,
        objective=objective,
        maximize=maximize,
        name=task["name"],
        trials=trials,
        test=(test or {}).get("metrics"),
        sampler=identity.get("sampler"),
        again=facts.get("confirm"),
        goals=asked,
        task=task,
        options=options,
    )
    return dataclasses.replace(
        found,
        identity={key: value for key, value in identity.items() if key != "space"},
        command=(facts.get("launch") or {}).get("command"),
        picked=tuple((note["first"], note["says"]) for note in facts.get("sampler") or ()),
        runs=tuple(_run(session) for session in records.sessions()),
        test=None if not test or not test["metrics"] else Test(**test),
    )


def analysed_table(
    table: pd.DataFrame,
    space: Space,
    *,
    objective: str,
    maximize: bool,
    name: str = "table",
    trials: Sequence[Trial] = (),
    test: Mapping[str, float | None] | None = None,
    sampler: str | None = None,
    again: Mapping[str, Any] | None = None,
    goals: Goals | None = None,
    task: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> Analysis:
    """All results of a table of the form of `jaxhpo.table.trials_table`, wherever it is from.

    Args:
        table, space: the trials (`jaxhpo.analysis.given`), and what was searched.
        objective, maximize: the metric that `value` is, and whether more of it is better.
        name: what to call it.
        trials: the records that the table was made of, if there are any: only they hold curves.
        test: the best configuration's metrics on data that nothing was chosen by.
        sampler: the name of what chose the trials.
        again: the study's record of having trained the best again (`jaxhpo.study.confirm`).
        goals: the objectives and constraints, where there are more than one; their values are the
            columns ``metric.<name>``.
        task: the task's part of the study's identity, which may know what chance gives.
        options: what the reader chose.
    """
    options, goals = options or Options(), goals or Goals(((objective, maximize),))
    table, sampled = given(table, space, maximize=maximize), None
    ahead = fronts(table, goals, rows=options.rows, seed=options.seed)
    if goals.constraints:  # a trial that breaks one is no result
        broken = ~feasible(table, goals)
        table = table.assign(value=table["value"].mask(broken), loss=table["loss"].mask(broken))
    said = summary(table, space, objective=objective, maximize=maximize)
    spent, covered = cost(table, maximize=maximize), coverage(table, space)
    if len(table) > options.rows:
        exact = ("summary", "cost", "coverage", "fronts")
        sampled = Sampled(rows=options.rows, of=len(table), exact=exact)
        chosen = np.random.default_rng([options.seed, 10]).choice(len(table), options.rows, False)
        table = table.iloc[np.sort(chosen)]
    made = sample(table, space, maximize=maximize)
    living, tested = survivors(table, space, trials, objective=objective)
    free = made if living.basis == "final" else sample(tested, space, maximize=maximize)
    adaptive = not made.free.all() or living.basis != "final"
    all_branches = branches(space)
    independent = [
        withheld(living, surrogate(free, b, "independent", options)) for b in all_branches
    ]
    every = (
        [surrogate(made, b, "every", options) for b in all_branches] if adaptive else independent
    )
    best = said.best.config if said.best else {}
    learned, lost = learning(trials, objective=objective), diverged(table, space)
    start = baseline_config(table, space, options)
    tests = gated(
        living,
        associations(table, space, tested),
        top_region(made, options, independent=free),
    )
    top = elites(made, options, basis="every")
    related, known = agreed(*tests, space.names)
    ground = Ground(
        made=made,
        elites=top,
        independent=elites(free, options, basis="independent"),
        evidence=known,
        tunability=tunability(every, start, best or None),
        replicates=replicates(made, {t.number: t.replicates for t in trials if t.replicates}),
        bounds=all_bounds(made, top, known, options),
        best=best,
        options=options,
        unit=living.unit,
    )
    advised = advice(ground)
    return Analysis(
        name=name,
        identity={},
        command=None,
        runs=(),
        picked=(),
        parameters=parameters(space),
        summary=said,
        progress=progress(table, maximize=maximize),
        associations=related,
        slices=slices(table, space),
        groups=groups(made, basis="every"),
        groups_independent=groups(free, basis="independent"),
        learning=learned,
        diverged=lost,
        top_region=tests[1],
        importance=tuple(importances(s, tested=True) for s in independent),
        importance_every=tuple(importances(s, tested=False) for s in every if adaptive),
        evidence=tuple(ground.evidence),
        elites=top,
        elites_independent=ground.independent,
        directions=tuple(d for s in every for d in directions(s)),
        interactions=tuple(interactions(s, tested=not adaptive) for s in every),
        tunability=ground.tunability,
        baseline=baseline(table, made, start, best),
        replicates=ground.replicates,
        survivors=living,
        coverage=covered,
        chance=chance(made, options.chance, task, objective=objective),
        derived=derived(made, said.top, options.derived),
        convergence=convergence(made, ground.replicates),
        confirmation=confirmation(made, ground.replicates, again),
        early=early(
            learned.curves,
            dict(zip(made.number.tolist(), made.value.tolist(), strict=True)),
            maximize=maximize,
            elite=options.elite,
            stopped=said.count(Status.STOPPED),
        ),
        cost=spent,
        anomalies=anomalies(
            table, made, objective=objective, lost=lost, test=test, sampler=sampler
        ),
        bounds=tuple(ground.bounds),
        advice=advised,
        next_spaces=next_spaces(space, advised),
        fronts=ahead,
        targets=targets(table, space, trials, goals, options),
        test=None,
        options=dataclasses.replace(options, derived={}),  # functions have no written form
        sampled=sampled,
    )


def _run(session: Mapping[str, Any]) -> Run:
    ended, started = session["ended"], session["started"]
    return Run(
        started=started,
        seconds=None if ended is None else ended - started,
        how=session["how"],
        info=session["info"],
    )
