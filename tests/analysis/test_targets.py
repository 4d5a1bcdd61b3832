"""What further objectives and constraints depend on."""

from __future__ import annotations

import numpy as np
import pytest
from made import drawn

from jaxhpo.analysis.diverged import diverged
from jaxhpo.analysis.evidence import agreed
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.study import analysed_table
from jaxhpo.analysis.targets import targets
from jaxhpo.goals import Goals
from jaxhpo.space import Bool, Float, Space

SPACE = Space(x=Float(0.0, 1.0), y=Float(1e-3, 1.0, log=True), z=Float(0.0, 1.0), b=Bool())
FAST = Options(resamples=40, most=150)
BOTH = Goals((("score", True), ("cost", False)), (("size", 0.7),))


def table(n=150, *, seed=0, explore=None, noise=0.05):
    """The score is x, the cost the decades of y, the size z (and more of it where b)."""
    found = drawn(
        SPACE, lambda c: c["x"], n, noise=noise, seed=seed, maximize=True, explore=explore
    )
    place = np.random.default_rng([seed, 1])
    y, z = (found[f"param.{name}"].to_numpy(float) for name in "yz")
    b = found["param.b"].to_numpy(bool)
    return found.assign(
        **{
            "metric.cost": np.log10(y) + noise * place.normal(size=n),
            "metric.size": 0.7 * z + 0.4 * b + noise * place.normal(size=n),
        }
    )


def matter(target):
    return {e.parameter for e in target.evidence if e.verdict == "matters"}


@pytest.fixture(scope="module")
def seen():
    return analysed_table(
        table(), SPACE, objective="score", maximize=True, goals=BOTH, options=FAST
    )


def test_each_target_has_its_own_parameters(seen):
    cost, size = seen.targets.others
    assert (cost.name, cost.role, cost.maximize, cost.bound) == ("cost", "objective", False, None)
    assert (size.name, size.role, size.bound) == ("size", "constraint", 0.7)
    assert matter(cost) == {"y"}
    assert matter(size) == {"z", "b"}
    assert matter(seen) == {"x"}
    shares = {p.parameter: p.total.value for p in cost.importance[0].parameters}
    assert shares["y"] > 0.6
    assert max(shares, key=shares.get) == "y"
    assert cost.importance[0].parameters[0].verdict == "important"
    assert cost.top_region[0].parameter == "y"


def test_an_objective_is_of_feasible_trials_and_a_constraint_of_all(seen):
    cost, size = seen.targets.others
    held = table()
    kept = int((held["metric.size"] <= 0.7).sum())
    assert (cost.n, size.n) == (kept, 150)
    assert (seen.targets.n, seen.targets.broken) == (150, 150 - kept)
    assert seen.summary.count("complete") == 150


def test_where_constraints_are_broken(seen):
    where = {w.parameter: w for w in seen.targets.where}
    assert where["z"].verdict == where["b"].verdict == "associated"
    assert where["z"].independent.share > 0.7  # at large z
    assert (where["b"].value, where["b"].independent.diverged > 0) == ("true", True) or where[
        "b"
    ].value == "True"
    assert where["x"].verdict == "not identifiable"


def test_the_budget_is_shared_by_the_questions(seen):
    assert seen.targets.rate == pytest.approx(0.01 / 3)  # cost, size, and what breaks it
    one = targets(table(), SPACE, (), Goals((("score", True), ("cost", False))), FAST)
    assert one.rate == 0.01
    assert one.where == ()
    held = sample(table(), SPACE, maximize=True)
    assert len(held) == 150
    q = {e.parameter: e.q for e in seen.targets.others[0].evidence}
    for rate in (q["x"] * 0.99, q["x"] * 1.01):
        cost = seen.targets.others[0]
        _, known = agreed(cost.associations, cost.top_region, SPACE.names, rate=rate)
        assert ("x" in {e.parameter for e in known if e.verdict == "matters"}) is (rate > q["x"])


def test_nothing_is_tested_on_trials_that_a_sampler_chose():
    found = targets(table(explore=0), SPACE, (), BOTH, FAST)
    assert all(e.verdict == "not tested" for t in found.others for e in t.evidence)
    assert all(w.verdict == "not tested" for w in found.where)
    assert found.others[0].importance_every[0].parameters[0].verdict == "descriptive"


def test_of_noise_little_is_said():
    said = 0
    for seed in range(20):
        held = table(60, seed=seed)
        rng = np.random.default_rng([seed, 2])
        held = held.assign(
            **{f"metric.{m}": rng.normal(size=60) for m in ("cost", "size")},
        )
        found = targets(held, SPACE, (), BOTH, FAST)
        said += any(matter(t) for t in found.others)
        said += any(w.verdict == "associated" for w in found.where)
    assert said <= 2  # expected 0.2: false alarm of one test in a thousand


def test_one_objective_has_no_targets():
    found = targets(table(30), SPACE, (), Goals((("score", True),)), FAST)
    assert (found.others, found.where, found.broken) == ((), (), 0)


def test_a_metric_that_no_trial_has_is_unknown():
    goals = Goals((("score", True), ("other", False)))
    (other,) = targets(table(30), SPACE, (), goals, FAST).others
    assert other.n == 0
    assert all(e.verdict == "not tested" for e in other.evidence)


def test_the_rate_of_what_is_said_of_diverged_trials_is_the_callers():
    held = table()
    lost = held["param.z"].to_numpy(float) > 0.6
    status = np.where(lost, "diverged", "complete").astype(object)
    strict = diverged(held.assign(status=status), SPACE, rate=1e-300)
    assert {w.verdict for w in strict.where} == {"not identifiable"}
