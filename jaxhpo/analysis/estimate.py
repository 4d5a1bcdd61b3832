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


def percentiles(value: float, resampled: np.ndarray) -> Estimate:
    """The value, and the 2.5th and 97.5th percentile of its bootstrap copies."""
    if len(resampled) < 2:
        return Estimate(value=float(value))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(value=float(value), low=float(low), high=float(high))


def widened(value: float, resampled: np.ndarray) -> Estimate:
    """As `percentiles`, joined with the same interval reflected at the value (Davison and Hinkley
    1997, section 5.2), for what is biased in the copies as it is in the value; from 0 to 1."""
    if len(resampled) < 2:
        return Estimate(value=float(value))
    low, high = np.quantile(resampled, [0.025, 0.975])
    ends = min(low, 2 * value - high), max(high, 2 * value - low)
    low, high = (float(np.clip(end, 0.0, 1.0)) for end in ends)
    return Estimate(value=float(value), low=min(low, float(value)), high=max(high, float(value)))
