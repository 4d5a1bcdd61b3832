"""Learning curves: the objective after each unit, of single trials and of all together.

The quartiles after a unit are over the trials that were trained that far. Budgets differ, and a
scheduler keeps the better trials, so quartiles at late units are of fewer, other trials.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxhpo.analysis.shown import Short
from jaxhpo.trial import Trial

_TOP = 5


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Learning(Short):
    """The objective's curves, in the user's direction.

    Attributes:
        n: trials that have ended and have a curve, also stopped and diverged
            ones.
        units: the longest curve.
        curves: trial number to its values, one a unit (None where not finite).
        top: the numbers of the (at most) five best complete trials, best first.
        reached: for each unit, how many trials were trained that far.
        quarter, median, three_quarters: of those, for each unit.
    """

    n: int
    units: int
    curves: dict[int, tuple[float | None, ...]]
    top: tuple[int, ...]
    reached: tuple[int, ...]
    quarter: tuple[float | None, ...]
    median: tuple[float | None, ...]
    three_quarters: tuple[float | None, ...]


def learning(trials: Sequence[Trial], *, objective: str) -> Learning:
    """The learning curves of all trials that have ended."""
    ended = [t for t in trials if t.status.ended]
    found = {t.number: t.curves[objective] for t in ended if objective in t.curves}
    found = {number: np.asarray(curve, float) for number, curve in found.items() if len(curve)}
    units = max((len(curve) for curve in found.values()), default=0)
    stacked = np.full((len(found), units), np.nan)
    for row, curve in zip(stacked, found.values(), strict=True):
        row[: len(curve)] = np.where(np.isfinite(curve), curve, np.nan)
    columns = [column[~np.isnan(column)] for column in stacked.T]
    bands = [np.quantile(c, [0.25, 0.5, 0.75]).tolist() if len(c) else [None] * 3 for c in columns]
    scored = [t for t in trials if t.status == "complete" and t.loss is not None]
    best = sorted(scored, key=lambda t: (t.loss, t.number))[:_TOP]
    return Learning(
        n=len(found),
        units=units,
        curves={
            number: tuple(float(v) if np.isfinite(v) else None for v in curve)
            for number, curve in found.items()
        },
        top=tuple(t.number for t in best if t.number in found),
        reached=tuple(len(column) for column in columns),
        quarter=tuple(band[0] for band in bands),
        median=tuple(band[1] for band in bands),
        three_quarters=tuple(band[2] for band in bands),
    )
