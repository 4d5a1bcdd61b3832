"""From ticks to trial records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxhpo.contracts import Scheduler
from jaxhpo.population.member import Progress, Tick
from jaxhpo.study.ledger import Ledger
from jaxhpo.trial import Phase, Status, Trial

NEVER = Scheduler()


def waiting(number: int, *, budget: int = 4, known: int = 0) -> Trial:
    point = np.full(1, 0.5, np.float32)
    return Trial(
        number=number,
        config={"x": 0.5},
        point=point,
        phase=Phase.EXPLORE,
        known=known,
        budget=budget,
    )


def ledger(trials, scheduler: Scheduler = NEVER, **more) -> Ledger:
    return Ledger(trials, **{"objective": "cost", "maximize": False, **more}, scheduler=scheduler)


def taken_in(made: Ledger, tick: Tick) -> tuple[list[Trial], list[int]]:
    found = made.record(tick)
    return list(found.changed.values()), found.out


def ticked(number: int, *costs: float, over: bool = False, diverged: bool = False) -> Tick:
    cost = np.array(costs, np.float32)
    progress = Progress(
        number=number,
        metrics={"cost": cost, "other": cost * 10},
        over=over,
        diverged=diverged,
        seconds=0.25,
    )
    return Tick(progress=[progress], started=100.0, seconds=0.5)


def test_a_trial_runs_over_several_ticks_and_completes():
    made = ledger([waiting(0)])
    changed, stopped = taken_in(made, ticked(0, 3, 2))
    assert [(t.status, t.attempts, t.started) for t in changed] == [(Status.RUNNING, 1, 100.0)]
    (trial,), stopped = taken_in(made, ticked(0, 1, 5, over=True))
    assert stopped == []
    assert (trial.status, trial.units, trial.loss, trial.attempts) == (Status.COMPLETE, 4, 5.0, 1)
    assert trial.curves["cost"].tolist() == [3, 2, 1, 5]
    assert trial.metrics == {"cost": 5.0, "other": 50.0}
    assert (trial.finished, trial.seconds) == (100.5, 0.5)
    assert made.best is trial
    assert made.counts[Status.COMPLETE] == made.ended == 1
    assert made.counts[Status.WAITING] == made.counts[Status.RUNNING] == 0


def test_a_maximised_metric_becomes_a_negative_loss_and_stays_itself_as_a_metric():
    made = ledger([waiting(0), waiting(1)], maximize=True)
    made.record(ticked(0, 1, 2, 3, 4, over=True))
    ((trial,), _) = taken_in(made, ticked(1, 1, 2, 3, 3.5, over=True))
    assert (trial.loss, trial.metrics["cost"]) == (-3.5, 3.5)
    assert made.best is not None
    assert made.best.number == 0


def test_of_equals_the_earlier_is_best():
    made = ledger([waiting(0, budget=1), waiting(1, budget=1)])
    made.record(ticked(1, 2, over=True))
    made.record(ticked(0, 2, over=True))
    assert made.best is not None
    assert made.best.number == 0


def test_a_diverged_trial_has_no_loss_and_is_never_best():
    made = ledger([waiting(0)])
    ((trial,), _) = taken_in(made, ticked(0, 1, np.nan, over=True, diverged=True))
    assert (trial.status, trial.units, trial.loss) == (Status.DIVERGED, 2, None)
    assert np.isnan(trial.curves["cost"][-1])
    assert made.best is None


def test_an_error_fails_the_trial():
    made = ledger([waiting(0)])
    tick = Tick(progress=[Progress(number=0, over=True, error="E: why")], started=1.0, seconds=0.0)
    ((trial,), _) = taken_in(made, tick)
    assert (trial.status, trial.error, trial.loss) == (Status.FAILED, "E: why", None)


@pytest.mark.parametrize("cuts", [[5], [1, 4], [2, 3], [1, 1, 1, 1, 1]])
def test_the_scheduler_stops_at_the_same_unit_however_ticks_are_cut(cuts):
    asked = []

    def stop(curve):
        asked.append(len(curve))
        return len(curve) == 3

    made = ledger([waiting(0, budget=5)], Scheduler(stop=stop))
    costs, rows, stops = [9.0, 8.0, 7.0, 6.0, 5.0], [], []
    for i, size in enumerate(cuts):
        start = sum(cuts[:i])
        over = i == len(cuts) - 1
        changed, stopped = taken_in(made, ticked(0, *costs[start : start + size], over=over))
        rows += changed
        stops += stopped
    trial = rows[-1]
    assert (trial.status, trial.units, trial.loss) == (Status.STOPPED, 3, 7.0)
    assert trial.curves["other"].tolist() == [90, 80, 70]
    assert asked == [1, 2, 3]
    assert stops == ([0] if len(cuts) == 5 else [])  # else it left its lane by itself
    assert made.trials[0] is trial


def test_the_last_unit_needs_no_decision():
    always = Scheduler(stop=lambda curve: len(curve) >= 2)
    made = ledger([waiting(0, budget=2)], always)
    ((trial,), _) = taken_in(made, ticked(0, 2, 1, over=True))
    assert trial.status is Status.COMPLETE


def test_the_scheduler_sees_exactly_the_trials_that_may_be_known():
    seen = []

    def limits(peers, budget):
        seen.append((peers, budget))
        return np.full(budget, np.inf, np.float32)

    made = ledger(
        [waiting(0, budget=3), waiting(1, budget=1), waiting(2), waiting(3, known=2)],
        Scheduler(limits=limits),
        maximize=True,
    )
    made.record(ticked(2, 9, 9, 9, 9, over=True))  # has ended, but is not known to trial 3
    made.record(ticked(0, 1, 2, 3, over=True))
    made.record(ticked(1, 5, over=True))
    seen.clear()
    made.record(ticked(3, 1))
    ((peers, budget),) = seen
    assert budget == 4
    np.testing.assert_array_equal(peers, np.array([[-1, -2, -3], [-5, np.nan, np.nan]], "f"))


@pytest.mark.parametrize(("of_best", "units"), [(False, 2), (True, 4)])
def test_a_loss_above_its_limit_stops_the_trial(of_best, units):
    def limits(peers, budget):
        return np.array([9, 2, 9, 1, 9], np.float32)

    made = ledger([waiting(0, budget=5)], Scheduler(limits=limits, of_best=of_best))
    (trial,), out = taken_in(made, ticked(0, 2, 3, 2, 2, 5, over=True))
    assert (trial.status, trial.units, out) == (Status.STOPPED, units, [])
    assert made.trials[0] is trial


def test_what_ends_by_convergence_is_complete():
    rule = Scheduler(stop=lambda curve: len(curve) == 2, completes=True)
    made = ledger([waiting(0)], rule)
    (trial,), out = taken_in(made, ticked(0, 5, 4, 3))
    assert (trial.status, trial.units, trial.loss, out) == (Status.COMPLETE, 2, 4.0, [0])
    assert made.best is trial


def test_replicates_are_averaged_and_end_together():
    made = ledger([waiting(0), waiting(1)], replicates=2)
    assert taken_in(made, ticked(2, 1, 2, 3, 4, over=True))[0][0].status is Status.RUNNING
    (trial,), _ = taken_in(made, ticked(3, 3, 4, 5, 8, over=True))
    assert (trial.number, trial.status, trial.loss) == (1, Status.COMPLETE, 6.0)
    assert trial.curves["cost"].tolist() == [2, 3, 4, 6]
    assert trial.replicates == (4.0, 8.0)


def test_replicates_are_stopped_on_what_they_show_together():
    made = ledger([waiting(0)], Scheduler(stop=lambda curve: bool(curve[-1] > 4)), replicates=2)
    made.record(ticked(0, 1, 9))  # alone it would be stopped
    (trial,), out = taken_in(made, ticked(1, 1, 1, 1))
    assert (trial.status, trial.units, trial.loss) == (Status.STOPPED, 2, 5.0)
    assert sorted(out) == [0, 1]


@pytest.mark.parametrize("turned", [False, True])
def test_one_diverged_replicate_makes_the_trial_diverge_at_the_same_unit_in_any_order(turned):
    made = ledger([waiting(0)], replicates=2)
    ticks = [ticked(0, 1, np.nan, over=True, diverged=True), ticked(1, 1, 1, 1)]
    for tick in ticks[::-1] if turned else ticks:
        changed, out = taken_in(made, tick)
    assert (changed[-1].status, changed[-1].units, changed[-1].loss) == (Status.DIVERGED, 2, None)
    assert changed[-1].replicates == ()
    assert out == [1]


def test_a_member_that_begins_again_has_no_past():
    made = ledger([waiting(0)])
    made.record(ticked(0, 7, 7))
    lost = Tick(progress=[Progress(number=0, again=True)], started=1.0, seconds=0.0)
    made.record(lost)
    (trial,), _ = taken_in(made, ticked(0, 1, 2, 3, 4, over=True))
    assert trial.curves["cost"].tolist() == [1, 2, 3, 4]


def test_rows_that_had_not_ended_wait_again_and_are_counted_twice():
    half = dataclasses.replace(
        waiting(0), status=Status.RUNNING, attempts=1, started=5.0, curves={"cost": np.ones(2)}
    )
    done = dataclasses.replace(waiting(1), status=Status.COMPLETE, loss=1.0, attempts=1)
    made = ledger([half, done])
    assert [t.status for t in made.trials] == [Status.WAITING, Status.COMPLETE]
    assert made.best is done
    made.record(ticked(0, 1))
    ((trial,), _) = taken_in(made, ticked(0, 1, 1, 0.5, over=True))
    assert (trial.attempts, trial.started, trial.units) == (2, 100.0, 4)
