"""The median stopping rule: a trial stops when its best so far is worse than what most others had
reached on average by then.

Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.2. There a
trial is compared with all that have been evaluated; here with those that it may know, so that the
rule decides the same in whatever order trials are trained.
"""

from __future__ import annotations

import warnings

import numpy as np

from jaxhpo.contracts import Scheduler


def median(*, warmup: int = 1, min_peers: int = 5) -> Scheduler:
    """Stops a trial after unit u if its best loss up to u is above the median of its peers' running
    averages up to u.

    Args:
        warmup: units that every trial trains before it can be stopped.
        min_peers: how many peers must have reached unit u.

    Raises:
        ValueError: if an argument is below 1.
    """
    for name, value in (("warmup", warmup), ("min_peers", min_peers)):
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
            raise ValueError(
                f"median({name}=...) must be a whole number, at least 1, got {name}={value!r}"
            )

    def stop(curve: np.ndarray, peers: np.ndarray) -> bool:
        unit = len(curve)
        if unit < warmup or peers.shape[1] < unit:
            return False
        reached = peers[np.isfinite(peers[:, unit - 1]), :unit]
        if len(reached) < min_peers:
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a curve of NaN has no minimum
            best = np.nanmin(curve)
        return bool(best > np.median(np.nanmean(reached, axis=1)))

    return Scheduler(stop=stop, adaptive=True)
