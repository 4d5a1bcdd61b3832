"""The baseline beside the best."""

from __future__ import annotations

import pytest
from made import drawn, table_of
from scipy import stats

from jaxhpo.analysis.baseline import baseline, baseline_config
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.study import analysed_table
from jaxhpo.space import Choice, Float, Space

SPACE = Space(x=Float(0.0, 1.0), k=Choice(["a", "b"]), y=Float(0.0, 1.0, when={"k": "b"}))


def made(values_a, values_b, **more):
    configs = [{"x": 0.5, "k": "a"}] * len(values_a)
    configs += [{"x": 0.25, "k": "b", "y": 0.5}] * len(values_b)
    return table_of(SPACE, configs, [*values_a, *values_b], **more)


def test_replicates_give_welchs_interval():
    a, b = [1.0, 1.2, 0.9], [0.5, 0.4, 0.65, 0.5]
    table = made(a, b, given=[0])
    config = baseline_config(table, SPACE, Options())
    assert config == {"x": 0.5, "k": "a"}
    found = baseline(
        table, sample(table, SPACE, maximize=False), config, {"x": 0.25, "k": "b", "y": 0.5}
    )
    assert (found.numbers, found.best_numbers) == ((0, 1, 2), (3, 4, 5, 6))
    assert found.changed == ("x", "k", "y")
    score = next(c for c in found.compared if c.name == "score")
    wanted = stats.ttest_ind(b, a, equal_var=False).confidence_interval()
    assert (score.difference.low, score.difference.high) == pytest.approx(tuple(wanted))
    assert score.relative == pytest.approx(score.difference.value / score.baseline)
    assert {c.name for c in found.compared} == {"score", "seconds", "units"}


def test_single_trials_have_no_interval():
    table = made([1.0], [0.5, 0.6])
    options = Options(baseline={"x": 0.5, "k": "a"})
    found = analysed_table(table, SPACE, objective="score", maximize=False, options=options)
    score = found.baseline.compared[0]
    assert (score.difference.low, score.n_baseline, score.n_best) == (None, 1, 2)
    assert found.baseline.optimistic


def test_what_is_not_there_is_said():
    table = drawn(SPACE, lambda c: c["x"], 10)
    found = analysed_table(table, SPACE, objective="score", maximize=False).baseline
    assert (found.compared, found.reason) == ((), "none was named (--baseline)")
    options = Options(baseline={"x": 0.123, "k": "a"})
    found = analysed_table(table, SPACE, objective="score", maximize=False, options=options)
    assert "no complete trial has" in found.baseline.reason
