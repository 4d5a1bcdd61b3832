"""Who is ahead in a study: the best trial, or with several objectives the front of them.

Only complete trials that keep every constraint are looked at. `Leaders` follows a study trial by
trial, for the loop; `front_of` and `best_of` are for records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from jaxhpo.goals import Goals
from jaxhpo.pareto import front
from jaxhpo.trial import Status, Trial


class Leaders:
    """The best and the front of the trials that were given to `add`.

    Attributes:
        best: the feasible complete trial with the lowest loss by the first objective, the earlier
            of equals; None if there is none. feasible: how many complete trials keep every
            constraint.
    """

    def __init__(self, goals: Goals, trials: Iterable[Trial] = ()) -> None:
        self.goals = goals
        self.best: Trial | None = None
        self.feasible = 0
        self._front: list[Trial] = []
        self._losses = np.zeros((0, len(goals.objectives)))
        for trial in trials:
            self.add(trial)

    @property
    def front(self) -> list[Trial]:
        """The trials that no other beats, by the first objective; with one objective the best."""
        if not self.goals.several:
            return [] if self.best is None else [self.best]
        return _sorted(self._front)

    def add(self, trial: Trial) -> None:
        """Looks at one more trial, once it has ended; any other is passed over."""
        if not _counts(self.goals, trial):
            return
        self.feasible += 1
        best = self.best
        if best is None or _place(trial) < _place(best):
            self.best = trial
        if self.goals.several:
            self._compare(trial)

    def _compare(self, trial: Trial) -> None:
        losses = self.goals.losses([trial])
        if np.isnan(losses).any():
            return
        lower: np.ndarray = np.any(self._losses < losses, axis=1)
        no_higher: np.ndarray = np.all(self._losses <= losses, axis=1)
        if (lower & no_higher).any():
            return
        stays = lower | no_higher
        self._front = [t for t, s in zip(self._front, stays, strict=True) if s] + [trial]
        self._losses = np.concatenate([self._losses[stays], losses])


def front_of(goals: Goals, trials: Sequence[Trial]) -> list[Trial]:
    """The feasible complete trials that no other beats in every objective, by the first one."""
    found = [trial for trial in trials if _counts(goals, trial)]
    return _sorted([t for t, on in zip(found, front(goals.losses(found)), strict=True) if on])


def best_of(goals: Goals, trials: Iterable[Trial]) -> Trial | None:
    """The feasible complete trial with the lowest loss by the first objective, the earlier of
    equals, or None."""
    return min((t for t in trials if _counts(goals, t)), key=_place, default=None)


def _counts(goals: Goals, trial: Trial) -> bool:
    return trial.status is Status.COMPLETE and trial.loss is not None and goals.feasible(trial)


def _place(trial: Trial) -> tuple[float, int]:
    return (np.inf if trial.loss is None else trial.loss), trial.number


def _sorted(trials: Iterable[Trial]) -> list[Trial]:
    return sorted(trials, key=_place)
