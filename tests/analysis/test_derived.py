"""Quantities that the reader derives from several parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import drawn

from jaxhpo.analysis.derived import softmax
from jaxhpo.analysis.options import Options
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
