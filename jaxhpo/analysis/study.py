"""All results of a study together: what a report is rendered from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.advice import advice
from jaxhpo.analysis.anomalies import anomalies
from jaxhpo.analysis.association import associations
from jaxhpo.analysis.baseline import baseline, baseline_config
from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.chance import chance
from jaxhpo.analysis.chosen import chosen
from jaxhpo.analysis.confirmation import confirmation
from jaxhpo.analysis.convergence import convergence
from jaxhpo.analysis.cost import cost
from jaxhpo.analysis.coverage import coverage
from jaxhpo.analysis.derived import derived
from jaxhpo.analysis.direction import directions
from jaxhpo.analysis.diverged import diverged
from jaxhpo.analysis.early import early
from jaxhpo.analysis.elites import elites
from jaxhpo.analysis.evidence import agreed
from jaxhpo.analysis.fronts import feasible, fronts
from jaxhpo.analysis.given import given
from jaxhpo.analysis.ground import Ground, all_bounds, further, places, unexplained
from jaxhpo.analysis.groups import groups
from jaxhpo.analysis.importance import importances
from jaxhpo.analysis.interactions import interactions
from jaxhpo.analysis.learning import learning
from jaxhpo.analysis.next_space import next_spaces
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.parameters import parameters
from jaxhpo.analysis.progress import progress
from jaxhpo.analysis.replicates import replicates
from jaxhpo.analysis.result import Analysis, Run, Sampled, Test
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.slices import slices
from jaxhpo.analysis.summary import summary
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.analysis.survivors import gated, survivors, withheld
from jaxhpo.analysis.targets import targets
from jaxhpo.analysis.top_region import top_region
from jaxhpo.analysis.tunability import tunability
from jaxhpo.goals import Goals, stated
from jaxhpo.space import Space
from jaxhpo.table import trials_table
from jaxhpo.trial import Status, Trial


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
    ended, table, sampled = table, given(table, space, maximize=maximize), None
    beyond = _beyond(ended, table)
    ahead = fronts(table, goals, rows=options.rows, seed=options.seed)
    if goals.constraints:  # a trial that breaks one is no result
        broken = ~feasible(table, goals)
        table = table.assign(value=table["value"].mask(broken), loss=table["loss"].mask(broken))
    said = summary(table, space, objective=objective, maximize=maximize)
    spent, covered, whole = cost(table, maximize=maximize), coverage(table, space), table
    if len(table) > options.rows:
        exact = ("summary", "cost", "coverage", "fronts")
        sampled = Sampled(rows=options.rows, of=len(table), exact=exact)
        drawn = np.random.default_rng([options.seed, 10]).choice(len(table), options.rows, False)
        table = table.iloc[np.sort(drawn)]
    made = sample(table, space, maximize=maximize)
    noise = replicates(made, {t.number: t.replicates for t in trials if t.replicates})
    confirmed = confirmation(made, noise, again, best=said.best.number if said.best else None)
    use = chosen(whole, space, said, confirmed)
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
    best = use.row.config if use else {}
    learned, lost = learning(trials, objective=objective), diverged(table, space)
    start = baseline_config(table, space, options)
    tests = gated(
        living,
        associations(table, space, tested),
        top_region(made, options, independent=free),
    )
    top = elites(made, options, basis="every", best=use.row.number if use else None)
    related, known = agreed(*tests, space.names)
    asked = targets(table, space, trials, goals, options)
    ground = Ground(
        made=made,
        elites=top,
        independent=elites(free, options, basis="independent"),
        evidence=known,
        tunability=tunability(every, start, best or None),
        replicates=noise,
        bounds=all_bounds(made, top, known, options),
        best=best,
        options=options,
        unit=living.unit,
        several=goals.several,
        front=places(made, ahead),
        others=further(asked),
        missed=unexplained(every),
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
        chosen=use,
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
        replicates=noise,
        survivors=living,
        coverage=covered,
        chance=chance(made, options.chance, task, objective=objective),
        derived=derived(made, said.top, options.derived),
        convergence=convergence(made, noise),
        confirmation=confirmed,
        early=early(
            learned.curves,
            dict(zip(made.number.tolist(), made.value.tolist(), strict=True)),
            maximize=maximize,
            elite=options.elite,
            stopped=said.count(Status.STOPPED),
        ),
        cost=spent,
        anomalies=anomalies(
            table, made, objective=objective, lost=lost, test=test, sampler=sampler, beyond=beyond
        ),
        bounds=tuple(ground.bounds),
        advice=advised,
        next_spaces=next_spaces(space, advised),
        fronts=ahead,
        targets=asked,
        test=None,
        options=dataclasses.replace(options, derived={}),  # functions have no written form
        sampled=sampled,
    )


def _beyond(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """How many complete trials were taken for diverged."""
    if "status" not in before:
        return 0
    complete = before["status"].to_numpy() == Status.COMPLETE.value
    return int((complete & (after["status"].to_numpy() != Status.COMPLETE.value)).sum())


def _run(session: Mapping[str, Any]) -> Run:
    ended, started = session["ended"], session["started"]
    return Run(
        started=started,
        seconds=None if ended is None else ended - started,
        how=session["how"],
        info=session["info"],
    )
