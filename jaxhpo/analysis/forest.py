"""Regression forests (Breiman 2001): what the objective is predicted with.

Trees of scikit-learn, with at least 3 trials in a leaf, on trials drawn with replacement, whole
configurations at a time, so that the replicates of one never stand on both sides. Settings after
Hutter, Hoos and Leyton-Brown 2014 (fANOVA). scikit-learn comes with ``jaxhpo[report]``.
"""

# scikit-learn has no types.
# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

TREES = 100
_LEAF = 3
_FOLDS = 5


class Forest(NamedTuple):
    """Trees that predict together, by their mean."""

    trees: tuple[Any, ...]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """float64 [m] at float32 [m, d]."""
        total = np.zeros(len(x))
        for tree in self.trees:
            total += tree.predict(x)[:, 0]
        return total / len(self.trees)


class Fold(NamedTuple):
    """number: of the fold. out: int [m], the trials that its forest has not seen."""

    number: int
    out: np.ndarray
    forest: Forest


def available() -> bool:
    """Whether scikit-learn is installed."""
    return importlib.util.find_spec("sklearn") is not None


def grow(
    x: np.ndarray,
    y: np.ndarray,
    group: np.ndarray,
    rng: np.random.Generator,
    *,
    trees: int = TREES,
) -> Forest:
    """A forest on trials x float32 [n, d], y [n]; `group` tells configurations apart, [n]."""
    from sklearn import config_context
    from sklearn.tree import DecisionTreeRegressor

    grown = []
    with config_context(skip_parameter_validation=True, assume_finite=True):
        for seed in rng.integers(2**31 - 1, size=trees):
            tree = DecisionTreeRegressor(min_samples_leaf=_LEAF, random_state=int(seed))
            weight = drawn(group, rng)
            tree.fit(x, y, sample_weight=weight, check_input=False)
            grown.append(tree.tree_)
    return Forest(trees=tuple(grown))


def drawn(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float64 [n], how often each trial is drawn when its configuration is, with replacement."""
    names, place = np.unique(group, return_inverse=True)
    counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
    return counts[place].astype(float)


def folds(
    x: np.ndarray, y: np.ndarray, group: np.ndarray, rng: np.random.Generator, *, trees: int = 50
) -> tuple[Fold, ...]:
    """Forests, each on four fifths of the configurations, with the trials of the last fifth."""
    names, place = np.unique(group, return_inverse=True)
    fold = (rng.permutation(len(names)) % _FOLDS)[place]
    found = []
    for k in range(_FOLDS):
        out = fold == k
        if out.any() and not out.all():
            forest = grow(x[~out], y[~out], group[~out], rng, trees=trees)
            found.append(Fold(k, np.flatnonzero(out), forest))
    return tuple(found)


def held_out(found: Sequence[Fold], x: np.ndarray, y: np.ndarray) -> float:
    """R2 on trials that the forests have not seen:

    1 - sum (y - predicted)^2 / sum (y - mean of the other folds)^2, below 0 where the mean alone
    predicts better.
    """
    missed = spread = 0.0
    for _, out, forest in found:
        others = np.delete(y, out)
        missed += float(((y[out] - forest.predict(x[out])) ** 2).sum())
        spread += float(((y[out] - others.mean()) ** 2).sum())
    return 1 - missed / spread if spread > 0 else 0.0
