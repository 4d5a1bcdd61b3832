"""The median stopping rule: a trial stops when its best so far is worse than what most others had
reached on average by then.

Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.2. There a
trial is compared with all that have been evaluated; here with those that it may know, so that the
rule decides the same in whatever order trials are trained.
"""

from __future__ import annotations

import numpy as np

from jaxhpo.contracts import Scheduler
from jaxhpo.given import whole


def median(*, warmup: int = 1, min_peers: int = 5) -> Scheduler:
    """Stops a trial after unit u if its best loss up to u is above the median of its peers' running
    averages up to u.

    Args:
        warmup: units that every trial trains before it can be stopped.
        min_peers: how many peers must have reached unit u.

    Raises:
        ValueError: if an argument is below 1.
    """
    whole("median", warmup=(warmup, 1), min_peers=(min_peers, 1))

    def limits(peers: np.ndarray, budget: int) -> np.ndarray:
        found = np.full(budget, np.inf, np.float32)
        for unit in range(warmup, min(budget, peers.shape[1]) + 1):
            reached = peers[np.isfinite(peers[:, unit - 1]), :unit]
            if len(reached) >= min_peers:
                found[unit - 1] = np.median(np.nanmean(reached, axis=1, dtype=np.float64))
        return found

    return Scheduler(limits=limits, of_best=True)
