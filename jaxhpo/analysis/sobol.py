"""Sobol's variance decomposition of a function over independent inputs.

The first-order index of an input is the share of the function's variance that it explains alone;
its total index, the share that would be lost without it, alone and with others; the index of a pair
beyond its two first-order ones, what they do only together. Estimators: Saltelli et al. 2010, table
2 (b) for the first order and pairs, (f), after Jansen 1999, for the total.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection

import numpy as np
from scipy import stats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """Points at which the function must be known.

    Attributes:
        a, b: float64 [m, d], two samples of the d inputs. pairs: which are looked at.
    """

    a: np.ndarray
    b: np.ndarray
    pairs: tuple[tuple[int, int], ...]

    @property
    def d(self) -> int:
        """How many inputs there are."""
        return self.a.shape[1]

    @property
    def columns(self) -> list[tuple[int, ...]]:
        """Of the blocks after the first two, the columns that are of b and not of a."""
        return [*((i,) for i in range(self.d)), *self.pairs]

    @property
    def points(self) -> np.ndarray:
        """float64 [(2 + d + pairs) m, d], in blocks of m: A, B, A with column i of B for each i,
        then A with two columns of B for each pair."""
        blocks = [self.a, self.b]
        for columns in self.columns:
            mixed = self.a.copy()
            mixed[:, columns] = self.b[:, columns]
            blocks.append(mixed)
        return np.concatenate(blocks)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Indices:
    """variance: of the function. first, total: float64 [d]. pairs: float64 [pairs], each beyond
    its first orders. All nought where the variance is."""

    variance: float
    first: np.ndarray
    total: np.ndarray
    pairs: np.ndarray


def design(
    d: int,
    m: int,
    seed: int,
    *,
    place: Callable[[np.ndarray], np.ndarray] = lambda u: u,
    among: Collection[int] = (),
) -> Design:
    """Scrambled Sobol points, m (a power of two) in each block; `place` maps uniform coordinates
    [m, d] to where the inputs lie. among: the inputs whose pairs are looked at."""
    both = stats.qmc.Sobol(2 * d, rng=np.random.default_rng(seed)).random(m)
    a, b = place(both[:, :d]), place(both[:, d:])
    return Design(a=a, b=b, pairs=tuple(itertools.combinations(sorted(among), 2)))


def indices(made: Design, values: np.ndarray) -> Indices:
    """From the function's values [points] at `made.points`."""
    blocks = values.reshape(2 + made.d + len(made.pairs), -1)
    blocks = blocks - blocks[:2].mean()
    a, b, single, double = blocks[0], blocks[1], blocks[2 : 2 + made.d], blocks[2 + made.d :]
    variance = float(np.concatenate([a, b]).var())
    if variance <= 0:
        nothing = np.zeros(made.d)
        return Indices(variance=0.0, first=nothing, total=nothing, pairs=np.zeros(len(made.pairs)))
    first = (b * (single - a)).mean(axis=1) / variance
    total = 0.5 * ((a - single) ** 2).mean(axis=1) / variance
    closed = (b * (double - a)).mean(axis=1) / variance if made.pairs else np.zeros(0)
    beyond = [c - first[i] - first[j] for c, (i, j) in zip(closed, made.pairs, strict=True)]
    return Indices(variance=variance, first=first, total=total, pairs=np.array(beyond, float))
