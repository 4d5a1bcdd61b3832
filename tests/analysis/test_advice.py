"""Each rule applies where it should, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from made import drawn, table_of

from jaxhpo.analysis.options import Options
from jaxhpo.analysis.study import analysed_table
from jaxhpo.goals import Goals
from jaxhpo.space import Bool, Choice, Constant, Float, Int, Space

FAST = Options(resamples=20, most=200)


def found(function, space, n, *, noise=0.05, maximize=True, options=FAST, **more):
    table = drawn(space, function, n, noise=noise, maximize=maximize, **more)
    return analysed_table(table, space, objective="score", maximize=maximize, options=options)


def by_name(analysis):
    return {a.parameter: a for a in analysis.advice}


def test_a_soft_bound_that_the_best_lie_at_is_moved_and_a_natural_one_is_not():
    space = Space(
        lr=Float(1e-4, 1e-2, log=True),
        depth=Int(2, 6),
        drop=Float(0.0, 0.5),
        wd=Float(1e-6, 1e-2, log=True, natural="high"),
        u=Float(0.0, 1.0),
    )
    seen = found(
        lambda c: 3 * math.log10(c["lr"]) + c["depth"] - 4 * c["drop"] + math.log10(c["wd"]) / 2,
        space,
        300,
    )
    said = by_name(seen)
    assert said["lr"].high == pytest.approx(1e-1, rel=0.01)  # half the range, in logarithms
    assert "expand high" in said["lr"].rules
    assert said["depth"].high == 8
    assert said["drop"].low == 0.0  # never past nought
    assert said["wd"].high in (None, 1e-2)
    assert "expand high" not in said["wd"].rules
    for bound in seen.bounds:
        if bound.parameter in ("drop", "wd"):
            assert not bound.expand
    assert {b.parameter: b for b in seen.bounds if b.side == "low"}["drop"].natural
    assert {b.parameter: b for b in seen.bounds if b.side == "high"}["wd"].natural


def test_where_the_best_lie_at_a_bound_that_end_is_not_cut():
    space = Space(x=Float(0.0, 1.0, natural="both"), y=Float(0.0, 1.0))
    said = by_name(found(lambda c: c["x"], space, 300, noise=0.02))
    assert (said["x"].action, said["x"].high) == ("narrow", 1.0)
    assert 0.5 < said["x"].low < 0.95


def test_a_number_that_matters_is_narrowed_around_the_elite_and_the_best():
    space = Space(x=Float(1e-4, 1.0, log=True), n=Int(1, 20), y=Float(0.0, 1.0))
    seen = found(lambda c: -((math.log10(c["x"]) + 2) ** 2) - ((c["n"] - 10) / 10) ** 2, space, 300)
    said = by_name(seen)
    assert said["x"].action == "narrow"
    assert 1e-4 < said["x"].low < 1e-2 < said["x"].high < 1.0
    assert said["x"].n == seen.elites.elite == 30
    assert said["x"].low <= seen.summary.best.config["x"] <= said["x"].high
    assert said["y"].action in ("keep", "widen")
    assert isinstance(said["n"].low, int)
    assert "/evidence/0" in said["x"].evidence


def test_an_adaptive_study_without_independent_trials_is_not_narrowed():
    space = Space(x=Float(0.0, 1.0))
    said = by_name(found(lambda c: -abs(c["x"] - 0.5), space, 300, explore=10))
    assert said["x"].action == "keep"
    assert "25 are needed" in said["x"].reason


def test_a_bad_choice_is_dropped_and_a_rare_one_is_not():
    space = Space(k=Choice(["a", "b", "c"]), on=Bool(), x=Float(0.0, 1.0))
    seen = found(lambda c: {"a": 0.0, "b": 1.0, "c": 1.1}[c["k"]], space, 300, noise=0.2)
    said = by_name(seen)
    assert (said["k"].action, said["k"].dropped, said["k"].kept) == ("drop", ("a",), ("b", "c"))
    assert said["k"].interval.low > 0
    assert said["on"].action == "keep"
    rng = np.random.default_rng(0)
    configs = [{"k": "b", "on": True, "x": float(x)} for x in rng.random(200)]
    configs += [{"k": "a", "on": True, "x": float(x)} for x in rng.random(9)]
    values = [float((c["k"] == "b") + 0.1 * rng.normal()) for c in configs]
    table = table_of(space, configs, values, maximize=True)
    seen = analysed_table(table, space, objective="score", maximize=True, options=FAST)
    assert by_name(seen)["k"].action == "keep"  # nine trials are too few


def replicated(space, function, n, noise, repeats=3):
    rng = np.random.default_rng(0)
    points = np.asarray(space.layout.snap(rng.random((n, len(space))).astype(np.float32)))
    configs = [c for c in space.decode(points) for _ in range(repeats)]
    values = [function(c) + noise * rng.normal() for c in configs]
    return table_of(space, configs, values, maximize=True)


def test_what_gains_less_than_the_spread_of_replicates_is_fixed():
    space = Space(x=Float(0.0, 1.0, natural="both"), u=Float(0.0, 1.0), k=Choice(["a", "b"]))
    table = replicated(space, lambda c: 4 * c["x"], 60, noise=0.4)
    seen = analysed_table(table, space, objective="score", maximize=True, options=FAST)
    assert seen.replicates.sd.value == pytest.approx(0.4, rel=0.15)
    assert seen.replicates.sd.low < 0.4 < seen.replicates.sd.high
    assert (seen.replicates.repeated, seen.replicates.freedom) == (60, 120)
    said = by_name(seen)
    assert said["k"].action == "fix"
    assert said["k"].value == seen.summary.best.config["k"]
    assert said["k"].interval.high < seen.replicates.sd.value
    assert said["x"].action != "fix"
    # without replicates there is no ground to
    without = found(lambda c: 4 * c["x"], space, 180, noise=0.4)
    assert by_name(without)["k"].action == "keep"
    assert "without replicates" in by_name(without)["k"].reason
    assert without.replicates.sd.value is None


def test_nothing_is_fixed_at_a_bound():
    space = Space(x=Float(0.0, 1.0), u=Float(0.0, 1.0))
    for seed in range(3):
        table = replicated(space, lambda c, s=seed: 4 * c["x"], 60, noise=0.4)
        seen = analysed_table(table, space, objective="score", maximize=True, options=FAST)
        for advice in seen.advice:
            if advice.action == "fix":
                assert 0.1 < advice.value < 0.9


@pytest.mark.parametrize("n", [0, 1, 5, 20])
def test_small_studies_keep_and_say_why(n):
    space = Space(x=Float(0.0, 1.0), k=Choice(["a", "b"]))
    seen = found(lambda c: c["x"], space, n)
    for advice in seen.advice:
        assert advice.action in ("keep", "widen")
        if advice.action == "keep":
            assert "no trial" in advice.reason or "25 are needed" in advice.reason


@pytest.mark.slow
def test_no_advice_contradicts_itself_or_its_evidence():
    """Over many random studies: what is fixed is not explored, a cut range holds the best, every
    piece of advice says n and evidence."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        a, b, c = rng.normal(size=3)
        space = Space(
            x=Float(1e-3, 1.0, log=True),
            y=Float(-1.0, 1.0, step=0.25),
            n=Int(1, 64, log=True),
            k=Choice([1, 2, 4], ordered=True),
            on=Bool(),
            z=Int(0, 4, when={"on": True}),
        )
        seen = found(
            lambda p, a=a, b=b, c=c: (
                a * math.log10(p["x"]) - b * p["y"] ** 2 + c * p["on"] * p.get("z", 0) / 2
            ),
            space,
            int(rng.integers(10, 300)),
            noise=0.3,
            seed=seed,
            maximize=bool(seed % 2),
        )
        best = seen.summary.best.config
        for one in seen.advice:
            domain = space.parameters[one.parameter]
            assert one.evidence
            assert one.reason
            assert (one.action == "keep") == (one.grade == "")
            if one.action == "fix":
                assert one.value == best[one.parameter]
            if one.low is not None and one.parameter in best:
                assert one.low <= best[one.parameter] <= one.high
                assert (one.low, one.high) != (domain.low, domain.high)
        for space_file in seen.next_spaces:
            made = Space.from_yaml(space_file.yaml)
            assert len(made) == space_file.after <= 6
            assert all(isinstance(made.parameters[p], Constant) for p in space_file.fixed)


