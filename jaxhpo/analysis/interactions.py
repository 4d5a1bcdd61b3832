"""Which pairs of parameters do together what neither does alone.

The screen is the total Sobol index less the first-order one: what a parameter does with others, of
whatever number. Then pairs, among the parameters with the six largest screens: the second-order
index of the forest (`jaxhpo.analysis.sobol`). A forest sees interactions where there are none, for
it cuts the space into boxes; so the band is of forests grown on a sum of single effects (the
partial dependence of the surrogate) with its residuals permuted: 95 % of these have no pair with a
larger index.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import stats

from jaxhpo.analysis import forest
from jaxhpo.analysis.budget import FOREST
from jaxhpo.analysis.direction import curve_points
from jaxhpo.analysis.sample import value_at
from jaxhpo.analysis.scan import Along, at_design
from jaxhpo.analysis.shown import Short
from jaxhpo.analysis.sobol import design, indices
from jaxhpo.analysis.surrogate import SMALL, Surrogate

_MOST = 6
_POINTS, _FEW_POINTS = 1024, 256
_OTHERS, _NEAR = 64, 0.15


@dataclasses.dataclass(frozen=True, kw_only=True)
class Screen:
    """What a parameter does with others: total less first-order index, in shares of the forest's
    variance, of the branch's n trials."""

    parameter: str
    value: float


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Contour(Short):
    """The surrogate's mean prediction over two parameters.

    x, y: values of the first and of the second. value: the objective, a row for each y. seen:
    trials within 0.15 of the range of both, in the same form: where there are none, nothing is
    known.
    """

    x: tuple[Any, ...]
    y: tuple[Any, ...]
    value: tuple[tuple[float, ...], ...]
    seen: tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """Two parameters of one branch.

    Attributes:
        parameters: their names. index: the share of the forest's variance that they explain only
            together. band: the 95th percentile of the largest index without any interaction.
        p: (1 + permutations above) / (1 + permutations), corrected for the number of pairs; None
            where the trials were chosen adaptively.
        verdict: "interacting", "not identifiable", or "descriptive".
        contour: of the pairs with the three largest indices, else None.
    """

    parameters: tuple[str, str]
    index: float
    band: float | None
    p: float | None
    verdict: str
    contour: Contour | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interactions:
    """Of one branch: n trials, its `screens` and `pairs`, the largest first; both empty where the
    `reason` says why."""

    branch: str
    basis: str
    n: int
    screens: tuple[Screen, ...]
    pairs: tuple[Pair, ...]
    reason: str


def interactions(made: Surrogate, *, tested: bool) -> Interactions:
    """Of a surrogate; `tested` where its trials were chosen without looking at results."""
    quality = made.quality
    reason = quality.reason or ("" if len(made.names) > 1 else "there is one parameter only")
    screens, pairs = ((), ()) if reason else _found(made, tested)
    return Interactions(
        branch=quality.branch,
        basis=quality.basis,
        n=quality.n,
        screens=screens,
        pairs=pairs,
        reason=reason,
    )


def _found(made: Surrogate, tested: bool) -> tuple[tuple[Screen, ...], tuple[Pair, ...]]:
    d, seed = len(made.names), made.options.seed
    wide = design(d, _POINTS, seed, place=made.place, among=range(d) if d <= _MOST else ())
    seen = indices(wide, at_design(made.whole, wide))
    more = seen.total - seen.first
    order = np.argsort(-more, kind="stable")
    screens = tuple(Screen(parameter=made.names[i], value=float(more[i])) for i in order)
    kept = set(order[:_MOST].tolist())
    if d > _MOST:
        wide = design(d, _POINTS, seed, place=made.place, among=kept)
        seen = indices(wide, at_design(made.whole, wide))
    chance = _chance(made, kept) if tested else np.zeros(0)
    ranked = sorted(zip(wide.pairs, seen.pairs.tolist(), strict=True), key=lambda p: -p[1])
    found = []
    for place, (pair, index) in enumerate(ranked):
        p = float((1 + (chance >= index * seen.variance).sum()) / (1 + len(chance)))
        verdict = "interacting" if p <= FOREST else "not identifiable"
        found.append(
            Pair(
                parameters=(made.names[pair[0]], made.names[pair[1]]),
                index=index,
                band=float(np.quantile(chance, 0.95)) / seen.variance if tested else None,
                p=p if tested else None,
                verdict=verdict if tested else "descriptive",
                contour=_contour(made, pair) if place < 3 else None,
            )
        )
    return screens, tuple(found)


