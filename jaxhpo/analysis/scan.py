"""What a forest predicts at points that differ in a column or two from others.

A tree looks at few of many parameters, so most of such points it predicts alike: it is asked only
where it looks. The numbers are those of `Forest.predict` at all points, to the last bit, as trees
are added in the same order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxhpo.analysis.forest import Forest
from jaxhpo.analysis.sobol import Design

_TOGETHER = 32  # columns, up to which all points of a tree are put together


def at_design(grown: Forest, made: Design) -> np.ndarray:
    """float64 [points], the prediction at `made.points`."""
    a, b = (np.ascontiguousarray(x, dtype=np.float32) for x in (made.a, made.b))
    total = np.zeros((2 + len(made.columns), len(a)))
    for tree in grown.trees:
        looks = _looks(tree)
        here = tree.predict(a)[:, 0]
        total[0] += here
        total[1] += tree.predict(b)[:, 0]
        part = np.repeat(here[None], len(made.columns), axis=0)
        hit = [k for k, columns in enumerate(made.columns) if not looks.isdisjoint(columns)]
        if hit:
            part[hit] = _mixed(tree, a, b, [made.columns[k] for k in hit])
        total[2:] += part
    return (total / len(grown.trees)).reshape(-1)


def _mixed(tree: Any, a: np.ndarray, b: np.ndarray, columns: list[tuple[int, ...]]) -> np.ndarray:
    """float64 [k, m], at a [m, d] with some columns of b in turn."""
    if a.shape[1] <= _TOGETHER:
        points = np.repeat(a[None], len(columns), axis=0)
        for block, some in zip(points, columns, strict=True):
            block[:, some] = b[:, some]
        return tree.predict(points.reshape(-1, a.shape[1]))[:, 0].reshape(len(columns), -1)
    found, points = np.empty((len(columns), len(a))), a.copy()
    for k, some in enumerate(columns):
        points[:, some] = b[:, some]
        found[k] = tree.predict(points)[:, 0]
        points[:, some] = a[:, some]
    return found


def _looks(tree: Any) -> set[int]:
    """The columns that a tree splits by; leaves have a number below nought."""
    return {int(column) for column in tree.feature if column >= 0}


class Along:
    """Predictions at rows [m, d], along one column after another."""

    def __init__(self, grown: Forest, rows: np.ndarray) -> None:
        self.rows = np.ascontiguousarray(rows, dtype=np.float32)
        self.trees = [(tree, _looks(tree), tree.predict(self.rows)[:, 0]) for tree in grown.trees]

    def __call__(self, column: int, values: np.ndarray) -> np.ndarray:
        """float64 [g, m], with the column set to each of the values [g]."""
        m, d = self.rows.shape
        total, points = np.zeros((len(values), m)), None
        for tree, looks, here in self.trees:
            if column not in looks:
                total += here
                continue
            if points is None:
                points = np.repeat(self.rows[None], len(values), axis=0)
                points[:, :, column] = values[:, None]
            total += tree.predict(points.reshape(-1, d))[:, 0].reshape(len(values), m)
        return total / len(self.trees)
