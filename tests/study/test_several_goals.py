"""Studies with several objectives and constraints: the front, resuming, who can serve them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.goals import goals
from jaxhpo.leaders import Leaders, front_of
from jaxhpo.pareto import front
from jaxhpo.space import Float, Space
from jaxhpo.store.records import open_records
from jaxhpo.study import Study, StudyFailed
from jaxhpo.study.confirm import best_trials
from jaxhpo.tasks.objective import objective
from jaxhpo.trial import Status

SPACE = Space({f"x{i}": Float(0.0, 1.0) for i in range(4)})


def measured(key, hp):
    """ZDT1 with its second objective turned round; what lies far out has no second objective."""
    g = 1 + 3 * (hp["x1"] + hp["x2"] + hp["x3"])
    second = g * (1 - jnp.sqrt(hp["x0"] / g))
    merit = jnp.where(hp["x1"] > 0.95, jnp.nan, 10 - second)
    return {"cost": hp["x0"], "merit": merit, "weight": 1.5 - hp["x0"], "work": g}


TASK = objective(
    measured,
    SPACE,
    metric="cost",
    others={"merit": True},
    constraints={"weight": 1.3, "work": 6.0},
    name="measured",
)
SIZES = {"trials": 64, "batch": 8, "lookahead": 8, "width": 8}


def table(study):
    return study.table().drop(columns=["attempts", "started", "finished", "seconds"])


@pytest.fixture(scope="module")
def whole():
    with Study(TASK, **SIZES) as study:
        assert study.run().ended == "complete"
        yield study


def test_the_front_is_of_complete_feasible_trials(whole):
    asked = goals(TASK)
    found = {t.number for t in whole.front}
    kept = [t for t in whole.trials if asked.feasible(t)]
    assert 0 < len(kept) < 64
    rows = np.array([[t.metrics["cost"], -t.metrics["merit"]] for t in kept])
    assert found == {t.number for t, on in zip(kept, front(rows), strict=True) if on}
    assert all(t.metrics["weight"] <= 1.3 and t.metrics["work"] <= 6 for t in whole.front)
    costs = [t.metrics["cost"] for t in whole.front]
    assert costs == sorted(costs)
    assert whole.best is whole.front[0]


def test_the_table_says_who_is_feasible_and_in_front(whole):
    made = whole.table()
    assert set(made.index[made["front"]]) == {t.number for t in whole.front}
    assert made["feasible"].sum() == whole._ledger.leaders.feasible
    assert not (made["front"] & ~made["feasible"]).any()


def test_a_study_may_start_from_one_with_the_same_goals(whole):
    with Study(TASK, trials=16, batch=8, lookahead=8, width=8, warm_start=whole) as study:
        assert study.prior is not None
        assert study.prior.losses.shape == (64, 2)
        assert study.prior.violations is not None
        assert study.prior.violations.shape == (64, 2)
        study.run()
        rows = study.table()
    # It knows the earlier trials from its first proposal on.
    assert rows["metric.work"].median() < whole.table().iloc[:16]["metric.work"].median() - 1


def test_the_sampler_learns_from_all_goals(whole):
    with Study(TASK, **SIZES, sampler="random") as study:
        study.run()
        chance = study.table()
    late = whole.table().iloc[32:]
    assert late["feasible"].mean() > chance["feasible"].mean() + 0.2
    assert late["metric.work"].median() < chance["metric.work"].median() - 1


def test_resumed_is_as_if_never_stopped(whole, tmp_path):
    ticks = []
    with Study(TASK, **SIZES, workdir=tmp_path) as study:
        outcome = study.run(stop=lambda: len(ticks) > 2, on_tick=lambda s: ticks.append(s))
        assert outcome.ended == "interrupted"
    with Study(TASK, **SIZES, workdir=tmp_path) as study:
        study.run()
        assert table(study).equals(table(whole))
        assert [t.number for t in study.front] == [t.number for t in whole.front]
        assert study.records.facts()["digest"] == whole.records.facts()["digest"]
    assert ticks[-1].front is not None
    assert ticks[-1].feasible is not None


def test_goals_belong_to_the_identity(whole, tmp_path):
    with Study(TASK, **SIZES, workdir=tmp_path):
        pass
    with open_records(tmp_path, read_only=True) as records:
        assert records.identity["task"]["others"] == [["merit", True]]
        assert records.identity["task"]["constraints"] == {"weight": 1.3, "work": 6.0}
    for change in ({"constraints": {"weight": 1.2, "work": 6.0}}, {"others": ()}):
        with pytest.raises(ValueError, match=r"constraints|others"):
            Study(TASK._replace(**change), **SIZES, workdir=tmp_path)


def test_a_task_without_them_has_the_identity_it_always_had():
    with Study(objective(lambda key, hp: hp["x0"], SPACE), **SIZES) as study:
        assert not {"others", "constraints"} & set(study.identity["task"])
        assert study.front == []


def test_leaders_follow_the_trials_one_by_one(whole):
    asked = goals(TASK)
    leaders = Leaders(asked)
    for count, trial in enumerate(whole.trials, 1):
        leaders.add(trial)
        assert leaders.front == front_of(asked, whole.trials[:count])
    assert leaders.best is whole.best


def test_confirmed_are_trials_of_the_front(whole):
    chosen = best_trials(whole.trials, 3, goals(TASK))
    assert [t.number for t in chosen] == [t.number for t in whole.front[:3]]
    none = goals(TASK)._replace(constraints=(("work", -1.0),))
    with pytest.raises(ValueError, match="keeps the constraints"):
        best_trials(whole.trials, 3, none)


@pytest.mark.parametrize("sampler", ["gp"])
def test_a_sampler_of_one_loss_is_refused(sampler):
    with pytest.raises(ValueError, match=rf"sampler='{sampler}'.*several objectives.*'auto'"):
        Study(TASK, **SIZES, sampler=sampler)
    with pytest.raises(ValueError, match=r"for constraints.*weight at most"):
        Study(TASK._replace(others=()), **SIZES, sampler=sampler)


def test_metrics_that_are_not_there_are_refused():
    made = objective(measured, SPACE, metric="cost", others={"speed": True})
    with (
        pytest.raises((ValueError, StudyFailed), match=r"others=.*'speed'"),
        Study(made, **SIZES) as study,
    ):
        study.run()
    with pytest.raises(ValueError, match=r"Task\(constraints=...\).*finite"):
        Study(TASK._replace(constraints={"work": float("nan")}), **SIZES)


def test_no_feasible_trial_is_no_best_one():
    made = TASK._replace(constraints={"work": -1.0}, others=())
    with Study(made, **{**SIZES, "trials": 16}) as study:
        study.run()
        assert study.best is None
        assert study.front == []
        assert sum(t.status is Status.COMPLETE for t in study.trials) > 12
