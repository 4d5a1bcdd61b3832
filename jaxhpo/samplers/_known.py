"""What `gp` is given of a history: which trials, in how many places, with which values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from jaxhpo.backend import placed
from jaxhpo.samplers._history import History
from jaxhpo.samplers._posterior import Known
from jaxhpo.samplers._sizes import SMALLEST_BLOCK, padded, room

_GROWTH = 4  # how much more places there are when they are full
_REMEMBERED = 8
T = TypeVar("T")


def known(state: History, words: Sequence[int], *, clip: float, most: int, few: int) -> Known:
    """What the posterior is given: at most `most` trials, the best half and others at random by
    `words`, in `few` places or more."""
    n = len(state.losses)
    kept = best_and_others(state.losses, most, np.random.default_rng(words))
    places = _places(len(kept), few, most)
    found = (
        padded(state.points[kept], places),
        padded(standardised(state.losses, clip)[kept], places),
        np.int32(len(kept)),
        padded(state.points, room(n, places)),
        np.int32(n),
    )
    return Known(*map(placed, found))


def _places(n: int, few: int, most: int) -> int:
    """Room for n trials, of at most so many. The program is compiled for few sizes, as that takes
    seconds, and in small ones for little more than it needs, as its cost grows with the cube."""
    places = few
    while places < n:
        places *= _GROWTH
    return min(places, room(most, SMALLEST_BLOCK))


def standardised(losses: np.ndarray, clip: float) -> np.ndarray:
    """float32 [n], of mean 0 and variance 1: clipped from above, what has no loss at the top.

    All zero if all are equal.
    """
    y = losses.astype(np.float64)
    sound = np.isfinite(y)
    if not sound.any():
        return np.zeros(len(y), np.float32)
    least, middle = y[sound].min(), np.median(y[sound])
    top = middle + clip * (middle - least) if middle > least else y[sound].max()
    y = np.where(sound, np.minimum(y, top), min(top, y[sound].max()))
    y -= y.mean()
    spread = y.std()
    # Differences in the last digits of the losses are no signal.
    if spread <= 1e-6 * max(abs(least), abs(top)) or spread == 0.0:
        return np.zeros(len(y), np.float32)
    return (y / spread).astype(np.float32)


def best_and_others(losses: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """int [at most `most`], increasing: the best half and, of the others, some at random."""
    if len(losses) <= most:
        return np.arange(len(losses))
    order = np.argsort(losses, kind="stable")
    others = rng.choice(order[most // 2 :], most - most // 2, replace=False)
    return np.sort(np.concatenate([order[: most // 2], others]))


class Remembered:
    """The last few results of a function, by name: what is asked for again costs nothing, and is
    what the function would give."""

    def __init__(self) -> None:
        self._kept: OrderedDict = OrderedDict()

    def of(self, name: object, make: Callable[[], T]) -> T:
        """The result of `make` that goes by this name."""
        if name not in self._kept:
            self._kept[name] = make()
        self._kept.move_to_end(name)
        while len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return self._kept[name]