def _chance(made: Surrogate, kept: set[int]) -> np.ndarray:
    """float [permutations], the largest variance that a pair seems to explain when none does."""
    rng = np.random.default_rng([made.options.seed, 6])
    narrow = design(len(made.names), _FEW_POINTS, made.options.seed, place=made.place, among=kept)
    single = _single_effects(made)
    rest = made.y - single
    most = []
    for _ in range(made.options.resamples - 1):
        rows = made.few(rng)
        y = single[rows] + rng.permutation(rest[rows])
        grown = forest.grow(made.x[rows], y, made.group[rows], rng, trees=SMALL)
        chance = indices(narrow, at_design(grown, narrow))
        most.append(float((chance.pairs * chance.variance).max()))
    return np.array(most)


def _single_effects(made: Surrogate) -> np.ndarray:
    """float [n], the sum of the partial dependences at each trial, by least squares scaled up for
    what a forest shrinks."""
    columns, along = [], Along(made.whole, _others(made))
    for at, name in enumerate(made.names):
        grid = curve_points(made, name)
        curve = along(at, grid).mean(axis=1)
        columns.append(np.interp(made.x[:, at], grid, curve))
    stacked = np.column_stack([np.ones(len(made.y)), *columns])
    weights = np.linalg.lstsq(stacked, made.y, rcond=None)[0]
    return stacked @ weights


def _others(made: Surrogate) -> np.ndarray:
    """float64 [m, d], settings of all parameters that are averaged over."""
    uniform = stats.qmc.Sobol(len(made.names), rng=np.random.default_rng(0)).random(_OTHERS)
    return made.place(uniform)


def _mean(made: Surrogate, fixed: dict[int, np.ndarray]) -> np.ndarray:
    """float [a, b], the mean prediction with columns fixed at values [a, 1], [1, b] or [a, b]."""
    others = _others(made)
    shape = np.broadcast_shapes(*(v.shape for v in fixed.values()))
    points = np.broadcast_to(others, (*shape, *others.shape)).copy()
    for column, values in fixed.items():
        points[..., column] = values[..., None]
    flat = np.ascontiguousarray(points.reshape(-1, others.shape[1]), dtype=np.float32)
    return made.whole.predict(flat).reshape(*shape, -1).mean(axis=-1)


def _contour(made: Surrogate, pair: tuple[int, int]) -> Contour:
    grids = [curve_points(made, made.names[i]) for i in pair]
    predicted = _mean(made, {pair[0]: grids[0][None, :], pair[1]: grids[1][:, None]})
    near = [
        np.abs(made.x[:, i][None] - g[:, None]) <= _NEAR for i, g in zip(pair, grids, strict=True)
    ]
    seen = near[1].astype(int) @ near[0].astype(int).T
    sign = -1.0 if made.sample.maximize else 1.0
    value = sign * (made.center + made.scale * predicted)
    axes = []
    for i, grid in zip(pair, grids, strict=True):
        name = made.names[i]
        positions = made.sample.layout.positions[made.sample.column(name)]
        domain = made.sample.space.parameters[name]
        axes.append(tuple(value_at(domain, float(u), positions) for u in grid))
    return Contour(
        x=axes[0],
        y=axes[1],
        value=tuple(tuple(row) for row in value.tolist()),
        seen=tuple(tuple(row) for row in seen.tolist()),
    )
