"""PED-ANOVA equals Optuna's, and knows what chance does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made import drawn, table_of

from jaxhpo.analysis import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.top_region import importances, top_region
from jaxhpo.space import Bool, Choice, Float, Int, Space

REFERENCE = json.loads((Path(__file__).parent / "reference" / "ped_anova.json").read_text())


@pytest.mark.parametrize("case", range(len(REFERENCE["cases"])))
def test_equals_optuna_also_for_conditional_parameters(case):
    """To one part in a million: Optuna sums logarithms where we sum probabilities."""
    wanted = REFERENCE["cases"][case]
    held = next(c for c in REFERENCE["cases"] if c["study"] == wanted["study"] and "trials" in c)
    space = Space.from_dict(REFERENCE["space"])
    maximize = held["direction"] == "maximize"
    configs, values = zip(*((t["config"], t["value"]) for t in held["trials"]), strict=True)
    made = sample(table_of(space, configs, values, maximize=maximize), space, maximize=maximize)
    found = importances(made, wanted["share"])
    assert len(found) == len(wanted["importances"]) == 13
    for name, value in wanted["importances"].items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


def test_units_are_those_of_the_space():
    """The table's values on the cube, without asking the space trial by trial."""
    space = Space(
        Space.from_dict(REFERENCE["space"]).parameters,
        wide=Int(0, 5000),
        mode=Choice([None, "a", (1, 2)], ordered=True),
    )
    table = drawn(space, lambda c: c["lr"], 50)
    made = sample(table, space, maximize=False)
    configs = [
        {n: v for n, v in zip(space.names, row, strict=True) if not _missing(v, n, made, i)}
        for i, row in enumerate(table[[f"param.{n}" for n in space.names]].values.tolist())
    ]
    want = space.encode(configs)
    held = ~np.isnan(made.units)
    assert np.allclose(made.units[held], want[held], atol=1e-6)
    assert (want[~held] == 0.5).all()


def _missing(value, name, made, row):
    return bool(np.isnan(made.units[row, made.column(name)]))


def test_what_decides_is_found_and_what_does_not_is_not():
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0), on=Bool(), z=Int(1, 5, when={"on": True}))
    table = drawn(space, lambda c: (c["x"] - 0.5) ** 2, 200, noise=0.02)
    found = {t.parameter: t for t in top_region(sample(table, space, maximize=False))}
    assert found["x"].p < 0.005
    assert found["x"].independent.importance > found["x"].band
    assert (found["x"].independent.n, found["x"].independent.best) == (200, 20)
    assert found["z"].every.active < 200
    assert all(found[n].p > 0.01 for n in ("y", "z", "on"))


def test_adaptive_trials_are_described_and_not_tested():
    space = Space(x=Float(0.0, 1.0))
    table = drawn(space, lambda c: c["x"], 100, explore=20)
    (found,) = top_region(sample(table, space, maximize=True))
    assert found.every.n == 100
    assert found.every.importance > 0
    assert (found.p, found.band) == (None, None)
    assert "25 are needed" in found.reason


def test_equal_values_are_not_tested():
    space = Space(x=Float(0.0, 1.0))
    (found,) = top_region(sample(drawn(space, lambda c: 1.0, 50), space, maximize=True))
    assert found.p is None
    assert "equal" in found.reason


@pytest.mark.parametrize("share", [0.0, 0.6, -1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=r"Options\(elite=...\) must be a share"):
        Options(elite=share)
