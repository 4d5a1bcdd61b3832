"""Whether a refinement helped, and which advice proved right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made import drawn, table_of
from scipy import stats

from jaxhpo.analysis.compare import compared, side, side_of_table
from jaxhpo.analysis.ground import advised
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.outcomes import outcomes
from jaxhpo.analysis.two_samples import least
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.store.memory import MemoryRecords

FIRST = Space(x=Float(0.0, 2.0), n=Int(1, 8), k=Choice(["a", "b", "c"]), u=Float(0.0, 1.0))
FAST = Options(resamples=20, most=100)


def score(c):
    """Best beyond the first bound of x, at small n, and anywhere but k = a."""
    return -3 * (c["x"] / 2 - 1.4) ** 2 - abs(c["n"] - 3) / 5 - 0.8 * (c["k"] == "a")


def study(space, n, *, name, function=score, seed=0, **more):
    table = drawn(space, function, n, noise=0.05, seed=seed, maximize=True, **more)
    return side_of_table(table, space, name=name, objective="score", maximize=True, options=FAST)


@pytest.fixture(scope="module")
def first():
    return study(FIRST, 250, name="first")


def test_a_refinement_that_helped(first):
    _, aggressive = first.analysis.next_spaces
    again = Space.from_yaml(aggressive.yaml)
    second = study(again, 120, name="second", seed=1)
    found = compared(first, second)
    assert (found.a, found.b, found.verdict) == ("first", "second", "better")
    assert found.mean.low > 0
    assert found.superiority.low > 0.5
    assert found.expected.low > 0
    assert found.best > 0
    assert (found.n_a, found.n_b, found.random_b, found.k) == (250, 120, 120, 30)
    by_rule = {(o.parameter, o.rule): o for o in found.outcomes}
    expand = by_rule["x", "expand high"]
    assert (expand.followed, expand.verdict) == (True, "right")
    assert expand.q <= 0.05
    assert expand.elite * expand.tried > expand.n * expand.of  # more often than trials do
    drop = by_rule["k", "drop"]
    assert (drop.followed, drop.verdict) == (True, "unknown")  # it did not try what was dropped
    assert drop.reason.startswith("none of its 120 exploring trials")


def test_the_expected_best_is_of_as_many_trials_as_it_says():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=9), rng.normal(size=7)
    means = [np.mean([min(c) for c in itertools.combinations(v, 3)]) for v in (x, y)]
    found = least(x, y, 3)
    assert found.value == pytest.approx(means[1] - means[0])
    errors = []
    for v in (x, y):
        less = [
            np.mean([min(c) for c in itertools.combinations(np.delete(v, i), 3)])
            for i in range(len(v))
        ]
        errors.append((len(v) - 1) * np.var(less))
    half = stats.t.ppf(0.975, 6) * np.sqrt(sum(errors))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))
    assert least(x, y, 7).low is None


def test_what_the_elite_share_with_all_trials_is_no_proof(first):
    """Half of the range lies beyond the old bound, and so do half of the elite."""
    wide = Space(x=Float(0.0, 4.0), n=Int(1, 8), k=Choice(["a", "b", "c"]), u=Float(0.0, 1.0))
    flat = study(wide, 200, name="flat", seed=4, function=lambda c: c["u"])
    by_rule = {(o.parameter, o.rule): o for o in compared(first, flat).outcomes}
    expand = by_rule["x", "expand high"]
    assert expand.elite > 4
    assert expand.verdict == "unknown"


@pytest.mark.parametrize("best", [0.3, 1.5])
def test_a_range_that_was_cut_too_far(best):
    before, after = (Space(x=Float(0.0, high), u=Float(0.0, 1.0)) for high in (2.4, 1.2))
    cut = advised("x", "narrow", "", rules=("narrow high",), low=0.0, high=1.2)
    second = study(after, 150, name="second", function=lambda c: -abs(c["x"] - best))
    made = second.sample(second.asked)
    (found,) = outcomes([cut], before, after, made, second.analysis)
    assert found.verdict == ("wrong" if best > 1 else "unknown")
    assert ("gets better beyond the new high end" in found.reason) is (best > 1)


def test_advice_that_was_not_followed_is_judged_where_it_was_tried(first):
    wide = Space(x=Float(0.0, 4.0), n=Int(1, 8), k=Choice(["a", "b", "c"]), u=Float(0.0, 1.0))
    found = compared(first, study(wide, 200, name="second", seed=2))
    by_rule = {(o.parameter, o.rule): o for o in found.outcomes}
    assert by_rule["x", "expand high"].followed
    drop = by_rule["k", "drop"]
    assert (drop.followed, drop.verdict) == (False, "right")
    assert drop.n > 40
    turned = study(wide, 200, name="other", seed=3, function=lambda c: 1.0 * (c["k"] == "a"))
    wrong = {(o.parameter, o.rule): o for o in compared(first, turned).outcomes}
    assert wrong["k", "drop"].verdict == "wrong"


def test_equal_studies_are_not_told_apart_and_a_worse_space_is_worse(first):
    same = compared(first, study(FIRST, 250, name="again", seed=5))
    assert same.verdict == "not told apart"
    assert same.superiority.low < 0.5 < same.superiority.high
    bad = Space(x=Float(0.0, 0.4), n=Int(6, 8), k=Choice(["a", "b"]), u=Float(0.0, 1.0))
    worse = compared(first, study(bad, 100, name="bad"))
    assert worse.verdict == "worse"
    assert worse.mean.high < 0


def test_shared_configurations_are_paired_also_where_one_study_fixed_some():
    space, fixed = Space(x=Float(0.0, 1.0), k=Choice(["a", "b"])), Space(x=Float(0.0, 1.0), k="a")
    xs = [0.125, 0.25, 0.5, 0.75]
    a = table_of(space, [{"x": x, "k": "a"} for x in xs], [1.0, 2.0, 3.0, 4.0])
    b = table_of(fixed, [{"x": x, "k": "a"} for x in xs], [1.5, 2.6, 3.4, 4.5])
    sides = [
        side_of_table(t, s, name="s", objective="score", maximize=False, options=FAST)
        for t, s in ((a, space), (b, fixed))
    ]
    found = compared(*sides)
    assert found.shared == 4
    assert found.shared_difference.value == pytest.approx(0.5)
    assert found.shared_difference.low > 0  # they do not measure the same
    assert found.verdict == "unknown"
    assert "10 are needed" in found.reason


def test_two_objectives_are_refused(first):
    other = side_of_table(
        first.table, FIRST, name="o", objective="loss", maximize=False, options=FAST
    )
    with pytest.raises(ValueError, match=r"the same objectives.*got score maximised and loss"):
        compared(first, other)


def test_of_records():
    identity = {
        "space": FIRST.to_dict(),
        "task": {"name": "t", "objective": "score", "maximize": True},
    }
    found = compared(side(MemoryRecords(identity), "a"), side(MemoryRecords(identity), "b"))
    assert (found.verdict, found.best, found.n_a) == ("unknown", None, 0)
