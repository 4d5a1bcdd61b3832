"""A study as a whole: whatever happens on the way, it ends in the same table."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.digits.experiment import Options, build
from jaxhpo.population.tile import Tile
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.study import Study, StudyFailed
from jaxhpo.study.crowd import ManyPrograms, crowded
from jaxhpo.tasks.objective import objective
from jaxhpo.trial import Phase, Status, Trial


def plain(trials: list[Trial]) -> list[tuple]:
    """Everything reproducible about some trials, in a form that can be compared."""
    return [
        (
            t.number,
            dict(t.config),
            t.point.tobytes(),
            t.phase,
            t.known,
            t.budget,
            t.status,
            t.units,
            t.loss,
            {k: c.tobytes() for k, c in t.curves.items()},
        )
        for t in trials
    ]


@pytest.fixture(scope="module")
def digits():
    return build(Options(min_epochs=1, max_epochs=4))


CASES = {
    "random": {"sampler": "random"},
    "tpe": {"sampler": "tpe"},
    "median": {"sampler": "random", "scheduler": "median"},
}


def study(task, **change) -> Study:
    return Study(task, **{"trials": 48, "lookahead": 16, "batch": 8, "width": 4, **change})


@pytest.fixture(scope="module", params=sorted(CASES))
def whole(request, digits):
    """A study that nobody interrupted, and its arguments."""
    with study(digits, **CASES[request.param], drivers=1) as made:
        assert made.run().ended == "complete"
        return CASES[request.param], made.trials


def test_every_trial_ends_and_has_its_curve(whole):
    _, trials = whole
    assert [t.number for t in trials] == list(range(48))
    for trial in trials:
        assert trial.status in (Status.COMPLETE, Status.STOPPED)
        assert len(trial.curves["accuracy"]) == trial.units
        assert trial.units == trial.budget or trial.status is Status.STOPPED
        assert trial.loss == -trial.metrics["accuracy"]


def test_lanes_devices_and_threads_change_nothing(whole, digits):
    arguments, trials = whole
    with study(digits, **arguments, devices=jax.devices()[:4], drivers=2) as other:
        other.run()
        assert plain(other.trials) == plain(trials)


def test_an_interrupted_study_goes_on_to_the_same_end(whole, digits, tmp_path):
    arguments, trials = whole
    runs = 0
    while True:
        with study(digits, **arguments, workdir=tmp_path, drivers=1 + runs % 2) as part:
            before = sum(t.status.ended for t in part.trials)
            ticks = iter(range(3))
            outcome = part.run(stop=lambda ticks=ticks: next(ticks, None) is None)
            after = sum(t.status.ended for t in part.trials)
        runs += 1
        assert after >= before
        assert runs < 200
        if outcome.ended == "complete":
            break
        assert outcome.ended == "interrupted"
    assert runs > 3
    assert plain(part.trials) == plain(trials)


def test_a_study_asked_for_more_goes_on_as_if_asked_at_once(whole, digits, tmp_path):
    arguments, trials = whole
    with study(digits, **arguments, workdir=tmp_path, trials=21) as first:
        assert first.run().trials == 21
    with study(digits, **arguments, workdir=tmp_path) as second:
        assert plain(second.trials) == plain(trials[:21])
        second.run()
        assert plain(second.trials) == plain(trials)


def test_what_the_default_sampler_picked_is_recorded(tmp_path):
    task = objective(lambda key, hp: (hp["x"] - 0.3) ** 2, Space(x=Float(0.0, 1.0)))
    options = {"most_known": 24, "startup": 10}
    given = {"batch": 8, "lookahead": 0, "sampler_options": options}
    with Study(task, trials=40, **given) as whole:
        snapshots = []
        whole.run(on_tick=snapshots.append)
        noted = whole.records.facts()["sampler"]
    assert [note["first"] for note in noted] == [0, 8, 24]  # ten trials spread out first
    assert [note["says"].split(":")[0] for note in noted] == ["sobol", "gp", "tpe"]
    assert snapshots[-1].picked == tuple((note["first"], note["says"]) for note in noted)
    assert snapshots[0].picked == snapshots[-1].picked[:1]
    for trials in (20, 40):  # stopped within a block, and gone on with
        with Study(task, trials=trials, workdir=tmp_path, **given) as part:
            part.run()
    assert part.identity["sampler"] == "auto"
    with Study(task, trials=40, workdir=tmp_path, **given) as again:
        assert again.records.facts()["sampler"] == noted


def test_a_study_that_is_asked_to_stop_begins_no_further_tick(monkeypatch, digits):
    begun, tick = [], Tile.tick

    def counted(*arguments):
        begun.append(1)
        return tick(*arguments)

    monkeypatch.setattr(Tile, "tick", counted)
    one = {"devices": jax.devices()[:1], "drivers": 1}
    with study(digits, sampler="random", **one) as part:
        assert part.run(stop=lambda: bool(begun)).ended == "interrupted"
    assert len(begun) == 1


def test_a_study_runs_once_at_a_time_and_not_when_closed():
    task = objective(lambda key, hp: (hp["x"] - 0.3) ** 2, Space(x=Float(0.0, 1.0)))
    with Study(task, trials=4, sampler="random", batch=4) as opened:
        with pytest.raises(RuntimeError, match="while this study is running"):
            opened.run(on_tick=lambda snapshot: opened.run())
        assert opened.run().trials == 4  # the refusal was an exception in a run like any other
        opened.wanted = 6.5  # type: ignore[assignment]
        with pytest.raises(ValueError, match=r"wanted=.*must be a whole number.*6.5"):
            opened.run()
    with pytest.raises(RuntimeError, match=r"Study.run\(\) needs a study that is open"):
        opened.run()
    with pytest.raises(RuntimeError, match=r"Study.confirm\(\) needs a study that is open"):
        opened.confirm()
    assert opened.best is not None


def test_sizes_left_open_are_taken_from_the_records(digits, tmp_path):
    with study(digits, sampler="random", workdir=tmp_path, trials=4) as first:
        first.run()
    with Study(digits, trials=6, sampler="random", workdir=tmp_path) as again:
        assert again.identity == first.identity
        again.run()
        assert len(again.trials) == 6


def test_a_rerun_gives_the_recorded_bits_and_the_test_score(whole, digits):
    arguments, trials = whole
    with study(digits, **arguments) as made:
        made._ledger.trials = list(trials)
        for number in (0, 17, 47):
            again = made.rerun(number)
            assert again.same, again.differences
            assert again.trial.loss == trials[number].loss
            assert again.test is not None
            assert set(again.test) == {"accuracy", "loss"}
        bent = dataclasses.replace(
            trials[5], curves={**trials[5].curves, "loss": trials[5].curves["loss"] + 1e-6}
        )
        made._ledger.trials[5] = bent
        again = made.rerun(5)
        assert not again.same
        assert "loss: differs first after unit 1" in again.differences[0]
        with pytest.raises(ValueError, match=r"0 to 47, got 48"):
            made.rerun(48)


def test_the_chosen_configuration_is_scored_on_test_data_once(digits):
    with study(digits, sampler="random", trials=8) as made:
        made.run()
        test = made.records.facts()["test"]
        assert test["number"] == made.best.number
        assert 0.5 < test["metrics"]["accuracy"] <= 1
        assert made.records.facts()["summary"]["traces"] == 1  # a program each is not worth it


@pytest.mark.parametrize(("how", "programs"), [("traced", 1), ("cohorts", 3)])
def test_the_user_decides_whether_batch_sizes_share_a_program(digits, how, programs):
    with study(digits, sampler="random", trials=12, plan={"batch_size": how}) as made:
        made.run()
        assert made.identity["plan"] == {"batch_size": how}
        assert made._populated().traces == programs
        again = made.rerun(3)
        assert again.same, again.differences


@pytest.mark.parametrize(
    ("trials", "plan", "programs"), [(512, {}, 1), (128, {"batch_size": "cohorts"}, 3)]
)
def test_hundreds_of_digits_trials_compile_once_a_program(trials, plan, programs):
    task = build(Options())
    with Study(task, trials=trials, sampler="random", drivers=2, plan=plan) as made:
        made.run()
        batch_sizes = {t.config["batch_size"] for t in made.trials}
        epochs = {t.config["epochs"] for t in made.trials}
        assert (batch_sizes, epochs) == ({16, 32, 64}, set(range(5, 21)))
        assert len(made._populated().cohorts) == programs
        assert made._populated().traces == programs
        assert {t.status for t in made.trials} <= {Status.COMPLETE, Status.DIVERGED}
        assert made.best.metrics["accuracy"] > 0.96


def wild(key, hp):
    """Not finite for x above 0.8."""
    return jnp.where(hp["x"] > 0.8, jnp.nan, (hp["x"] - 0.3) ** 2)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_diverged_trials_are_data(sampler):
    with Study(objective(wild, Space(x=Float(0.0, 1.0))), trials=96, sampler=sampler) as made:
        assert made.run().ended == "complete"
        lost = [t for t in made.trials if t.status is Status.DIVERGED]
        assert {t.number for t in lost} == {t.number for t in made.trials if t.config["x"] > 0.8}
        assert len(lost) > 0
        assert all(t.loss is None for t in lost)
        assert abs(made.best.config["x"] - 0.3) < 0.05


def test_a_finite_space_is_exhausted_and_says_so():
    space = Space(a=Choice(["u", "v"]), n=Int(1, 3))
    task = objective(lambda key, hp: hp["n"] + (hp["a"] == "v"), space)
    with Study(task, trials=50, sampler="grid") as made:
        outcome = made.run()
    assert (outcome.ended, outcome.trials) == ("exhausted", 6)
    assert "all configurations have been tried, in 6 trials" in outcome.message
    assert len({tuple(t.config.items()) for t in made.trials}) == 6
    assert made.best.config == {"a": "u", "n": 1}


def test_given_configurations_are_tried_first():
    space = Space(x=Float(0.0, 1.0), c=Choice([1, 2, 3]))
    task = objective(lambda key, hp: hp["x"] * hp["c"], space)
    with Study(task, trials=5, enqueue=[{"x": 0.125, "c": 3}], sampler="random") as made:
        made.run()
        assert made.trials[0].config == {"x": 0.125, "c": 3}
        assert made.trials[0].phase is Phase.GIVEN
        assert made.trials[0].loss == 0.375
        assert {t.phase for t in made.trials[1:]} == {Phase.EXPLORE}


def test_a_task_that_always_fails_stops_the_study_and_records_nothing():
    def broken(key, hp):
        raise TypeError("shapes do not fit")

    space = Space(x=Float(0.0, 1.0))
    with (
        Study(objective(broken, space), trials=64, sampler="random", batch=4) as made,
        pytest.raises(StudyFailed, match=r"first 4 trials.*trial 0.*shapes do not fit"),
    ):
        made.run()
    assert not any(t.status is Status.FAILED for t in made.records.trials())


def test_one_static_setting_that_fails_is_recorded_and_the_study_goes_on():
    def picky(key, hp):
        if hp["kind"] == "bad":
            raise TypeError("no such kind")
        return hp["x"]

    space = Space(x=Float(0.0, 1.0), kind=Choice(["good", "bad"]))
    with Study(objective(picky, space), trials=32, sampler="random") as made:
        assert made.run().ended == "complete"
        failed = {t.number for t in made.trials if t.status is Status.FAILED}
        assert failed == {t.number for t in made.trials if t.config["kind"] == "bad"}
        assert all("no such kind" in t.error for t in made.trials if t.number in failed)


def test_snapshots_say_where_the_study_stands(digits):
    seen = []
    with study(digits, sampler="random", trials=16) as made:
        made.run(on_tick=seen.append)
    assert seen[0].ended == 0
    last = seen[-1]
    assert last.ended == last.counts[Status.COMPLETE] == last.trials == 16
    assert 0 < last.useful <= 1
    assert last.steps_per_second > last.units_per_second > 0
    assert last.remaining == 0
    assert last.best.metrics["accuracy"] == made.best.metrics["accuracy"]
    assert [s.ended for s in seen] == sorted(s.ended for s in seen)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trials": 0}, r"trials=.*at least 1, got 0"),
        ({"trials": 2.5}, r"trials=.*got 2.5"),
        ({"seed": -1}, r"seed=.*got -1"),
        ({"batch": 0}, r"batch=.*got 0"),
        ({"width": True}, r"width=.*got True"),
        ({"sampler": "tpee"}, r"sampler='tpee' is not known.*random"),
        ({"scheduler": "asher"}, r"scheduler='asher' is not known.*median"),
        ({"sampler": "random", "sampler_options": {"gamma": 1}}, r"no option 'gamma'"),
        ({"enqueue": [{"x": 3.0}]}, r"x"),
        ({"replicates": 0}, r"replicates=.*got 0"),
        ({"plan": {"x": "traced"}}, r"plan=.*nothing here.*'x'"),
        ({"plan": {"x": "padded"}}, r"'grouped' or 'cohorts', got 'padded'"),
        ({"sampler": "tpe", "scheduler": "halving", "lookahead": 3}, r"at least 26"),
    ],
)
def test_bad_arguments_are_named(change, said):
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))
    with pytest.raises(ValueError, match=said):
        Study(task, **{"trials": 40, **change})


def test_what_is_refused_leaves_no_records_behind(tmp_path):
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))
    given = {"trials": 40, "sampler": "tpe", "scheduler": "halving", "workdir": tmp_path}
    with pytest.raises(ValueError, match="at least 26"):
        Study(task, lookahead=3, **given)
    with Study(task, lookahead=26, **given) as made:
        assert made.identity["lookahead"] == 26


def test_what_is_no_task_is_refused():
    with pytest.raises(ValueError, match=r"task=.*got function"):
        Study(lambda hp: 0, trials=3)
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)), static=["y"])
    with pytest.raises(ValueError, match=r"static=.*\(x\), got 'y'"):
        Study(task, trials=3)


def test_the_seed_decides():
    task = objective(lambda key, hp: jax.random.normal(key), Space(x=Float(0.0, 1.0)))
    found = {}
    for seed in (0, 0, 1):
        with Study(task, trials=32, seed=seed, sampler="random") as made:
            made.run()
            found.setdefault(seed, []).append(plain(made.trials))
    assert found[0][0] == found[0][1]
    assert found[0][0] != found[1][0]
    losses = [t[8] for t in found[0][0]]
    assert len(set(losses)) == 32
    assert abs(np.mean(losses)) < 4 / np.sqrt(32)


def test_many_programs_for_few_trials_are_warned_of():
    space = Space(x=Float(0.0, 1.0), y=Int(0, 9, static=True))
    with (
        Study(objective(lambda key, hp: hp["x"], space), trials=2, sampler="random") as made,
        pytest.warns(ManyPrograms, match=r"2 trials needs 10 programs.*every 0\.2 trials"),
    ):
        made.run()
    assert crowded(8, 1) is None
    assert crowded(100, 800) is None
    assert crowded(101, 800) is not None


def test_a_study_that_goes_on_with_more_trials_keeps_the_sizes_of_its_first_run(tmp_path):
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))

    def sizes(trials, where):
        with Study(task, trials=trials, workdir=tmp_path / where) as made:
            return [made.identity[name] for name in ("batch", "lookahead", "startup")]

    first = sizes(20, "parts")
    assert sizes(400, "parts") == first
    assert all(more > few for more, few in zip(sizes(400, "whole"), first, strict=True))


@pytest.mark.parametrize(
    ("given", "startup"),
    [
        ({"sampler": "tpe"}, 25),
        ({"sampler": "gp"}, 25),
        ({"sampler": "tpe", "sampler_options": {"startup": 5}}, 0),
        ({"sampler": "random"}, 0),
    ],
)
def test_a_study_reserves_trials_that_no_result_has_chosen(given, startup):
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))
    with Study(task, trials=60, batch=4, lookahead=4, **given) as made:
        assert made.identity["startup"] == startup
        made.run()
    phases = [trial.phase for trial in made.trials]
    first = startup or (60 if given["sampler"] == "random" else 5 + 3)  # whole blocks
    assert set(phases[:first]) == {Phase.EXPLORE}
    assert set(phases[first + 3 :]) <= {Phase.MODEL}
