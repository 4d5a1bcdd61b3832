"""What share of the objective's variance a parameter explains, with limits that hold.

Let Q be the projection of a function f of the parameters on what a parameter does: alone,
Q f = E[f | x_i] - E f, or alone and with others, Q f = f - E[f | all but x_i]. The variance of Q f
over that of the objective is Sobol's first-order index, or the total one (`jaxhpo.analysis.sobol`),
times what of the objective's variance is no noise. With a prediction p of f and residuals r = y - p
in trials that p was not grown on,

    |Q f|^2 = |Q p|^2 + 2 <r, Q p> + |Q r|^2,

of which the first is computed from p, as points are drawn in the search, and the second is a mean
over trials: a one-step correction as in Da Veiga and Gamboa 2013, exact here whatever p is.

alone   The third is a mean of r_a r_b over pairs of trials that lie near each other in x_i (an
        eighth of the range, or the same level), so that nothing is left out: the interval has two
        ends.
total   The third can't be had from so few trials. Without it, and with Q p scaled to fit best,
        <f, Q p>^2 / |Q p|^2 is at most |Q f|^2: the interval has a lower end only. What the forest
        missed, up to 1 - R2, may be any parameter's too.

p are forests on four fifths of the configurations, r of the last fifth, in turn; pairs are taken
within a fifth. Standard errors are of the jackknife over configurations. All of this needs trials
that were drawn as the space is (`Quality.basis` "independent"); of others only |Q p|^2 is given.
The values are <f, Q p>^2 / |Q p|^2 for both, which chance moves less than what the interval of
*alone* is around.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.scan import Along
from jaxhpo.analysis.surrogate import Surrogate

_OTHERS, _AT, _MIDDLES, _BINS = 128, 16, 32, 8
_Z = 1.96


class Share(NamedTuple):
    """Of one parameter, shares of the variance of the objective. alone: with both ends of its
    interval; total: with the lower one. Neither of trials that a sampler chose by results."""

    alone: Estimate
    total: Estimate


class _Terms(NamedTuple):
    """Of one parameter: [n] of trials, |Q p|^2 as a number.

    alone, total: Q p. size_alone, size_total: |Q p|^2. bins: int [n], what is near in x_i.
    """

    alone: np.ndarray
    total: np.ndarray
    size_alone: float
    size_total: float
    bins: np.ndarray


def shares(made: Surrogate) -> tuple[Share, ...]:
    """Of the parameters that a trusted surrogate looks at, in the order of its `names`."""
    predicted = np.zeros(len(made.y))
    for _, out, forest in made.folds:
        predicted[out] = forest.predict(made.x[out])
    rest = made.y - predicted
    lines = _lines(made)
    of_all = [_terms(made, at, predicted, lines) for at in range(len(made.names))]
    if made.quality.basis != "independent":
        spread = _spread(made) + float((rest**2).mean())
        return tuple(
            Share(*(Estimate(value=_unit(s / spread)) for s in (t.size_alone, t.size_total)))
            for t in of_all
        )
    fold = np.zeros(len(made.y), int)
    for k, out, _ in made.folds:
        fold[out] = k
    by = _Configurations(made.group)
    around = by.mean((made.y - made.y.mean()) ** 2)
    whole, less = float(around.mean()), (around.sum() - around) / (len(around) - 1)
    return tuple(_share(by, t, rest, by.first(fold), whole, less) for t in of_all)


class _Configurations:
    """Means over the trials of each of c configurations."""

    def __init__(self, group: np.ndarray) -> None:
        _, self.where, self.place = np.unique(group, return_index=True, return_inverse=True)
        self.count = np.bincount(self.place)

    def mean(self, x: np.ndarray) -> np.ndarray:
        """float [c] of [n]."""
        return np.bincount(self.place, x) / self.count

    def first(self, x: np.ndarray) -> np.ndarray:
        """[c] of [n] that are equal within a configuration."""
        return x[self.where]


def _share(
    by: _Configurations,
    t: _Terms,
    rest: np.ndarray,
    fold: np.ndarray,
    whole: float,
    less: np.ndarray,
) -> Share:
    """whole: the objective's variance; less: float [c], the same without each configuration."""
    r, c = by.mean(rest), len(fold)
    found = []
    for q, size in ((t.alone, t.size_alone), (t.total, t.size_total)):
        product = by.mean(rest * q)
        inner = np.append((product.sum() - product) / (c - 1), product.mean())
        found.append((inner, np.maximum(size + inner, 0.0) ** 2 / size if size > 0 else 0 * inner))
    (inner, alone), (_, total) = found
    near = _pairs(r, by.first(t.bins), fold)
    unbiased = (t.size_alone + 2 * inner + near) / np.append(less, whole)
    alone, total = alone / np.append(less, whole), total / np.append(less, whole)
    middle, half = float(unbiased[-1]), _Z * _error(unbiased)
    value = _unit(alone[-1])
    low, high = min(_unit(middle - half), value), max(_unit(middle + half), value)
    both = max(_unit(total[-1]), value)
    least = max(_unit(total[-1] - _Z * _error(total)), _unit(middle - half))
    return Share(
        alone=Estimate(value=value, low=low, high=high),
        total=Estimate(value=both, low=min(least, both)),
    )


