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

from jaxhpo import registry
from jaxhpo.contracts import Task
from jaxhpo.goals import goals
from jaxhpo.population.member import Member, Tick
from jaxhpo.population.population import Population
from jaxhpo.population.program import Device
from jaxhpo.slips import explained
from jaxhpo.store import environment
from jaxhpo.study import arguments, identity, in_flight, opening
from jaxhpo.study.arrangement import Arrangement
from jaxhpo.study.brackets import Brackets, largest_group
from jaxhpo.study.confirm import Confirmation, best_trials, confirm
from jaxhpo.study.fixed import fixed_columns
from jaxhpo.study.keeper import Keeper
from jaxhpo.study.ledger import Ledger, Recorded
from jaxhpo.study.proposer import Proposer
from jaxhpo.study.rerun import Rerun, rerun
from jaxhpo.study.snapshot import Outcome, Snapshot, StudyFailed
from jaxhpo.study.throughput import Throughput
from jaxhpo.table import trials_table
from jaxhpo.trial import Status, Trial

_SAMPLER, _TRIALS, _BRACKETS, _CONFIRM = 0, 1, 2, 3  # the streams of a study's key


class Study:
    """A search: a task, a budget of trials, a sampler, a scheduler, and records.

    Args:
        task: what is searched (see `jaxhpo.tasks`).
        trials: how many trials the study is to have; a study that is opened again with more goes
        on. seed: decides, with a trial's number, every random draw.
        workdir: where records are kept (``study.db``, needs SQLAlchemy), or a database URL. None:
            in memory, lost with the process.
        sampler, sampler_options: file name in ``jaxhpo/samplers`` and the factory's arguments;
            what ``"auto"`` picked, and why, is noted as the fact "sampler".
        scheduler, scheduler_options: likewise in ``jaxhpo/schedulers``.
        batch: trials proposed together (16). lookahead: how many trials may be in training while
            the next are chosen (an eighth of `trials`, 16 to 64; under a scheduler that stops
            trials a quarter, 32 to 128). See `jaxhpo.study.proposer`.
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
        arguments.check(
            task,
            trials=trials,
            seed=seed,
            workdir=workdir,
            sampler_options=sampler_options,
            scheduler_options=scheduler_options,
            plan=plan,
            devices=devices,
            enqueue=enqueue,
            batch=batch,
            lookahead=lookahead,
            width=width,
            drivers=drivers,
            replicates=replicates,
        )
        self.task = task
        self.wanted = trials
        self.replicates = arguments.replicates(task, replicates)
        sampler_options, scheduler_options = (
            dict(sampler_options or {}),
            dict(scheduler_options or {}),
        )
        self._sampler = registry.made("samplers", sampler, (task.space.layout,), sampler_options)
        arguments.several(task, sampler, self._sampler)
        deciding = registry.made("schedulers", scheduler, (), scheduler_options)
        self._scheduler = arguments.scheduler(scheduler, deciding)
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
            "replicates": self.replicates,
        }
        self.prior = opening.prior(workdir, warm_start, task)
        arguments.warm_start(self.prior, sampler, self._sampler, task)
        known["warm_start"] = None if self.prior is None else self.prior.identity
        self._arranged = arranged = Arrangement(
            task=explained(task),
            scheduler=self._scheduler,
            replicates=self.replicates,
            devices=list(jax.local_devices() if devices is None else devices),
            drivers=drivers,
        )
        asked, plans = dict(plan or {}), []

        def defaults() -> dict[str, Any]:
            plans.append(arranged.plan(trials, asked))
            return arranged.defaults(plans[0], trials)

        sizes = {"batch": batch, "lookahead": lookahead, "width": width, "plan": asked}
        self.records, self.identity = opening.opened(workdir, known, sizes, defaults)
        for chosen in plans:
            self.records.put_fact("plan", chosen.lines())
        if self.prior is not None and "warm_start" not in self.records.facts():
            self.records.put_fact("warm_start", self.prior.to_dict())
        arranged.how = self.identity["plan"]
        arranged.width = self.identity["width"]
        key = jax.random.key(seed)
        self._key = jax.random.fold_in(key, _TRIALS)
        self._ledger = Ledger(
            self.records.trials(),
            objective=task.objective,
            maximize=task.maximize,
            scheduler=self._scheduler,
            replicates=self.replicates,
            configured=lambda point: task.space.decode(point[None])[0],
            goals=goals(task),
        )
        decides = self._scheduler
        stops = decides.limits is not None or decides.stop is not None or decides.group is not None
        adaptive = self._sampler.adaptive or self._scheduler.limits is not None
        self._proposer = Proposer(
            task.space,
            self._sampler,
            jax.random.fold_in(key, _SAMPLER),
            batch=self.identity["batch"],
            lookahead=self.identity["lookahead"],
            gated=adaptive,
            given=list(enqueue),
            budget=arranged.budget,
            losses=self._ledger.losses if stops else None,
            prior=self.prior,
            goals=goals(task),
        )
        if self._scheduler.group is not None:
            size = self._proposer.size
            self._ledger.brackets = Brackets(
                self._scheduler,
                jax.random.fold_in(key, _BRACKETS),
                layout=task.space.layout,
                fixed=fixed_columns(task, arranged.static - arranged.traced),
                end=trials if size is None else min(trials, size),
                losses=self._ledger.losses,
            )
        group = largest_group(self._scheduler, trials)
        arguments.lookahead(self.identity["lookahead"], group if self._sampler.adaptive else 0)
        self._picked = list(self.records.facts().get("sampler", []))
        home = None if self.records.path is None else Path(self.records.path).parent
        self._keeper = Keeper(home, self.identity, checkpoint_seconds)
        self._population: Population | None = None

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
        return self._arranged.programs

    def table(self) -> pd.DataFrame:
        """One row a trial (see `jaxhpo.table.trials_table`)."""
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
        self._take_up()
        self._propose()
        self._tell(on_tick, speed)
        while population.busy and not stop():
            population.dispatch()
            ticks, save = population.wait(), self._keeper.due
            if save:
                ticks += population.rest()
            changed = self._taken_in(ticks, speed)
            self._check_failures()
            if save:  # the records first: what has ended is not in the checkpoint
                self.records.write(list(changed.values()))
                self._keeper.save(population, ledger)
                changed = {}
            population.dispatch()  # the drivers go on while the host writes, tells and asks
            self.records.write(list(changed.values()))
            self._propose()
            self._tell(on_tick, speed)
            if population.busy and population.stuck:
                raise RuntimeError("trials wait for a decision that does not come; report this")
        if population.busy:
            self.records.write(list(self._taken_in(population.rest(), speed).values()))
            self._keeper.save(population, ledger)
            self._keeper.close()
            left = self.wanted - ledger.ended
            message = f"stopped; {ledger.ended} trials have ended and are recorded, {left} are left"
            return Outcome(ended="interrupted", message=message, trials=ledger.ended)
        self._keeper.clear()
        self._finish(speed)
        if ledger.ended < self.wanted:
            message = f"all {ledger.ended} configurations have been tried; there are no others"
            return Outcome(ended="exhausted", message=message, trials=ledger.ended)
        message = f"all {ledger.ended} trials have ended"
        return Outcome(ended="complete", message=message, trials=ledger.ended)

    def _take_up(self) -> None:
        """Goes on with trials that had not ended: from a checkpoint, or from their beginning."""
        population, ledger = self._populated(), self._ledger
        taken = self._keeper.restore(population, ledger, self._members)
        waiting = [
            member
            for trial in ledger.trials
            if not trial.status.ended
            for member in self._members(trial)
            if member.number not in taken
        ]
        population.add(sorted(waiting, key=lambda member: (-member.budget, member.number)))
        self.records.write(list(self._carried_out(ledger.reconsider()).values()))

    def _taken_in(self, ticks: Sequence[Tick], speed: Throughput) -> dict[int, Trial]:
        """Takes in ticks, and does in the population what the scheduler decided."""
        changed: dict[int, Trial] = {}
        for tick in ticks:
            found = self._ledger.record(tick)
            speed.add(tick, found.cut)
            changed |= self._carried_out(found)
        return changed

    def _carried_out(self, found: Recorded) -> dict[int, Trial]:
        population = self._populated()
        for number in found.out:
            population.stop(number)
        changes = []
        for source, trial in found.going:
            origin = self.replicates * source
            changes += [(origin + i, m) for i, m in enumerate(self._members(trial))]
        if changes:
            population.go_on(changes)
        return found.changed

    def _propose(self) -> None:
        """Proposes blocks as long as they may be proposed and lanes could take them soon."""
        lanes = max(64, self.identity["width"]) // self.replicates
        drivers = self._arranged.threads * len(self._arranged.devices)
        enough = 2 * drivers * max(16, lanes)
        enough = max(enough, 2 * largest_group(self._scheduler, self.wanted))
        while len(self._ledger.trials) - self._ledger.ended < enough:
            block = self._proposer.next(self._ledger.trials, self.wanted)
            if not block:
                return
            self._note_sampler(block[0].number)
            self._ledger.add(block)
            self.records.write(block)
            self._queue(block)

    def _note_sampler(self, first: int) -> None:
        """Records who proposes from a trial on, where the sampler picks among several and another
        one than before."""
        says, before = self._proposer.says, self._picked
        if says and not (before and before[-1]["says"].split(":")[0] == says.split(":")[0]):
            self._picked.append({"first": first, "says": says})
            self.records.put_fact("sampler", self._picked)

    def _queue(self, trials: Sequence[Trial]) -> None:
        """Hands trials to the population, those with the longest training first."""
        members = [member for trial in trials for member in self._members(trial)]
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
        population, ledger, asked = self._populated(), self._ledger, goals(self.task)
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
                front=len(ledger.leaders.front) if asked.several else None,
                feasible=ledger.leaders.feasible if asked.constraints else None,
                picked=tuple((note["first"], note["says"]) for note in self._picked),
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
        sampler = self._proposer.knowing(self._ledger.trials)
        self.records.put_fact("digest", in_flight.digest(self._ledger, sampler))
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
        return rerun(self.task, self._populated(), trials, number, self._arranged.members)

    def confirm(self, top: int = 5, seeds: int = 5) -> Confirmation:
        """Trains the best trials again with fresh seeds (`jaxhpo.study.confirm`), and records what
        came out as the fact "confirm".

        Args:
            top: how many of the best; with several objectives of the front, those that come first
                by the first objective, which is what is compared.
            seeds: how often each; a task with folds is trained once for each fold instead.

        Raises:
            ValueError: if an argument is below 1, or no trial is complete.
        """
        arguments.whole("confirm", top=(top, 1), seeds=(seeds, 1))
        chosen = best_trials(self._ledger.trials, top, goals(self.task))
        several = self.task.folds if self.task.folds > 1 else seeds
        key = jax.random.fold_in(jax.random.key(self.identity["seed"]), _CONFIRM)
        population = self._arranged.population(key, replicates=several, limited=False, pauses=True)
        try:
            found = confirm(
                population,
                chosen,
                lambda trial: self._arranged.members(trial, several),
                objective=self.task.objective,
                maximize=self.task.maximize,
            )
        finally:
            population.close()
        self.records.put_fact("confirm", found.to_dict())
        return found

    def close(self) -> None:
        """Lets go of the records and the threads. The study can't be run after that."""
        if self._population is not None:
            self._population.close()
        try:
            self._keeper.close()
        finally:
            self.records.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- how the parts are made --------------------------------------------------------------------

    def _members(self, trial: Trial) -> list[Member]:
        """Those who train a trial, from where it stands."""
        ledger = self._ledger
        brackets = ledger.brackets
        until = None if brackets is None or trial.status.ended else brackets.until(trial)
        limits = ledger.limits(trial) if self.replicates == 1 else None
        return self._arranged.members(trial, until=until, limits=limits)

    def _populated(self) -> Population:
        if self._population is None:
            self._population = self._arranged.population(self._key)
        return self._population
