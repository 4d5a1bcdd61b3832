"""The forest's Sobol indices are those of functions where they are known, and noise is noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import drawn
from scipy import stats

from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.importance import importances
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.sobol import design, indices
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.space import Bool, Choice, Float, Int, Space

WEIGHTS = (0.0, 1.0, 4.5, 9.0)


def ishigami(x, y, z):
    return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)


def sobol_g(*xs):
    return math.prod((abs(4 * x - 2) + a) / (1 + a) for x, a in zip(xs, WEIGHTS, strict=True))


def known_ishigami():
    """Saltelli et al. 2008, with a = 7 and b = 0.1."""
    v1 = 0.5 * (1 + 0.1 * math.pi**4 / 5) ** 2
    v2, v13 = 49 / 8, 0.01 * math.pi**8 * (1 / 18 - 1 / 50)
    whole = v1 + v2 + v13
    return np.array([v1, v2, 0.0]) / whole, np.array([v1 + v13, v2, v13]) / whole


def known_sobol_g():
    v = np.array([1 / (3 * (1 + a) ** 2) for a in WEIGHTS])
    whole = np.prod(1 + v) - 1
    return v / whole, v * np.prod(1 + v) / (1 + v) / whole


def found(function, space, n, options=None, *, explore=None, noise=0.0, tested=True):
    table = drawn(space, lambda c: function(*c.values()), n, explore=explore, noise=noise)
    made = sample(table, space, maximize=False)
    basis = "independent" if tested else "every"
    options = options or Options(resamples=20)
    return [importances(surrogate(made, b, basis, options), tested=tested) for b in branches(space)]


def test_estimators_equal_the_analytic_indices():
    """4,096 points a block; scipy's estimator is as far off."""
    made = design(3, 4096, 0, place=lambda u: (2 * u - 1) * math.pi, among=range(3))
    seen = indices(made, ishigami(*made.points.T))
    first, total = known_ishigami()
    assert seen.first == pytest.approx(first, abs=0.01)
    assert seen.total == pytest.approx(total, abs=0.01)
    assert dict(zip(made.pairs, seen.pairs, strict=True))[0, 2] == pytest.approx(total[2], abs=0.02)
    uniform = [stats.uniform(-math.pi, 2 * math.pi)] * 3
    scipys = stats.sobol_indices(
        func=lambda x: ishigami(*x), n=4096, dists=uniform, rng=np.random.default_rng(0)
    )
    assert seen.total == pytest.approx(scipys.total_order, abs=0.02)


def test_a_function_without_variance_has_no_indices():
    made = design(2, 16, 0, among=range(2))
    seen = indices(made, np.ones(len(made.points)))
    assert (seen.variance, seen.first.tolist(), seen.pairs.tolist()) == (0.0, [0, 0], [0])


@pytest.mark.slow
def test_a_forest_finds_the_indices_of_ishigami():
    space = Space(**{n: Float(-math.pi, math.pi) for n in "xyz"})
    (seen,) = found(ishigami, space, 1000)
    by_name = {p.parameter: p for p in seen.parameters}
    first, total = known_ishigami()
    assert seen.quality.r2 > 0.8
    for name, one, whole in zip("xyz", first, total, strict=True):
        assert by_name[name].first.value == pytest.approx(one, abs=0.08)
        assert by_name[name].total.value == pytest.approx(whole, abs=0.1)
        assert by_name[name].verdict == "important"
        assert by_name[name].p == 0.05


@pytest.mark.slow
def test_a_forest_finds_the_indices_of_sobol_g():
    space = Space(**{n: Float(0.0, 1.0) for n in "abcd"})
    (seen,) = found(sobol_g, space, 1000)
    first, total = known_sobol_g()
    by_name = {p.parameter: p for p in seen.parameters}
    assert [p.parameter for p in seen.parameters[:2]] == ["a", "b"]
    for name, one, whole in zip("abcd", first, total, strict=True):
        assert by_name[name].first.value == pytest.approx(one, abs=0.1)
        assert by_name[name].total.value == pytest.approx(whole, abs=0.1)


