"""What a trial's loss may be at most after each unit, by the trials that it may know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from jaxhpo.contracts import Scheduler
from jaxhpo.trial import Trial


class Limits:
    """The limits that a scheduler sets, each found once: trials of a block have the same peers.

    Args:
        scheduler: whose `limits` these are.
        losses: ``(trial) -> float32 [units]`` of a trial that has a curve, else None.
    """

    def __init__(self, scheduler: Scheduler, losses: Callable[[Trial], np.ndarray | None]) -> None:
        self._limits = scheduler.limits
        self._losses = losses
        self._peers: tuple[int, np.ndarray] | None = None
        self._found: dict[tuple[int, int], np.ndarray] = {}

    def of(self, trial: Trial, trials: Sequence[Trial]) -> np.ndarray | None:
        """float32 [budget], infinite where there is no limit; None if the scheduler sets none.

        Args:
            trials: all there are; those that `trial` may know must have ended.
        """
        if self._limits is None:
            return None
        key = (trial.known, trial.budget)
        if key not in self._found:
            curves = self._curves(trials[: trial.known])
            found = np.array(self._limits(curves, trial.budget)).astype(np.float32)
            found[np.isnan(found)] = np.inf
            self._found[key] = found
        return self._found[key]

    def _curves(self, known: Sequence[Trial]) -> np.ndarray:
        """float32 [m, v], the losses of those that have a curve, NaN after their end."""
        # Blocks come in order, so that peers are not asked for again once there are more of them.
        if self._peers is None or self._peers[0] != len(known):
            found = [self._losses(trial) for trial in known]
            curves = [curve for curve in found if curve is not None]
            longest = max((len(curve) for curve in curves), default=0)
            table = np.full((len(curves), longest), np.nan, np.float32)
            for row, curve in zip(table, curves, strict=True):
                row[: len(curve)] = curve
            self._peers = len(known), table
        return self._peers[1]
