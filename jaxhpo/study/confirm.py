"""The best trials trained again with fresh seeds: is the best one the best, and how good is it?

The best of many trials is partly lucky: its value is too good by the noise that it was chosen for.
So the k best are trained again, all in one population, from seeds that the search has not seen; the
winner is chosen by the mean of these, and judged on the test data, by which nothing was chosen.
A trial whose hyperparameters were changed in training (population-based training) is trained with
those it had at its end, from beginning to end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.goals import Goals
from jaxhpo.leaders import front_of
from jaxhpo.population.member import Member, Tick
from jaxhpo.population.population import Population
from jaxhpo.study.run import Run
from jaxhpo.trial import Status, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmed:
    """One configuration, trained again.

    Attributes:
        number: the trial. value: its objective in the search, in the user's direction.
        values: the objective for every fresh seed; NaN where it diverged. mean, sd: of them (sd
            with n - 1; None for one seed). A NaN makes the mean a NaN.
        test: name to the test metric for every seed; empty without test data.
    """

    number: int
    value: float
    values: tuple[float, ...]
    mean: float
    sd: float | None
    test: Mapping[str, tuple[float, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What training the best again showed.

    Attributes:
        seeds: how many for each. entries: in the order of the search, the best first.
        winner: the number of the entry with the best mean, or None if all diverged.
        stood: whether that is the trial that the search found best.
    """

    seeds: int
    entries: tuple[Confirmed, ...]
    winner: int | None

    @property
    def stood(self) -> bool:
        """Whether the search's best is the winner."""
        return self.winner == self.entries[0].number

    def to_dict(self) -> dict[str, Any]:
        """In JSON types, for the records."""
        return {**dataclasses.asdict(self), "stood": self.stood}


def best_trials(trials: Sequence[Trial], top: int, goals: Goals | None = None) -> list[Trial]:
    """The `top` best complete trials of different configurations, the best first: of those that
    keep the constraints, and with several objectives of the front.

    Raises:
        ValueError: if there is none.
    """
    done = [t for t in trials if t.status is Status.COMPLETE and t.loss is not None]
    if goals is not None and not goals.plain:
        done = [t for t in done if goals.feasible(t)]
        done = front_of(goals, done) if goals.several else done
    found: dict[str, Trial] = {}
    for trial in sorted(done, key=lambda t: (t.loss, t.number)):
        found.setdefault(repr(sorted(trial.config.items())), trial)
    if not found:
        kept = "" if goals is None or not goals.constraints else " and keeps the constraints"
        raise ValueError(
            f"confirm(...): no trial is complete{kept}, so there is nothing to confirm"
        )
    return list(found.values())[:top]


def confirm(
    population: Population,
    chosen: Sequence[Trial],
    members: Callable[[Trial], list[Member]],
    *,
    objective: str,
    maximize: bool,
) -> Confirmation:
    """Trains the chosen trials again in a population with a key of its own.

    Args:
        chosen: the best first. members: those who train a trial, in the population's numbering.
    """
    groups = {trial.number: members(trial) for trial in chosen}
    everyone = [member for group in groups.values() for member in group]
    runs = {member.number: Run() for member in everyone}
    # A member that pauses after its last unit keeps its state, which is then tested.
    population.add(
        [dataclasses.replace(m, budget=m.budget + 1, until=m.budget, limits=None) for m in everyone]
    )
    while population.busy and not population.stuck:
        population.dispatch()
        for tick in population.wait():
            _add(runs, tick)
    states = {n: row[1] for cohort in population.rows() for n, (_, _, row) in cohort.items()}
    entries = []
    for trial in chosen:
        theirs = [(member, runs[member.number]) for member in groups[trial.number]]
        values = [_value(run, objective) for _, run in theirs]
        tests = [_test(population, member, run, states) for member, run in theirs]
        names = sorted({name for test in tests for name in test})
        sign = -1.0 if maximize else 1.0
        entries.append(
            Confirmed(
                number=trial.number,
                value=sign * (trial.loss or 0.0),
                values=tuple(values),
                mean=float(np.mean(values)),
                sd=float(np.std(values, ddof=1)) if len(values) > 1 else None,
                test={name: tuple(t.get(name, np.nan) for t in tests) for name in names},
            )
        )
    sound = [entry for entry in entries if np.isfinite(entry.mean)]
    order = max if maximize else min
    winner = order(sound, key=lambda entry: entry.mean).number if sound else None
    return Confirmation(seeds=len(theirs), entries=tuple(entries), winner=winner)


def _add(runs: dict[int, Run], tick: Tick) -> None:
    for progress in tick.progress:
        if progress.again:
            runs[progress.number] = Run()
        else:
            runs[progress.number].add(progress, tick)


def _value(run: Run, objective: str) -> float:
    lost = run.error is not None or run.diverged or not run.units
    return float("nan") if lost else run.at(objective, run.units)


def _test(
    population: Population, member: Member, run: Run, states: Mapping[int, Any]
) -> dict[str, float]:
    if run.error is not None or run.diverged:
        return {}
    if member.number in states:
        return population.test(member, states[member.number])
    # It finished before its time and left its lane: trained once more, alone, to the same state.
    again = dataclasses.replace(member, budget=run.units, until=None, limits=None)
    return population.test(again, population.alone(again)[1])
