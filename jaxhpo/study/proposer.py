"""Proposes trials in blocks, each knowing the results of exactly the trials that it may know.

This is what makes a parallel study reproducible. Trials are numbered in the order of proposal and
proposed in blocks of `batch`. The block whose first number is F knows the results of the trials
below ``known(F) = max(0, F - lookahead)``, all of them and no others, whatever happens to have
ended by then; those from there to F - 1 it knows as pending points. So a proposal depends on the
study's seed and numbers alone: not on lanes, devices, timing or interruptions. `lookahead` is how
many trials can be in training while the next block is chosen: more keeps more lanes at work, less
lets the sampler know more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.backend import placed
from jaxhpo.contracts import Sampler
from jaxhpo.goals import Goals
from jaxhpo.samplers._fresh import finite, repaired
from jaxhpo.space import Space
from jaxhpo.study.grades import Grades
from jaxhpo.study.warm_start import Prior
from jaxhpo.trial import Phase, Trial

_ORDER = 2**31 - 1  # the stream for what takes the place of a configuration that was given


class Proposer:
    """Makes the next block of trials from those that are there.

    Args:
        space: what is searched.
        sampler: chooses points.
        key: the sampler's; typed.
        batch: trials a block. lookahead: see the module.
        gated: whether results matter (to the sampler or the scheduler), so that blocks wait.
        given: configurations that become the first trials.
        budget: ``(config with every parameter) -> units``.
        losses: a trial's curve, where trials may be stopped (see `jaxhpo.study.grades`).
        prior: what the sampler is told before the first trial.
        goals: what the sampler is told of; by default the loss alone.

    Attributes:
        state: the sampler's, after what it was told.
        says: what the sampler says of how it made the last block, if it says anything.
    """

    def __init__(
        self,
        space: Space,
        sampler: Sampler,
        key: jax.Array,
        *,
        batch: int,
        lookahead: int,
        gated: bool,
        given: Sequence[Mapping[str, Any]],
        budget: Callable[[Mapping[str, Any]], int],
        losses: Callable[[Trial], np.ndarray | None] | None = None,
        prior: Prior | None = None,
        goals: Goals | None = None,
    ) -> None:
        self.space = space
        self.sampler = sampler
        self.batch = batch
        self.lookahead = lookahead
        self.gated = gated
        self._given = space.encode(given) if given else np.zeros((0, len(space)), np.float32)
        # Of a finite space, those of them that the sampler would come to as well.
        every = finite(space.layout) and sampler.size == space.layout.size
        self._anyway = len(np.unique(self._given, axis=0)) if every and given else 0
        self._order = jax.random.fold_in(key, _ORDER)
        self._budget = budget
        self._goals = goals
        self.state = sampler.init(key)
        if prior is not None and sampler.adaptive:
            self.state = sampler.tell(self.state, *map(placed, prior.told))
        self.says: str | None = None
        self._grades = None if losses is None else Grades(losses)
        self._told = 0

    @property
    def size(self) -> int | None:
        """How many trials there can be, or None if there is no end to them."""
        if self.sampler.size is None:
            return None
        return self.sampler.size + len(self._given) - self._anyway

    def next(self, trials: Sequence[Trial], wanted: int) -> list[Trial]:
        """The trials that follow `trials`, up to number ``wanted - 1`` and the end of the block.

        Empty if there are none, or if what the block must know has not ended yet.
        """
        number = len(trials)
        end = wanted if self.size is None else min(wanted, self.size)
        if number >= end:
            return []
        given = len(self._given)
        if number < given:
            points = self._given[number:end]
            return self._trials(number, points, [Phase.GIVEN] * len(points), 0)
        start = given + (number - given) // self.batch * self.batch
        known = max(0, start - self.lookahead) if self.gated else 0
        if not all(trial.status.ended for trial in trials[self._told : known]):
            return []
        self._tell(trials[self._told : known])
        # A whole block is proposed even where the study ends within it, so that a study that is
        # continued with more trials proposes what it would have proposed at once.
        n = self.batch if self.size is None else min(self.batch, self.size - start)
        pending = self._pending(trials[known:start])
        if self.sampler.says is not None:
            self.says = self.sampler.says(self.state, start - given, n)
        proposal = self.sampler.ask(self.state, start - given, pending, n)
        points, model = np.asarray(proposal.points), np.asarray(proposal.model)
        if self._anyway:
            tried = np.asarray(self._pending(trials[:start]))
            key = jax.random.fold_in(self._order, start)
            points, other = repaired(self.space.layout, points, tried, tried[:0], key)
            model = model & ~other
        phases = [Phase.MODEL if m else Phase.EXPLORE for m in model]
        part = slice(number - start, end - start)
        return self._trials(number, points[part], phases[part], known)

    def knowing(self, trials: Sequence[Trial]) -> Any:
        """The sampler's state as it is when it has been told of all `trials`. Changes nothing."""
        return self._after(
            trials[self._told :], None if self._grades is None else self._grades.copy()
        )

    def _tell(self, trials: Sequence[Trial]) -> None:
        self._told += len(trials)
        self.state = self._after(trials, self._grades)

    def _after(self, trials: Sequence[Trial], grades: Grades | None) -> Any:
        if not trials or not self.sampler.adaptive:
            return self.state
        losses = [np.nan if t.loss is None else t.loss for t in trials]
        if grades is not None:
            losses = grades.add(trials)
        points, goals = self._points(trials), self._goals
        valid = np.array([t.status.scored for t in trials])
        if goals is None or goals.plain:
            args = (points, placed(losses, jnp.float32), placed(valid))
            return self.sampler.tell(self.state, *args)
        table = goals.losses(trials)
        table[:, 0] = losses
        valid = placed(valid & np.isfinite(table).all(axis=1))
        args = (points, placed(table, jnp.float32), valid)
        if not goals.constraints:
            return self.sampler.tell(self.state, *args)
        broken = placed(goals.violations(trials), jnp.float32)
        return self.sampler.tell(self.state, *args, broken)

    def _pending(self, trials: Sequence[Trial]) -> jax.Array:
        """The points of trials as they were proposed, whatever a scheduler has made of them."""
        return self._points(
            [
                dataclasses.replace(t, point=self.space.encode([t.history[0]["config"]])[0])
                if t.history
                else t
                for t in trials
            ]
        )

    def _points(self, trials: Sequence[Trial]) -> jax.Array:
        points = [trial.point for trial in trials]
        return placed(np.array(points, np.float32).reshape(len(trials), len(self.space)))

    def _trials(
        self, first: int, points: np.ndarray, phases: Sequence[Phase], known: int
    ) -> list[Trial]:
        configs = self.space.decode(points)
        # The sampler is told the point that was trained, which on a very fine grid is not quite the
        # one that it asked for.
        points = self.space.encode(configs)
        return [
            Trial(
                number=first + i,
                config=config,
                point=np.asarray(point, np.float32),
                phase=phase,
                known=known,
                budget=self._checked(config),
            )
            for i, (config, point, phase) in enumerate(zip(configs, points, phases, strict=True))
        ]

    def _checked(self, config: Mapping[str, Any]) -> int:
        budget = self._budget(config)
        if isinstance(budget, bool) or int(budget) != budget or budget < 1:
            raise ValueError(
                f"the task's budget(hp) must be a whole number of units, at least 1, got "
                f"{budget!r} for {dict(config)}"
            )
        return int(budget)
