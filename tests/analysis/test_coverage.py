"""What was tried of what is possible, and the best against chance."""

from __future__ import annotations

import itertools

import pytest
from made import drawn, table_of

from jaxhpo.analysis import Options, analysed_table
from jaxhpo.analysis.chance import chance
from jaxhpo.analysis.coverage import coverage, possible
from jaxhpo.analysis.sample import sample
from jaxhpo.space import Bool, Choice, Float, Int, Space

GRID = Space(
    kind=Choice(["sgd", "adam"]),
    momentum=Float(0.0, 0.9, step=0.3, when={"kind": "sgd"}),
    nesterov=Bool(when={"kind": "sgd", "momentum": [0.3, 0.6]}),
    width=Int(16, 64, step=16),
)


def test_possible_configurations_of_a_conditional_grid_are_counted():
    found = set()
    for kind, momentum, nesterov, width in itertools.product(
        ["sgd", "adam"], [0.0, 0.3, 0.6, 0.9], [False, True], [16, 32, 48, 64]
    ):
        on = kind == "sgd"
        also = on and momentum in (0.3, 0.6)
        found.add((kind, momentum if on else None, nesterov if also else None, width))
    assert possible(GRID) == len(found) == 28


def test_tried_configurations_are_counted_once():
    configs = [
        {"kind": "adam", "width": 16},
        {"kind": "adam", "width": 16},
        {"kind": "sgd", "momentum": 0.0, "width": 16},
        {"kind": "sgd", "momentum": 0.9, "width": 32},
    ]
    seen = coverage(table_of(GRID, configs, [1.0, 2.0, None, 3.0]), GRID)
    assert (seen.trials, seen.tried, seen.complete, seen.possible) == (4, 3, 2, 28)


def test_a_continuous_space_has_no_number_of_configurations():
    space = Space(x=Float(0.0, 1.0), k=Bool())
    seen = coverage(drawn(space, lambda c: c["x"], 5), space)
    assert (seen.possible, seen.continuous, seen.tried) == (None, ("x",), 5)


@pytest.mark.parametrize("maximize", [True, False])
def test_the_best_stands_against_chance_where_it_is_known(maximize):
    space = Space(x=Float(0.0, 1.0))
    table = table_of(space, [{"x": x} for x in (0.1, 0.5, 0.7)], [0.1, 0.5, 0.7], maximize=maximize)
    made = sample(table, space, maximize=maximize)
    task = {"fixed": {"chance": {"score": 0.5, "other": 0.9}}}
    seen = chance(made, None, task, objective="score")
    assert (seen.level, seen.source, seen.below) == (0.5, "task", 2)
    assert seen.above == pytest.approx(0.2 if maximize else 0.4)
    assert chance(made, 0.6, task, objective="score").source == "reader"
    for unknown in (None, {}, {"fixed": {"chance": True}}, {"fixed": {"chance": {"other": 1}}}):
        assert chance(made, None, unknown, objective="score").level is None


def test_a_report_has_them():
    space = Space(k=Choice(["a", "b"]), b=Bool())
    table = drawn(space, lambda c: float(c["b"]), 12)
    found = analysed_table(
        table, space, objective="score", maximize=True, options=Options(resamples=20, chance=0.5)
    )
    assert (found.coverage.possible, found.coverage.tried) == (4, 4)
    assert found.chance.level == 0.5
    assert found.summary.spread.ninety_five == 1.0
    with pytest.raises(ValueError, match=r"chance=\.\.\."):
        Options(chance=float("nan"))
