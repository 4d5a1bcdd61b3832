"""Directions, interactions and gains are those that were put in."""

from __future__ import annotations

import pytest
from made import drawn

from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.direction import directions
from jaxhpo.analysis.interactions import interactions
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.analysis.tunability import tunability
from jaxhpo.space import Bool, Choice, Float, Int, Space

SPACE = Space(
    a=Float(0.0, 1.0),
    b=Float(1e-4, 1.0, log=True),
    c=Int(1, 9),
    k=Choice(["x", "y", "z"]),
    u=Float(0.0, 1.0),
    w=Float(0.0, 1.0, when={"k": "x"}),
)


def score(c):
    """More is better: a up, b best in the middle, k = y best, u nothing, w down."""
    inner = (abs(c["b"]) > 0) * (1 - 4 * (_log(c["b"]) - 0.5) ** 2)
    return 2 * c["a"] + 2 * inner + 1.5 * (c["k"] == "y") - 3 * c.get("w", 0.0)


def _log(b):
    import math

    return (math.log10(b) + 4) / 4


def surrogates(function, space, n=400, *, maximize=True, resamples=30, basis="independent"):
    table = drawn(space, function, n, noise=0.05, maximize=maximize)
    made = sample(table, space, maximize=maximize)
    options = Options(resamples=resamples)
    return [surrogate(made, b, basis, options) for b in branches(space)], table


@pytest.mark.parametrize("maximize", [True, False])
def test_shapes(maximize):
    sign = 1 if maximize else -1
    made, table = surrogates(lambda c: sign * score(c), SPACE, maximize=maximize)
    found = {d.parameter: d for one in made for d in directions(one)}
    shapes = {n: d.shape for n, d in found.items()}
    assert shapes["a"] == "up"
    assert shapes["b"] == "inner optimum"
    assert shapes["k"] == "values differ"
    assert shapes["w"] == "down"
    assert shapes["u"] in ("flat", "unclear")
    assert found["a"].support >= 0.95
    b = found["b"]
    best = (max if maximize else min)(range(len(b.x)), key=lambda i: b.predicted[i].value)
    assert b.x[best] == pytest.approx(1e-2, rel=3)
    low, high = table["value"].min(), table["value"].max()
    assert all(low <= p.low <= p.value <= p.high <= high for p in found["a"].predicted)
    assert found["k"].labels == ("x", "y", "z")
    assert found["w"].n < found["a"].n == 400


def test_an_outer_optimum_and_the_unknown():
    space = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0))
    made, _ = surrogates(lambda c: 8 * (c["a"] - 0.5) ** 2, space, n=200)
    assert directions(made[0])[0].shape == "outer optimum"
    made, _ = surrogates(lambda c: 0.0, space, n=60)
    found = directions(made[0])
    assert {d.shape for d in found} == {"unknown"}
    assert "R2" in found[0].reason


def test_an_interaction_is_found_and_a_sum_has_none():
    space = Space(**{n: Float(0.0, 1.0) for n in "abc"})
    made, _ = surrogates(lambda c: 4 * (c["a"] - 0.5) * (c["b"] - 0.5) + c["c"] / 2, space, n=400)
    found = interactions(made[0], tested=True)
    assert found.pairs[0].parameters == ("a", "b")
    assert found.pairs[0].verdict == "interacting"
    assert found.pairs[0].index > found.pairs[0].band
    assert {found.screens[0].parameter, found.screens[1].parameter} == {"a", "b"}
    assert {p.verdict for p in found.pairs[1:]} == {"not identifiable"}
    contour = found.pairs[0].contour
    assert contour is not None
    assert len(contour.value) == len(contour.y) == 11
    assert max(map(max, contour.seen)) > 0
    corner, edge = contour.value[0][0], contour.value[0][-1]
    assert corner > edge  # (0, 0) is good, (1, 0) is bad
    made, _ = surrogates(lambda c: 2 * c["a"] + c["b"], space, n=400)
    assert {p.verdict for p in interactions(made[0], tested=True).pairs} == {"not identifiable"}


def test_more_than_six_parameters_are_screened():
    space = Space(**{n: Float(0.0, 1.0) for n in "abcdefgh"})
    made, _ = surrogates(lambda c: 4 * (c["g"] - 0.5) * (c["h"] - 0.5), space, n=500)
    found = interactions(made[0], tested=False)
    if found.reason:
        pytest.fail(found.reason)
    assert (len(found.screens), len(found.pairs)) == (8, 15)
    assert found.pairs[0].parameters == ("g", "h")
    assert found.pairs[0].verdict == "descriptive"


def test_gains_over_the_baseline_and_the_way_to_the_best():
    made, _ = surrogates(score, SPACE)
    baseline = {"a": 0.1, "b": 1e-4, "c": 5, "k": "z", "u": 0.5}
    best = {"a": 0.95, "b": 1e-2, "c": 5, "k": "y", "u": 0.5}
    found = tunability(made, baseline, best)
    gains = {g.parameter: g for g in found.baseline}
    assert "w" not in gains  # the baseline is not in its branch
    assert gains["b"].gain.value == pytest.approx(1, abs=0.3)
    assert gains["a"].gain.value == pytest.approx(1.8, abs=0.5)
    assert gains["k"].value == "y"
    assert gains["u"].gain.value < 0.3
    assert found.path[0].parameter == found.baseline[0].parameter
    assert {s.parameter for s in found.path} == {"a", "b", "k"}
    total = sum(s.gain.value for s in found.path)
    assert total == pytest.approx(found.path[-1].predicted.value - found.start.value)
    assert total == pytest.approx(score(best) - score(baseline), abs=1.2)
    assert {g.parameter: g for g in found.best}["k"].gain.value == pytest.approx(0.0, abs=0.05)


def test_without_a_baseline_there_is_no_path():
    made, _ = surrogates(score, SPACE, n=60)
    found = tunability(made, None, None)
    assert (found.baseline, found.path) == ((), ())
    assert found.reason == "there is no baseline configuration"


def test_a_boolean_has_two_values():
    space = Space(on=Bool(), x=Float(0.0, 1.0))
    made, _ = surrogates(lambda c: 1.0 * c["on"], space, n=60)
    (on, _) = directions(made[0])
    assert (on.labels, on.shape) == (("False", "True"), "values differ")
    assert on.predicted[1].value > on.predicted[0].value
