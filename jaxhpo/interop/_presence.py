"""Finds out which parameters are active when, from which trials have which parameters.

Optuna's objectives are programs, and its records do not say that ``momentum`` is asked for only
where ``optimizer`` is ``sgd``. But if it stands in exactly the trials where that is so, it can be
told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

MOST_LEVELS = 64  # a parameter of more values explains everything, and so nothing

When = dict[int, frozenset[int]]
"""Column of a parent to its levels; all must hold."""


def explained(
    present: np.ndarray,
    levels: np.ndarray,
    sizes: Sequence[int],
    ordered: Sequence[bool],
    complete: np.ndarray,
    *,
    bits: float = 0.0,
) -> list[When | None]:
    """As `conditions`, of trials some of which ended early.

    Most of these asked for all their parameters before, and so say as much as complete ones. Where
    they don't fit, only the complete trials count. `complete` is bool [n].
    """
    found = conditions(present, levels, sizes, ordered, bits=bits)
    if complete.all() or not complete.any() or None not in found:
        return found
    sure = conditions(present[complete], levels[complete], sizes, ordered, bits=bits)
    there = set(np.flatnonzero(present[complete].any(axis=0)).tolist())
    return [sure[i] if when is None and i in there else when for i, when in enumerate(found)]


def conditions(
    present: np.ndarray,
    levels: np.ndarray,
    sizes: Sequence[int],
    ordered: Sequence[bool],
    *,
    bits: float = 0.0,
) -> list[When | None]:
    """For every parameter what its presence depends on.

    A parent's levels are those it had in trials with the child. It is a parent only where other
    levels of it were seen without the child, and no set of parents is named that does not account
    for every trial without the child. Levels that were never seen are counted in, except those of
    an ordered parent that lie nearer to a level without the child.

    Args:
        present: bool [n, d], which trial has which parameter.
        levels: int [n, d], the level of each value, anything where it is not present.
        sizes: [d], how many levels a parameter has, 0 for one without (continuous).
        ordered: [d], whether its levels have an order.
        bits: how unlikely a chance agreement must be to be believed: at most 2**-bits, counting
            the ways to draw the line against the ways to choose the trials.

    Returns:
        [d]: empty where the parameter is in all trials, None where nothing explains when it is.
    """
    found: list[When | None] = []
    for child in range(present.shape[1]):
        absent = ~present[:, child]
        if not absent.any() or absent.all():
            found.append({})
            continue
        candidates = {}
        for parent in range(present.shape[1]):
            usable = parent != child and 2 <= sizes[parent] <= MOST_LEVELS
            if usable and not (present[:, child] & ~present[:, parent]).any():
                seen = _seen(present, levels, child, parent)
                if seen is not None:
                    candidates[parent] = seen
        found.append(_chosen(present, levels, child, candidates, sizes, ordered, bits))
    return found


def _seen(
    present: np.ndarray, levels: np.ndarray, child: int, parent: int
) -> tuple[frozenset[int], frozenset[int]] | None:
    """The parent's levels with the child, and those without; None if they don't tell apart."""
    with_child = frozenset(levels[present[:, child], parent].tolist())
    every = frozenset(levels[present[:, parent], parent].tolist())
    return (with_child, every - with_child) if every - with_child else None


def _chosen(
    present: np.ndarray,
    levels: np.ndarray,
    child: int,
    candidates: dict[int, tuple[frozenset[int], frozenset[int]]],
    sizes: Sequence[int],
    ordered: Sequence[bool],
    bits: float,
) -> When | None:
    """Few parents that account for every trial without the child, greedily."""
    left = ~present[:, child]
    excluded = {
        parent: ~present[:, parent] | ~np.isin(levels[:, parent], list(with_child))
        for parent, (with_child, _) in candidates.items()
    }
    found: When = {}
    spent = 0.0
    while left.any():
        # The most trials, then the fewest levels, then the first to be asked for.
        gain = {p: (int((left & out).sum()), -sizes[p], -p) for p, out in excluded.items()}
        best = max(gain, key=lambda p: gain[p], default=None)
        if best is None or not gain[best][0]:
            return None
        with_child, without = candidates[best]
        found[best] = _filled(with_child, without, sizes[best], ordered[best])
        spent += _lines(with_child, without, ordered[best])
        left &= ~excluded.pop(best)
    n, there = len(present), int(present[:, child].sum())
    ways = (math.lgamma(n + 1) - math.lgamma(there + 1) - math.lgamma(n - there + 1)) / math.log(2)
    return found if ways - spent >= bits else None


def _lines(with_child: frozenset[int], without: frozenset[int], ordered: bool) -> float:
    """Bits to say which of the levels seen belong to the child."""
    every = sorted(with_child | without)
    cuts = sum((a in with_child) != (b in with_child) for a, b in pairwise(every))
    if ordered and cuts <= 2:
        return 1.0 + cuts * math.log2(len(every))
    return float(len(every))


def _filled(
    with_child: frozenset[int], without: frozenset[int], size: int, ordered: bool
) -> frozenset[int]:
    unseen = frozenset(range(size)) - with_child - without
    if ordered:
        unseen = frozenset(
            level
            for level in unseen
            if min(abs(level - k) for k in with_child) <= min(abs(level - k) for k in without)
        )
    return with_child | unseen
