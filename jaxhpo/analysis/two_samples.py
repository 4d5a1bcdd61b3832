"""Two samples of random trials: which space do they speak for?

Both numbers have bootstrap intervals (percentiles of resampled trials, Efron 1979).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from jaxhpo.analysis.convergence import best_of
from jaxhpo.analysis.estimate import Estimate, percentiles

_RESAMPLES = 1000


def superior(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Estimate:
    """The chance that one of the losses y [n] is below one of x [m], ties half: U / (m n) of Mann
    and Whitney 1947."""

    def chance(x: np.ndarray, y: np.ndarray) -> float:
        ranks = stats.rankdata(np.concatenate([x, y]))[: len(x)]
        return float((ranks.sum() - len(x) * (len(x) + 1) / 2) / (len(x) * len(y)))

    copies = [chance(rng.choice(x, len(x)), rng.choice(y, len(y))) for _ in range(_RESAMPLES // 2)]
    return percentiles(chance(x, y), np.array(copies))


def least(x: np.ndarray, y: np.ndarray, k: int, rng: np.random.Generator) -> Estimate:
    """The expected least of k of the losses y [n], less that of k of x [m] (Tang et al. 2020); k at
    most min(m, n)."""

    def expected(losses: np.ndarray) -> float:
        return best_of(np.sort(losses)[::-1], k)

    copies = [
        expected(rng.choice(y, len(y))) - expected(rng.choice(x, len(x))) for _ in range(_RESAMPLES)
    ]
    return percentiles(expected(y) - expected(x), np.array(copies))
