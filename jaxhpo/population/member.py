"""A member of a population, and what a tick did to it: plain values, on the host."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """What is to be trained in one lane.

    Attributes:
        number: decides every random draw. Where R replicates train a trial, members ``R * trial``
            to ``R * trial + R - 1`` are those of that trial.
        hp: all hyperparameters.
        budget: units to train in all.
        until: units after which it pauses, if fewer; None: it does not pause.
        limits: float32 [<= budget], what its loss may be at most after each unit, or None.
    """

    number: int
    hp: Mapping[str, Any]
    budget: int
    until: int | None = None
    limits: np.ndarray | None = None

    @property
    def end(self) -> int:
        """Units after which it leaves its lane or pauses."""
        return self.budget if self.until is None else min(self.until, self.budget)

    @property
    def pauses(self) -> bool:
        """Whether it is to go on after `end`."""
        return self.end < self.budget


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """What one tick did to one member.

    Attributes:
        number: the member.
        began: whether this tick put it into a lane, to train from its beginning.
        metrics: name to float32 [k], after each of the k units of this tick.
        over: whether it left its lane, having finished, diverged or gone over a limit.
        paused: whether it has trained for as long as it was to, and waits.
        diverged: whether its last unit is not to be trusted.
        seconds: its share of the tick's time.
        again: whether all it had done is lost and it begins again.
        error: why it could not be trained, or None.
    """

    number: int
    began: bool = False
    metrics: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    over: bool = False
    paused: bool = False
    diverged: bool = False
    seconds: float = 0.0
    again: bool = False
    error: str | None = None

    @property
    def units(self) -> int:
        """How many units it was trained."""
        return len(next(iter(self.metrics.values()), ()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tick:
    """What one tick of one tile did.

    Attributes:
        progress: one entry a member that was trained.
        waiting: members it was offered and had no lane for.
        units: units the tile trained. lane_units: times W. useful: of those with a live member.
        steps: optimizer steps of live members (0 where the task does not tell).
        started, seconds: POSIX time at which it began, and how long it took.
        compiled: whether the time holds a compilation.
    """

    progress: Sequence[Progress]
    waiting: Sequence[Member] = ()
    units: int = 0
    lane_units: int = 0
    useful: int = 0
    steps: float = 0.0
    started: float
    seconds: float
    compiled: bool = False
