"""What a sampler is told of a trial that was stopped: a loss that can be compared with others.

A loss after two units is no loss after twenty. Early stopping rests on the assumption that the
order of trials at a unit is that of their ends (Jamieson and Talwalkar 2016, "Non-stochastic Best
Arm Identification and Hyperparameter Optimization", section 3; Li et al. 2018, "Hyperband", section
2), so a stopped trial is told with the loss that stands, among the trials before it, where its own
stood among theirs at the unit that it reached: of those that got as far, by number below it. Worse
than all of them, it is told as worse than them by as much. A trial that has no loss stays without
one, which samplers count as worse than all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np

from jaxhpo.trial import Status, Trial

FEW = 4  # with fewer to compare with, the loss is told as it is


class Grades:
    """Losses as they are told, of trials in number order.

    Args:
        losses: float32 [units], a trial's losses, or None where it has no curve.
    """

    def __init__(self, losses: Callable[[Trial], np.ndarray | None]) -> None:
        self._losses = losses
        self._count = 0
        self._curves = np.full((64, 1), np.nan, np.float32)  # a row a trial, NaN after its end
        self._told = np.zeros(64, np.float64)

    def copy(self) -> Grades:
        """The same, to go on with apart from these."""
        other = copy.copy(self)
        other._curves, other._told = self._curves.copy(), self._told.copy()
        return other

    def add(self, trials: Sequence[Trial]) -> list[float]:
        """What is told of some trials, which follow those that were added before. NaN where there
        is no loss."""
        return [self._one(trial) for trial in trials]

    def _one(self, trial: Trial) -> float:
        if trial.loss is None:
            return np.nan
        curve = self._losses(trial)
        if curve is None or not len(curve):
            return trial.loss
        told = trial.loss
        if trial.status is Status.STOPPED and len(curve) <= self._curves.shape[1]:
            column = self._curves[: self._count, len(curve) - 1]
            there = np.isfinite(column)
            told = among(float(curve[-1]), column[there], self._told[: self._count][there])
        self._keep(curve, told)
        return told

    def _keep(self, curve: np.ndarray, told: float) -> None:
        rows, units = self._curves.shape
        if self._count == rows or len(curve) > units:
            more = (2 * rows if self._count == rows else rows, max(units, len(curve)))
            grown = np.full(more, np.nan, np.float32)
            grown[:rows, :units] = self._curves
            self._curves = grown
            self._told = np.pad(self._told, (0, more[0] - rows))
        self._curves[self._count, : len(curve)] = curve
        self._told[self._count] = told
        self._count += 1


def among(loss: float, others: np.ndarray, ends: np.ndarray) -> float:
    """The loss that stands among `ends` [p] where `loss` stands among `others` [p]."""
    if len(others) < FEW:
        return loss
    below, equal = int((others < loss).sum()), int((others == loss).sum())
    if below == len(others):
        return float(ends.max() + (loss - others.max()))
    place = (below + 0.5 * equal - 0.5) / (len(others) - 1)
    return float(np.quantile(ends, np.clip(place, 0.0, 1.0)))