def asked(goals, *, n=120):
    """Of x the first objective wants less, the other one more, and less of y; the constraint's size
    is z. Every configuration was trained three times."""
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0), z=Float(0.0, 1.0), u=Float(0.0, 1.0))
    once = drawn(space, lambda c: c["x"], n, noise=0.0)
    table = pd.concat([once] * 3, ignore_index=True).rename_axis("number")
    rng, column = np.random.default_rng(0), table["param.x"].to_numpy(float)
    y, z = table["param.y"].to_numpy(float), table["param.z"].to_numpy(float)
    value = column + 0.05 * rng.normal(size=len(table))
    table = table.assign(
        value=value,
        loss=value,
        **{"metric.cost": 1 - column + y + 0.05 * rng.normal(size=len(table)), "metric.size": z},
    )
    found = analysed_table(
        table, space, objective="score", maximize=False, goals=goals, options=FAST
    )
    return found, by_name(found), column


def test_what_another_objective_or_a_constraint_depends_on_is_not_given_up_for_the_first():
    one = Goals((("score", False),))
    found, alone, x = asked(one)
    assert alone["x"].action == "narrow"
    assert [alone[name].action for name in "yzu"] == ["fix"] * 3
    found, both, _ = asked(Goals((("score", False), ("cost", False))))
    top = max(x[m.number] for m in found.fronts.front)
    high = 1.0 if both["x"].high is None else both["x"].high
    assert high >= top > alone["x"].high + 0.2  # the front goes on where the elite do not
    assert both["y"].action == "keep"
    assert "it matters for cost" in both["y"].reason
    assert "/targets" in both["y"].evidence
    assert [both[name].action for name in "zu"] == ["keep", "keep"]
    assert "several objectives" in both["u"].reason
    found, kept, _ = asked(Goals(one.objectives, (("size", 0.7),)))
    assert kept["z"].action != "fix"
    assert [kept[name].action for name in "yu"] == ["fix", "fix"]
    assert "it matters for size" in kept["z"].reason


def test_a_choice_of_the_front_is_not_dropped():
    space = Space(k=Choice(["a", "b"]), x=Float(0.0, 1.0))
    table = drawn(space, lambda c: c["x"] + 2 * (c["k"] == "b"), 150, noise=0.02)
    cost = (table["param.k"] == "a") + 0.01 * np.arange(len(table)) / len(table)
    table = table.assign(**{"metric.cost": cost})
    for several in (False, True):
        goals = Goals((("score", False), *([("cost", False)] if several else [])))
        seen = analysed_table(
            table, space, objective="score", maximize=False, goals=goals, options=FAST
        )
        assert (by_name(seen)["k"].action == "drop") is not several
