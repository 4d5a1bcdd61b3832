"""Points that no other beats in every respect: fronts, and the volume that they dominate.

On the host, in NumPy, for any number of objectives; lower is better. The sampler has a rule of its
own, inside its program (`jaxhpo.samplers._fronts`).
"""

from __future__ import annotations

import numpy as np

_BRUTE = 1 << 16  # pairs that are simply compared


def front(values: np.ndarray) -> np.ndarray:
    """bool [n], which rows of `values` [n, k] no other row dominates.

    A row dominates another if it is nowhere higher and somewhere lower: equal rows do not dominate
    each other. A row with a NaN is in no front, and dominates nothing.

    By halves, as Kung, Luccio and Preparata 1975, "On Finding the Maxima of a Set of Vectors",
    section 3; n log(n)^(k - 1) comparisons, also where all rows are in the front.
    """
    values = np.asarray(values, float)
    sound = ~np.isnan(values).any(axis=1)
    found = np.zeros(len(values), bool)
    if sound.any():
        rows, inverse = np.unique(values[sound], axis=0, return_inverse=True)
        found[sound] = _kept(rows)[inverse.reshape(-1)]
    return found


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """The volume that the rows of `values` [n, k] dominate, up to `reference` [k].

    Rows that are not below the reference everywhere add nothing. By slices along the last
    objective (While, Hingston, Barone and Huband 2006, "A Faster Algorithm for Calculating
    Hypervolume", section III): quick for two and three objectives, and for fronts of some hundred
    points in four.
    """
    values, reference = np.asarray(values, float), np.asarray(reference, float)
    inside = (values < reference).all(axis=1)
    values = values[inside]
    return _volume(values[front(values)], reference)


def _kept(rows: np.ndarray) -> np.ndarray:
    """bool [n], the front of different rows in lexicographic order."""
    n, k = rows.shape
    if k == 1:
        return np.arange(n) == 0
    if k == 2:
        before = np.minimum.accumulate(np.concatenate([[np.inf], rows[:-1, 1]]))
        return (rows[:, 1] < before) | (np.arange(n) == 0)
    if n * n <= _BRUTE:
        return ~_covered(rows, rows, other=True)
    half = n // 2
    first, second = _kept(rows[:half]), _kept(rows[half:])
    left, right = rows[:half][first], rows[half:][second]
    # What comes earlier is nowhere higher in the first column, so that it need not be looked at.
    second[second] = ~_covers(left[:, 1:], right[:, 1:])
    return np.concatenate([first, second])


def _covers(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """bool [m], for which rows of `right` there is one of `left` that is nowhere higher."""
    if not len(left) or not len(right):
        return np.zeros(len(right), bool)
    if left.shape[1] == 1:
        return right[:, 0] >= left.min()
    if left.shape[1] == 2:
        order = np.argsort(left[:, 0], kind="stable")
        least = np.minimum.accumulate(left[order, 1])
        place = np.searchsorted(left[order, 0], right[:, 0], side="right")
        return (place > 0) & (least[np.maximum(place, 1) - 1] <= right[:, 1])
    if len(left) * len(right) <= _BRUTE:
        return _covered(left, right)
    both = np.concatenate([left[:, 0], right[:, 0]])
    middle = np.partition(both, (len(both) - 1) // 2)[(len(both) - 1) // 2]
    low, below = left[:, 0] <= middle, right[:, 0] <= middle
    if low.all() and below.all():  # many equal values: split off those
        low, below = left[:, 0] < middle, right[:, 0] < middle
        if not low.any() and not below.any():
            return _covers(left[:, 1:], right[:, 1:])
    found = np.zeros(len(right), bool)
    found[below] = _covers(left[low], right[below])
    found[~below] = _covers(left[low][:, 1:], right[~below][:, 1:])
    rest = np.flatnonzero(~below)[~found[~below]]
    found[rest] = _covers(left[~low], right[rest])
    return found


def _covered(left: np.ndarray, right: np.ndarray, *, other: bool = False) -> np.ndarray:
    """`_covers` by comparing all pairs. other: but none with itself."""
    pairs = np.ones((len(left), len(right)), bool)
    for a, b in zip(left.T, right.T, strict=True):
        pairs &= a[:, None] <= b[None]
    if other:
        np.fill_diagonal(pairs, val=False)
    return np.any(pairs, axis=0)


def _volume(rows: np.ndarray, reference: np.ndarray) -> float:
    """Of rows that are in a front and below the reference."""
    if not len(rows):
        return 0.0
    if rows.shape[1] == 1:
        return float(reference[0] - rows.min())
    if rows.shape[1] == 2:
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        heights = np.minimum.accumulate(rows[:, 1])
        widths = np.diff(np.append(rows[:, 0], reference[0]))
        return float((widths * (reference[1] - heights)).sum())
    rows = rows[np.argsort(rows[:, -1], kind="stable")]
    thickness = np.diff(np.append(rows[:, -1], reference[-1]))
    total, slice_ = 0.0, np.zeros((0, rows.shape[1] - 1))
    for row, thick in zip(rows, thickness, strict=True):
        slice_ = slice_[~(slice_ >= row[:-1]).all(axis=1)]
        slice_ = np.concatenate([slice_, row[None, :-1]])
        if thick > 0:
            total += thick * _volume(slice_, reference[:-1])
    return float(total)
