"""What a study tells those who watch it: a snapshot after every tick, an outcome at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from jaxhpo.trial import Status, Trial


class StudyFailed(RuntimeError):
    """Every one of a study's first trials failed, so that going on would only fail more of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Where a study stands.

    Attributes:
        trials: how many are asked for. counts: how many stand where (every status has an entry).
        best: the best complete trial so far, or None.
        objective: the metric that is searched on. maximize: whether more of it is better.
        useful: share of the lane-units since the start of this run that trained a live trial, 0-1.
        units_per_second: units trained by live trials. steps_per_second: optimizer steps likewise,
            None where the task does not tell.
        elapsed: seconds since the start of this run. remaining: an estimate, or None.
        cohorts: programs so far. lanes: places for trials now.
        picked: from which trial on a sampler that picks among several uses which, and why.
        front: with several objectives, how many complete trials no other beats; else None.
        feasible: how many complete trials keep the constraints; None where there are none.
    """

    trials: int
    counts: Mapping[Status, int]
    best: Trial | None
    objective: str
    maximize: bool
    useful: float
    units_per_second: float
    steps_per_second: float | None
    elapsed: float
    remaining: float | None
    cohorts: int
    lanes: int
    picked: tuple[tuple[int, str], ...] = ()
    front: int | None = None
    feasible: int | None = None

    @property
    def ended(self) -> int:
        """How many trials have ended, in whatever way."""
        return sum(count for status, count in self.counts.items() if status.ended)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run of a study ended.

    Attributes:
        ended: "complete", "interrupted" (asked to stop; the same study goes on from here) or
            "exhausted" (the space or the grid has no more configurations).
        message: the same in words. trials: how many have ended.
    """

    ended: str
    message: str
    trials: int
