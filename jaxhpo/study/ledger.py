"""The rows of a study in memory: what a tick did becomes trial records, and the scheduler decides.

Decisions are taken unit by unit on a trial's own curve and on the curves of exactly the trials that
it may know. A tick may have trained a trial past the unit at which it is stopped; what came after
is cut off, so that the record is the same however long ticks are.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from jaxhpo.contracts import Scheduler
from jaxhpo.population.tile import Progress, Tick
from jaxhpo.trial import Status, Trial


class Ledger:
    """All trials of a study, in number order.

    Args:
        trials: rows of an earlier run. Those that had not ended wait again.
        objective, maximize: which metric is the loss, and its sign.
        scheduler: decides who goes on.
    """

    def __init__(
        self, trials: Iterable[Trial], *, objective: str, maximize: bool, scheduler: Scheduler
    ) -> None:
        self.trials = [
            trial
            if trial.status.ended
            else dataclasses.replace(trial, status=Status.WAITING, started=None, curves={})
            for trial in trials
        ]
        self.counts = collections.Counter(trial.status for trial in self.trials)
        self.best: Trial | None = None
        for trial in self.trials:
            self._compare(trial)
        self._objective = objective
        self._sign = -1.0 if maximize else 1.0
        self._scheduler = scheduler
        self._training: dict[int, list[Progress]] = {}
        self._peers: dict[int, np.ndarray] = {}

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return sum(count for status, count in self.counts.items() if status.ended)

    def add(self, trials: Sequence[Trial]) -> None:
        """Appends proposed trials."""
        self.trials.extend(trials)
        self.counts[Status.WAITING] += len(trials)

    def record(self, tick: Tick) -> tuple[list[Trial], list[int]]:
        """Takes in a tick.

        Returns:
            The rows that changed, and the numbers of trials to be taken out of their lanes.
        """
        changed, stopped = [], []
        for progress in tick.progress:
            trial = self.trials[progress.number]
            if trial.status.ended:  # stopped at the tick before, while this one was on the device
                continue
            parts = self._training.setdefault(progress.number, [])
            parts.append(progress)
            after = self._ended(trial, parts, tick)
            if after is None:
                if trial.status is Status.WAITING:
                    changed.append(self._put(_running(trial, tick)))
                continue
            if after.status is Status.STOPPED and not progress.over:
                stopped.append(progress.number)
            del self._training[progress.number]
            changed.append(self._put(after))
        return changed, stopped

    def _put(self, trial: Trial) -> Trial:
        self.counts[self.trials[trial.number].status] -= 1
        self.counts[trial.status] += 1
        self.trials[trial.number] = trial
        self._compare(trial)
        return trial

    def _compare(self, trial: Trial) -> None:
        if trial.status is Status.COMPLETE and trial.loss is not None:
            best = self.best
            if best is None or (trial.loss, trial.number) < (best.loss, best.number):
                self.best = trial

    def _ended(self, trial: Trial, parts: list[Progress], tick: Tick) -> Trial | None:
        """The trial's last row, or None if it goes on."""
        last = parts[-1]
        attempt = trial.attempts + (trial.status is Status.WAITING)
        times = {
            "attempts": attempt,
            "started": trial.started if trial.started is not None else tick.started,
            "finished": tick.started + tick.seconds,
            "seconds": sum(part.seconds for part in parts),
        }
        if last.error is not None:
            return dataclasses.replace(trial, status=Status.FAILED, error=last.error, **times)
        names = sorted(last.metrics)
        curves = {name: np.concatenate([part.metrics[name] for part in parts]) for name in names}
        losses = self._sign * curves[self._objective]
        fresh = len(last.metrics[self._objective])
        units = self._stops_at(trial, losses, len(losses) - fresh, last.diverged)
        if units is not None:
            status = Status.STOPPED
        elif last.diverged:
            status, units = Status.DIVERGED, len(losses)
        elif last.over:
            status, units = Status.COMPLETE, len(losses)
        else:
            return None
        curves = {name: curve[:units] for name, curve in curves.items()}
        return dataclasses.replace(
            trial,
            status=status,
            units=units,
            loss=None if status is Status.DIVERGED else float(losses[units - 1]),
            metrics={name: float(curve[-1]) for name, curve in curves.items()},
            curves=curves,
            **times,
        )

    def _stops_at(
        self, trial: Trial, losses: np.ndarray, before: int, diverged: bool
    ) -> int | None:
        """After how many units the scheduler stops the trial, or None. Asked once a unit."""
        last = len(losses) - 1 if diverged else min(len(losses), trial.budget - 1)
        for units in range(before + 1, last + 1):
            if self._scheduler.stop(losses[:units], self._known_curves(trial.known)):
                return units
        return None

    def _known_curves(self, known: int) -> np.ndarray:
        """float32 [m, v], losses of the trials below `known` that have a curve, NaN-padded."""
        if known not in self._peers:
            curves = [
                self._sign * trial.curves[self._objective]
                for trial in self.trials[:known]
                if self._objective in trial.curves
            ]
            longest = max((len(curve) for curve in curves), default=0)
            table = np.full((len(curves), longest), np.nan, np.float32)
            for row, curve in zip(table, curves, strict=True):
                row[: len(curve)] = curve
            self._peers[known] = table
        return self._peers[known]


def _running(trial: Trial, tick: Tick) -> Trial:
    return dataclasses.replace(
        trial, status=Status.RUNNING, attempts=trial.attempts + 1, started=tick.started
    )
