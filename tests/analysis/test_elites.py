"""What the best have in common, against how often it was sampled."""

from __future__ import annotations

import numpy as np
import pytest
from made import drawn, table_of
from scipy import stats

from jaxhpo.analysis.association import associations
from jaxhpo.analysis.elites import elites, is_elite
from jaxhpo.analysis.evidence import evidence
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.top_region import top_region
from jaxhpo.space import Bool, Choice, Float, Int, Space

SPACE = Space(
    lr=Float(1e-4, 1.0, log=True),
    kind=Choice(["cnn", "context"]),
    depth=Int(2, 6, when={"kind": "cnn"}),
    flag=Bool(),
)


def seen(table, *, basis="independent", maximize=True, options=None, space=SPACE):
    return elites(sample(table, space, maximize=maximize), options or Options(), basis=basis)


def cost(c):
    return 1.0 * (c["kind"] == "cnn") + 0.1 * c.get("depth", 0)


@pytest.mark.parametrize(
    ("n", "share", "count"), [(5, 0.1, 3), (19, 0.1, 10), (50, 0.1, 10), (200, 0.1, 20)]
)
def test_how_many_are_elite(n, share, count):
    loss = np.random.default_rng(n).random(n)
    assert is_elite(loss, share).sum() == count
    assert is_elite(np.zeros(n), share).all()  # ties


def test_over_representation_is_fisher_against_the_base_rate():
    table = drawn(SPACE, cost, 200, noise=0.02, maximize=True)
    found = seen(table)
    kind = found["kind"]
    value = {v.label: v for v in kind.values}["cnn"]
    rows = table.sort_values("value", ascending=False)
    best, rest = rows.iloc[:20], rows.iloc[20:]
    counts = [[int((t["param.kind"] == k).sum()) for k in ("cnn", "context")] for t in (best, rest)]
    assert (value.n, value.elite) == (counts[0][0] + counts[1][0], counts[0][0])
    p = stats.fisher_exact(np.array(counts).T, alternative="greater").pvalue
    assert value.over == pytest.approx(p)
    assert value.lift.value == pytest.approx((value.elite / 20) / (value.n / 200))
    assert found.numbers[0] == int(rows.index[0])
    assert found.worst == rows["value"].iloc[19]
    family = [p for one in found.parameters for v in one.values for p in (v.over, v.under)]
    qs = [q for one in found.parameters for v in one.values for q in (v.q_over, v.q_under)]
    assert qs == pytest.approx(stats.false_discovery_control(family))
    assert value.q_over < 0.05
    assert {v.label: v for v in kind.values}["context"].q_under < 0.05


def test_a_conditional_parameter_counts_where_it_was_active():
    table = drawn(SPACE, cost, 100, noise=0.02, maximize=True)
    depth = seen(table)["depth"]
    assert depth.active == int(table["param.depth"].notna().sum()) < 100
    assert depth.sampled.low >= 2
    assert depth.at_high > 0.5
    assert depth.range.median >= 5


def test_all_elites_of_a_common_value_are_no_evidence():
    """The seed's "100 % of elites use cnn" where 15 of 20 trials did: p = 0.19."""
    configs = [{"kind": "cnn"} for _ in range(15)] + [{"kind": "context"} for _ in range(5)]
    space = Space(kind=Choice(["cnn", "context"]))
    values = [1.0 - i / 100 for i in range(20)]
    found = seen(table_of(space, configs, values, maximize=True), basis="every", space=space)
    value = found["kind"].values[0]
    assert (value.base, value.lift.value) == (0.75, pytest.approx(1 / 0.75))
    assert value.over is None  # too few trials to test
    assert value.lift.low < 1 < value.lift.high
    assert stats.fisher_exact([[5, 0], [10, 5]], alternative="greater").pvalue > 0.19


def test_positions_are_judged_on_the_scale_that_is_searched():
    """0.1 on 1e-4 to 1, log, lies at 75 %, far from the bound."""
    rng = np.random.default_rng(0)
    space = Space(lr=Float(1e-4, 1.0, log=True))
    configs = [{"lr": float(x)} for x in 10 ** rng.uniform(-4, 0, 100)]
    values = [abs(np.log10(c["lr"]) + 1) for c in configs]
    lr = seen(table_of(space, configs, values), maximize=False, space=space)["lr"]
    assert lr.best == pytest.approx(0.75, abs=0.03)
    assert lr.at_high == 0.0
    assert 0.5 < lr.start.value < lr.end.value < 0.9
    assert lr.start.low <= lr.start.value <= lr.start.high


def test_evidence_is_one_verdict_of_two_tests():
    table = drawn(SPACE, cost, 200, noise=0.02, maximize=True, seed=1)
    made = sample(table, SPACE, maximize=True)
    tests = associations(table, SPACE), top_region(made)
    found = {e.parameter: e for e in evidence(*tests, SPACE.names)}
    assert found["kind"].verdict == "matters"
    assert found["lr"].verdict == "not identifiable"
    p = min(next(t.p for t in each if t.parameter == "lr") for each in tests)
    assert found["lr"].p == pytest.approx(min(1.0, 2 * p))
    place = int(found["kind"].sources[0].rsplit("/", 1)[1])
    assert tests[0][place].parameter == "kind"


@pytest.mark.parametrize("n", [0, 1, 5, 20])
def test_small_studies_are_described_and_not_tested(n):
    table = drawn(SPACE, cost, n, maximize=True)
    found = seen(table)
    assert found.n == n
    assert all(v.over is None for one in found.parameters for v in one.values)
    made = sample(table, SPACE, maximize=True)
    said = evidence(associations(table, SPACE), top_region(made), SPACE.names)
    assert {e.verdict for e in said} == {"not tested"}
    assert all("25 are needed" in e.reason for e in said)
