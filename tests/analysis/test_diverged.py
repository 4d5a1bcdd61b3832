"""Where trials diverge is told from trials that were chosen without looking at results alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxhpo.analysis.diverged import diverged
from jaxhpo.space import Bool, Choice, Float, Int, Space

SPACE = Space(
    lr=Float(1e-4, 1.0, log=True),
    kind=Choice(["sgd", "adam", "lion"]),
    momentum=Float(0.0, 0.99, when={"kind": "sgd"}),
    big=Bool(),
    depth=Int(1, 4),
)


def table_of(points, lost, phases=None, space=SPACE, stopped=()):
    """A table of configurations, of which those of `lost` diverged."""
    configs = space.decode(np.asarray(points, np.float32))
    n = len(configs)
    status = ["diverged" if bad else "complete" for bad in lost]
    for i in stopped:
        status[i] = "stopped"
    columns = {f"param.{name}": [c.get(name) for c in configs] for name in space.parameters}
    columns |= {"status": status, "phase": ["explore"] * n if phases is None else phases}
    columns |= {"error": [None] * n}
    return pd.DataFrame(columns, index=pd.Index(range(n), name="number"), dtype=object)


def drawn(n, seed=0, space=SPACE):
    return np.random.default_rng(seed).random((n, len(space)))


def test_a_large_learning_rate_is_found_and_the_numbers_equal_scipy():
    points = drawn(200)
    lost = points[:, 0] > 0.9
    found = diverged(table_of(points, lost), SPACE)
    assert (found.n, found.ended) == (lost.sum(), 200)
    assert found.numbers == tuple(np.flatnonzero(lost))
    first = found.where[0]
    assert (first.parameter, first.value, first.verdict) == ("lr", None, "associated")
    assert first.every.share == 1.0
    assert first.low is not None
    assert first.low > 10 ** (-4 + 4 * 0.9) * 0.999
    expected = stats.mannwhitneyu(points[lost, 0], points[~lost, 0], method="asymptotic")
    assert first.p == pytest.approx(expected.pvalue)
    depth = next(w for w in found.where if w.parameter == "depth")
    x = np.floor(points[:, SPACE.names.index("depth")] * 4)
    u = stats.mannwhitneyu(x[lost], x[~lost], method="asymptotic")
    assert depth.p == pytest.approx(u.pvalue)
    assert depth.every.share == pytest.approx(u.statistic / (lost.sum() * (~lost).sum()))
    tested = [w.p for w in found.where if w.p is not None]
    assert [w.q for w in found.where if w.q is not None] == pytest.approx(
        stats.false_discovery_control(tested)
    )


def test_a_choice_is_judged_value_by_value_with_its_base_rate():
    points = drawn(120, seed=1)
    kind = np.floor(points[:, SPACE.names.index("kind")] * 3).astype(int)
    lost = (kind == 1) & (np.arange(120) % 2 == 0)
    found = diverged(table_of(points, lost), SPACE)
    adam = next(w for w in found.where if w.value == "adam")
    at = kind == 1
    assert adam.every.share == lost[at].mean()
    assert adam.every.elsewhere == 0.0
    counts = [[lost[at].sum(), (~lost[at]).sum()], [0, (~at).sum()]]
    assert adam.p == pytest.approx(stats.fisher_exact(counts).pvalue)
    assert adam.verdict == "associated"
    assert next(w.value for w in found.where if w.parameter == "kind") == "adam"
    assert len([w for w in found.where if w.parameter == "big"]) == 1  # two values, one comparison


def test_a_conditional_parameter_counts_only_where_it_was_active():
    points = drawn(150, seed=2)
    kind = np.floor(points[:, SPACE.names.index("kind")] * 3).astype(int)
    lost = np.arange(150) % 5 == 0
    found = diverged(table_of(points, lost), SPACE)
    momentum = next(w for w in found.where if w.parameter == "momentum")
    assert momentum.every.n == (kind == 0).sum()
    assert momentum.every.diverged == (lost & (kind == 0)).sum()


def test_adaptive_trials_are_described_and_not_tested():
    points = drawn(200)
    lost = points[:, 0] > 0.9
    found = diverged(table_of(points, lost, ["model"] * 200), SPACE)
    for where in found.where:
        assert (where.p, where.q, where.verdict) == (None, None, "not tested")
        assert "25 are needed" in where.reason
    assert found.where[0].parameter == "lr"  # still the most different
    assert found.where[0].every.share == 1.0
    mixed = diverged(table_of(points, lost, ["explore", "model"] * 100), SPACE)
    assert mixed.where[0].independent.n == 100
    assert mixed.where[0].every.n == 200


def test_two_diverged_trials_are_too_few():
    lost = np.arange(60) < 2
    found = diverged(table_of(drawn(60), lost), SPACE)
    assert all(w.verdict == "not tested" for w in found.where)
    reasons = {w.parameter: w.reason for w in found.where}
    assert "2 of these n = 60 trials diverged; 3 are needed" in reasons["lr"]


def test_stopped_trials_did_not_diverge():
    lost = np.arange(60) < 6
    found = diverged(table_of(drawn(60), lost, stopped=range(40, 60)), SPACE)
    assert found.ended == 60
    assert found.where[0].every.n == 60


@pytest.mark.parametrize("lost", [np.zeros(40, bool), np.ones(40, bool)])
def test_none_or_all(lost):
    found = diverged(table_of(drawn(40), lost), SPACE)
    assert found.n == lost.sum()
    assert found.where == ()
    assert diverged(table_of(drawn(0), lost[:0]), SPACE).ended == 0


def test_values_that_are_none_or_of_mixed_types():
    space = Space(
        rate=Choice([None, 0.5, 1]),
        part=Float(0.0, 1.0, when={"rate": [None]}),
        shape=Choice([(64,), (64, 64)]),
    )
    points = drawn(90, space=space)
    found = diverged(table_of(points, np.arange(90) % 4 == 0, space=space), space)
    assert {w.value for w in found.where if w.parameter == "rate"} == {"None", "0.5", "1"}
    part = next(w for w in found.where if w.parameter == "part")
    assert part.every.n == (points[:, space.names.index("rate")] < 1 / 3).sum()


def test_errors_are_counted():
    table = table_of(drawn(6), np.zeros(6, bool))
    table["status"] = ["failed", "complete", "failed", "failed", "complete", "failed"]
    table["error"] = ["b", None, "a", "a", None, None]
    found = diverged(table, SPACE)
    assert [(e.text, e.n, e.first) for e in found.errors] == [
        ("a", 2, 2),
        ("b", 1, 0),
        ("no message", 1, 5),
    ]
    assert (found.n, found.ended) == (0, 6)


def test_noise_is_seldom_blamed():
    """60 studies in which trials diverge by chance: by Benjamini and Hochberg about 5 % of them may
    blame a parameter; 10 or more of 60 would happen less than once in a thousand times."""
    blamed = 0
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        table = table_of(rng.random((80, len(SPACE))), rng.random(80) < 0.15)
        blamed += any(w.verdict == "associated" for w in diverged(table, SPACE).where)
    assert blamed < 10