def test_noise_is_unknown_and_says_why():
    space = Space(**{n: Float(0.0, 1.0) for n in "abcdefghij"})
    (seen,) = found(lambda *_: 0.0, space, 50, noise=1.0)
    assert seen.quality.r2 < 0.3
    assert "R2" in seen.quality.reason
    assert {p.verdict for p in seen.parameters} == {"unknown"}
    assert all(p.total.value is None and p.band is None for p in seen.parameters)


def test_few_trials_and_equal_values_are_unknown():
    space = Space(x=Float(0.0, 1.0))
    assert "25 are needed" in found(lambda x: x, space, 20)[0].quality.reason
    assert "equal" in found(lambda x: 1.0, space, 40)[0].quality.reason


def test_an_irrelevant_parameter_is_not_identifiable_beside_one_that_matters():
    space = Space(x=Float(1e-4, 1.0, log=True), y=Float(0.0, 1.0), k=Choice(["a", "b", "c"]))
    (seen,) = found(lambda x, y, k: math.log(x), space, 120)
    by_name = {p.parameter: p for p in seen.parameters}
    assert by_name["x"].verdict == "important"
    assert by_name["x"].first.value > 0.9
    first, total = by_name["x"].first, by_name["x"].total
    assert first.low <= first.value <= first.high
    assert (total.low <= total.value, total.high) == (True, None)
    assert first.value <= total.value
    assert {by_name[n].verdict for n in "yk"} == {"not identifiable"}


def test_adaptive_trials_are_descriptive():
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    (seen,) = found(lambda x, y: x, space, 100, explore=10, tested=False)
    assert {p.verdict for p in seen.parameters} == {"descriptive"}
    assert all(p.band is None for p in seen.parameters)
    assert seen.parameters[0].total.value > 0.5
    assert {(p.total.low, p.first.low, p.first.high) for p in seen.parameters} == {(None,) * 3}
    assert seen.quality.basis == "every"


def test_each_branch_of_a_conditional_space_is_apart():
    space = Space(
        kind=Choice(["cnn", "mlp", "rnn"]),
        depth=Int(1, 5, when={"kind": ["cnn", "rnn"]}),
        skip=Bool(when={"kind": ["cnn", "rnn"], "depth": [3, 4, 5]}),
        width=Float(0.0, 1.0, when={"kind": "mlp"}),
        lr=Float(0.0, 1.0),
    )
    by_own = {b.own: b for b in branches(space)}
    assert set(by_own) == {("kind", "lr"), ("depth",), ("skip",), ("width",)}
    assert by_own["depth",].names == ("kind", "depth", "lr")
    assert by_own["skip",].names == ("kind", "depth", "skip", "lr")
    assert by_own["skip",].when == {"kind": ("cnn", "rnn"), "depth": (3, 4, 5)}

    def cost(c):
        return 10.0 * (c["kind"] == "mlp") + c.get("depth", 0) + 9 * c.get("width", 0.0)

    table = drawn(space, cost, 300)
    made = sample(table, space, maximize=False)
    options = Options(resamples=20)
    of = {
        b.own[-1]: importances(surrogate(made, b, "every", options), tested=True)
        for b in branches(space)
    }
    assert of["depth"].quality.n == int(table["param.depth"].notna().sum()) < 300
    assert of["depth"].parameters[0].total.value > 0.9  # of its branch, where kind does nothing
    assert of["width"].parameters[0].verdict == "important"
    assert of["lr"].parameters[0].parameter == "kind"
    assert of["skip"].parameters[0].verdict == "not identifiable"


def test_replicates_stay_together():
    """Fifteen configurations, ten seeds each: the noise of a configuration can't be learnt."""
    space = Space(x=Float(0.0, 1.0))
    rng = np.random.default_rng(0)
    noise = {}
    from made import table_of

    configs = [{"x": round(float(x), 3)} for x in rng.random(15) for _ in range(10)]
    values = [noise.setdefault(c["x"], rng.normal()) + 0.01 * rng.normal() for c in configs]
    made = sample(table_of(space, configs, values), space, maximize=False)
    seen = surrogate(made, branches(space)[0], "independent", Options())
    assert (seen.quality.n, seen.quality.configurations) == (150, 15)
    assert seen.quality.r2 < 0.3
