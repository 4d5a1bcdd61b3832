"""Reports of studies with several objectives and constraints."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxhpo.analysis import Options
from jaxhpo.analysis.fronts import front_of_table
from jaxhpo.analysis.study import analysed
from jaxhpo.goals import stated
from jaxhpo.report.bundle import write_report
from jaxhpo.report.lint import lint
from jaxhpo.report.sections import sections
from jaxhpo.space import Space
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.table import trials_table
from tests.report.studies import records as made_up

CASES = {
    "two": ([["cost", False]], {}),
    "two within bounds": ([["cost", False]], {"size": 0.8, "other": 1.0}),
    "four": ([["cost", False], ["size", False], ["speed", True]], {}),
    "bounds": ([], {"size": 0.5}),
    "nothing feasible": ([["cost", False]], {"size": -1.0}),
}


def made(name: str, n: int = 90):
    others, constraints = CASES[name]
    plain = made_up(n=n, explore=60)
    task = dict(plain.identity["task"])
    task |= {"others": others} if others else {}
    task |= {"constraints": constraints} if constraints else {}
    records = MemoryRecords({**plain.identity, "task": task})
    place = np.random.default_rng(0)
    for trial in plain.trials():
        x = trial.point.astype(float)
        more = {"cost": x[0] ** 2 + 0.3 * x[1], "size": x[1], "speed": x[2] * place.random()}
        records.write([dataclasses.replace(trial, metrics={**trial.metrics, **more})])
    return records


def said(found):
    return {s.name: [one.text for one in s.sentences] for s in sections(found)}


@pytest.mark.slow  # draws every figure
@pytest.mark.parametrize("name", CASES)
def test_a_report_does_not_contradict_itself(name, tmp_path):
    write_report(made(name, n=40), tmp_path, options=Options(resamples=20))
    assert lint(tmp_path) == []
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "Objectives and constraints" in text


def test_one_objective_has_no_such_section(tmp_path):
    assert "front" not in said(analysed(made_up(n=60)))


def test_the_front_is_that_of_the_table():
    records = made("two within bounds")
    identity = records.identity
    space, goals = Space.from_dict(identity["space"]), stated(identity["task"])
    table = trials_table(
        records.trials(), space=space, objective="score", maximize=True, goals=goals
    )
    np.testing.assert_array_equal(front_of_table(table, goals), table["front"])
    found = analysed(records)
    numbers = [m.number for m in found.fronts.front]
    assert set(numbers) == set(table.index[table["front"]])
    assert [m.values[0] for m in found.fronts.front] == sorted(
        (m.values[0] for m in found.fronts.front), reverse=True
    )
    assert found.summary.best is not None
    assert found.summary.best.number == numbers[0]
    assert found.fronts.feasible == table["feasible"][table["status"] == "complete"].sum()
    assert found.summary.spread.n == found.fronts.feasible
    assert 0 < len(found.progress.number) == found.fronts.feasible


def test_what_is_said_of_the_front():
    found = analysed(made("two within bounds"))
    lines = " ".join(said(found)["front"])
    seen = found.fronts
    assert f"{len(seen.front)} trials of {seen.feasible} feasible complete trials" in lines
    assert "score (higher is better) and cost (lower is better)" in lines
    assert "yours to say" in lines
    rule = next(r for r in seen.constraints if r.name == "size")
    assert f"kept by {rule.kept} of {rule.n} complete trials" in lines
    shares = [v.share for v in seen.volume]
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1
    assert seen.volume[-1].n == seen.feasible
    assert "alone, the first of 2 objectives" in " ".join(said(found)["best"])


def test_the_named_trials_are_in_the_front():
    seen = analysed(made("four")).fronts
    numbers = {m.number: m.values for m in seen.front}
    assert seen.compromise in numbers
    for column, goal in enumerate(seen.objectives):
        pick = max if goal.maximize else min
        assert goal.number is not None
        assert (
            goal.value == numbers[goal.number][column] == pick(v[column] for v in numbers.values())
        )


def test_nothing_feasible_is_said():
    lines = said(analysed(made("nothing feasible")))
    assert "keeps every constraint, so there is no best" in lines["best"][0]
    assert "the lowest was" in lines["front"][0]
