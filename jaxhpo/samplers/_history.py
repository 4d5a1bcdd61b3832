"""What `tpe`, `gp`, `cmaes` and `auto` share: the history of what was told, the start-up design,
and the choice of a batch block by block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxhpo.backend import placed
from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.samplers._fresh import finite, repaired, within
from jaxhpo.samplers._sizes import SMALLEST_BLOCK, padded, room
from jaxhpo.samplers.sobol import sequence

TAKEN = 128  # places for points that are not to be proposed: the same for the first batch and later


class History(NamedTuple):
    """All that an adaptive sampler here knows."""

    key: Array
    points: np.ndarray  # float32 [n, d]
    losses: np.ndarray  # float32 [n] or [n, k], infinite where the trial has none
    violations: np.ndarray | None = None  # float32 [n, c], where there are constraints

    @property
    def single(self) -> bool:
        """Whether there is one objective and no constraint."""
        return self.losses.ndim == 1 and self.violations is None


def blank(layout: Layout, key: Array) -> History:
    """Nothing told yet. The key is kept."""
    return History(key, np.zeros((0, layout.d), np.float32), np.zeros(0, np.float32))


def told(
    state: History, points: Array, losses: Array, valid: Array, violations: Array | None = None
) -> History:
    """The history with more at its end; what is not valid, or not finite, has no loss.

    Args:
        losses: [m], or [m, k] of k objectives. violations: [m, c], 0 where a constraint is kept;
            what is no number counts as infinite.

    Raises:
        ValueError: if the number of objectives or constraints is not what it was.
    """
    new = np.asarray(losses, np.float32)
    new = new[:, 0] if new.ndim == 2 and new.shape[1] == 1 else new
    sound = np.isfinite(new) if new.ndim == 1 else np.isfinite(new).all(axis=1, keepdims=True)
    is_valid = np.asarray(valid).reshape(sound.shape)
    new = np.where(is_valid & sound, new, np.float32(np.inf))
    places = np.concatenate([state.points, np.asarray(points, np.float32)])
    broken = None if violations is None else np.asarray(violations, np.float32)
    if broken is not None:
        broken = np.where(np.isnan(broken), np.inf, np.maximum(broken, 0.0))
        broken = _followed(state, state.violations, broken, "violations")
    elif state.violations is not None:
        raise ValueError("tell(violations=...) must be given again: earlier trials had them")
    return History(state.key, places, _followed(state, state.losses, new, "losses"), broken)


def _followed(state: History, old: np.ndarray | None, new: np.ndarray, name: str) -> np.ndarray:
    if not len(state.points):
        return new
    if old is None or old.shape[1:] != new.shape[1:]:
        was = "none" if old is None else f"rows of shape {old.shape[1:]}"
        raise ValueError(
            f"tell({name}=...) must have as many columns in every call, got rows of shape "
            f"{new.shape[1:]} after {was}"
        )
    return np.concatenate([old, new])


def learner(
    layout: Layout, ask: Callable[[History, int, Array, int], Proposal], **more: Any
) -> Sampler:
    """A sampler that remembers all it was told. `more`: what else a `Sampler` has."""
    return Sampler(
        init=functools.partial(blank, layout),
        tell=told,
        ask=ask,
        adaptive=True,
        size=layout.size if finite(layout) else None,
        **more,
    )


def startup_default(layout: Layout) -> int:
    """How many points of a quasi-random start come first: 2 d, within 10 to 24."""
    return min(24, max(10, 2 * layout.d))


def proposed(
    layout: Layout,
    state: History,
    first: int,
    pending: Array,
    n: int,
    *,
    startup: int,
    block: int,
    choose: Callable[[Array, np.ndarray, int, int], Array | np.ndarray],
) -> Proposal:
    """A batch: of the start-up sequence until there are `startup` trials (those that were told of
    an earlier study count too), and as long as nothing is known; then as `choose` says, in blocks;
    then mended so that nothing comes twice.

    Args:
        pending: float [p, d], what is in training. block: the most that `choose` is asked for.
        choose: ``(key, taken [P, d], count, q) -> points [q, d]``. The first `count` rows of
            `taken` are pending, or chosen earlier in this batch. The key is consumed.

    Raises:
        ValueError: if the space has fewer than first + n configurations.
    """
    within(layout, first, n)
    start_key, model_key = jax.random.split(state.key)
    waiting = np.asarray(pending, np.float32).reshape(len(pending), layout.d)
    knows = bool(np.isfinite(state.losses).any())  # a row is finite, or infinite, as a whole
    early = max(0, min(n, startup - max(first, len(state.losses)))) if knows else n
    found = np.zeros((n, layout.d), np.float32)
    if early:
        found[:early] = sequence(layout, start_key, first, early)
    key = jax.random.fold_in(model_key, first)
    # The places and the block depend on p and n alone: the same for every block of a batch.
    places = room(len(waiting) + n, TAKEN)
    size = min(block, room(n, SMALLEST_BLOCK))
    for begin in range(early, n, size):
        taken = padded(np.concatenate([waiting, found[:begin]]), places)
        chosen = choose(jax.random.fold_in(key, begin), taken, len(waiting) + begin, size)
        found[begin : begin + size] = np.asarray(chosen)[: n - begin]
    fresh_key = jax.random.fold_in(key, n)
    found = layout.settled(found)
    points, fresh = repaired(layout, found, state.points, waiting, fresh_key)
    model = (np.arange(n) >= early) & ~fresh
    return Proposal(placed(points), placed(model))
