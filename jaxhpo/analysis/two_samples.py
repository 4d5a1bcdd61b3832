"""Two samples of random trials: which space do they speak for?

The chance has a bootstrap interval (percentiles of resampled trials), the expected least one of the
jackknife: percentiles of resampled extremes hold the true one too seldom (both Efron 1979;
`scripts/results/calibration.json` says how often either holds).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from jaxhpo.analysis.convergence import weights
from jaxhpo.analysis.estimate import Estimate, deviation, percentiles

_RESAMPLES = 500


def superior(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Estimate:
    """The chance that one of the losses y [n] is below one of x [m], ties half: U / (m n) of Mann
    and Whitney 1947."""

    def chance(x: np.ndarray, y: np.ndarray) -> float:
        ranks = stats.rankdata(np.concatenate([x, y]))[: len(x)]
        return float((ranks.sum() - len(x) * (len(x) + 1) / 2) / (len(x) * len(y)))

    copies = [chance(rng.choice(x, len(x)), rng.choice(y, len(y))) for _ in range(_RESAMPLES)]
    return percentiles(chance(x, y), np.array(copies))


def least(x: np.ndarray, y: np.ndarray, k: int) -> Estimate:
    """The expected least of k of the losses y [n], less that of k of x [m] (Tang et al. 2020); k at
    most min(m, n), and below it for an interval: of the jackknife over trials (Efron 1979), with
    Student's t of min(m, n) - 1 degrees of freedom."""
    here, there = _expected(y, k), _expected(x, k)
    value, fewest = here[0] - there[0], min(len(x), len(y))
    if k >= fewest:
        return Estimate(value=value)
    half = float(stats.t.ppf(0.975, fewest - 1) * np.hypot(here[1], there[1]))
    return Estimate(value=value, low=value - half, high=value + half)


def _expected(losses: np.ndarray, k: int) -> tuple[float, float]:
    """The expected least of k, and its standard error; nought where k is all of them."""
    z, n = np.sort(losses)[::-1], len(losses)
    value = float(weights(n, k) @ z)
    if k >= n:
        return value, 0.0
    fewer = weights(n - 1, k)
    before = np.concatenate([[0.0], np.cumsum(z[:-1] * fewer)])  # of all that are greater
    after = np.concatenate([np.cumsum((z[1:] * fewer)[::-1])[::-1], [0.0]])
    return value, deviation(before + after) * (n - 1) / np.sqrt(n)
