"""Values that are hard to reckon with: huge, tiny, infinite, all alike, none."""

from __future__ import annotations

import numpy as np
import pytest
from made import drawn

from jaxhpo.analysis.baseline import welch
from jaxhpo.analysis.confirmation import student
from jaxhpo.analysis.estimate import deviation
from jaxhpo.analysis.given import LARGEST
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.study import analysed_table
from jaxhpo.space import Choice, Float, Space

SPACE = Space(x=Float(0.0, 1.0), k=Choice(["a", "b"]))
FAST = Options(resamples=20)


def of(value, *, maximize=False):
    table = drawn(SPACE, lambda c: c["x"], len(value), noise=0.0)
    table = table.assign(value=value, loss=-value if maximize else value)
    return analysed_table(table, SPACE, objective="score", maximize=maximize, options=FAST)


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1e149])
def test_the_size_of_an_objective_changes_nothing_that_is_said(scale):
    value = np.random.default_rng(0).normal(size=30)
    plain, sized = of(value), of(value * scale)
    assert sized.summary.spread.sd == pytest.approx(plain.summary.spread.sd * scale, rel=1e-6)
    assert [e.verdict for e in sized.evidence] == [e.verdict for e in plain.evidence]
    assert sized.importance[0].quality.r2 == pytest.approx(plain.importance[0].quality.r2, abs=0.02)


@pytest.mark.parametrize("wild", [np.inf, -np.inf, 1e300, -1e200, np.nan])
@pytest.mark.parametrize("maximize", [False, True])
def test_a_value_beyond_reckoning_counts_as_diverged_and_the_report_says_so(wild, maximize):
    value = np.random.default_rng(0).normal(size=30)
    value[:3] = wild
    seen = of(value, maximize=maximize)
    assert abs(seen.summary.best.value) < 10
    assert {c.status: c.n for c in seen.summary.counts} == {"complete": 27, "diverged": 3}
    said = [a.text for a in seen.anomalies if a.kind == "beyond"]
    assert len(said) == 1
    assert said[0].startswith("3 of 30 trials")
    assert f"{LARGEST:g}" in said[0]


@pytest.mark.parametrize("value", [np.zeros(0), np.full(5, np.nan), np.ones(1), np.ones(30)])
def test_no_trial_one_trial_and_equal_values_have_an_analysis(value):
    seen = of(value)
    assert {e.verdict for e in seen.evidence} == {"not tested"}
    assert (seen.chosen is None) is (not np.isfinite(value).any())


def test_spreads_neither_overflow_nor_vanish():
    x = np.array([1.0, 2.0, 4.0])
    for scale in (1e-300, 1.0, 1e300):
        assert deviation(x * scale) == pytest.approx(x.std(ddof=1) * scale)
        assert deviation(x * scale, ddof=0) == pytest.approx(x.std() * scale)
    assert deviation(np.ones(4)) == 0.0
    mean, sized = student(x), student(x * 1e-250)
    assert sized.low == pytest.approx(mean.low * 1e-250)
    apart, tiny = welch(x, x + 1), welch(x * 1e-250, (x + 1) * 1e-250)
    assert tiny.high == pytest.approx(apart.high * 1e-250)
