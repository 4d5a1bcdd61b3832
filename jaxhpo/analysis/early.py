"""Whether trials could be stopped early, and whether the best would gain from more training.

After each unit, the rank correlation (Spearman) of the objective then with its final value, over
the complete trials that were trained beyond; its interval is Fisher's, with variance 1.06 / (n - 3)
(Fieller, Hartley and Pearson 1957). Trials of the scheduler's choice are not in it: those it
stopped have no final value, so where it stopped any, the correlation is of the survivors.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from jaxhpo.analysis.elites import is_elite
from jaxhpo.analysis.estimate import UNKNOWN, Estimate
from jaxhpo.analysis.shown import Short

_FEWEST = 10
_CLOSE = 0.9
_MOST = 40  # units that are looked at
_LATE = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ahead:
    """After `unit` units: over n complete trials that trained longer, the rank correlation of the
    objective then with the final one, and what share of the final elite were in the better half
    then."""

    unit: int
    n: int
    rho: Estimate
    kept: float | None


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Early(Short):
    """Attributes:
    n: complete trials with a curve. stopped: trials that a scheduler stopped early.
    ahead: after each unit (forty of them at most).
    enough: the first unit from which on the lower end of rho stays above 0.9; None if there is
        none.
    saved: the share of all units that these trials trained beyond `enough`; None without it.
    late: of the elite (n_elite trials), the share whose best value came in the last tenth of their
        training: they may gain from more. None below 3 of them.
    overfit: of the elite, the share whose final value is worse than their best before by more than
        a tenth of the range of their own curve. None below 3.
    reason: why nothing is said, or "".
    """

    n: int
    stopped: int
    ahead: tuple[Ahead, ...]
    enough: int | None
    saved: float | None
    n_elite: int
    late: float | None
    overfit: float | None
    reason: str


def early(
    curves: Mapping[int, Sequence[float | None]],
    final: Mapping[int, float],
    *,
    maximize: bool,
    elite: float,
    stopped: int,
) -> Early:
    """Of the objective's curves and the final values of complete trials, by trial number."""
    sign = -1.0 if maximize else 1.0
    held = sorted(n for n in final if n in curves and len(curves[n]) > 1)
    lines = [sign * np.array([math.nan if v is None else v for v in curves[n]]) for n in held]
    last = sign * np.array([final[n] for n in held])
    if len(held) < _FEWEST:
        reason = f"n = {len(held)} complete trials with two units or more; {_FEWEST} are needed"
        return _nothing(len(held), stopped, reason)
    best = is_elite(last, elite)
    longest = max(map(len, lines))
    units = np.unique(np.linspace(1, longest - 1, min(_MOST, longest - 1)).round().astype(int))
    ahead = tuple(_ahead(int(u), lines, last, best) for u in units)
    ahead = tuple(a for a in ahead if a.n >= _FEWEST)
    sure = [a.rho.low is not None and a.rho.low >= _CLOSE for a in ahead]
    place = next((i for i in range(len(sure)) if all(sure[i:])), None)
    enough = None if place is None else ahead[place].unit
    whole = sum(map(len, lines))
    top = [line for line, b in zip(lines, best, strict=True) if b]
    late, overfit = _ends(top)
    return Early(
        n=len(held),
        stopped=stopped,
        ahead=ahead,
        enough=enough,
        saved=None if enough is None else sum(max(0, len(x) - enough) for x in lines) / whole,
        n_elite=len(top),
        late=late,
        overfit=overfit,
        reason="" if ahead else "no unit has ten trials that trained longer",
    )


def _nothing(n: int, stopped: int, reason: str) -> Early:
    return Early(
        n=n,
        stopped=stopped,
        ahead=(),
        enough=None,
        saved=None,
        n_elite=0,
        late=None,
        overfit=None,
        reason=reason,
    )


def _ahead(unit: int, lines: list[np.ndarray], last: np.ndarray, best: np.ndarray) -> Ahead:
    on = np.array([len(x) > unit and math.isfinite(x[unit - 1]) for x in lines])
    then = np.array([x[unit - 1] for x, o in zip(lines, on, strict=True) if o])
    top = best[on]
    kept = float((then[top] <= np.median(then)).mean()) if top.any() else None
    return Ahead(unit=unit, n=int(on.sum()), rho=spearman(then, last[on]), kept=kept)


def spearman(x: np.ndarray, y: np.ndarray) -> Estimate:
    """Spearman's rho with its 95 % interval; unknown below four pairs, or where one is constant."""
    if len(x) < 4 or len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return UNKNOWN
    rho = float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])
    middle = math.atanh(max(min(rho, 1 - 1e-12), 1e-12 - 1))
    half = 1.96 * math.sqrt(1.06 / (len(x) - 3))
    return Estimate(value=rho, low=math.tanh(middle - half), high=math.tanh(middle + half))


def _ends(top: list[np.ndarray]) -> tuple[float | None, float | None]:
    """The shares of the elite whose best came late, and that became worse again."""
    if len(top) < 3:
        return None, None
    filled = [np.where(np.isfinite(x), x, np.inf) for x in top]
    late = [(int(np.argmin(x)) + 1) / len(x) > 1 - _LATE for x in filled]
    reach = [float(x[np.isfinite(x)].max() - x[np.isfinite(x)].min()) for x in filled]
    worse = [float(x[-1] - x.min()) > 0.1 * r > 0 for x, r in zip(filled, reach, strict=True)]
    return float(np.mean(late)), float(np.mean(worse))
