"""What the analysis finds equals what is there."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import jaxhpo.analysis as library
from jaxhpo.analysis import Options, analysed, associations, progress, slices, summary
from jaxhpo.analysis.activity import fraction
from jaxhpo.goals import Goals
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.table import curve_table, trials_table
from jaxhpo.trial import Status

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
    said = summary(table, WIDE, objective="score", maximize=maximize)
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
    assert {c.status: c.n for c in said.counts} == {"complete": 112, "stopped": 5, "diverged": 3}
    assert said.counts[0].phases == {"explore": 52, "model": 60, "given": 0}
    assert said.count(Status.STOPPED) == 5
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
    for trials, measured in ((complete, found["lr"].every), (free, found["lr"].independent)):
        rho, p = stats.spearmanr(
            [t.config["lr"] for t in trials], [t.metrics["score"] for t in trials]
        )
        assert measured.strength == pytest.approx(rho)
        assert measured.n == len(trials)
    assert found["lr"].p == pytest.approx(p)
    assert found["lr"].chance == pytest.approx(1.959964 / np.sqrt(51))
    assert (found["lr"].every.n, found["lr"].independent.n) == (112, 52)
    assert found["lr"].verdict == "associated"
    h, p = stats.kruskal(
        *([t.metrics["score"] for t in free if t.config["kind"] == k] for k in ("sgd", "adam"))
    )
    assert found["kind"].p == pytest.approx(p)
    kind = found["kind"]
    assert kind.independent.strength == pytest.approx(np.sqrt(h / (len(free) - 1)))
    place = [t.config["kind"] == "adam" for t in free]
    rho = stats.spearmanr(place, [t.metrics["score"] for t in free]).statistic
    assert kind.independent.strength == pytest.approx(abs(rho))  # two values: eta is |rho|
    for group in kind.groups:
        values = [t.metrics["score"] for t in free if t.config["kind"] == group.label]
        assert (group.n, group.median) == (len(values), pytest.approx(np.median(values)))
    tested = [a for a in found.values() if a.p is not None]
    q = stats.false_discovery_control([a.p for a in tested])
    assert [a.q for a in tested] == pytest.approx(q)
    ranks = [(a.verdict != "associated", a.measure == "eta") for a in found.values()]
    assert ranks == sorted(ranks)  # rho and eta are never ranked in one list


def test_a_conditional_parameter_counts_only_where_it_was_active(made, table):
    found = {a.parameter: a for a in associations(table, WIDE)}
    active = [t for t in made.trials() if "momentum" in t.config and t.status == "complete"]
    assert found["momentum"].every.n == len(active) < 112
    cut = {s.parameter: s for s in slices(table, WIDE)}["momentum"]
    assert list(cut.number) == [t.number for t in active]
    assert cut.inactive == 112 - len(active)


def test_with_few_exploring_trials_nothing_is_tested_and_the_reason_is_said():
    table = table_of(records(explore=20))
    for a in associations(table, WIDE):
        assert (a.verdict, a.p, a.q) == ("not tested", None, None)
        assert "25 are needed" in a.reason
        assert a.every.strength is not None  # described all the same


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
    for i, middle in enumerate(found["kind"].middles):
        values = [v for x, v in zip(found["kind"].x, found["kind"].value, strict=True) if x == i]
        assert (middle.x, middle.n) == (i, len(values))
        assert middle.median == pytest.approx(np.median(values))


def test_slices_of_numbers_have_medians_of_equal_parts_of_the_searched_scale(table):
    found = {s.parameter: s for s in slices(table, WIDE)}
    lr = found["lr"]
    assert sum(m.n for m in lr.middles) == len(lr.x) == 112
    part = np.floor((np.log10(lr.x) + 4) / 3 * 8).clip(0, 7)  # lr is 1e-4 to 1e-1, log
    for place, middle in zip(np.unique(part), lr.middles, strict=True):
        values = np.array(lr.value)[part == place]
        assert middle.n == len(values)
        assert middle.x == pytest.approx(stats.gmean(np.array(lr.x)[part == place]))
        if len(values) >= 5:
            assert middle.median == pytest.approx(np.median(values))
        else:
            assert middle.median is None
    assert (found["epochs"].spacing, lr.spacing) == (1.0, None)


def test_a_choice_that_is_none_is_a_value_and_no_absence():
    space = Space(
        clip=Choice([None, 1.0]),
        mixed=Choice([1, 0.5]),
        mode=Choice(["1", 1], when={"clip": None}),
        low=Float(0.0, 1.0, when={"mode": ["1"]}),
    )
    made = records(space, n=80, diverged=0)
    trials, found = made.trials(), analysed(made)
    cuts = {s.parameter: s for s in found.slices}
    for name, cut in cuts.items():
        assert list(cut.number) == [t.number for t in trials if name in t.config]
    assert cuts["clip"].labels == ("None", "1.0")
    assert cuts["mode"].labels == ("'1'", "1")
    assert {a.parameter: a.every.n for a in found.associations} == {
        name: len(cut.x) for name, cut in cuts.items()
    }
    for row in found.summary.top:
        config = trials[row.number].config
        assert row.config == config
        assert [type(v) for v in row.config.values()] == [type(v) for v in config.values()]


def test_places_are_judged_on_the_scale_that_is_searched():
    space = Space(lr=Float(1e-4, 1.0, log=True), n=Int(0, 8), kind=Choice(["a", "b", "c"]), k=3.0)
    assert fraction(space.parameters["lr"], 1e-2) == pytest.approx(0.5)
    assert fraction(space.parameters["n"], 2) == pytest.approx(0.25)
    found = analysed(records(space, n=40, diverged=0)).summary
    by_name = {s.parameter: s for s in found.settings}
    kind = by_name["kind"]
    assert ("a", "b", "c")[kind.nth - 1] == kind.value
    assert (kind.of, kind.fraction, by_name["k"].value) == (3, None, 3.0)


def test_parameters_are_described():
    found = {p.name: p for p in analysed(records(n=1)).parameters}
    assert (found["lr"].kind, found["lr"].low, found["lr"].log) == ("float", 1e-4, True)
    assert found["momentum"].when == {"kind": ("sgd",)}
    assert found["hidden"].values == ("(64,)", "(128, 64)")


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
    assert found["one"].every.strength is None
    assert "one value" in found["one"].reason


def test_each_question_can_be_asked_alone_and_shows_itself_in_a_few_lines(made, table):
    """From (space, table), as in a notebook."""
    options, more = Options(resamples=20), {"maximize": True}
    held = library.sample(table, WIDE, **more)
    forests = [library.surrogate(held, b, "every", options) for b in library.branches(WIDE)]
    goals = Goals((("score", True), ("other", False)))
    said = library.summary(table, WIDE, objective="score", **more)
    noise = library.replicates(held)
    top = library.top_region(held, options)
    answers = [
        said,
        noise,
        library.progress(table, **more),
        library.slices(table, WIDE)[0],
        library.learning(made.trials(), objective="score"),
        library.cost(table, **more),
        library.coverage(table, WIDE),
        library.convergence(held, noise),
        library.diverged(table, WIDE),
        library.elites(held, options, basis="every"),
        library.evidence(library.associations(table, WIDE), top, WIDE.names)[0],
        library.fronts(table, goals),
        library.groups(held, basis="every")[0],
        library.importances(forests[0], tested=False),
        library.directions(forests[0])[0],
        library.interactions(forests[0], tested=False),
        library.tunability(forests, None, said.best.config),
        library.parameters(WIDE)[0],
        top[0],
    ]
    for answer in answers:
        assert dataclasses.is_dataclass(answer)
        assert len(repr(answer)) < 8000, type(answer)
    whole = repr(analysed(made, options))
    assert whole.startswith("Analysis of made up: score, higher is better")
    assert f"trial {said.best.number}" in whole
    assert len(whole.splitlines()) < 12


def test_what_is_public_says_where_it_is_from():
    for name in library.__all__:
        assert (getattr(library, name).__doc__ or "").strip(), name
