"""Whether a search should look beyond a bound, and how far.

Expand, which goes before every other rule: the best trial, or half of the elite, lie in the outer
tenth of the range (on the scale that is searched), and the objective still improves outward there:
the slope of its ranks over the outer third of the range points outward in 90 % of bootstrap
samples. That alone is not enough, for in a study of noise the best trial lies at one of many bounds
more often than not, and draws the slope with it: the parameter must also matter
(`jaxhpo.analysis.evidence`), or so many of the elite lie there, half of them at least, that as many
would with a chance of no more than 1e-8 if they were strewn over the range (binomial). The bound
moves by half the range, never past a natural limit.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import stats

from jaxhpo.analysis.elites import OUTER, EliteParameter, outer
from jaxhpo.analysis.sample import Sample
from jaxhpo.space import Float, Int

SUPPORT = 0.9
_FEWEST = 10  # trials behind a slope
_UNLIKELY = 1e-8  # that so many of the elite lie at a bound by chance
_HALF = 0.5
_INT32 = 2**31 - 1
_SMALLEST, _LARGEST = 1e-37, 1e38  # what float32 holds, with room to spare


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bound:
    """One end of a number's range.

    Attributes:
        parameter: its name. side: "low" or "high". limit: the bound as it is searched today.
        natural: whether it can't be moved, by the space's word or because a number that is never
            negative (or a share, never above 1) would have to be.
        best: whether the best trial lies at it. share: of the elite, what part does.
        n: trials in the outer third of the range. support: the share of bootstrap samples in which
            the objective improves outward there; None below 10 trials.
        matters: whether the parameter is known to matter. expand: whether to look beyond. to: up
            to where, else None.
    """

    parameter: str
    side: str
    limit: float
    natural: bool
    best: bool
    share: float | None
    n: int
    support: float | None
    matters: bool
    expand: bool
    to: float | None


def bounds(
    made: Sample, elite: EliteParameter, resamples: int, seed: int, *, matters: bool
) -> tuple[Bound, ...]:
    """Both ends of a number that is known to matter, or not; of a choice, none."""
    domain = made.space.parameters[elite.parameter]
    if not isinstance(domain, Float | Int):
        return ()
    rng = np.random.default_rng([seed, 7, made.column(elite.parameter)])
    return tuple(
        _bound(made, elite, domain, side, matters, resamples, rng) for side in ("low", "high")
    )


def _bound(
    made: Sample,
    elite: EliteParameter,
    domain: Float | Int,
    side: str,
    matters: bool,
    resamples: int,
    rng: np.random.Generator,
) -> Bound:
    ends = outer(made, elite.parameter)
    share = elite.at_low if side == "low" else elite.at_high
    best = elite.best is not None and (
        elite.best <= ends[0] if side == "low" else elite.best >= ends[1]
    )
    natural, to = domain.natural in (side, "both"), _beyond(domain, side)
    n, support = _outward(made, elite.parameter, side, resamples, rng)
    half = share is not None and share >= _HALF and elite.elite >= _FEWEST
    there = (matters and (best or half)) or (half and _unlikely(made, elite, side))
    expand = there and not natural and to is not None and (support or 0.0) >= SUPPORT
    return Bound(
        parameter=elite.parameter,
        side=side,
        limit=domain.low if side == "low" else domain.high,
        natural=natural or to is None,
        best=best,
        share=share,
        n=n,
        support=support,
        matters=matters,
        expand=expand,
        to=to if expand else None,
    )


def _unlikely(made: Sample, elite: EliteParameter, side: str) -> bool:
    """Whether so many of the elite would hardly lie at a bound by chance."""
    share = (elite.at_low if side == "low" else elite.at_high) or 0.0
    ends, column = outer(made, elite.parameter), made.column(elite.parameter)
    positions = np.array(made.layout.positions[column])
    part = OUTER
    if len(positions):
        inside = positions <= ends[0] if side == "low" else positions >= ends[1]
        part = float(np.diff(made.layout.edges[column])[inside].sum())
    count = round(share * elite.elite)
    return float(stats.binom.sf(count - 1, elite.elite, part)) <= _UNLIKELY


def _outward(
    made: Sample, name: str, side: str, resamples: int, rng: np.random.Generator
) -> tuple[int, float | None]:
    """How many trials lie in the outer third, and how surely the objective improves outward."""
    units = made.units[:, made.column(name)]
    out = 1 - units if side == "low" else units
    rows = np.flatnonzero(~np.isnan(out) & (np.nan_to_num(out) >= 2 / 3 - 1e-9))
    if len(rows) < _FEWEST or out[rows].min() == out[rows].max():
        # A grid of a few numbers has one of them there: compare it with the next.
        rows = np.flatnonzero(~np.isnan(out) & (np.nan_to_num(out) >= 1 / 3))
    if len(rows) < _FEWEST:
        return len(rows), None
    x, ranks = out[rows], stats.rankdata(made.loss[rows])
    drawn = rng.integers(len(rows), size=(resamples, len(rows)))
    xs, ys = x[drawn], ranks[drawn]
    slope = ((xs - xs.mean(axis=1, keepdims=True)) * ys).mean(axis=1)
    return len(rows), float((slope < 0).mean())


def _beyond(domain: Float | Int, side: str) -> float | None:
    """The bound moved by half the range on the searched scale; None where it can't move."""
    low, high = float(domain.low), float(domain.high)
    if domain.log:
        width = math.log(high) - math.log(low)
        to = math.exp(math.log(low) - width / 2 if side == "low" else math.log(high) + width / 2)
    else:
        to = low - (high - low) / 2 if side == "low" else high + (high - low) / 2
    if side == "low" and low >= 0 and not domain.log:
        to = max(to, 0.0 if isinstance(domain, Float) or low == 0 else 1.0)
    if side == "high" and isinstance(domain, Float) and not domain.log and low >= 0 and high <= 1:
        to = min(to, 1.0)
    if isinstance(domain, Int) or domain.step:
        step = domain.step or 1
        steps = (low - to) / step if side == "low" else (to - high) / step
        whole = math.floor(steps + 1e-9)
        if side == "low" and domain.log:
            whole = min(whole, int((low - 1) // step))
        to = low - whole * step if side == "low" else high + whole * step
    if isinstance(domain, Int):
        to = float(min(max(to, -_INT32), _INT32))
        if domain.log and domain.step and 2 * to <= domain.step:
            return None  # a grid on a logarithmic scale starts above half a step
    else:
        to = float(f"{to:.3g}") if domain.step is None else float(f"{to:.12g}")
        to = min(max(to, _SMALLEST if domain.log else -_LARGEST), _LARGEST)
    return None if to == (low if side == "low" else high) else to
