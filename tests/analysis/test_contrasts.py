"""Means at each value of a choice, and quantities that the reader derives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import drawn
from scipy import stats

from jaxhpo.analysis.contrasts import contrasts
from jaxhpo.analysis.derived import softmax
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.study import analysed_table
from jaxhpo.space import Bool, Choice, Float, Space

SPACE = Space(
    on=Bool(),
    k=Choice(["a", "b", "c"]),
    z=Choice([1, 2], when={"on": True}),
    u=Float(-2.0, 2.0),
    v=Float(-2.0, 2.0, when={"on": True}),
    w=0.5,
)


@pytest.mark.parametrize("maximize", [True, False])
def test_means_and_differences_are_those_of_the_trials(maximize):
    table = drawn(SPACE, lambda c: c["on"] + (c["k"] == "b"), 80, noise=0.1, maximize=maximize)
    found = {c.parameter: c for c in contrasts(sample(table, SPACE, maximize=maximize))}
    value, on = table["value"], table["param.on"].astype(bool)
    difference = found["on"].difference
    assert difference.value == pytest.approx(value[on].mean() - value[~on].mean())
    wanted = stats.ttest_ind(value[on], value[~on], equal_var=False).confidence_interval()
    assert (difference.low, difference.high) == pytest.approx(tuple(wanted))
    assert found["on"].best == ("True" if maximize else "False")
    assert found["k"].best == "b" if maximize else found["k"].worst == "b"
    assert (found["k"].difference.value > 0) == maximize  # the better less the worse
    for one in found["k"].values:
        here = value[table["param.k"] == one.label]
        assert (one.n, one.mean.value) == (len(here), pytest.approx(here.mean()))
        assert one.best == (here.max() if maximize else here.min())
    assert found["z"].n == int(on.sum())


def test_values_with_too_few_trials_are_neither_best_nor_worst():
    table = drawn(SPACE, lambda c: 1.0, 1)
    found = contrasts(sample(table, SPACE, maximize=True))
    assert all(c.best is None and c.difference.value is None for c in found)


def test_derived_quantities():
    options = Options(
        derived={"ce": softmax(["u", "w"], "u"), "needs v": lambda c: c["v"] * 2}, resamples=20
    )
    table = drawn(SPACE, lambda c: c["u"], 60)
    found = analysed_table(table, SPACE, objective="s", maximize=True, options=options)
    ce, needs = found.derived
    best = found.summary.best.config
    assert ce.best == pytest.approx(math.exp(best["u"]) / (math.exp(best["u"]) + math.exp(0.5)))
    assert ce.rho.value == pytest.approx(1.0, abs=1e-3)
    assert (ce.n, len(ce.top)) == (60, 10)
    assert needs.n == int(table["param.on"].sum()) < 60
    inactive = [r.number for r in found.summary.top if "v" not in r.config]
    assert all(needs.top[n] is None for n in inactive)
    assert inactive
    assert found.options.derived == {}
    with pytest.raises(ValueError, match="must be one of"):
        softmax(["a"], "b")
    assert np.isfinite(ce.rho.low)
