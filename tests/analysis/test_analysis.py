"""What the analysis finds equals what is there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from jaxhpo.analysis import analysed, associations, progress, slices, summary
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.table import curve_table, trials_table

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from studies import WIDE, records


def table_of(made, space=WIDE, *, maximize=True):
    return trials_table(made.trials(), space=space, objective="score", maximize=maximize)


@pytest.fixture(scope="module")
def made():
    return records(stopped=5)


@pytest.fixture(scope="module")
def table(made):
    return table_of(made)


def test_the_table_holds_what_the_trials_hold(made, table):
    trials = made.trials()
    assert table["value"].isna().sum() == 3
    assert table["status"].value_counts().to_dict() == {
        "complete": 112,
        "stopped": 5,
        "diverged": 3,
    }
    assert table.loc[50, "param.hidden"] == trials[50].config["hidden"]
    assert table.loc[50, "value"] == -table.loc[50, "loss"] == trials[50].metrics["score"]
    inactive = [t.number for t in trials if "momentum" not in t.config]
    assert table.loc[inactive, "param.momentum"].isna().all()
    assert table.loc[inactive, "param.nesterov"].isna().all()
    curves = curve_table(trials)
    assert len(curves) == sum(t.units for t in trials)
    assert curves[curves["number"] == 50]["score"].tolist() == trials[50].curves["score"].tolist()


@pytest.mark.parametrize("maximize", [True, False])
def test_the_summary_is_of_complete_trials(maximize):
    made = records(maximize=maximize, stopped=5)
    table = table_of(made, maximize=maximize)
    said = summary(table, objective="score", maximize=maximize)
    complete = [t for t in made.trials() if t.status == "complete"]
    values = [t.metrics["score"] for t in complete]
    best = (max if maximize else min)(complete, key=lambda t: t.metrics["score"])
    assert said.best is not None
    assert (said.best.number, said.best.value) == (best.number, best.metrics["score"])
    assert said.best.config == best.config
    assert [r.value for r in said.top] == sorted(values, reverse=maximize)[:10]
    assert said.spread.n == 112
    assert said.spread.mean == pytest.approx(np.mean(values))
    assert said.spread.sd == pytest.approx(np.std(values, ddof=1))
    assert said.spread.median == pytest.approx(np.median(values))
    assert said.statuses == {"complete": 112, "stopped": 5, "diverged": 3}
    assert said.phases == {"explore": 60, "model": 60}
    assert said.seconds.median == 0.5


def test_progress_follows_the_trials(table):
    seen = progress(table, maximize=True)
    assert seen.best == tuple(np.maximum.accumulate(seen.value))
    assert seen.window == 6
    assert seen.average[4] is None
    assert seen.average[5] == pytest.approx(np.mean(seen.value[:6]))
    assert seen.value[seen.number.index(seen.found)] == max(seen.value)
    assert seen.since == len(seen.value) - 1 - seen.value.index(max(seen.value))
    assert not {0, 1, 2} & set(seen.number)  # those diverged


def test_associations_equal_scipy_and_are_tested_on_exploring_trials_only(made, table):
    found = {a.parameter: a for a in associations(table, WIDE)}
    complete = [t for t in made.trials() if t.status == "complete"]
    free = [t for t in complete if t.phase == "explore"]
    for trials, attribute in ((complete, "strength"), (free, "rho_independent")):
        rho, p = stats.spearmanr(
            [t.config["lr"] for t in trials], [t.metrics["score"] for t in trials]
        )
        assert getattr(found["lr"], attribute) == pytest.approx(rho)
    assert found["lr"].p == pytest.approx(p)
    assert (found["lr"].n, found["lr"].independent) == (112, 52)
    assert found["lr"].verdict == "associated"
    h, p = stats.kruskal(
        *([t.metrics["score"] for t in free if t.config["kind"] == k] for k in ("sgd", "adam"))
    )
    assert found["kind"].p == pytest.approx(p)
    assert found["kind"].rho_independent == pytest.approx(h / (len(free) - 1))
    tested = [a for a in found.values() if a.p is not None]
    q = stats.false_discovery_control([a.p for a in tested])
    assert [a.q for a in tested] == pytest.approx(q)


def test_a_conditional_parameter_counts_only_where_it_was_active(made, table):
    found = {a.parameter: a for a in associations(table, WIDE)}
    active = [t for t in made.trials() if "momentum" in t.config and t.status == "complete"]
    assert found["momentum"].n == len(active) < 112
    cut = {s.parameter: s for s in slices(table, WIDE)}["momentum"]
    assert list(cut.number) == [t.number for t in active]
    assert cut.inactive == 112 - len(active)


def test_with_few_exploring_trials_nothing_is_tested_and_the_reason_is_said():
    table = table_of(records(explore=20))
    for a in associations(table, WIDE):
        assert (a.verdict, a.p, a.q) == ("not tested", None, None)
        assert "25 are needed" in a.reason
        assert a.strength is not None  # described all the same


def test_pure_noise_is_seldom_called_anything():
    """60 studies of noise, 7 parameters each: by Benjamini and Hochberg about 5 % of them may name
    one; 10 or more of 60 would happen by chance once in a thousand times."""
    named = 0
    for seed in range(60):
        made = records(n=80, explore=200, diverged=0, noise=1e6, seed=seed)
        named += any(a.verdict == "associated" for a in associations(table_of(made), WIDE))
    assert named < 10


def test_slices_keep_labels_in_their_order(table):
    found = {s.parameter: s for s in slices(table, WIDE)}
    assert found["batch_size"].labels == ("16", "32", "64")
    assert found["hidden"].labels == ("(64,)", "(128, 64)")
    assert found["nesterov"].labels == ("False", "True")
    assert (found["lr"].log, found["lr"].low, found["epochs"].whole) == (True, 1e-4, True)
    for i, middle in enumerate(found["kind"].medians):
        values = [v for x, v in zip(found["kind"].x, found["kind"].value, strict=True) if x == i]
        assert middle == pytest.approx(np.median(values))


def test_learning_curves_and_their_quartiles(made):
    found = analysed(made).learning
    curves = [t.curves["score"] for t in made.trials()]
    assert found.n == 120
    assert found.reached[0] == 120
    assert found.reached[-1] == sum(len(c) == found.units for c in curves)
    at_three = [c[2] for c in curves if len(c) > 2]
    assert found.median[2] == pytest.approx(np.median(at_three))
    assert len(found.top) == 5


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_tiny_studies_are_analysed(n):
    found = analysed(records(n=n, diverged=min(n, 1)))
    assert found.summary.trials == n
    assert (found.summary.best is None) == (n < 2)
    assert found.summary.spread.sd is None or n == 3


def test_equal_values_and_constant_parameters_give_no_association():
    space = Space(x=Float(0.0, 1.0), one=Choice(["only"]), n=Int(1, 3))
    made = records(space, n=60, diverged=0)
    found = {a.parameter: a for a in associations(table_of(made, space), space)}
    assert found["one"].strength is None
    assert "single value" in found["one"].reason
