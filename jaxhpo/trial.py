"""The trial record: what a study knows of one configuration, from its proposal to its end.

A record is plain data. The study writes it, the store keeps it, and the analysis reads it; none of
them needs another part of the house to understand it.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

import numpy as np


class Status(enum.StrEnum):
    """Where a trial stands.

    ``WAITING``  proposed, holds no lane.
    ``RUNNING``  in a lane of a population.
    ``COMPLETE`` trained for its whole budget.
    ``STOPPED``  ended early by the scheduler; its loss is what it had reached.
    ``DIVERGED`` its objective or its state stopped being finite; it has no loss.
    ``FAILED``   could not be trained (its program raised an error); it has no loss.
    """

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the trial."""
        return self not in (Status.WAITING, Status.RUNNING)

    @property
    def scored(self) -> bool:
        """Whether the trial has a loss that may be compared."""
        return self in (Status.COMPLETE, Status.STOPPED)


class Phase(enum.StrEnum):
    """How a trial's configuration was chosen, which decides what may be tested on it.

    ``EXPLORE`` drawn without looking at any result (random, Sobol, grid, a sampler's start-up).
    ``MODEL``   chosen by a sampler that had seen results: samples are not independent.
    ``GIVEN``   named by the user.
    """

    EXPLORE = "explore"
    MODEL = "model"
    GIVEN = "given"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of a study.

    Attributes:
        number: 0, 1, 2, ... in the order of proposal. With the study's seed it decides every random
            draw of the trial.
        config: parameter name to value, *active parameters and constants only*.
        point: float32 [d], the configuration in the unit cube (`jaxhpo.cube.Layout`); an inactive
            parameter's coordinate is 0.5.
        phase: how the configuration was chosen.
        known: the proposal was made knowing the results of exactly the trials numbered below this.
        budget: units of resource (epochs, say) the trial may train for, at least 1.
        status: see `Status`.
        units: units trained; at most `budget`.
        loss: the objective after the last unit, lower is better (a maximised metric is negated);
            None unless `status.scored`.
        metrics: every metric after the last unit, as the task reports it (not negated).
        curves: metric name to float32 [units], one value a unit.
        attempts: how often training was begun (more than once after an interruption).
        started, finished: POSIX time in seconds, of entering and leaving a lane.
        seconds: the trial's share of the time that its population computed for.
        error: what went wrong, for a failed trial.
        replicates: where several members train the trial (other seeds, or folds): the last loss of
            each. `loss`, `metrics` and `curves` are then their means.
        history: what a scheduler changed while the trial was in training, each a mapping: after
            which `unit`, from the state of which trial (`source`), and the `config` until then.
    """

    number: int
    config: Mapping[str, Any]
    point: np.ndarray
    phase: Phase
    known: int
    budget: int
    status: Status = Status.WAITING
    units: int = 0
    loss: float | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    curves: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    attempts: int = 0
    started: float | None = None
    finished: float | None = None
    seconds: float | None = None
    error: str | None = None
    replicates: tuple[float, ...] = ()
    history: tuple[Mapping[str, Any], ...] = ()
