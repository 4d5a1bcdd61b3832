"""Hyperband: brackets of successive halving that begin at different rungs, in turn.

Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization" (JMLR 18),
algorithm 1. The maximum resource R is each trial's own budget, so a rung is a share of it.
"""

from __future__ import annotations

import itertools
import math

import jax

from jaxhpo.contracts import Decision, Group, Scheduler, Standing
from jaxhpo.given import whole
from jaxhpo.schedulers._rungs import ratio
from jaxhpo.schedulers.halving import best_share


def hyperband(*, eta: float = 3.0, brackets: int = 4) -> Scheduler:
    """Brackets s = brackets - 1, ..., 0 in turn: bracket s has ``ceil(brackets / (s + 1) eta^s)``
    trials and rungs at ``budget / eta^s``, ..., ``budget / eta`` units.

    Args:
        eta: the reduction factor.
        brackets: how many there are, ``floor(log_eta R) + 1`` in the paper: the first rung of the
            first bracket is ``eta^(brackets - 1)`` times smaller than the budget.

    Raises:
        ValueError: for an argument that can't be used.
    """
    eta = ratio("hyperband", eta)
    whole("hyperband", brackets=(brackets, 1))
    depths = list(range(brackets - 1, -1, -1))
    sizes = [math.ceil(brackets / (s + 1) * eta**s) for s in depths]
    firsts = list(itertools.accumulate(sizes, initial=0))

    def group(number: int) -> Group:
        turn, place = divmod(number, firsts[-1])
        bracket = next(b for b in range(brackets) if place < firsts[b + 1])
        depth = depths[bracket]

        def rungs(budget: int) -> list[int]:
            found = {max(1, round(budget / eta**k)) for k in range(depth, 0, -1)}
            return sorted(unit for unit in found if unit < budget)

        return Group(turn * firsts[-1] + firsts[bracket], sizes[bracket], rungs)

    def decide(key: jax.Array, standing: Standing) -> Decision:
        return Decision(keep=best_share(standing, eta))

    return Scheduler(group=group, decide=decide)
