"""A stopped trial is told by where it stood when it was stopped."""

from __future__ import annotations

import numpy as np
import pytest

from jaxhpo.study.grades import Grades, among
from jaxhpo.trial import Phase, Status, Trial


def trial(number, curve, status=Status.COMPLETE):
    curve = np.asarray(curve, np.float32)
    return Trial(
        number=number,
        config={},
        point=np.zeros(1, np.float32),
        phase=Phase.EXPLORE,
        known=0,
        budget=9,
        status=status,
        loss=None if status is Status.DIVERGED else float(curve[-1]),
        curves={"loss": curve},
    )


def grades():
    return Grades(lambda t: t.curves["loss"])


# Four that were trained to the end: 3.x after the first unit, 0.x after the third.
ENDED = [trial(i, [3 + i / 10, 2, i / 10]) for i in range(4)]


@pytest.mark.parametrize(
    ("curve", "told"),
    [
        ([3.1], 0.1),  # just where trial 1 was
        ([3.15], 0.15),  # between two
        ([2.0], 0.0),  # better than all
        ([3.8], 0.3 + 0.5),  # worse than the worst, by as much
        ([9.0, 2.5], 0.3 + 0.5),  # by the unit it reached
    ],
)
def test_a_stopped_trial_stands_where_it_stood(curve, told):
    found = grades().add([*ENDED, trial(4, curve, Status.STOPPED)])
    assert found[:4] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert found[4] == pytest.approx(told)


def test_those_that_were_stopped_are_compared_with_too():
    late = trial(4, [3.5, 4.0], Status.STOPPED)  # worse than all after two units, by 2
    found = grades().add([*ENDED, late, trial(5, [3.5], Status.STOPPED)])
    assert found[4] == pytest.approx(2.3)
    assert found[5] == pytest.approx(found[4])


def test_with_too_few_to_compare_with_the_loss_is_told():
    found = grades().add([*ENDED[:3], trial(3, [3.8], Status.STOPPED)])
    assert found[3] == pytest.approx(3.8)
    assert grades().add([trial(0, [5.0, 4.0], Status.STOPPED)]) == [4.0]


def test_what_is_complete_is_told_as_it_is_and_what_diverged_not_at_all():
    found = grades().add([*ENDED, trial(4, [9.0, 9.0, 0.05]), trial(5, [1.0], Status.DIVERGED)])
    assert found[4] == pytest.approx(0.05)
    assert np.isnan(found[5])


def test_however_trials_are_cut_into_calls_they_are_told_the_same():
    rng = np.random.default_rng(0)
    trials = [
        trial(i, rng.random(rng.integers(1, 8)), rng.choice([Status.STOPPED, Status.COMPLETE]))
        for i in range(200)
    ]
    whole, parts, one = grades().add(trials), grades(), []
    for begin in range(0, 200, 7):
        one += parts.add(trials[begin : begin + 7])
    assert one == whole


def test_equal_losses_share_a_place():
    assert among(1.0, np.ones(5), np.arange(5.0)) == 2.0
