"""PED-ANOVA: which parameters decide whether a trial is among the best.

Watanabe, Bansal and Hutter 2023 (arXiv 2304.10255, algorithm 1): for one parameter, the Pearson
divergence between the density of its values among the best trials, p, and among all, q,

    importance = gamma^2 sum_x q(x) (p(x) / q(x) - 1)^2,

with both densities by Parzen windows on a grid of at most 50 cells and gamma the share of the best.
A conditional parameter (arXiv 2601.20800, theorem 4.2) counts only trials in which it was active,
weighted by alpha^2 / beta with alpha and beta its share of active trials among the best and among
all. Bandwidths, priors and rounding follow the evaluator in Optuna 5, so that the same trials give
the same numbers. The numbers have no unit and no natural sum; they are not made to sum to 1.

What chance does to them is found by drawing as many trials at random in place of the best, and only
among trials that were chosen without looking at results.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import special

from jaxhpo.analysis.association import FEWEST
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import Sample
from jaxhpo.space import Float, Int

_CELLS = 50
_FLOOR = 1e-12
_FEWEST_ACTIVE = 2  # trials of a conditional parameter
_FIRST, _MORE = 99, 1900  # permutations for every parameter, and more where p is below 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopMeasured:
    """Of n complete trials with `best` among them that are the best (the worst of them and its
    equals included), `active` in which the parameter was active: the importance, or None where
    there is nothing to compare."""

    n: int
    best: int
    active: int
    importance: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopRegion:
    """One parameter.

    Attributes:
        parameter: its name.
        every: over all complete trials: descriptive where any was chosen adaptively.
        independent: over those that were chosen without looking at results.
        band: the 95th percentile of the importance when the best are drawn at random.
        p: how often a random draw gives at least this importance, of `independent`:
            (1 + exceedances) / (1 + draws); None where it is not tested.
        draws: how many random draws.
        reason: why it is not tested, or "".
    """

    parameter: str
    every: TopMeasured
    independent: TopMeasured
    band: float | None
    p: float | None
    draws: int
    reason: str


def top_region(
    sample: Sample, options: Options | None = None, *, independent: Sample | None = None
) -> tuple[TopRegion, ...]:
    """Every searched parameter, the most important (over all trials) first. The trials chosen
    without looking at results are those of `independent`, if it is given."""
    options = options or Options()
    free = (independent or sample).independent()
    best, free_best = (_best(s.loss, options.elite) for s in (sample, free))
    found = []
    for at, name in enumerate(sample.names):
        rng = np.random.default_rng([options.seed, 1, at])
        found.append(
            _tested(
                name,
                _measured(sample, name, best),
                _measured(free, name, free_best),
                _Counts.of(free, name),
                free_best,
                rng,
            )
        )
    return tuple(sorted(found, key=lambda t: -(t.every.importance or 0.0)))


def importances(sample: Sample, share: float = 0.1) -> dict[str, float]:
    """Name to importance, as Optuna's evaluator with ``target_quantile=share`` gives it."""
    best = _best(sample.loss, share)
    return {n: _measured(sample, n, best).importance or 0.0 for n in sample.names}


def _best(loss: np.ndarray, share: float) -> np.ndarray:
    """bool [n], with whatever equals the last of them."""
    if not len(loss):
        return np.zeros(0, bool)
    place = math.ceil(share * len(loss)) - 1
    return loss <= np.partition(loss, place)[place]


def _measured(sample: Sample, name: str, best: np.ndarray) -> TopMeasured:
    counts = _Counts.of(sample, name)
    enough = len(sample) > 1 and counts.cells > 1 and counts.active.sum() >= _FEWEST_ACTIVE
    return TopMeasured(
        n=len(sample),
        best=int(best.sum()),
        active=int(counts.active.sum()),
        importance=float(counts.importances(best[None])[0]) if enough else None,
    )


