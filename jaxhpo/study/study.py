"""A study: the one loop in which sampler, population, scheduler and records meet.

    study = Study(task, trials=512, workdir="runs/digits")
    study.run()
    study.best

Everything recorded is a function of the study's identity (`jaxhpo.study.identity`) and the trial's
number, so a study may be killed at any moment and goes on from its records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxhpo.contracts import Task
from jaxhpo.population.population import Population
from jaxhpo.population.program import Device
from jaxhpo.population.sizing import drivers_per_device, tile_width
from jaxhpo.population.tile import Member
from jaxhpo.store import environment
from jaxhpo.study import arguments, identity, options
from jaxhpo.study.ledger import Ledger
from jaxhpo.study.opening import opened
from jaxhpo.study.proposer import Proposer
from jaxhpo.study.rerun import Rerun, rerun
from jaxhpo.study.snapshot import Outcome, Snapshot, StudyFailed
from jaxhpo.study.throughput import Throughput
from jaxhpo.table import trials_table
from jaxhpo.trial import Status, Trial

_SAMPLER, _TRIALS = 0, 1  # the two streams of a study's key


class Study:
    """A search: a task, a budget of trials, a sampler, a scheduler, and records.

    Args:
        task: what is searched (see `jaxhpo.tasks`).
        trials: how many trials the study is to have; a study that is opened again with more goes
        on. seed: decides, with a trial's number, every random draw.
        workdir: where records are kept (``study.db``, needs SQLAlchemy), or a database URL. None:
            in memory, lost with the process.
        sampler, sampler_options: file name in ``jaxhpo/samplers`` and the factory's arguments.
        scheduler, scheduler_options: likewise in ``jaxhpo/schedulers``.
        batch: trials proposed together (16). lookahead: how many trials may be in training while
            the next are chosen (an eighth of `trials`, 16 to 64). See `jaxhpo.study.proposer`.
        width: W, lanes a tile; by default what suits the model and the machine at the first run.
            Part of the study's identity, as are all arguments above but `trials` and `workdir`.
        devices: where to train; by default all local devices. drivers: threads a device.
        enqueue: configurations to be tried first.

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
        sampler: str = "tpe",
        sampler_options: Mapping[str, Any] | None = None,
        scheduler: str = "none",
        scheduler_options: Mapping[str, Any] | None = None,
        batch: int | None = None,
        lookahead: int | None = None,
        width: int | None = None,
        devices: Sequence[Device] | None = None,
        drivers: int | None = None,
        enqueue: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        arguments.check(
            task,
            trials=trials,
            seed=seed,
            workdir=workdir,
            sampler_options=sampler_options,
            scheduler_options=scheduler_options,
            devices=devices,
            enqueue=enqueue,
        )
        options.whole("Study", trials=(trials, 1), seed=(seed, 0), batch=(batch, 1))
        options.whole("Study", lookahead=(lookahead, 0), width=(width, 1), drivers=(drivers, 1))
        options.task(task)
        self.task = task
        self.wanted = trials
        self._devices = list(jax.local_devices() if devices is None else devices)
        self._drivers = drivers or drivers_per_device(self._devices)
        self._static = task.space.static_names(task.static)
        self._dtypes = {
            name: task.space.dtype(name)
            for name in task.space.parameters
            if name not in self._static
        }
        sampler_options, scheduler_options = (
            dict(sampler_options or {}),
            dict(scheduler_options or {}),
        )
        self._sampler = options.made("samplers", sampler, (task.space.layout,), sampler_options)
        self._scheduler = options.made("schedulers", scheduler, (), scheduler_options)
        known = {
            "version": identity.VERSION,
            "space": task.space.to_dict(),
            "task": identity.task_identity(task),
            "seed": seed,
            "sampler": sampler,
            "sampler_options": sampler_options,
            "scheduler": scheduler,
            "scheduler_options": scheduler_options,
            "enqueued": task.space.encode(enqueue).tolist() if enqueue else [],
        }
        sizes = {"batch": batch, "lookahead": lookahead, "width": width}
        self.records, self.identity = opened(workdir, known, sizes, self._defaults)
        key = jax.random.key(seed)
        self._key = jax.random.fold_in(key, _TRIALS)
        self._proposer = Proposer(
            task.space,
            self._sampler,
            jax.random.fold_in(key, _SAMPLER),
            batch=self.identity["batch"],
            lookahead=self.identity["lookahead"],
            gated=self._sampler.adaptive or self._scheduler.adaptive,
            given=list(enqueue),
            budget=lambda config: task.budget(self._filled(config)),
        )
        self._ledger = Ledger(
            self.records.trials(),
            objective=task.objective,
            maximize=task.maximize,
            scheduler=self._scheduler,
        )
        self._population: Population | None = None

    # -- what is known -----------------------------------------------------------------------------

    @property
    def trials(self) -> list[Trial]:
        """All trials, in number order."""
        return list(self._ledger.trials)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the lowest loss, the earlier of equals, or None."""
        return self._ledger.best

    def table(self) -> pd.DataFrame:
        """One row a trial (see `jaxhpo.table.trials_table`)."""
        return trials_table(
            self.trials,
            space=self.task.space,
            objective=self.task.objective,
            maximize=self.task.maximize,
        )

    # -- running -----------------------------------------------------------------------------------

    def run(
        self,
        on_tick: Callable[[Snapshot], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Trains until there are `trials` trials, or there is nothing more to try, or `stop()`.

        Args:
            on_tick: called with a `Snapshot` after every tick. stop: asked after every tick.

        Raises:
            StudyFailed: if all of the first trials failed. Nothing of them is recorded, so that the
                same study can go on once the cause is mended.
        """
        session = self.records.begin_session(environment.describe())
        how = "error"
        try:
            outcome = self._loop(on_tick, stop or (lambda: False))
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
        population, ledger = self._populated(), self._ledger
        speed = Throughput()
        self._queue([t for t in ledger.trials if not t.status.ended])
        self._propose()
        self._tell(on_tick, speed)
        while population.busy and not stop():
            population.dispatch()
            ticks = population.wait()
            changed: dict[int, Trial] = {}
            for tick in ticks:
                speed.add(tick)
                rows, stopped = ledger.record(tick)
                changed |= {trial.number: trial for trial in rows}
                for number in stopped:
                    population.stop(number)
            population.dispatch()  # the drivers go on while the host writes, tells and asks
            self._check_failures()
            self.records.write(list(changed.values()))
            self._propose()
            self._tell(on_tick, speed)
        if population.busy:
            left = self.wanted - ledger.ended
            message = f"stopped; {ledger.ended} trials have ended and are recorded, {left} are left"
            return Outcome(ended="interrupted", message=message, trials=ledger.ended)
        self._finish(speed)
        if ledger.ended < self.wanted:
            message = f"all {ledger.ended} configurations have been tried; there are no others"
            return Outcome(ended="exhausted", message=message, trials=ledger.ended)
        message = f"all {ledger.ended} trials have ended"
        return Outcome(ended="complete", message=message, trials=ledger.ended)

    def _propose(self) -> None:
        """Proposes blocks as long as they may be proposed and lanes could take them soon."""
        enough = 2 * self._drivers * len(self._devices) * max(64, self.identity["width"])
        while len(self._ledger.trials) - self._ledger.ended < enough:
            block = self._proposer.next(self._ledger.trials, self.wanted)
            if not block:
                return
            self._ledger.add(block)
            self.records.write(block)
            self._queue(block)

    def _queue(self, trials: Sequence[Trial]) -> None:
        """Hands trials to the population, those with the longest training first."""
        members = [self._member(trial) for trial in trials]
        self._populated().add(sorted(members, key=lambda m: (-m.budget, m.number)))

    def _check_failures(self) -> None:
        first = self._ledger.trials[: self.identity["batch"]]
        if all(trial.status is Status.FAILED for trial in first):
            raise StudyFailed(
                f"the first {len(first)} trials all failed; that of trial {first[0].number}, "
                f"{dict(first[0].config)}: {first[0].error}"
            )

    def _tell(self, on_tick: Callable[[Snapshot], None] | None, speed: Throughput) -> None:
        if on_tick is None:
            return
        population, ledger = self._populated(), self._ledger
        open_trials = [t for t in ledger.trials if not t.status.ended]
        mean = np.mean([t.budget for t in ledger.trials]) if ledger.trials else 1.0
        units = sum(t.budget for t in open_trials) + mean * (self.wanted - len(ledger.trials))
        on_tick(
            Snapshot(
                trials=self.wanted,
                counts={status: ledger.counts[status] for status in Status},
                best=ledger.best,
                objective=self.task.objective,
                maximize=self.task.maximize,
                useful=speed.useful,
                units_per_second=speed.units,
                steps_per_second=speed.steps if self.task.steps is not None else None,
                elapsed=speed.elapsed,
                remaining=float(units / speed.units) if speed.units else None,
                cohorts=len(population.cohorts),
                lanes=population.lanes,
            )
        )

    def _finish(self, speed: Throughput) -> None:
        population = self._populated()
        self.records.put_fact(
            "summary",
            {
                "cohorts": len(population.cohorts),
                "traces": population.traces,
                "useful": speed.useful,
                "units_per_second": speed.units,
                "steps_per_second": speed.steps if self.task.steps is not None else None,
                "seconds": speed.elapsed,
            },
        )
        if self.task.test is not None and self.best is not None:
            test = self.rerun(self.best.number).test
            self.records.put_fact("test", {"number": self.best.number, "metrics": test})

    # -- one trial again ---------------------------------------------------------------------------

    def rerun(self, number: int) -> Rerun:
        """Trains trial `number` again, alone, and compares it with its record
        (`jaxhpo.study.rerun`).

        Raises:
            ValueError: if there is no such trial, or it has not ended.
        """
        trials = self._ledger.trials
        if number not in range(len(trials)):
            known = f"0 to {len(trials) - 1}" if trials else "but the study has none yet"
            raise ValueError(f"rerun(number=...) must be a trial, {known}, got {number!r}")
        return rerun(
            self.task, self._populated(), trials[number], self._filled(trials[number].config)
        )

    def close(self) -> None:
        """Lets go of the records and the threads. The study can't be run after that."""
        if self._population is not None:
            self._population.close()
        self.records.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- how the parts are made --------------------------------------------------------------------

    def _filled(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return self.task.space.filled(config, self._static)

    def _member(self, trial: Trial) -> Member:
        return Member(number=trial.number, budget=trial.budget, hp=self._filled(trial.config))

    def _populated(self) -> Population:
        if self._population is None:
            self._population = Population(
                self.task,
                self._key,
                dtypes=self._dtypes,
                static=self._static,
                width=self.identity["width"],
                devices=self._devices,
                drivers=self._drivers,
            )
        return self._population

    def _defaults(self) -> dict[str, int]:
        """What the arguments that were left out are, where no records say so."""
        space = self.task.space
        corners = np.array([[0.0], [0.5], [1.0]], np.float32) * np.ones((1, len(space)), np.float32)
        members = [self._filled(config) for config in space.decode(corners)]
        width = tile_width(self.task, members, self._dtypes, self._devices[0].platform)
        lookahead = min(64, max(16, self.wanted // 8))
        return {"batch": 16, "lookahead": lookahead, "width": width}
