"""What a tile holds on the device, and how lanes are copied from one tile to another."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

FREE = -1  # the number in a lane that holds no member
OUTBOX = 64  # most units a tile trains before the host hears of them


class Lanes(NamedTuple):
    """A tile on the device, W lanes.

    number: int32 [W], the member in the lane, or `FREE`, or ``paused(number)``.
    unit: int32 [W], units trained so far.
    until: int32 [W], units after which the member leaves the lane, or pauses in it.
    pause: bool [W], which of the two.
    best: float32 [W], the lowest loss so far.
    hp: name to [W], the traced hyperparameters.
    state: the task's state, every leaf [W, ...].
    """

    number: Array
    unit: Array
    until: Array
    pause: Array
    best: Array
    hp: dict[str, Array]
    state: Any


class Inbox(NamedTuple):
    """Members waiting for a lane, Q places of which the first `count` are filled.

    limits: float32 [Q, V], what a member's loss may be at most after its first V units (V is 0
        where nobody is stopped so).
    """

    count: Array
    number: Array
    until: Array
    pause: Array
    limits: Array
    hp: dict[str, Array]


class Outbox(NamedTuple):
    """What a tile did: U rows of which the first `units` are filled.

    units: int32, units trained. taken: int32, how many members left the inbox.
    number: int32 [U, W], who was trained. metrics: name to float32 [U, W], after the unit.
    diverged: bool [U, W], the objective was not finite or the state held a NaN.
    """

    units: Array
    taken: Array
    number: Array
    metrics: dict[str, Array]
    diverged: Array


class Copy(NamedTuple):
    """Which lanes go where, and as whom: up to W copies, all fields [W].

    take: the lane of the source. place: the lane of the target; out of range copies none.
    The rest replaces what the copied lane held.
    """

    take: Array
    place: Array
    number: Array
    until: Array
    pause: Array
    hp: dict[str, Array]


def paused(number: Any) -> Any:
    """How a lane holds a member that waits in it; its own inverse."""
    return -2 - number


def copied(to: Lanes, source: Lanes, copy: Copy, drop: Array) -> Lanes:
    """`to` after freeing the lanes in `drop` [W] and copying lanes of `source` into it."""
    to = to._replace(number=jnp.where(drop, FREE, to.number))
    rows = jax.tree.map(lambda leaf: leaf[copy.take], source)
    rows = rows._replace(number=copy.number, until=copy.until, pause=copy.pause, hp=copy.hp)
    return jax.tree.map(lambda old, new: old.at[copy.place].set(new, mode="drop"), to, rows)
