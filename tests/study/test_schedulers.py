"""Schedulers at work in a study: who is stopped, and that nothing but the trials decides it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.contracts import Group, Scheduler, Task
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.study import Study, arguments
from jaxhpo.trial import Status, Trial

CASES = {
    "asha": {"scheduler": "asha", "scheduler_options": {"eta": 3}},
    "halving": {"scheduler": "halving", "scheduler_options": {"eta": 3, "bracket": 27}},
    "hyperband": {"scheduler": "hyperband", "scheduler_options": {"eta": 3, "brackets": 3}},
    "patience": {"scheduler": "patience", "scheduler_options": {"units": 2, "least": 0.05}},
    "pbt": {"scheduler": "pbt", "scheduler_options": {"units": 3, "population": 12}},
}


def curves_task(budget: int = 9, **more: Any) -> Task:
    """Losses that fall to a floor at a rate, with noise; x decides the floor."""

    def train(key, hp, state, data):
        noise = 0.05 * jax.random.normal(key)
        return {"level": state["level"] * (0.5 + 0.4 * hp["rate"]), "noise": noise}

    def evaluate(hp, state, data):
        loss = (hp["x"] - 0.3) ** 2 + state["level"] + state["noise"]
        return {"loss": jnp.where(hp["x"] > 0.9, jnp.nan, loss)}

    space = Space(x=Float(0.0, 1.0), rate=Float(0.0, 1.0), kind=Choice(["a", "b"], static=True))
    return Task(
        space=space,
        data=(),
        init=lambda key, hp, data: {"level": jnp.float32(1.0), "noise": jnp.float32(0.0)},
        train=train,
        evaluate=evaluate,
        budget=lambda hp: budget,
        objective="loss",
        name="curves",
    )._replace(**more)


def study(case: str, **change: Any) -> Study:
    given = {"trials": 54, "sampler": "random", "batch": 9, "width": 4, "drivers": 1}
    task = change.pop("task", None) or curves_task()
    return Study(task, **{**given, **CASES[case], **change})


def rows(trials: list[Trial]) -> list[tuple]:
    return [
        (
            t.number,
            t.status,
            t.units,
            t.loss,
            tuple(sorted(t.config.items())),
            str(t.history),
            t.replicates,
            {name: curve.tobytes() for name, curve in t.curves.items()},
        )
        for t in trials
    ]


@pytest.fixture(scope="module", params=sorted(CASES))
def whole(request):
    """A study that nobody interrupted."""
    with study(request.param) as made:
        assert made.run().ended == "complete"
        return request.param, made.trials


def test_every_trial_ends_and_some_before_their_time(whole):
    case, trials = whole
    assert all(trial.status.ended for trial in trials)
    assert any(trial.status is Status.DIVERGED for trial in trials)
    early = [t for t in trials if t.units < t.budget and t.status is not Status.DIVERGED]
    if case == "pbt":
        assert not early
        assert any(trial.history for trial in trials)
    else:
        kind = Status.COMPLETE if case == "patience" else Status.STOPPED
        assert len(early) > 10
        assert {trial.status for trial in early} == {kind}


def test_threads_and_devices_decide_nothing(whole):
    case, trials = whole
    with study(case, drivers=2, devices=jax.devices()[:2]) as made:
        made.run()
        assert rows(made.trials) == rows(trials)


def test_an_interrupted_study_ends_the_same(whole, tmp_path):
    case, trials = whole
    for ticks in (1, 3, 2, 1000):
        left = [ticks]

        def stop(left=left):
            left[0] -= 1
            return left[0] < 0

        with study(case, workdir=tmp_path) as made:
            outcome = made.run(stop=stop)
    assert outcome.ended == "complete"
    assert rows(made.trials) == rows(trials)


def test_asha_keeps_the_best_third_of_those_it_knows():
    with study("asha", trials=81, lookahead=18) as made:
        made.run()
        trials = made.trials
    decided = 0
    for trial in trials:
        for rung in (1, 3):
            if trial.units < rung or (trial.units == rung and trial.status is Status.DIVERGED):
                break
            known = [t.curves["loss"] for t in trials[: trial.known]]
            at = [c[rung - 1] for c in known if len(c) >= rung and np.isfinite(c[rung - 1])]
            stops = len(at) >= 3 and trial.curves["loss"][rung - 1] > sorted(at)[len(at) // 3 - 1]
            assert stops == (trial.units == rung), (trial.number, rung)
            decided += 1
            if stops:
                break
    assert decided > 80


@pytest.mark.parametrize("scheduler", ["median", "asha"])
def test_a_study_of_twenty_trials_stops_some(scheduler):
    space = Space(x=Float(0.0, 1.0), rate=Float(0.0, 1.0))
    task = curves_task(space=space)
    with Study(task, trials=20, sampler="random", scheduler=scheduler) as made:
        made.run()
        assert sum(trial.status is Status.STOPPED for trial in made.trials) >= 2


def test_halving_keeps_a_third_at_every_rung():
    with study("halving", task=curves_task(9), trials=27) as made:
        made.run()
        ends = [t.units for t in made.trials if t.status is not Status.DIVERGED]
        second = len(ends) // 3
        third = second // 3
        assert [ends.count(u) for u in (1, 3, 9)] == [len(ends) - second, second - third, third]
        best = {t.number for t in made.trials if t.units == 9}
        at_three = {t.number: float(t.curves["loss"][2]) for t in made.trials if t.units >= 3}
        assert best == set(sorted(at_three, key=at_three.__getitem__)[:third])


def test_hyperband_has_the_brackets_of_the_paper():
    with study("hyperband", trials=17, task=curves_task(9)) as made:
        made.run()
        trials = made.trials
    # R = 9, eta = 3: 9 trials from 1 unit, 5 from 3 units, 3 for all 9.
    assert all(t.units == 9 or t.status is Status.DIVERGED for t in trials[14:17])
    assert all(t.units in (3, 9) or t.status is Status.DIVERGED for t in trials[9:14])
    assert sorted(t.units for t in trials[:9])[-1] == 9


def test_a_bracket_that_the_end_cuts_short_is_decided_all_the_same():
    with study("halving", trials=40) as made:
        assert made.run().ended == "complete"
        assert all(t.status.ended for t in made.trials)
        assert any(t.status is Status.STOPPED for t in made.trials[27:])


def test_pbt_copies_the_best_and_changes_them():
    with study("pbt", trials=24) as made:
        made.run()
        trials = made.trials
    for trial in trials:
        for change in trial.history:
            source = trials[change["source"]]
            group = range(trial.number // 12 * 12, trial.number // 12 * 12 + 12)
            assert source.number in group
            at = change["unit"] - 1
            assert source.curves["loss"][at] < trial.curves["loss"][at]
            assert source.config["kind"] == trial.config["kind"]  # which is a program's own
    copied = {t.config["kind"] for t in trials if any(c["source"] != t.number for c in t.history)}
    assert copied == {"a", "b"}


def test_a_trial_that_took_the_states_of_others_is_trained_again_with_them(tmp_path):
    with study("pbt", task=curves_task(12), workdir=tmp_path) as made:
        made.run()
    with study("pbt", task=curves_task(12), workdir=tmp_path) as made:
        moved = [trial for trial in made.trials if trial.history]
        twice = [trial for trial in moved if len(trial.history) > 1]
        heirs = [t for t in moved if any(made.trials[c["source"]].history for c in t.history)]
        assert twice
        assert heirs
        for trial in {t.number: t for t in [moved[0], twice[0], heirs[0]]}.values():
            again = made.rerun(trial.number)
            assert again.same, again.differences
            assert again.trial.loss == trial.loss
            assert {c["source"] for c in trial.history} - {trial.number} <= set(again.others)
        other = made.trials[heirs[0].history[-1]["source"]]
        made._ledger.trials[other.number] = dataclasses.replace(
            other, history=(), config={**other.config, "rate": 0.5}
        )
        again = made.rerun(heirs[0].number)
        unit = heirs[0].history[-1]["unit"] + 1
        assert f"loss: differs first after unit {unit}," in again.differences[0]


def jaderberg() -> Task:
    """The example of Jaderberg et al. 2017, section 4.1 and figure 2: maximise 1.2 - |theta|^2, of
    which a worker sees 1.2 - (h0 theta0^2 + h1 theta1^2)."""

    def train(key, hp, theta, data):
        h = jnp.stack([hp["h0"], hp["h1"]])
        return theta - 0.05 * h * theta

    return Task(
        space=Space(h0=Float(0.0, 1.0), h1=Float(0.0, 1.0)),
        data=(),
        init=lambda key, hp, data: jnp.full(2, 0.9, jnp.float32),
        train=train,
        evaluate=lambda hp, theta, data: {"score": 1.2 - (theta**2).sum()},
        budget=lambda hp: 100,
        objective="score",
        maximize=True,
        name="jaderberg",
    )


def test_pbt_finds_the_schedule_of_its_paper():
    options = {"units": 4, "population": 2, "share": 0.5, "resample": 0.0, "step": 0.0}
    given = [{"h0": 0.0, "h1": 1.0}, {"h0": 1.0, "h1": 0.0}]
    common = {"trials": 2, "width": 2, "drivers": 1, "sampler": "random", "enqueue": given}
    with Study(jaderberg(), **common) as alone:
        alone.run()
        apart = alone.best.metrics["score"]
    assert apart < 0.4  # each worker moves along one axis only: 1.2 - 0.81
    options = {**options, "step": 0.3}
    task = jaderberg()._replace(test=lambda hp, theta, data: {"theta": theta.sum()}, test_data=())
    with Study(task, **common, scheduler="pbt", scheduler_options=options) as together:
        together.run()
        best = together.best.metrics["score"]
        # The best went on from the other's states, and is trained again with it to be tested.
        assert together.best.history
        fact = together.records.facts()["test"]
        assert fact["number"] == together.best.number
        again = together.rerun(together.best.number)
        assert again.same
        assert again.others
        assert again.test == fact["metrics"]
    assert best > 1.1  # both axes, in turn


@pytest.mark.parametrize("scheduler", ["none", "asha", "halving"])
def test_replicates_end_together_and_the_same_on_any_threads(scheduler):
    found = []
    for drivers in (1, 2):
        given = {**CASES.get(scheduler, {}), "replicates": 3, "drivers": drivers, "trials": 27}
        task = curves_task()
        with Study(task, **{"sampler": "random", "batch": 9, "width": 4, **given}) as made:
            made.run()
            found.append(rows(made.trials))
            again = made.rerun(1)
            assert again.same, again.differences
            scored = [t for t in made.trials if t.status.scored]
            assert scored
            for trial in scored:
                assert len(trial.replicates) == 3
                np.testing.assert_allclose(np.mean(trial.replicates), trial.loss, rtol=1e-5)
                assert len(set(trial.replicates)) == 3
    assert found[0] == found[1]


def test_budgets_that_differ_within_a_bracket():
    task = curves_task()._replace(
        space=Space(x=Float(0.0, 1.0), rate=Float(0.0, 1.0), epochs=Int(1, 12)),
        budget=lambda hp: int(hp["epochs"]),
    )
    with study("halving", task=task) as made:
        made.run()
        assert all(t.status.ended for t in made.trials)
        assert all(t.units == t.budget for t in made.trials if t.status is Status.COMPLETE)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, r"mine\(\.\.\.\) must return a .*Scheduler, got NoneType"),
        (Scheduler(group=lambda n: Group(n, 1, lambda b: [1])), "`group` must have `decide` too"),
        (Scheduler(decide=lambda key, standing: None), "`decide` must have `group` too"),  # type: ignore[arg-type]
    ],
)
def test_a_scheduler_that_could_never_decide_is_refused(made, said):
    with pytest.raises(ValueError, match=said):
        arguments.scheduler("mine", made)
