"""How the search went, how far to trust its best, what it cost, what looks wrong."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from made import drawn, table_of
from scipy import stats

from jaxhpo.analysis.anomalies import _correlated, anomalies
from jaxhpo.analysis.confirmation import confirmation
from jaxhpo.analysis.convergence import best_of, convergence
from jaxhpo.analysis.cost import cost
from jaxhpo.analysis.diverged import diverged
from jaxhpo.analysis.early import early, spearman
from jaxhpo.analysis.given import given
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.replicates import replicates
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.study import analysed_table
from jaxhpo.space import Bool, Choice, Float, Space

SPACE = Space(x=Float(0.0, 1.0), k=Choice(["a", "b"]))


def made_of(table, space=SPACE, *, maximize=False):
    return sample(table, space, maximize=maximize)


def course(values, *, maximize=False, explore=None, space=SPACE):
    rng = np.random.default_rng(1)
    configs = [{"x": float(x), "k": "a"} for x in rng.random(len(values))]
    table = table_of(space, configs, values, maximize=maximize, explore=explore)
    made = made_of(table, space, maximize=maximize)
    return convergence(made, replicates(made))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_expected_best_is_the_mean_over_all_subsets(k):
    losses = np.sort(np.random.default_rng(0).normal(size=5))[::-1]
    every = [min(s) for s in itertools.combinations(losses, k)]
    assert best_of(losses, k) == pytest.approx(np.mean(every))


def test_one_definition_a_name():
    found = course([3.0, 2.0, 2.5, 1.0, 4.0, 1.0, 2.0])
    assert (found.best_trial, found.since, found.recurrence) == (3, 3, 2)
    assert found.improvements == (0, 1, 3)
    assert (found.half, found.final, found.gain) == (2.0, 1.0, 1.0)
    assert found.near_trial is None
    assert found.near_reason
    assert [e.k for e in found.expected] == [1, 2, 4, 7]
    assert found.expected[0].value == pytest.approx(np.mean([3, 2, 2.5, 1, 4, 1, 2]))
    assert found.expected[-1].value == 1.0


def test_direction_turns_signs():
    up = course([1.0, 3.0, 2.0, 5.0], maximize=True)
    down = course([-1.0, -3.0, -2.0, -5.0])
    assert up.gain == down.gain == 2.0
    assert [e.value for e in up.expected] == pytest.approx([-e.value for e in down.expected])


def test_only_random_trials_make_an_expected_best():
    found = course([1.0, 2.0, 3.0, 0.5], explore=1)
    assert (found.expected, found.doubling, found.random) == ((), None, 1)


def test_an_empty_study_has_no_course():
    found = course([])
    assert (found.n, found.best_trial, found.expected) == (0, None, ())


def repeated(values, *, maximize=True):
    """Configurations with several values each, the first of each in turn, then the second, ..."""
    configs, flat = [], []
    for turn in range(max(map(len, values))):
        for i, each in enumerate(values):
            if turn < len(each):
                configs.append({"x": i / 100, "k": "a"})
                flat.append(each[turn])
    return table_of(SPACE, configs, flat, maximize=maximize)


def test_fresh_trials_of_the_best_configuration_confirm_it():
    made = made_of(repeated([[0.9, 0.7, 0.8], [0.85, 0.84, 0.86], [0.1]]), maximize=True)
    found = confirmation(made, replicates(made))
    assert found.status == "confirmed"
    assert found.best.number == 0
    assert found.best.numbers == (3, 5)
    assert found.best.fresh == (0.7, 0.8)
    assert (found.source, found.winner, found.stood) == ("trials", None, None)
    assert found.best.mean.value == pytest.approx(0.75)
    assert found.best.optimism == pytest.approx(0.15)  # by how much the best was too good
    assert found.best.mean.low < 0.75 < found.best.mean.high
    assert [c.number for c in found.others] == [1, 0]  # the other one is better when trained again


def test_a_study_that_trained_its_best_again_confirms_or_not():
    made = made_of(drawn(SPACE, lambda c: c["x"], 30, maximize=True), maximize=True)
    first, second = np.argsort(-made.value)[:2]
    fresh = [0.5, 0.6, 0.4, float("nan")], [0.8, 0.7, 0.9, 0.8]
    entries = [
        {
            "number": int(made.number[i]),
            "value": float(made.value[i]),
            "values": values,
            "test": {"score": values},
        }
        for i, values in zip((first, second), fresh, strict=True)
    ]
    again = {"entries": entries, "winner": int(made.number[second]), "stood": False, "seeds": 4}
    found = confirmation(made, replicates(made), again)
    assert (found.status, found.source, found.stood) == ("confirmed", "confirm", False)
    assert found.winner == found.others[0].number == made.number[second]
    assert found.best.mean.value == found.best.test["score"].value == pytest.approx(0.5)
    assert (found.best.diverged, len(found.best.fresh)) == (1, 3)
    assert found.best.optimism == pytest.approx(made.value[first] - 0.5)


def test_members_of_a_trial_tell_its_spread_though_folds_differ():
    rng = np.random.default_rng(0)
    made = made_of(drawn(SPACE, lambda c: c["x"], 300))
    folds = np.array([0.0, 3.0, -1.0, 0.5])
    members = {int(n): rng.random() + folds + 0.4 * rng.normal(size=4) for n in made.number}
    found = replicates(made, members)
    assert (found.source, found.members, found.freedom) == ("members", 4, 299 * 3)
    assert found.sd.value == pytest.approx(0.2, rel=0.1)  # of the mean of four
    assert found.sd.low < 0.2 < found.sd.high
    assert found.usable


def test_without_fresh_trials_the_best_is_unconfirmed_and_the_reason_is_said():
    made = made_of(drawn(SPACE, lambda c: c["x"], 30))
    found = confirmation(made, replicates(made))
    assert (found.status, found.best, found.fair.value) == ("unconfirmed", None, None)
    assert "trained more than once" in found.reason


def test_shrinkage_takes_back_what_noise_gave():
    """All configurations equal: the fair value of the best is near the mean of all."""
    rng = np.random.default_rng(3)
    noise = [[float(v) for v in rng.normal(size=3)] for _ in range(60)]
    made = made_of(repeated(noise), maximize=True)
    found = confirmation(made, replicates(made))
    assert found.shrinkage > 0.7
    assert abs(found.fair.value) < 1.0 < made.value.max()
    signal = [[5 * u, 5 * u + 0.1] for u in rng.random(60)]
    made = made_of(repeated(signal), maximize=True)
    found = confirmation(made, replicates(made))
    assert found.shrinkage < 0.05
    assert found.fair.value == pytest.approx(made.value.max(), abs=0.2)


def test_curves_tell_how_early_trials_could_be_stopped():
    rng = np.random.default_rng(0)
    final = {i: float(rng.random()) for i in range(60)}
    curves = {
        i: [v + (0.5 if u < 5 else 0.001) * rng.normal() for u in range(1, 10)] + [v]
        for i, v in final.items()
    }
    found = early(curves, final, maximize=True, elite=0.1, stopped=2)
    assert (found.n, found.stopped, found.n_elite) == (60, 2, 10)
    assert found.enough == 5
    assert found.saved == pytest.approx(0.5)
    by_unit = {a.unit: a for a in found.ahead}
    assert by_unit[1].rho.value < 0.6 < 0.95 < by_unit[6].rho.low
    assert by_unit[6].kept == 1.0


def test_late_bests_ask_for_more_training_and_early_ones_do_not():
    final = {i: i / 20 for i in range(20)}
    rising = {i: list(np.linspace(0, v, 10)) for i, v in final.items()}
    found = early(rising, final, maximize=True, elite=0.1, stopped=0)
    assert (found.late, found.overfit) == (1.0, 0.0)
    falling = {i: [v, *np.linspace(v + 1, v, 9)] for i, v in final.items()}
    found = early(falling, final, maximize=True, elite=0.1, stopped=0)
    assert (found.late, found.overfit) == (0.0, 1.0)
    assert "10 are needed" in early({}, final, maximize=True, elite=0.1, stopped=0).reason


def test_spearmans_interval_covers():
    """Of 200 samples of n = 30 with rho near 0.48, 95 % intervals miss 3 to 22 (99.9 %)."""
    rng, missed = np.random.default_rng(0), 0
    true = 6 / math.pi * math.asin(0.5 / 2)
    for _ in range(200):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 30).T
        seen = spearman(x, y)
        missed += not seen.low <= true <= seen.high
    assert missed <= 22


def test_what_it_cost():
    table = drawn(SPACE, lambda c: c["x"], 30, seconds=[float(1 + i % 5) for i in range(30)])
    found = cost(table, maximize=False)
    assert found.seconds == 90.0
    assert found.wall == 30.0
    assert found.parallel == 3.0
    assert found.per_unit.median == 0.75
    assert found.front[0].number == int(table["value"].idxmin())
    values, seconds = zip(*((c.value, c.seconds) for c in found.front), strict=True)
    assert list(values) == sorted(values)
    assert list(seconds) == sorted(seconds, reverse=True)
    for _, row in table.iterrows():
        assert any(c.value <= row["value"] and c.seconds <= row["seconds"] for c in found.front)
    assert "peak memory" in found.missing


def kinds(table, space=SPACE, *, maximize=True, **more):
    table = given(table, space, maximize=maximize)
    made = made_of(table, space, maximize=maximize)
    more = {"objective": "score", **more}
    return {a.kind: a for a in anomalies(table, made, lost=diverged(table, space), **more)}


def test_a_clean_study_has_no_anomalies():
    assert kinds(drawn(SPACE, lambda c: c["x"] / 2, 60, noise=0.01)) == {}


def test_a_perfect_score_is_suspicious_and_a_metric_beyond_it_is_not_perfect():
    found = kinds(drawn(SPACE, lambda c: min(1.0, 2 * c["x"]), 60))
    assert found["perfect"].n == found["ties"].n > 20
    assert "leaked" in found["perfect"].text
    assert "perfect" not in kinds(drawn(SPACE, lambda c: round(4 * c["x"]) / 2, 60))


def test_parameters_that_go_together_among_the_tested_trials_alone_are_named():
    two = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    rng = np.random.default_rng(0)
    configs = [{"x": float(x), "y": float(x)} for x in rng.random(30)]
    configs += [{"x": float(rng.random()), "y": float(rng.random())} for _ in range(30)]
    table = table_of(two, configs, rng.random(60).tolist())
    table["phase"] = ["explore"] * 30 + ["model"] * 30
    found = kinds(table, two)["collinear"]
    assert found.n == 30
    assert "n = 30 chosen without looking at results" in found.text


def test_each_anomaly_is_found_where_it_is():
    table = drawn(SPACE, lambda c: c["x"], 60)
    far = table.copy()
    far.loc[7, "value"] = -99.0
    assert kinds(far)["outliers"].numbers == (7,)
    drift = table.copy()
    drift["value"] = drift["value"] + np.arange(60) / 20
    assert kinds(drift)["drift"].value > 0.5
    twice = table_of(SPACE, [{"x": 0.5, "k": "a"}] * 4, [0.5, 0.5, 0.4, 0.3])
    assert kinds(twice)["duplicates"].numbers == (0, 1)
    two = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    xs = np.random.default_rng(0).random(40)
    same = table_of(two, [{"x": float(x), "y": float(x)} for x in xs], [float(x) for x in xs])
    assert kinds(same, two)["collinear"].parameters == ("x", "y")
    rng = np.random.default_rng(1)
    configs = [{"x": float(rng.random()), "k": "b" if i < 4 else "a"} for i in range(80)]
    few = table_of(SPACE, configs, [float(rng.random()) for _ in configs])
    assert kinds(few)["starved"].parameters == ("k",)
    lost = table_of(SPACE, configs, [None if c["x"] > 0.7 else c["x"] for c in configs])
    assert kinds(lost)["diverging"].value > 0.1
    assert kinds(lost)["region"].parameters == ("x",)
    assert kinds(table, sampler="tpe")["never adaptive"].n == 60
    assert kinds(table, test={"score": 0.1})["gap"].value > 0.5
    budget = table.copy()
    budget["units"] = 9
    assert kinds(budget)["budget"].n == 60
    early = table.copy()  # as a task's patience ends a trial: nothing is wrong with that
    early["budget"] = 9
    assert "budget" not in kinds(early)


def test_a_foreign_table_needs_parameters_and_the_objective_only():
    whole = drawn(SPACE, lambda c: c["x"], 60)
    bare = whole[["param.x", "param.k", "value"]]
    found = analysed_table(bare, SPACE, objective="score", maximize=True)
    assert found.summary.best.number == int(whole["value"].idxmax())
    assert {e.verdict for e in found.evidence} == {"not tested"}  # nobody said how it was chosen
    assert found.cost.seconds is None
    bare = bare.assign(phase="explore")
    found = analysed_table(bare, SPACE, objective="score", maximize=True)
    assert found.evidence[0].verdict == "matters"
    loss = whole[["param.x", "param.k", "loss"]]
    again = analysed_table(loss, SPACE, objective="score", maximize=False)
    assert again.summary.best.value == whole["loss"].min()


def test_a_table_that_does_not_fit_is_refused():
    table = drawn(SPACE, lambda c: c["x"], 5)
    for bad, text in (
        (table.drop(columns="param.x"), "'x' have none"),
        (table.drop(columns=["value", "loss"]), "must have the objective"),
        (table.assign(status="done"), "'status' only .* got 'done'"),
        (table.assign(phase="tpe"), "'phase' only"),
        (table.set_index(np.zeros(5, int)), "one row a trial"),
    ):
        with pytest.raises(ValueError, match=text):
            analysed_table(bad, SPACE, objective="score", maximize=True)
    with pytest.raises(ValueError, match="the table holds 'z' where the space has 'a', 'b'"):
        analysed_table(table.assign(**{"param.k": "z"}), SPACE, objective="score", maximize=True)


def test_a_study_without_any_complete_trial_is_analysed():
    space = Space(x=Float(0.0, 1.0), on=Bool())
    table = table_of(space, [{"x": 0.5, "on": True}] * 3, [None] * 3)
    found = analysed_table(table, space, objective="score", maximize=True, options=Options())
    assert found.summary.best is None
    assert {a.action for a in found.advice} == {"keep"}
    assert {a.kind for a in found.anomalies} == {"diverging"}


def test_collinear_parameters_are_those_of_all_pairs_one_by_one():
    """Also where they were active in different trials."""
    place = np.random.default_rng(0)
    space = Space(
        k=Choice(["a", "b"]),
        w=Float(0.0, 1.0, when={"k": "a"}),
        v=Float(0.0, 1.0, when={"k": "a"}),
        x=Float(0.0, 1.0),
        y=Float(0.0, 1.0),
        z=Float(0.0, 1.0),
    )
    units = place.random((80, 6))
    units[:, 0] = np.where(units[:, 0] < 0.5, 0.25, 0.75)
    units[:, 1] = units[:, 3] + 0.05 * place.normal(size=80)
    units[:, 5] = 1 - units[:, 4] ** 2
    units[units[:, 0] > 0.5, 1:3] = np.nan
    made = dataclasses.replace(
        sample(table_of(space, [], []), space, maximize=False),
        units=units,
        value=np.zeros(80),
        free=np.ones(80, bool),
        number=np.arange(80),
    )
    expected = []
    for i, j in itertools.combinations(range(1, 6), 2):
        both = ~np.isnan(units[:, [i, j]]).any(axis=1)
        rho = stats.spearmanr(units[both, i], units[both, j])[0]
        if abs(rho) >= 0.8:
            expected.append((i, j, pytest.approx(rho), int(both.sum())))
    assert len(expected) == 2
    assert _correlated(made) == expected
