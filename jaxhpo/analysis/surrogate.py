"""What predicts the objective from the parameters of one branch, how well, and how surely.

A forest on the branch's trials, and copies of it on bootstrap samples of the configurations, which
everything that is computed from the forest takes its intervals from. Where the forest predicts
trials that it has not seen too badly (R2 below 0.3), nothing is read from it.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from jaxhpo.analysis import forest
from jaxhpo.analysis.association import FEWEST
from jaxhpo.analysis.branches import Branch
from jaxhpo.analysis.estimate import deviation
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import Sample, snapped

LEAST_R2 = 0.3
SMALL = 10  # trees of a forest that is one of many
_RESAMPLED = 500  # trials that each of those is grown on, at most
_OUTLIER = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quality:
    """How far a surrogate may be trusted.

    Attributes:
        branch: which trials, in words. basis: "independent" (trials chosen without looking at
            results) or "every".
        n: trials of that kind. configurations: different ones among them. used: trials drawn of
            them to grow the forest on.
        clipped: trials whose loss was far worse than the others' (above median + 5 (median - best))
            and was taken to be just that.
        r2: of trials that the forest has not seen; None where there is no forest.
        reason: why nothing is read from it, or "".
    """

    branch: str
    basis: str
    n: int
    configurations: int
    used: int
    clipped: int
    r2: float | None
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Surrogate:
    """The forest of a branch.

    Attributes:
        branch, quality: see there. names: the d parameters that it looks at, those of one value
            left out.
        x: float32 [n, d]; y: float64 [n], the loss in standard deviations from its mean, clipped;
            group: int [n].
        folds: forests on four fifths of the configurations each, and what they have not seen;
            empty where there is no forest.
        center, scale: loss = center + scale y.
    """

    branch: Branch
    quality: Quality
    names: tuple[str, ...]
    sample: Sample
    x: np.ndarray
    y: np.ndarray
    group: np.ndarray
    folds: tuple[forest.Fold, ...]
    center: float
    scale: float
    options: Options

    @property
    def trusted(self) -> bool:
        """Whether anything may be read from it."""
        return not self.quality.reason

    @functools.cached_property
    def whole(self) -> forest.Forest:
        """The forest."""
        return forest.grow(self.x, self.y, self.group, self._rng(0))

    @functools.cached_property
    def copies(self) -> tuple[forest.Forest, ...]:
        """Small forests, each on a bootstrap sample of the configurations."""
        found, rng = [], self._rng(1)
        for _ in range(self.options.resamples):
            rows = self.resampled(rng)
            x, y, group = self.x[rows], self.y[rows], self.group[rows]
            found.append(forest.grow(x, y, group, rng, trees=SMALL))
        return tuple(found)

    def resampled(self, rng: np.random.Generator) -> np.ndarray:
        """int [m], the rows of a bootstrap sample of configurations."""
        few = self.few(rng)
        return np.repeat(few, forest.drawn(self.group[few], rng).astype(int))

    def few(self, rng: np.random.Generator) -> np.ndarray:
        """int [m], all rows, or as many as a small forest is grown on."""
        n = len(self.y)
        return np.arange(n) if n <= _RESAMPLED else rng.choice(n, _RESAMPLED, replace=False)

    def place(self, uniform: np.ndarray) -> np.ndarray:
        """Uniform coordinates [m, d] as the search draws them in this branch, [m, d]."""
        layout, names = self.sample.layout, self.sample.names
        columns = [names.index(name) for name in self.names]
        full = np.full((len(uniform), len(names)), 0.5)
        full[:, columns] = uniform
        for at, column in enumerate(columns):
            edges = layout.edges[column]
            held = self._levels(names[column])
            if edges and held is not None:
                low, high = np.array(edges)[held], np.array(edges)[held + 1]
                full[:, column] = _within(uniform[:, at], low, high)
        return snapped(layout, full)[:, columns]

    def _levels(self, name: str) -> np.ndarray | None:
        """The levels of a parameter that the branch allows; None for all."""
        if name not in self.branch.when:
            return None
        return np.unique(self.sample.level(name)[self.branch.rows(self.sample)])

    def _rng(self, place: int) -> np.random.Generator:
        return np.random.default_rng([self.options.seed, 2, place])


def surrogate(sample: Sample, branch: Branch, basis: str, options: Options) -> Surrogate:
    """The surrogate of a branch, of "independent" or "every" trial."""
    inside = sample.at(branch.rows(sample) & (sample.free if basis == "independent" else True))
    rng = np.random.default_rng([options.seed, 3])
    n, configurations = len(inside), len(np.unique(inside.group))
    rows = np.arange(n)
    if n > options.most:
        rows = np.sort(rng.choice(n, options.most, replace=False))
    held = inside.at(rows)
    names = tuple(n for n in branch.names if _varies(held, n))
    x = np.ascontiguousarray(held.units[:, [held.column(name) for name in names]], dtype=np.float32)
    loss, clipped = _clipped(held.loss)
    center, scale = (float(loss.mean()), deviation(loss, ddof=0)) if n else (0.0, 0.0)
    y = (loss - center) / (scale or 1.0)
    reason = _reason(n, scale, names)
    r2, parts = None, ()
    if not reason:
        parts = forest.folds(x, y, held.group, rng)
        r2 = forest.held_out(parts, x, y)
        if r2 < LEAST_R2:
            reason = (
                f"the surrogate explains R2 = {r2:.2f} of trials that it has not seen; at least "
                f"{LEAST_R2} is needed to tell (n = {n})"
            )
    quality = Quality(
        branch=branch.label,
        basis=basis,
        n=n,
        configurations=configurations,
        used=len(held),
        clipped=clipped,
        r2=r2,
        reason=reason,
    )
    return Surrogate(
        branch=branch,
        quality=quality,
        names=names,
        sample=inside,
        x=x,
        y=y,
        group=held.group,
        folds=parts,
        center=center,
        scale=scale or 1.0,
        options=options,
    )


def _reason(n: int, scale: float, names: tuple[str, ...]) -> str:
    if not forest.available():
        return "scikit-learn is not installed; it comes with jaxhpo[report]"
    if n < FEWEST:
        return f"n = {n} trials; {FEWEST} are needed"
    if scale <= 0:
        return f"all n = {n} values of the objective are equal"
    return "" if names else f"every parameter has one value in all n = {n} trials"


def _varies(held: Sample, name: str) -> bool:
    values = held.units[:, held.column(name)]
    return len(values) > 0 and bool(np.nanmin(values) < np.nanmax(values))


def _clipped(loss: np.ndarray) -> tuple[np.ndarray, int]:
    if not len(loss):
        return loss, 0
    middle = float(np.median(loss))
    reach = middle - float(loss.min())
    if reach <= 0:
        return loss, 0
    worst = middle + _OUTLIER * reach
    return np.minimum(loss, worst), int((loss > worst).sum())


def _within(u: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Uniform numbers stretched over the intervals, in turn."""
    ends = np.concatenate([[0.0], np.cumsum(high - low)])
    at = u * ends[-1]
    which = np.clip(np.searchsorted(ends[1:], at, side="right"), 0, len(low) - 1)
    return np.minimum(low[which] + (at - ends[which]), np.nextafter(high[which], 0))
