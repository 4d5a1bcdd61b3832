"""Several objectives as one order, for samplers that only ask which trials are better.

Trials are ordered by front (Deb, Pratap, Agarwal and Meyarivan 2002, "A Fast and Elitist
Multiobjective Genetic Algorithm: NSGA-II", section III), and within a front by their crowding
distance, the loneliest first. Ozaki, Tanigaki, Watanabe and Onishi 2020, "Multiobjective
Tree-Structured Parzen Estimator", split the last front by its hypervolume instead.
"""

from __future__ import annotations

import numpy as np

PLACED = 256  # trials that are put in order; all others are worse than these, and alike


def order(values: np.ndarray) -> np.ndarray:
    """float [n], the place of each row from 0, of values [n, m], lower is better, without NaN."""
    n = len(values)
    # By ranks, so that no objective's unit counts more, and infinities do no harm.
    ranks = np.stack([np.unique(v, return_inverse=True)[1] for v in values.T], axis=1)
    ranks = ranks.reshape(n, values.shape[1]).astype(float)
    places = np.full(n, float(n))
    left, done = np.arange(n), 0
    while len(left) and done < PLACED:
        chosen = _front(ranks[left])
        by_distance = np.argsort(-_crowding(ranks[left[chosen]]), kind="stable")
        places[left[chosen][by_distance]] = np.arange(done, done + len(chosen))
        done += len(chosen)
        left = np.delete(left, chosen)
    return places


def _front(values: np.ndarray) -> np.ndarray:
    """The places of the rows that no other row dominates. Equal rows do not dominate each other."""
    left = np.argsort(values.sum(axis=1), kind="stable")
    found = []
    while len(left):
        first, left = left[0], left[1:]  # of the least sum: nothing that is left dominates it
        found.append(first)
        worse = (values[left] >= values[first]).all(axis=1)
        left = left[~worse | (values[left] == values[first]).all(axis=1)]
    return np.sort(np.array(found, int))


def _crowding(values: np.ndarray) -> np.ndarray:
    """How far the neighbours lie, over all objectives; infinite at the ends."""
    distance = np.zeros(len(values))
    for column in values.T:
        by = np.argsort(column, kind="stable")
        at = column[by]
        gaps = np.full(len(values), np.inf)
        if len(values) > 2:
            gaps[1:-1] = (at[2:] - at[:-2]) / max(at[-1] - at[0], 1.0)
        distance[by] += gaps
    return distance
