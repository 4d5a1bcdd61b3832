"""Asynchronous successive halving: a trial goes on past a rung only if it is among the best share
of those that have reached it.

Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (MLSys), section 3, in the
form that stops instead of pausing: nothing waits, no lane is idle. There a trial is compared with
all that happen to have reached the rung; here with those that it may know, so that the same trials
are stopped however the training is arranged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxhpo.contracts import Scheduler
from jaxhpo.schedulers._rungs import ratio, rungs


def asha(*, eta: float = 3.0, least: int = 1, units: Sequence[int] | None = None) -> Scheduler:
    """Stops a trial at a rung unless its loss is among the best 1 / eta that are known there.

    Args:
        eta: the reduction factor.
        least: units of the first rung; each further one has eta times as many, while they are below
            the trial's budget.
        units: the rungs themselves instead, such as ``(5, 20)`` for budgets of 40: epochs that grow
            with performance.

    Raises:
        ValueError: for an argument that can't be used.
    """
    eta = ratio("asha", eta)
    at = rungs("asha", units, least, eta)

    def limits(peers: np.ndarray, budget: int) -> np.ndarray:
        found = np.full(budget, np.inf, np.float32)
        for unit in at(budget):
            if unit <= peers.shape[1]:
                reached = peers[:, unit - 1]
                reached = np.sort(reached[np.isfinite(reached)])
                if len(reached) >= eta:
                    found[unit - 1] = reached[int(len(reached) / eta) - 1]
        return found

    return Scheduler(limits=limits)
