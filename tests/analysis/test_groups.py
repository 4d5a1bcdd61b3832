"""Means of choices are those that one would compute by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxhpo.analysis.groups import groups
from jaxhpo.analysis.sample import sample
from jaxhpo.space import Bool, Choice, Space

SPACE = Space(kind=Choice(["a", "b", "c"]), on=Bool(when={"kind": "a"}))
VALUES = [1.0, 3.0, 5.0, 6.0, 2.0, 4.0]


def made(maximize=True, explore=4):
    return sample(
        pd.DataFrame(
            {
                "status": "complete",
                "phase": ["explore"] * explore + ["model"] * (6 - explore),
                "value": VALUES,
                "param.kind": ["a", "a", "b", "b", "a", "b"],
                "param.on": [True, False, None, None, True, None],
            }
        ),
        SPACE,
        maximize=maximize,
    )


@pytest.mark.parametrize("maximize", [True, False])
def test_means_and_the_best_against_the_worst(maximize):
    kind, on = groups(made(maximize, explore=6), basis="every")
    assert [(v.label, v.n, v.mean.value) for v in kind.values] == [
        ("a", 3, 2.0),
        ("b", 3, 5.0),
        ("c", 0, None),
    ]
    assert (kind.best, kind.worst) == (("b", "a") if maximize else ("a", "b"))
    better, worse = ([5, 6, 4], [1, 3, 2]) if maximize else ([1, 3, 2], [5, 6, 4])
    found = stats.ttest_ind(better, worse, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose([kind.difference.low, kind.difference.high], list(found))
    assert kind.relative == pytest.approx((np.mean(better) - np.mean(worse)) / np.mean(worse))
    assert (on.boolean, on.n, [v.n for v in on.values]) == (True, 3, [1, 2])
    assert kind.values[0].best == (3.0 if maximize else 1.0)


def test_only_the_independent_trials():
    kind, on = groups(made(), basis="independent")
    assert [v.n for v in kind.values] == [2, 2, 0]
    assert on.n == 2


def test_trials_that_were_chosen_by_results_have_means_and_no_intervals():
    for one in groups(made(explore=4), basis="every"):
        assert one.difference.value is not None
        assert (one.difference.low, one.difference.high) == (None, None)
        assert {(v.mean.low, v.mean.high) for v in one.values} == {(None, None)}
