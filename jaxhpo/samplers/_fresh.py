"""Sees to it that a batch proposes nothing twice while there is anything else to propose."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.backend import placed
from jaxhpo.cube import Layout
from jaxhpo.random_bits import mix
from jaxhpo.samplers._every import MOST, listed

_LISTED = 200_000  # finite spaces up to this size are listed to find what is left
_TRIES = 20
_BLOCK = 1024  # points of a sequence that are drawn together


def finite(layout: Layout) -> bool:
    """Whether equal points are equal configurations, of which there is an end.

    Not so where a grid is so fine that the layout calls it continuous.
    """
    return layout.size is not None and bool((layout.levels > 0).all())


def within(layout: Layout, first: int, n: int) -> None:
    """Raises a ValueError if there are not so many configurations."""
    if finite(layout) and first + n > (layout.size or 0):
        raise ValueError(
            f"ask(first={first}, n={n}): the space has only {layout.size} configurations, each of "
            "which is proposed once; ask for fewer, see Sampler.size"
        )


def among(points: Array, others: Array, valid: Array) -> Array:
    """bool [c], whether each point equals one of the valid others.

    Hashes are compared: two in 2^32 unequal points pass for equal, and one candidate of many is
    then left out.
    """
    mine, theirs = hashed(points), hashed(others)
    return ((mine[:, None] == theirs[None]) & valid[None]).any(axis=1)


def repaired(
    layout: Layout, points: np.ndarray, told: np.ndarray, pending: np.ndarray, key: Array
) -> tuple[np.ndarray, np.ndarray]:
    """`points`, with those replaced that are pending, or stand in the batch already, or in a finite
    space were told already. What takes their place is drawn at random from what is left; if nothing
    is left they stay. The key is consumed.

    Args:
        points [n, d], told [m, d], pending [p, d]: snapped, float32.

    Returns:
        float32 [n, d], the points; bool [n], which of them were replaced.
    """
    past = [pending, told] if finite(layout) else [pending]
    seen = {row.tobytes() for rows in past for row in np.ascontiguousarray(rows, np.float32)}
    again = []
    for i, row in enumerate(points):
        if row.tobytes() in seen:
            again.append(i)
        seen.add(row.tobytes())
    replaced = np.zeros(len(points), bool)
    if again:
        fresh = _fresh(layout, seen, len(again), key)
        points = points.copy()
        points[again[: len(fresh)]] = fresh
        replaced[again[: len(fresh)]] = True
    return points, replaced


class Distinct:
    """The points of a sequence without those that came before in it. In a finite space, every
    configuration comes in the end: what the sequence does not reach in four times as many draws as
    there are configurations follows in random order.

    What was drawn for one batch is kept for the next one of the same key. The result is a function
    of the arguments all the same.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._limit = 1 << (4 * (layout.size or 1) - 1).bit_length()
        self._asking = threading.Lock()  # of several threads one extends what is kept
        self._begin(b"")

    def _begin(self, words: bytes) -> None:
        self._words, self._drawn = words, 0
        self._found: dict[bytes, np.ndarray] = {}  # in the order in which they came

    def __call__(self, draw: Callable[[int, int], Array], first: int, n: int, key: Array) -> Array:
        """float32 [n, d]: points `first` to ``first + n - 1``.

        Args:
            draw: ``(start, length) -> points [length, d]``, so many of a sequence, snapped.
            key: consumed, where a random order is needed. Of another sequence it is another one.

        Raises:
            ValueError: if the space has fewer than first + n configurations.
        """
        within(self._layout, first, n)
        with self._asking:
            rows = self._rows(draw, first + n, np.asarray(jax.random.key_data(key)))[first:]
        return placed(np.array(rows, np.float32).reshape(n, self._layout.d))

    def _rows(
        self, draw: Callable[[int, int], Array], end: int, words: np.ndarray
    ) -> list[np.ndarray]:
        """The first so many, each [d]. `words`: of the key."""
        if self._words != words.tobytes():
            self._begin(words.tobytes())
        found, block = self._found, min(_BLOCK, self._limit)
        while len(found) < end and self._drawn < self._limit:
            for row in np.ascontiguousarray(draw(self._drawn, block), np.float32):
                found.setdefault(row.tobytes(), row)
            self._drawn += block
        if len(found) < end:
            left = [row for row in listed(self._layout) if row.tobytes() not in found]
            for place in np.random.default_rng(words.tolist()).permutation(len(left)):
                found[left[place].tobytes()] = left[place]
        return list(itertools.islice(found.values(), end))


def unlike(layout: Layout, points: Array, pending: Array, key: Array) -> Array:
    """`points` [n, d], none of them twice and none pending: see `repaired`. Where a continuous
    parameter is always active that is so anyway. The key is consumed."""
    children = {condition.child for condition in layout.conditions}
    fine = {column for column, _ in layout.nearest}
    if any(c not in children | fine for c in np.flatnonzero(layout.levels == 0)):
        return points
    waiting = np.asarray(pending, np.float32).reshape(len(pending), layout.d)
    settled = layout.settled(np.asarray(points))
    return placed(repaired(layout, settled, waiting[:0], waiting, key)[0])


def _fresh(layout: Layout, seen: set[bytes], count: int, key: Array) -> np.ndarray:
    """float32 [at most count, d], points not in `seen`, each once."""
    few = finite(layout) and (layout.size or 0) <= _LISTED
    found: list[np.ndarray] = []
    for i in range(0 if few else _TRIES):
        draws = jax.random.uniform(jax.random.fold_in(key, i), (2 * count, layout.d))
        for row in layout.settled(np.asarray(layout.snap(draws))):
            if row.tobytes() not in seen and len(found) < count:
                seen.add(row.tobytes())
                found.append(row)
    if len(found) < count and finite(layout) and (layout.size or 0) <= MOST:
        every = listed(layout)
        left = np.flatnonzero([row.tobytes() not in seen for row in every])
        words = np.asarray(jax.random.key_data(key)).tolist()
        order = np.random.default_rng(words).permutation(left)
        found += list(every[order[: count - len(found)]])
    return np.array(found, np.float32).reshape(-1, layout.d)


def hashed(points: Array) -> Array:
    """uint32 [c], of the bits of each point [c, d]."""
    bits = jax.lax.bitcast_convert_type(points, jnp.uint32)
    found = jnp.zeros(points.shape[0], jnp.uint32)
    for column in range(points.shape[1]):
        found = mix(found ^ bits[:, column])
    return found
