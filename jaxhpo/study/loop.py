"""The loop: what was proposed is trained, what was trained is recorded, and more is proposed.

One `Loop` is one run of a study, from what the records (and a checkpoint) hold to the end or to an
interruption. While the host records, tells and proposes, the drivers go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from jaxhpo.goals import goals
from jaxhpo.population.member import Member, Tick
from jaxhpo.population.population import Population
from jaxhpo.study import in_flight
from jaxhpo.study.basis import Basis
from jaxhpo.study.brackets import largest_group
from jaxhpo.study.keeper import Keeper
from jaxhpo.study.ledger import Ledger, Recorded
from jaxhpo.study.proposer import Proposer
from jaxhpo.study.snapshot import Outcome, Snapshot, StudyFailed
from jaxhpo.study.throughput import Throughput
from jaxhpo.trial import Status, Trial

# How much is at hand for every driver at least, twice over, so that none of them runs dry.
_MEMBERS = 64
_TRIALS = 16  # of several members each


class Loop:
    """One run of a study.

    Args:
        basis, ledger, proposer, keeper, population: the study's.
        trials: how many trials there are to be in the end.
        on_tick: called with a `Snapshot` after every tick.
    """

    def __init__(
        self,
        basis: Basis,
        *,
        ledger: Ledger,
        proposer: Proposer,
        keeper: Keeper,
        population: Population,
        trials: int,
        on_tick: Callable[[Snapshot], None] | None,
    ) -> None:
        self._basis = basis
        self._records = basis.records
        self._ledger = ledger
        self._proposer = proposer
        self._keeper = keeper
        self._population = population
        self._trials = trials
        self._on_tick = on_tick
        self._speed = Throughput()
        self._picked: list[dict[str, Any]] = list(self._records.facts().get("sampler", []))

    def run(self, stop: Callable[[], bool], *, goes_on: bool = False) -> Outcome:
        """Trains until there are all trials, or there is nothing more to try, or `stop()`.

        Args:
            goes_on: whether the population has what an earlier run left in training.

        Raises:
            StudyFailed: if all of the first trials failed. Nothing of them is recorded.
        """
        population = self._population
        if not goes_on:
            self._take_up()
        self._propose()
        self._tell()
        asked = False
        while population.busy and not (asked or stop()):
            population.dispatch()
            ticks, save = population.wait(stop), self._keeper.due
            if save:
                ticks += population.rest(stop)
            changed = self._taken_in(ticks)
            self._check_failures()
            if save:  # the records first: what has ended is not in the checkpoint
                self._records.write(list(changed.values()))
                self._save()
                changed = {}
            asked = stop()
            if not asked:
                population.dispatch()  # the drivers go on while the host writes, tells and asks
            self._records.write(list(changed.values()))
            self._propose()
            self._tell()
            if population.busy and population.stuck:
                raise RuntimeError("trials wait for a decision that does not come; report this")
        return self._interrupted() if population.busy else self._ended()

    # -- how a run ends ----------------------------------------------------------------------------

    def _interrupted(self) -> Outcome:
        ticks = self._population.rest(lambda: True)
        self._records.write(list(self._taken_in(ticks).values()))
        self._save()
        self._keeper.close()
        ended = self._ledger.ended
        left = self._trials - ended
        message = f"stopped; {ended} trials have ended and are recorded, {left} are left"
        if self._population.broken_off:
            message += "; a long unit was broken off, and is trained again"
        return Outcome(ended="interrupted", message=message, trials=ended)

    def _save(self) -> None:
        # Of a unit that was broken off, what there was before it is in the last checkpoint.
        if not self._population.broken_off:
            self._keeper.save(self._population, self._ledger)

    def _ended(self) -> Outcome:
        self._keeper.clear()
        self._records.put_fact("summary", self._summary())
        sampler = self._proposer.knowing(self._ledger.trials)
        self._records.put_fact("digest", in_flight.digest(self._ledger, sampler))
        ended = self._ledger.ended
        if ended < self._trials:
            message = f"all configurations have been tried, in {ended} trials; there are no others"
            return Outcome(ended="exhausted", message=message, trials=ended)
        return Outcome(ended="complete", message=f"all {ended} trials have ended", trials=ended)

    def _summary(self) -> dict[str, Any]:
        population, speed = self._population, self._speed
        return {
            "cohorts": len(population.cohorts),
            "traces": population.traces,
            "useful": speed.useful,
            "units_per_second": speed.units,
            "steps_per_second": speed.steps if self._basis.task.steps is not None else None,
            "seconds": speed.elapsed,
        }

    # -- what is trained ---------------------------------------------------------------------------

    def _take_up(self) -> None:
        """Goes on with trials that had not ended: from a checkpoint, or from their beginning."""
        population, ledger = self._population, self._ledger
        taken = self._keeper.restore(population, ledger, self._members)
        self._queue([trial for trial in ledger.trials if not trial.status.ended], taken)
        self._records.write(list(self._carried_out(ledger.reconsider()).values()))

    def _queue(self, trials: Sequence[Trial], but: Collection[int] = ()) -> None:
        """Hands trials to the population, those with the longest training first.

        Args:
            but: numbers of members that it has already.
        """
        members = [m for trial in trials for m in self._members(trial) if m.number not in but]
        self._population.add(sorted(members, key=lambda m: (-m.budget, m.number)))

    def _members(self, trial: Trial) -> list[Member]:
        """Those who train a trial, from where it stands."""
        ledger, brackets = self._ledger, self._ledger.brackets
        until = None if brackets is None or trial.status.ended else brackets.until(trial)
        limits = ledger.limits(trial) if self._basis.replicates == 1 else None
        return self._basis.arranged.members(trial, until=until, limits=limits)

    # -- what came of it ---------------------------------------------------------------------------

    def _taken_in(self, ticks: Sequence[Tick]) -> dict[int, Trial]:
        """Takes in ticks, and does in the population what the scheduler decided: the rows to be
        written."""
        changed: dict[int, Trial] = {}
        for tick in ticks:
            found = self._ledger.record(tick)
            self._speed.add(tick, found.cut)
            changed |= self._carried_out(found)
        return changed

    def _carried_out(self, found: Recorded) -> dict[int, Trial]:
        for number in found.out:
            self._population.stop(number)
        changes = []
        for source, trial in found.going:
            origin = self._basis.replicates * source
            changes += [(origin + i, m) for i, m in enumerate(self._members(trial))]
        if changes:
            self._population.go_on(changes)
        return found.changed

    def _check_failures(self) -> None:
        first = self._ledger.trials[: self._basis.identity["batch"]]
        if all(trial.status is Status.FAILED for trial in first):
            raise StudyFailed(
                f"the first {len(first)} trials all failed; that of trial {first[0].number}, "
                f"{dict(first[0].config)}: {first[0].error}"
            )

    # -- what comes next ---------------------------------------------------------------------------

    def _propose(self) -> None:
        """Proposes blocks as long as they may be proposed and lanes could take them soon."""
        basis, ledger = self._basis, self._ledger
        members = max(_MEMBERS, basis.identity["width"])
        each = max(_TRIALS, members // basis.replicates)
        drivers = basis.arranged.threads * len(basis.arranged.devices)
        enough = 2 * max(drivers * each, largest_group(basis.scheduler, self._trials))
        while len(ledger.trials) - ledger.ended < enough:
            block = self._proposer.next(ledger.trials, self._trials)
            if not block:
                return
            self._note_sampler(block[0].number)
            ledger.add(block)
            self._records.write(block)
            self._queue(block)

    def _note_sampler(self, first: int) -> None:
        """Records who proposes from a trial on, where the sampler picks among several and another
        one than before."""
        says, before = self._proposer.says, self._picked
        if says and not (before and before[-1]["says"].split(":")[0] == says.split(":")[0]):
            self._picked.append({"first": first, "says": says})
            self._records.put_fact("sampler", self._picked)

    def _tell(self) -> None:
        if self._on_tick is not None:
            self._on_tick(self._snapshot())

    def _snapshot(self) -> Snapshot:
        task, ledger, speed = self._basis.task, self._ledger, self._speed
        asked = goals(task)
        begun = [trial.budget for trial in ledger.trials if not trial.status.ended]
        mean = np.mean([trial.budget for trial in ledger.trials]) if ledger.trials else 1.0
        units = sum(begun) + mean * (self._trials - len(ledger.trials))
        return Snapshot(
            trials=self._trials,
            counts={status: ledger.counts[status] for status in Status},
            best=ledger.best,
            objective=task.objective,
            maximize=task.maximize,
            useful=speed.useful,
            units_per_second=speed.units,
            steps_per_second=speed.steps if task.steps is not None else None,
            elapsed=speed.elapsed,
            remaining=float(units / speed.units) if speed.units else None,
            cohorts=len(self._population.cohorts),
            lanes=self._population.lanes,
            front=len(ledger.leaders.front) if asked.several else None,
            feasible=ledger.leaders.feasible if asked.constraints else None,
            picked=tuple((note["first"], note["says"]) for note in self._picked),
        )
