"""Directions and bounds, from a task and from a record."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxhpo import Float, Space
from jaxhpo.goals import Goals, checked, goals, stated
from jaxhpo.tasks.objective import objective
from jaxhpo.trial import Phase, Status, Trial

GOALS = Goals((("error", False), ("speed", True)), (("size", 2.0),))
POINT = np.zeros(1, np.float32)


def trial(error, speed, size, status=Status.COMPLETE):
    return Trial(
        number=0,
        config={},
        point=POINT,
        phase=Phase.EXPLORE,
        known=0,
        budget=1,
        status=status,
        loss=error if status.scored else None,
        metrics={"error": error, "speed": speed, "size": size},
    )


def test_losses_turn_directions_and_leave_out_who_has_none():
    found = GOALS.losses([trial(1.0, 3.0, 1.0), trial(1.0, 3.0, 1.0, Status.DIVERGED)])
    np.testing.assert_array_equal(found, [[1.0, -3.0], [np.nan, np.nan]])


def test_violations_start_at_the_bound_and_what_is_unknown_breaks_it():
    lost = dataclasses.replace(trial(1.0, 1.0, 1.0), metrics={"error": 1.0})
    rows = [trial(1.0, 1.0, 2.0), trial(1.0, 1.0, 2.5), trial(1.0, 1.0, np.nan), lost]
    np.testing.assert_array_equal(GOALS.violations(rows), [[0.0], [0.5], [np.inf], [np.inf]])
    assert [GOALS.feasible(row) for row in rows] == [True, False, False, False]
    assert GOALS._replace(constraints=()).feasible(lost)


def test_a_record_states_what_the_task_asked_for():
    made = objective(
        lambda key, hp: {"error": hp["x"], "speed": hp["x"], "size": hp["x"]},
        Space(x=Float(0.0, 1.0)),
        metric="error",
        others={"speed": True},
        constraints={"size": 2},
    )
    assert goals(made) == GOALS
    assert stated({"objective": "error", "maximize": False, **GOALS.to_dict()}) == GOALS
    assert stated({"objective": "error", "maximize": False}).plain
    assert GOALS.words() == "error minimised, speed maximised, size at most 2"


@pytest.mark.parametrize(
    ("others", "constraints", "said"),
    [
        ({"speed": "up"}, {}, r"others=.*whether more is better"),
        (3, {}, r"others="),
        ({"error": True}, {}, r"once"),
        ((("speed", True), ("speed", False)), {}, r"once"),
        ((), ["size"], r"constraints=.*at most"),
        ((), {"size": np.inf}, r"constraints=.*finite"),
        ((), {"size": True}, r"constraints="),
        ({"weight": False}, {}, r"others=.*'weight'"),
        ((), {"weight": 1.0}, r"constraints=.*'weight'"),
    ],
)
def test_what_can_not_be_meant_is_refused(others, constraints, said):
    with pytest.raises(ValueError, match=said):
        checked("made", "error", others, constraints, {"error", "speed", "size"})
