"""A study: the one loop in which sampler, population, scheduler and records meet.

    study = Study(task, trials=512, workdir="runs/digits")
    study.run()
    study.best

Everything recorded is a function of the study's identity (`jaxhpo.study.identity`) and the trial's
number, so a study may be killed at any moment and goes on from its records.
"""

from __future__ import annotations

import contextlib
import enum
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxhpo.backend import Device
from jaxhpo.contracts import Task
from jaxhpo.goals import goals
from jaxhpo.population.population import Population
from jaxhpo.store import environment
from jaxhpo.study import arguments, parts
from jaxhpo.study.basis import Stream, settled
from jaxhpo.study.confirm import Confirmation, best_trials, confirm
from jaxhpo.study.crowd import ManyPrograms, crowded
from jaxhpo.study.loop import Loop
from jaxhpo.study.rerun import Rerun, rerun
from jaxhpo.study.snapshot import Outcome, Snapshot
from jaxhpo.trial import Trial

if TYPE_CHECKING:
    import pandas as pd


class Left(enum.Enum):
    """What the last run of a study left: nothing that is in training; members at rest, which the
    next run goes on with; or, after an exception, no one knows what."""

    NOTHING = enum.auto()
    AT_REST = enum.auto()
    BROKEN = enum.auto()


class Study:
    """A search: a task, a budget of trials, a sampler, a scheduler, and records.

    Args:
        task: what is searched (see `jaxhpo.tasks`).
        trials: how many trials the study is to have; one that is opened again with more goes on.
        seed: decides, with a trial's number, every random draw.
        workdir: where records are kept (``study.db``, needs SQLAlchemy), or a database URL. None:
            in memory, lost with the process.
        sampler, sampler_options: file name in ``jaxhpo/samplers`` and the factory's arguments;
            what ``"auto"`` picked, and why, is noted as the fact "sampler". Where a sampler has the
            option "startup" and it is not given, a fifth of `trials` (at least 25, at most half)
            are chosen without looking at results, so that the analysis has something to test on.
        scheduler, scheduler_options: likewise in ``jaxhpo/schedulers``.
        batch: trials proposed together (16, or an eighth of the width, to 128; in a short study a
            quarter of `trials`, but 4).
        lookahead: how many trials may be in training while the next are chosen (an eighth of
            `trials`, 8 to 64; under a scheduler that stops trials a quarter, 4 to 128; a
            twelfth of a long study, to 128 or 160; at least a tile for every program). See
            `jaxhpo.study.proposer`.
        width: W, lanes a tile; by default what suits the model and the machine at the first run.
            Part of the study's identity, as are all arguments above but `trials` and `workdir`.
        devices: where to train; by default all local devices. drivers: threads a device.
        enqueue: configurations to be tried first.
        warm_start: an earlier study whose results the sampler is told first, as far as they fit
            (`jaxhpo.study.warm_start`): a directory or database URL, a `Study`, or what
            `jaxhpo.interop.sources.load` gives. Kept in the records, which need it only once.
        replicates: how many members train each trial, from seeds of their own; the trial's curves
            are the means of theirs. A task with folds has one for each fold.
        plan: name of a static parameter that the task can also take traced to "traced",
            "grouped" or "cohorts"; what is left out is decided by cost (`jaxhpo.study.plan`).
        checkpoint_seconds: how often what is in training is saved beside the records; 0: only when
            the study is asked to stop. Needs a directory as `workdir`.

    Raises:
        ValueError: for an argument that can't be used.
        StudyMismatch: if `workdir` holds a study of another identity.
        StudyInUse: if another process is running it.
    """

    def __init__(
        self,
        task: Task,
        *,
        trials: int,
        seed: int = 0,
        workdir: str | Path | None = None,
        sampler: str = "auto",
        sampler_options: Mapping[str, Any] | None = None,
        scheduler: str = "none",
        scheduler_options: Mapping[str, Any] | None = None,
        batch: int | None = None,
        lookahead: int | None = None,
        width: int | None = None,
        devices: Sequence[Device] | None = None,
        drivers: int | None = None,
        enqueue: Sequence[Mapping[str, Any]] = (),
        warm_start: Any = None,
        replicates: int = 1,
        plan: Mapping[str, str] | None = None,
        checkpoint_seconds: float = 60.0,
    ) -> None:
        given = {
            "trials": trials,
            "seed": seed,
            "workdir": workdir,
            "sampler": sampler,
            "sampler_options": sampler_options,
            "scheduler": scheduler,
            "scheduler_options": scheduler_options,
            "batch": batch,
            "lookahead": lookahead,
            "width": width,
            "devices": devices,
            "drivers": drivers,
            "enqueue": enqueue,
            "warm_start": warm_start,
            "replicates": replicates,
            "plan": plan,
            "checkpoint_seconds": checkpoint_seconds,
        }
        self._basis = basis = settled(task, given)
        self.task = task
        self.wanted = trials
        self.replicates = basis.replicates
        self.identity = basis.identity
        self.records = basis.records
        self.prior = basis.prior
        self._enqueue, self._checkpoint_seconds = enqueue, checkpoint_seconds
        self._population: Population | None = None
        self._left, self._closed = Left.NOTHING, False
        self._runs = threading.Lock()
        try:
            self._set_up()
        except BaseException:
            self.records.close()
            raise

    def _set_up(self) -> None:
        """Begins from what the records hold."""
        self._ledger = parts.ledger(self._basis)
        self._proposer = parts.proposer(self._basis, self._ledger, self._enqueue)
        size = self._proposer.size
        end = self.wanted if size is None else min(self.wanted, size)
        self._ledger.brackets = parts.brackets(self._basis, self._ledger, end)
        self._keeper = parts.keeper(self._basis, self._checkpoint_seconds)

    # -- what is known -----------------------------------------------------------------------------

    @property
    def trials(self) -> list[Trial]:
        """All trials, in number order."""
        return list(self._ledger.trials)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the lowest loss, the earlier of equals, or None. Of trials that
        keep the task's constraints; with several objectives by the first of them (see `front`)."""
        return self._ledger.best

    @property
    def front(self) -> list[Trial]:
        """With several objectives the complete trials that keep the constraints and that no other
        such trial beats, by the first objective; with one objective the best trial alone."""
        return self._ledger.leaders.front

    @property
    def programs(self) -> int:
        """How many programs all configurations together need."""
        return self._basis.arranged.programs

    def table(self) -> pd.DataFrame:
        """One row a trial (see `jaxhpo.table.trials_table`)."""
        from jaxhpo.table import trials_table  # pandas takes as long to import as JAX

        return trials_table(
            self.trials,
            space=self.task.space,
            objective=self.task.objective,
            maximize=self.task.maximize,
            goals=goals(self.task),
        )

    # -- running -----------------------------------------------------------------------------------

    def run(
        self,
        on_tick: Callable[[Snapshot], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Trains until there are `trials` trials, or there is nothing more to try, or `stop()`.

        Called again, it goes on: after `stop()` from where it was, after an exception (Ctrl-C in a
        notebook is one) from the records and the last checkpoint.

        Args:
            on_tick: called with a `Snapshot` after every tick. stop: asked after every tick; where
                rows come in blocks, several times a second.

        Raises:
            StudyFailed: if all of the first trials failed. Nothing of them is recorded, so that the
                same study can go on once the cause is mended.
            ValueError: if `wanted`, how many trials there are to be, was set to no such number.
            RuntimeError: if it is closed, or running already.

        Warns:
            ManyPrograms: if there are few trials for each program that must be compiled.
        """
        self._check_open("run")
        arguments.whole("Study", wanted=(self.wanted, 1))
        if not self._runs.acquire(blocking=False):
            raise RuntimeError(
                "Study.run() was called while this study is running, by another thread or by its "
                "own on_tick or stop; wait until that run has returned"
            )
        try:
            return self._session(on_tick, stop or (lambda: False))
        finally:
            self._runs.release()

    def _session(
        self, on_tick: Callable[[Snapshot], None] | None, stop: Callable[[], bool]
    ) -> Outcome:
        many = crowded(self.programs, self.wanted)
        if many is not None:
            plan = "plan, which the records hold as the fact 'plan', and the task's `elastic`"
            warnings.warn(
                f"Study(...) of {self.wanted} trials needs {self.programs} programs. {many} Or let "
                f"structures share a program: see Study's argument {plan}",
                ManyPrograms,
                stacklevel=3,  # the caller of `run`
            )
        session = self.records.begin_session(environment.describe())
        how = "error"
        try:
            outcome = self._loop(on_tick, stop)
            how = outcome.ended
        except KeyboardInterrupt:
            how = "interrupted"
            raise
        finally:
            self.records.end_session(session, how)
        return outcome

    def _loop(
        self, on_tick: Callable[[Snapshot], None] | None, stop: Callable[[], bool]
    ) -> Outcome:
        if self._left is Left.BROKEN:
            with contextlib.suppress(OSError):  # of a checkpoint that could not be written
                self._let_go()
            self._set_up()
        goes_on, self._left = self._left is Left.AT_REST, Left.BROKEN
        loop = Loop(
            self._basis,
            ledger=self._ledger,
            proposer=self._proposer,
            keeper=self._keeper,
            population=self._populated(),
            trials=self.wanted,
            on_tick=on_tick,
        )
        outcome = loop.run(stop, goes_on=goes_on)
        interrupted = outcome.ended == "interrupted"
        self._left = Left.AT_REST if interrupted else Left.NOTHING
        if not interrupted:
            self._test_best()
        return outcome

    def _test_best(self) -> None:
        """Scores the best trial on the test data, which nobody has looked at before."""
        # From a front nobody has chosen yet: the test data wait for who does (`rerun`).
        chosen = not goals(self.task).several
        if chosen and self.task.test is not None and self.best is not None:
            test = self.rerun(self.best.number).test
            self.records.put_fact("test", {"number": self.best.number, "metrics": test})

    # -- one trial again ---------------------------------------------------------------------------

    def rerun(self, number: int) -> Rerun:
        """Trains trial `number` again, alone but for those whose states it took, and compares it
        with its record (`jaxhpo.study.rerun`).

        Raises:
            ValueError: if there is no such trial, or it has not ended.
        """
        trials = self._ledger.trials
        if number not in range(len(trials)):
            known = f"0 to {len(trials) - 1}" if trials else "but the study has none yet"
            raise ValueError(f"rerun(number=...) must be a trial, {known}, got {number!r}")
        return rerun(self.task, self._populated(), trials, number, self._basis.arranged.members)

    def confirm(self, top: int = 5, seeds: int = 5) -> Confirmation:
        """Trains the best trials again with fresh seeds (`jaxhpo.study.confirm`), and records what
        came out as the fact "confirm".

        Args:
            top: how many of the best; with several objectives of the front, those that come first
                by the first objective, which is what is compared.
            seeds: how often each; a task with folds is trained once for each fold instead.

        Raises:
            ValueError: if an argument is below 1, or no trial is complete.
            RuntimeError: if the study is closed.
        """
        self._check_open("confirm")
        arguments.whole("confirm", top=(top, 1), seeds=(seeds, 1))
        chosen = best_trials(self._ledger.trials, top, goals(self.task))
        several = self.task.folds if self.task.folds > 1 else seeds
        arranged, key = self._basis.arranged, self._basis.key(Stream.CONFIRM)
        population = arranged.population(key, replicates=several, limited=False, pauses=True)
        try:
            found = confirm(
                population,
                chosen,
                lambda trial: arranged.members(trial, several),
                objective=self.task.objective,
                maximize=self.task.maximize,
            )
        finally:
            population.close()
        self.records.put_fact("confirm", found.to_dict())
        return found

    def close(self) -> None:
        """Lets go of the records and the threads. The study can't be run after that."""
        self._closed = True
        try:
            self._let_go()
        finally:
            self.records.close()

    def _check_open(self, method: str) -> None:
        if self._closed:
            raise RuntimeError(
                f"Study.{method}() needs a study that is open, and this one is closed; open it "
                "again with the same arguments"
            )

    def _let_go(self) -> None:
        """Lets go of the threads and what they train."""
        population, self._population = self._population, None
        if population is not None:
            population.close()
        self._keeper.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _populated(self) -> Population:
        if self._population is None:
            self._population = self._basis.arranged.population(self._basis.key(Stream.TRIALS))
        return self._population
