"""Successive halving: the trials of a bracket train to a rung together, and the best share of them
goes on to the next.

Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization" (AISTATS), section 3. Trials that wait for a decision keep their state and hold no
lane. See `asha` for the form in which nobody waits.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from jaxhpo.contracts import Decision, Group, Scheduler, Standing
from jaxhpo.given import whole
from jaxhpo.schedulers._rungs import keepers, ratio, rungs


def halving(
    *, eta: float = 3.0, least: int = 1, units: Sequence[int] | None = None, bracket: int = 27
) -> Scheduler:
    """At every rung keeps the best ``1 / eta`` of those of the bracket that have reached it.

    Args:
        eta: the reduction factor.
        least, units: the rungs, as for `asha`.
        bracket: how many consecutive trials are compared with each other.

    Raises:
        ValueError: for an argument that can't be used.
    """
    eta = ratio("halving", eta)
    at = rungs("halving", units, least, eta)
    whole("halving", bracket=(bracket, 2))

    def group(number: int) -> Group:
        return Group(first=number // bracket * bracket, size=bracket, rungs=at)

    def decide(key: jax.Array, standing: Standing) -> Decision:
        return Decision(keep=best_share(standing, eta))

    return Scheduler(group=group, decide=decide)


def best_share(standing: Standing, eta: float) -> np.ndarray:
    """bool [s]: the best ``1 / eta`` of those that have reached the rung."""
    losses = standing.curves[:, -1]
    here = np.flatnonzero(np.isfinite(losses))
    keep = np.zeros(len(losses), bool)
    if here.size:
        keep[here] = keepers(losses[here], eta)
    return keep
