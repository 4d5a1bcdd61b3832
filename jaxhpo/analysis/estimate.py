"""A number and how sure it is."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with the ends of its 95 % interval; None where it could not be computed."""

    value: float | None
    low: float | None = None
    high: float | None = None


UNKNOWN = Estimate(value=None)


def deviation(values: np.ndarray, *, ddof: int = 1) -> float:
    """The standard deviation of float64 [n > ddof], sqrt(sum (v - mean)^2 / (n - ddof)), where
    squares of the values would be too large or too small for a double."""
    away = values - values.mean()
    most = float(np.abs(away).max(initial=0.0))
    return most * float(np.sqrt(((away / most) ** 2).sum() / (len(away) - ddof))) if most else 0.0


def percentiles(value: float, resampled: np.ndarray) -> Estimate:
    """The value, and the 2.5th and 97.5th percentile of its bootstrap copies."""
    if len(resampled) < 2:
        return Estimate(value=float(value))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(value=float(value), low=float(low), high=float(high))