def _error(jackknifed: np.ndarray) -> float:
    """The standard error, of values without each configuration in turn (the last is of all)."""
    less = jackknifed[:-1]
    return float(np.sqrt((len(less) - 1) / len(less) * ((less - less.mean()) ** 2).sum()))


def _unit(x: float) -> float:
    return float(min(max(x, 0.0), 1.0))


def _pairs(r: np.ndarray, bins: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """float [c + 1], the mean of r_a r_b over pairs of one bin and one fold, bins weighted by how
    many configurations they hold: without each configuration in turn, and last of all."""
    k = int(bins.max()) + 1
    cell = fold * k + bins
    total, number = np.bincount(cell, r), np.bincount(cell).astype(float)
    squares = np.bincount(cell, r * r)
    sums, pairs = np.zeros(k), np.zeros(k)
    where = np.arange(len(total)) % k
    np.add.at(sums, where, (total**2 - squares) / 2)
    np.add.at(pairs, where, number * (number - 1) / 2)
    held = np.bincount(bins, minlength=k).astype(float)

    def weighted(s: np.ndarray, p: np.ndarray, n: np.ndarray) -> np.ndarray:
        return np.where(p > 0, n * s / np.maximum(p, 1), 0.0)

    every = weighted(sums, pairs, held)
    full, weight = every.sum(), np.where(pairs > 0, held, 0).sum()
    fewer_pairs = pairs[bins] - (number[cell] - 1)
    one = weighted(sums[bins] - r * (total[cell] - r), fewer_pairs, held[bins] - 1)
    left = weight - np.where(pairs[bins] > 0, held[bins], 0)
    left = left + np.where(fewer_pairs > 0, held[bins] - 1, 0)
    less = (full - every[bins] + one) / np.maximum(left, 1)
    return np.append(less, full / max(weight, 1))


def _lines(made: Surrogate) -> list[tuple[np.ndarray, Along, Along]]:
    """Of each fold, the trials that its forest has not seen, and what it predicts along each
    parameter from settings of the others, and from those trials."""
    others = _others(made, _OTHERS)
    return [(out, Along(f, others), Along(f, made.x[out])) for _, out, f in made.folds]


def _terms(
    made: Surrogate,
    at: int,
    predicted: np.ndarray,
    lines: list[tuple[np.ndarray, Along, Along]],
) -> _Terms:
    n = len(made.y)
    points, weight = _quadrature(made, at, _AT)
    grid, mass = _quadrature(made, at, _MIDDLES)
    alone, total = np.zeros(n), np.zeros(n)
    sizes = np.zeros(2)
    for out, along, here in lines:
        curve = along(at, grid).mean(axis=1)
        middle = float(mass @ curve)
        alone[out] = np.interp(made.x[out, at], grid, curve) - middle
        over = along(at, points)
        spread = float((weight @ (over - weight @ over) ** 2).mean())
        sizes += len(out) / n * np.array([float(mass @ (curve - middle) ** 2), spread])
        total[out] = predicted[out] - weight @ here(at, points)
    return _Terms(
        alone=alone,
        total=total,
        size_alone=float(sizes[0]),
        size_total=float(sizes[1]),
        bins=_near(made, at),
    )


def _others(made: Surrogate, m: int) -> np.ndarray:
    return made.place(stats.qmc.Sobol(len(made.names), rng=np.random.default_rng(1)).random(m))


def _quadrature(made: Surrogate, at: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of a parameter and how often the search draws each: its levels, if they are no
    more than `most`, or the middles of that many parts."""
    uniform = np.full((1024, len(made.names)), 0.5)
    uniform[:, at] = (np.arange(1024) + 0.5) / 1024
    placed = made.place(uniform)[:, at]
    levels, count = np.unique(placed, return_counts=True)
    if len(levels) <= most:
        return levels, count / 1024
    return placed[1024 // most // 2 :: 1024 // most], np.full(most, 1 / most)


def _near(made: Surrogate, at: int) -> np.ndarray:
    """int [n], the level of a parameter with few of them, or which eighth of the range."""
    levels, _ = _quadrature(made, at, _AT)
    if len(levels) < _AT:
        return np.abs(made.x[:, at][:, None] - levels[None]).argmin(axis=1)
    return np.clip((made.x[:, at] * _BINS).astype(int), 0, _BINS - 1)


def _spread(made: Surrogate) -> float:
    """The variance of the prediction over the space."""
    points = np.ascontiguousarray(_others(made, 1024), dtype=np.float32)
    return float(np.mean([forest.predict(points).var() for _, _, forest in made.folds]))