def _tested(
    name: str,
    every: TopMeasured,
    independent: TopMeasured,
    counts: _Counts,
    best: np.ndarray,
    rng: np.random.Generator,
) -> TopRegion:
    reason = ""
    if independent.n < FEWEST:
        reason = (
            f"n = {independent.n} trials chosen without looking at results; {FEWEST} are needed"
        )
    elif independent.importance is None:
        reason = "it has one value, or was active in fewer than 2 trials"
    elif independent.best == independent.n:
        reason = f"all n = {independent.n} values of the objective are equal"
    band = p = None
    drawn = np.zeros(0)
    if not reason:
        seen = independent.importance or 0.0
        drawn = counts.importances(_draws(best, _FIRST, rng))
        if (drawn >= seen).sum() < _FIRST // 10:
            more = [counts.importances(_draws(best, part, rng)) for part in [_MORE // 10] * 10]
            drawn = np.concatenate([drawn, *more])
        band = float(np.quantile(drawn, 0.95))
        p = float((1 + (drawn >= seen).sum()) / (1 + len(drawn)))
    return TopRegion(
        parameter=name,
        every=every,
        independent=independent,
        band=band,
        p=p,
        draws=len(drawn),
        reason=reason,
    )


def _draws(best: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """bool [count, n], rows of as many trials as there are best."""
    return rng.permuted(np.broadcast_to(best, (count, len(best))), axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Counts:
    """In which of `cells` cells each of the active trials lies.

    cell: int [a]. active: bool [n]. listed: whether the cells have no order.
    """

    cell: np.ndarray
    active: np.ndarray
    cells: int
    listed: bool

    @classmethod
    def of(cls, sample: Sample, name: str) -> _Counts:
        domain = sample.space.parameters[name]
        column = sample.column(name)
        active = ~np.isnan(sample.units[:, column])
        if not isinstance(domain, Float | Int):
            level = sample.level(name)[active]
            return cls(
                cell=level, active=active, cells=len(sample.layout.positions[column]), listed=True
            )
        cells = _cells(domain)
        part = _fractions(sample, name, domain)[active]
        cell = np.ceil(part * (cells - 1) - 0.5).astype(int).clip(0, cells - 1)
        return cls(cell=cell, active=active, cells=cells, listed=False)

    def importances(self, best: np.ndarray) -> np.ndarray:
        """float [m], for m choices of the best, bool [m, n]."""
        share = best[0].sum() / best.shape[1]
        chosen = best[:, self.active]
        top = np.stack(
            [np.bincount(self.cell[row], minlength=self.cells) for row in chosen]
        ).astype(float)
        everywhere = np.bincount(self.cell, minlength=self.cells).astype(float)[None]
        density = _listed if self.listed else _ordered
        q = density(everywhere) + _FLOOR
        p = density(top) + _FLOOR
        divergence = (q * (p / q - 1) ** 2).sum(axis=1)
        alpha = chosen.sum(axis=1) / best.sum(axis=1)
        beta = self.active.mean()
        return np.where(chosen.any(axis=1), share**2 * alpha**2 / beta * divergence, 0.0)


def _cells(domain: Float | Int) -> int:
    if isinstance(domain, Int) and domain.log:
        return min(math.ceil(math.log(domain.high - domain.low + 1) / math.log(2)) + 1, _CELLS)
    step = domain.step or (1 if isinstance(domain, Int) else None)
    return min(round((domain.high - domain.low) / step) + 1, _CELLS) if step else _CELLS


def _fractions(sample: Sample, name: str, domain: Float | Int) -> np.ndarray:
    """float [n], from the lower bound to the upper on the scale that is searched."""
    at = sample.column(name)
    units, positions = sample.units[:, at], sample.layout.positions[at]
    if not positions:
        return units
    level = sample.level(name)
    value = domain.low + level * float(domain.step or 1)
    low, high = float(domain.low), float(domain.high)
    if domain.log:
        low, high, value = math.log(low), math.log(high), np.log(np.maximum(value, low))
    return (value - low) / (high - low)


def _listed(counts: np.ndarray) -> np.ndarray:
    """float [m, k], densities from counts [m, k]: a kernel an observed value, and the prior."""
    k = counts.shape[1]
    kernels = (counts > 0).sum(axis=1) + 1  # a value is one kernel, however often it was seen
    weights = counts / (counts.sum(axis=1) + 1)[:, None]
    rest = 1 / kernels[:, None]
    spread = (weights.sum(axis=1)[:, None] - weights) * rest
    own = weights * (1 + rest)
    prior = (1 / (counts.sum(axis=1) + 1) / k)[:, None]
    return (own + spread) / (1 + k * rest) + prior


def _ordered(counts: np.ndarray) -> np.ndarray:
    """float [m, k], by normal kernels of Scott's width, cut off at the ends, and a wide prior."""
    k = counts.shape[1]
    total = counts.sum(axis=1)
    x = np.arange(k)
    sigma = np.array([_width(row) for row in counts])
    prior = _mass(x[:, None], np.array([[(k - 1) / 2]]), np.array([[float(k)]]), k)[:, 0]
    return (np.stack([_spread(*pair) for pair in zip(counts, sigma, strict=True)]) + prior) / (
        total + 1
    )[:, None]


def _spread(counts: np.ndarray, sigma: float) -> np.ndarray:
    """float [k], the counts [k] spread by kernels of one width: `_mass` summed over the cells that
    hold any. It depends on how far two cells lie apart, so that 2 k probabilities are enough."""
    k, held = len(counts), np.flatnonzero(counts)
    if not len(held):
        return np.zeros(k)
    ends = special.ndtr((np.arange(-k, k) + 0.5) / sigma)
    step = np.diff(ends)  # of the cells -(k - 1) to k - 1 from a kernel's own
    inside = special.ndtr((k - 0.5 - held) / sigma) - special.ndtr((-0.5 - held) / sigma)
    return step[np.arange(k)[:, None] - held[None] + k - 1] @ (counts[held] / inside)


def _mass(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray, k: int) -> np.ndarray:
    """The normal probability of the cell x, given that it falls into one of k."""
    inside = special.ndtr((k - 0.5 - mu) / sigma) - special.ndtr((-0.5 - mu) / sigma)
    cell = special.ndtr((x + 0.5 - mu) / sigma) - special.ndtr((x - 0.5 - mu) / sigma)
    return cell / inside


def _width(counts: np.ndarray) -> float:
    """Scott's rule (1992) with the quartiles where they lie closer than the standard deviation."""
    x = np.flatnonzero(counts)
    if not len(x):
        return 0.5 / 1.64
    weight = counts[x]
    below, total = np.cumsum(weight), weight.sum()
    mean = float(x @ weight) / total
    sd = math.sqrt(float((x - mean) ** 2 @ weight) / max(1, total - 1))
    first = np.searchsorted(below, total // 4, side="left")
    third = min(len(x) - 1, int(np.searchsorted(below, total * 3 // 4, side="right")))
    quartiles = x[third] - x[first]
    return max(1.059 * min(quartiles / 1.34, sd) * total**-0.2, 0.5 / 1.64)
