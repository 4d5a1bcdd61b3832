"""Where a scheduler stopped trials, tests are of a unit that all reached, or there are none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxhpo.analysis import Options, analysed_table
from jaxhpo.space import Bool, Float, Int, Space
from jaxhpo.table import trials_table
from jaxhpo.trial import Phase, Status, Trial

SPACE = Space(fast=Float(0.0, 1.0), good=Float(0.0, 1.0), idle=Float(0.0, 1.0), epochs=Int(4, 9))
OPTIONS = Options(resamples=20)


def trials(n=80, *, stop=True, rung=2, seed=0, space=SPACE):
    """Losses that fall sooner the larger `fast` is, to where `good` decides; at the rung the worse
    half is stopped."""
    rng = np.random.default_rng(seed)
    points = np.asarray(space.layout.snap(rng.random((n, len(space))).astype(np.float32)))
    found = []
    for i, (point, config) in enumerate(zip(points, space.decode(points), strict=True)):
        unit = np.arange(1, config["epochs"] + 1)
        late = np.clip((unit - 1) / 3, 0, 1)
        curve = (1 - late) * (1 - config["fast"]) + late * (1 - config["good"])
        curve = (curve + 0.05 * rng.normal(size=len(unit))).astype(np.float32)
        found.append(
            Trial(
                number=i, config=config, point=point, phase=Phase.EXPLORE, known=0,
                budget=config["epochs"], status=Status.COMPLETE, units=len(curve),
                loss=float(curve[-1]), metrics={"loss": float(curve[-1])},
                curves={"loss": curve}, attempts=1, started=0.0, finished=1.0, seconds=1.0,
            )
        )  # fmt: skip
    if not stop:
        return found
    middle = np.median([t.curves["loss"][rung - 1] for t in found])
    return [cut(t, rung) if t.curves["loss"][rung - 1] > middle else t for t in found]


def cut(trial, unit):
    curve = trial.curves["loss"][:unit]
    more = {"loss": float(curve[-1]), "metrics": {"loss": float(curve[-1])}}
    return dataclasses.replace(
        trial, status=Status.STOPPED, units=unit, curves={"loss": curve}, **more
    )


def of(found, space=SPACE, *, curves=True):
    table = trials_table(found, space=space, objective="loss", maximize=False)
    held = found if curves else ()
    return analysed_table(
        table, space, objective="loss", maximize=False, trials=held, options=OPTIONS
    )


def test_final_values_are_tested_where_nothing_was_stopped():
    found = of(trials(stop=False, seed=1))
    assert (found.survivors.basis, found.survivors.unit) == ("final", None)
    verdicts = {e.parameter: e.verdict for e in found.evidence}
    assert verdicts["good"] == "matters"
    assert verdicts["fast"] == "not identifiable"
    assert found.survivors.budget == ("epochs",)


def test_survivors_are_not_tested_but_all_trials_at_the_unit_that_all_reached():
    found = of(trials(), curves=True)
    seen = found.survivors
    assert (seen.basis, seen.unit, seen.n, seen.left) == ("unit", 2, 80, 0)
    assert seen.stopped == 40
    assert "stopped 40 of the exploring trials" in seen.reason
    by = {a.parameter: a for a in found.associations}
    assert by["fast"].independent.n == 80  # not the 40 that were let live
    assert by["fast"].every.n == 40
    assert {e.parameter for e in found.evidence if e.verdict == "matters"} >= {"fast"}
    assert found.elites_independent.n == 80
    assert all(i.quality.n == 80 for i in found.importance)
    assert all(p.verdict != "important" for i in found.importance_every for p in i.parameters)
    values = {t.number: t.curves["loss"][1] for t in trials()}
    assert found.elites_independent.worst in [pytest.approx(v) for v in values.values()]


def test_a_parameter_that_decides_the_budget_is_not_tested_at_a_unit():
    found = of(trials())
    (epochs,) = [e for e in found.evidence if e.parameter == "epochs"]
    assert (epochs.verdict, epochs.p) == ("not tested", None)
    assert "decides how long" in epochs.reason


def test_without_curves_nothing_is_tested():
    found = of(trials(), curves=False)
    assert found.survivors.basis == "nothing"
    assert {e.verdict for e in found.evidence} == {"not tested"}
    assert all(a.p is None and "stopped" in a.reason for a in found.associations)
    assert all(t.p is None for t in found.top_region)
    assert all("stopped" in i.quality.reason for i in found.importance)
    assert {p.verdict for i in found.importance_every for p in i.parameters} <= {
        "descriptive",
        "unknown",
    }
    assert all(v.over is None for p in found.elites_independent.parameters for v in p.values)
    assert not {a.action for a in found.advice} & {"narrow", "drop", "fix", "move"}


def test_advice_from_a_unit_is_weak_and_says_so():
    space = Space(good=Float(0.0, 1.0), fast=Float(0.0, 1.0), epochs=Int(4, 9), b=Bool())
    found = of(trials(300, space=space), space)
    said = [a for a in found.advice if "matters" in a.reason]
    assert said
    assert all("at unit 2" in a.reason for a in said)
    assert all(a.grade != "strong" for a in said if a.action in ("narrow", "drop"))


def test_trials_that_a_scheduler_changed_are_tested_with_what_they_were_drawn_with():
    """As population based training does: the best is copied, and its parameters with it."""
    drawn = trials(stop=False)
    best = max(drawn, key=lambda t: t.config["good"])
    changed = []
    for t in drawn:
        if t.config["good"] < 0.5:
            past = ({"unit": 2, "source": best.number, "config": t.config},)
            config = {**t.config, "fast": best.config["fast"], "good": best.config["good"]}
            t = dataclasses.replace(t, config=config, history=past)
        changed.append(t)
    found = of(changed)
    seen = found.survivors
    assert (seen.basis, seen.unit) == ("unit", 2)
    assert seen.changed == sum(bool(t.history) for t in changed) > 10
    (fast,) = [a for a in found.associations if a.parameter == "fast"]
    assert fast.independent.n == 80
    assert fast.independent.strength < -0.5
    kept = dict(zip(range(80), (t.config["fast"] for t in drawn), strict=True))
    assert len({round(v, 6) for v in kept.values()}) > 70


def test_a_budget_below_the_unit_is_left_out_and_counted():
    space = Space(fast=Float(0.0, 1.0), good=Float(0.0, 1.0), epochs=Int(1, 9))
    longer = trials(120, stop=False, space=space)
    middle = np.median([t.curves["loss"][2] for t in longer if t.budget > 3])
    stopped = [cut(t, 3) if t.budget > 3 and t.curves["loss"][2] > middle else t for t in longer]
    seen = of(stopped, space).survivors
    few = sum(t.budget < 3 for t in longer)
    assert (seen.unit, seen.left, seen.n) == (3, few, 120 - few)
