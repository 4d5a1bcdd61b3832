"""The rows of a study in memory: what a tick did becomes trial records, and the scheduler decides.

Decisions are taken unit by unit on a trial's own curve and on the curves of exactly the trials that
it may know. A tick may have trained a trial past the unit at which it is stopped; what came after
is cut off, so that the record is the same however long ticks are. Where several members train a
trial (replicates, folds), its curve is the mean of theirs, and it ends when they all have.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.contracts import Scheduler
from jaxhpo.goals import Goals
from jaxhpo.leaders import Leaders
from jaxhpo.population.member import Tick
from jaxhpo.study.brackets import Brackets, Verdict
from jaxhpo.study.limits import Limits
from jaxhpo.study.run import Run, joined
from jaxhpo.trial import Status, Trial


@dataclasses.dataclass(kw_only=True)
class Recorded:
    """What a tick meant for the study.

    Attributes:
        changed: rows to be written. out: numbers of members to be taken out of the population.
        going: trials that go on after a pause: (whose state, the trial).
        cut: lane-units that were trained and are not recorded.
    """

    changed: dict[int, Trial] = dataclasses.field(default_factory=dict)
    out: list[int] = dataclasses.field(default_factory=list)
    going: list[tuple[int, Trial]] = dataclasses.field(default_factory=list)
    cut: int = 0


class Ledger:
    """All trials of a study, in number order.

    Args:
        trials: rows of an earlier run. Those that had not ended wait again.
        objective, maximize: which metric is the loss, and its sign. goals: what there is besides.
        scheduler: decides who goes on. Its groups, if it has any, are set as `brackets`.
        replicates: R, how many members train a trial.
        configured: ``(point) -> config``, for schedulers that change hyperparameters.
    """

    def __init__(
        self,
        trials: Iterable[Trial],
        *,
        objective: str,
        maximize: bool,
        scheduler: Scheduler,
        replicates: int = 1,
        configured: Callable[[np.ndarray], Mapping[str, Any]] | None = None,
        goals: Goals | None = None,
    ) -> None:
        self.trials = [
            trial
            if trial.status.ended
            else dataclasses.replace(trial, status=Status.WAITING, started=None, curves={})
            for trial in trials
        ]
        self.counts = collections.Counter(trial.status for trial in self.trials)
        self.leaders = Leaders(goals or Goals(((objective, maximize),)), self.trials)
        self.brackets: Brackets | None = None
        self.training: dict[int, list[Run]] = {}
        self.held: dict[int, Trial] = {}  # have ended, and are recorded with their group
        self._objective = objective
        self._sign = -1.0 if maximize else 1.0
        self._scheduler = scheduler
        self._replicates = replicates
        self._configured = configured
        self._limits = Limits(scheduler, self.losses)
        self._resting: dict[int, np.ndarray] = {}

    @property
    def best(self) -> Trial | None:
        """The best trial so far (`jaxhpo.leaders.Leaders`)."""
        return self.leaders.best

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return sum(count for status, count in self.counts.items() if status.ended)

    def add(self, trials: Sequence[Trial]) -> None:
        """Appends proposed trials."""
        self.trials.extend(trials)
        self.counts[Status.WAITING] += len(trials)

    def limits(self, trial: Trial) -> np.ndarray | None:
        """float32 [budget]: what the trial's loss may be after each unit, or None. All trials that
        it may know must have ended."""
        return self._limits.of(trial, self.trials)

    def losses(self, trial: Trial) -> np.ndarray | None:
        """float32 [units], the losses of a trial that has a curve."""
        curve = trial.curves.get(self._objective)
        return None if curve is None else (self._sign * curve).astype(np.float32)

    # -- what ticks did ----------------------------------------------------------------------------

    def record(self, tick: Tick) -> Recorded:
        """Takes in a tick."""
        found = Recorded()
        touched: dict[int, None] = {}
        for progress in tick.progress:
            number, replicate = divmod(progress.number, self._replicates)
            if self.trials[number].status.ended or number in self.held:
                found.cut += progress.units  # it ended a tick before, while this was on the device
                continue
            runs = self.training.setdefault(number, [Run() for _ in range(self._replicates)])
            if progress.again:
                runs[replicate] = Run(seconds=runs[replicate].seconds)
                continue
            runs[replicate].add(progress, tick)
            touched[number] = None
        for number in touched:
            self._settle(number, tick, found)
        return found

    def go_on(self, trials: Mapping[int, tuple[Trial, list[Run]]], held: Sequence[Trial]) -> None:
        """Takes up trials where a checkpoint has them. Call `reconsider` when all else is ready."""
        self.held = {t.number: t for t in held if not self.trials[t.number].status.ended}
        for number, (trial, runs) in trials.items():
            self._put(trial)
            self.training[number] = runs
            self._rests(number)

    def reconsider(self) -> Recorded:
        """Decides on groups that may have become complete while nobody looked."""
        found = Recorded()
        for number in sorted(self._resting):
            if number in self._resting:
                self._decide(number, found)
        return found

    def _settle(self, number: int, tick: Tick, found: Recorded) -> None:
        trial, runs = self.trials[number], self.training[number]
        if trial.status is Status.WAITING:
            trial = self._put(_running(trial, tick))
            found.changed[number] = trial
        after = self._ended(trial, runs, tick)
        if after is not None:
            found.cut += sum(max(0, run.units - after.units) for run in runs)
            self._end(after, found)
        elif not self._rests(number):
            return
        self._decide(number, found)

    def _rests(self, number: int) -> bool:
        """Whether all members of a trial wait for a decision, which is noted."""
        runs = self.training[number]
        if not all(run.paused or run.over for run in runs):
            return False
        self._resting[number] = self._sign * joined(runs)[self._objective]
        return True

    def _end(self, after: Trial, found: Recorded) -> None:
        first = after.number * self._replicates
        runs = enumerate(self.training.pop(after.number))
        found.out += [first + i for i, run in runs if not run.over]
        if not self._scheduler.copies or self.brackets is None:
            found.changed[after.number] = self._put(after)
            return
        # The others of the group may still need what this one was: recorded with them, or not yet.
        self.held[after.number] = after
        group = self.brackets.group(after.number)
        numbers = range(group.first, group.first + group.size)
        if all(n in self.held for n in numbers):
            for n in numbers:
                found.changed[n] = self._put(self.held.pop(n))

    def _decide(self, number: int, found: Recorded) -> None:
        if self.brackets is None:
            return
        group = self.brackets.group(number)
        part = self.trials[group.first : group.first + group.size]
        members = [self.held.get(trial.number, trial) for trial in part]
        for verdict in self.brackets.decide(group, members, self._resting):
            self._apply(verdict, found)

    def _apply(self, verdict: Verdict, found: Recorded) -> None:
        trial = self.trials[verdict.number]
        del self._resting[verdict.number]
        if not verdict.keep:
            runs = self.training[verdict.number]
            self._end(self._row(trial, runs, Status.STOPPED, verdict.unit), found)
            return
        for run in self.training[verdict.number]:
            run.paused = False
        if verdict.point is not None or verdict.source != verdict.number:
            assert self._configured is not None
            change = {"unit": verdict.unit, "source": verdict.source, "config": dict(trial.config)}
            point = trial.point if verdict.point is None else verdict.point
            trial = dataclasses.replace(
                trial,
                point=point,
                config=self._configured(point),
                history=(*trial.history, change),
            )
            self.trials[trial.number] = trial
        found.going.append((verdict.source, trial))

    def _put(self, trial: Trial) -> Trial:
        self.counts[self.trials[trial.number].status] -= 1
        self.counts[trial.status] += 1
        if not self.trials[trial.number].status.ended:
            self.leaders.add(trial)
        self.trials[trial.number] = trial
        return trial

    # -- how a trial ends --------------------------------------------------------------------------

    def _ended(self, trial: Trial, runs: list[Run], tick: Tick) -> Trial | None:
        """The trial's last row, or None if it goes on."""
        error = next((run.error for run in runs if run.error is not None), None)
        if error is not None:
            times = _times(trial, runs)
            return dataclasses.replace(trial, status=Status.FAILED, error=error, **times)
        curves = joined(runs)
        if not curves:
            return None
        losses = (self._sign * curves[self._objective]).astype(np.float32)
        lost = min((run.units for run in runs if run.diverged), default=None)
        if lost is not None and any(run.units < lost and not run.over for run in runs):
            return None  # what is recorded can't depend on who of them is quicker
        asked = max(run.asked for run in runs)
        end = min(trial.budget - 1, len(losses) if lost is None else lost - 1)
        status, units = self._stops_at(trial, losses, asked, end)
        for run in runs:
            run.asked = max(asked, end)
        if status is None and lost is not None:
            status, units = Status.DIVERGED, lost
        elif status is None and all(run.over for run in runs):
            status, units = Status.COMPLETE, len(losses)
        return None if status is None else self._row(trial, runs, status, units)

    def _row(self, trial: Trial, runs: list[Run], status: Status, units: int) -> Trial:
        curves = {name: curve[:units] for name, curve in joined(runs, units).items()}
        loss = (
            None if status is Status.DIVERGED else float(self._sign * curves[self._objective][-1])
        )
        several = len(runs) > 1 and status is not Status.DIVERGED
        ends = [self._sign * run.at(self._objective, units) for run in runs] if several else []
        return dataclasses.replace(
            trial,
            status=status,
            units=units,
            loss=loss,
            metrics={name: float(curve[-1]) for name, curve in curves.items()},
            curves=curves,
            replicates=tuple(float(end) for end in ends),
            **_times(trial, runs),
        )

    def _stops_at(
        self, trial: Trial, losses: np.ndarray, asked: int, end: int
    ) -> tuple[Status | None, int]:
        """How and after how many units the scheduler ends the trial, if so; asks once a unit."""
        limits, stop = self.limits(trial), self._scheduler.stop
        values = np.minimum.accumulate(losses) if self._scheduler.of_best else losses
        for units in range(asked + 1, end + 1):
            if limits is not None and values[units - 1] > limits[units - 1]:
                return Status.STOPPED, units
            if stop is not None and stop(losses[:units]):
                return Status.COMPLETE if self._scheduler.completes else Status.STOPPED, units
        return None, 0


def _running(trial: Trial, tick: Tick) -> Trial:
    return dataclasses.replace(
        trial, status=Status.RUNNING, attempts=trial.attempts + 1, started=tick.started
    )


def _times(trial: Trial, runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "finished": max(run.finished for run in runs),
        "seconds": sum(run.seconds for run in runs),
    }
