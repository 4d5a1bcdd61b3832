"""Groups of trials that pause at rungs and are decided upon together.

A decision is taken when every trial of the group that has the rung waits there or has ended. What
it rests on is a function of the trials alone, so that an interrupted study, which trains some of
them again, decides again what it decided before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import Decision, Group, Scheduler, Standing
from jaxhpo.trial import Status, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of one waiting trial.

    Attributes:
        number: the trial. unit: where it waits. keep: whether it goes on.
        source: the trial whose state it goes on from. point: float32 [d], what it goes on with, or
            None: what it has.
    """

    number: int
    unit: int
    keep: bool
    source: int
    point: np.ndarray | None = None


class Brackets:
    """The groups of a study.

    Args:
        scheduler: with `group` and `decide`.
        key: typed; a decision's key is folded from it by the group's first trial and the rung.
        layout: the unit cube. fixed: bool [d], the columns that can't change in training.
        end: how many trials there will be; the last group may be cut short by it.
        losses: ``(trial) -> float32 [units]`` of a trial that has ended, or None if it has none.
        program: ``(trial) -> hashable``, the same for trials that share a program. By default all
            do.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        key: jax.Array,
        *,
        layout: Any,
        fixed: np.ndarray,
        end: int,
        losses: Callable[[Trial], np.ndarray | None],
        program: Callable[[Trial], Hashable] = lambda trial: None,
    ) -> None:
        self.passed: dict[int, int] = {}  # first trial of a group to how many rungs are decided
        self._scheduler = scheduler
        self._key = key
        self._layout = layout
        self._fixed = fixed
        self._end = end
        self._losses = losses
        self._program = program

    def group(self, number: int) -> Group:
        """The group of a trial, as far as there will be trials."""
        assert self._scheduler.group is not None
        group = self._scheduler.group(number)
        return group._replace(size=min(group.size, self._end - group.first))

    def until(self, trial: Trial) -> int | None:
        """After how many units the trial is to pause next, or None."""
        group = self.group(trial.number)
        return _rung(group, trial, self.passed.get(group.first, 0))

    def decide(
        self, group: Group, members: Sequence[Trial], resting: Mapping[int, np.ndarray]
    ) -> list[Verdict]:
        """What becomes of the waiting trials of a group; empty if it is too early.

        Args:
            members: the trials of the group that there are.
            resting: those that wait, with their losses so far.
        """
        if len(members) < group.size:
            return []
        while True:
            passed = self.passed.get(group.first, 0)
            taking = [trial for trial in members if _rung(group, trial, passed) is not None]
            if not taking or not all(t.status.ended or t.number in resting for t in taking):
                return []
            self.passed[group.first] = passed + 1
            if any(trial.number in resting for trial in taking):
                return self._verdicts(group, passed, taking, resting)

    def _verdicts(
        self, group: Group, passed: int, taking: Sequence[Trial], resting: Mapping[int, np.ndarray]
    ) -> list[Verdict]:
        units = [_rung(group, trial, passed) or 0 for trial in taking]
        curves = np.full((len(taking), max(units)), np.nan, np.float32)
        for row, trial, unit in zip(curves, taking, units, strict=True):
            row[len(row) - unit :] = self._until(trial, unit, resting)
        waiting = np.array([trial.number in resting for trial in taking])
        key = jax.random.fold_in(jax.random.fold_in(self._key, group.first), passed)
        points = np.array([trial.point for trial in taking], np.float32)
        programs = self._programs(taking)
        standing = Standing(curves, waiting, points, self._layout, self._fixed, passed, programs)
        assert self._scheduler.decide is not None
        found: Decision = self._scheduler.decide(key, standing)
        verdicts = []
        for i in np.flatnonzero(waiting).tolist():
            source = i if found.source is None else int(found.source[i])
            changed = found.points is not None and not np.array_equal(found.points[i], points[i])
            verdicts.append(
                Verdict(
                    number=taking[i].number,
                    unit=units[i],
                    keep=bool(found.keep[i]),
                    source=taking[source].number,
                    point=np.asarray(found.points[i]) if changed else None,  # type: ignore[index]
                )
            )
        return verdicts

    def _programs(self, trials: Sequence[Trial]) -> np.ndarray:
        """int [s], as `Standing.programs` has them."""
        seen: dict[Hashable, int] = {}
        return np.array([seen.setdefault(self._program(t), len(seen)) for t in trials], np.int32)

    def _until(self, trial: Trial, unit: int, resting: Mapping[int, np.ndarray]) -> np.ndarray:
        """float32 [unit], as `Standing.curves` has them."""
        none = np.full(unit, np.nan, np.float32)
        if trial.number in resting:
            return resting[trial.number][:unit]
        losses = self._losses(trial)
        if losses is None:
            return none
        if len(losses) >= unit:
            lost = trial.status is Status.DIVERGED and len(losses) == unit
            return none if lost else losses[:unit]
        if trial.status is Status.COMPLETE:
            return np.concatenate([losses, np.full(unit - len(losses), losses[-1], np.float32)])
        return none


def _rung(group: Group, trial: Trial, passed: int) -> int | None:
    rungs = [unit for unit in group.rungs(trial.budget) if unit < trial.budget]
    return rungs[passed] if passed < len(rungs) else None


_SEEN = 100_000  # trials, among whose groups the largest is


def largest_group(scheduler: Scheduler, trials: int) -> int:
    """How many trials are decided upon together at most, 0 if none are."""
    largest, number = 0, 0
    while scheduler.group is not None and number < min(trials, _SEEN):
        group = scheduler.group(number)
        largest, number = max(largest, group.size), group.first + group.size
    return min(largest, trials)
