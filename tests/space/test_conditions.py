"""Conditions: several parents, nesting, parents of every kind, repeated and reordered values."""

from __future__ import annotations

import numpy as np
import pytest

from jaxhpo import Bool, Choice, Float, Int, Space


@pytest.mark.parametrize(
    ("parent", "value", "others"),
    [
        (Bool(), True, [False]),
        (Int(1, 4), 3, [1, 2, 4]),
        (Int(1, 300, log=True), 7, [1, 6, 8, 300]),
        (Float(0, 1, step=0.1), 0.3, [0.0, 0.2, 0.4]),
        (Choice(["a", None, (1, 2)]), (1, 2), ["a", None]),
        (Choice(["a", None, (1, 2)], ordered=True), None, ["a", (1, 2)]),
    ],
)
def test_any_grid_may_be_a_parent(parent, value, others):
    space = Space(child=Float(0, 1), p=parent)
    space = Space(child=Float(0, 1, when={"p": value}), p=parent)
    assert space.names == ("p", "child")
    config = {"child": 0.25, "p": value}
    assert space.decode(space.encode([config])) == [config]
    for other in others:
        assert space.decode(space.encode([{"p": other}])) == [{"p": other}]


def test_a_list_names_several_values_and_a_tuple_is_one():
    space = Space(
        w=Choice([(1,), (1, 2), (3,)]), a=Bool(when={"w": (1, 2)}), b=Bool(when={"w": [(3,), (1,)]})
    )
    assert space.parameters["a"].when == {"w": [(1, 2)]}
    assert space.parameters["b"].when == {"w": [(1,), (3,)]}
    assert space.size == 2 + 2 + 2


def test_all_parents_must_hold_and_be_active():
    space = Space(
        a=Bool(), b=Int(1, 3, when={"a": True}), c=Bool(), d=Bool(when={"b": [1, 2], "c": True})
    )
    points = np.random.default_rng(0).random((500, 4))
    seen = set()
    for config in space.decode(points):
        due = config["a"] and config.get("b") in (1, 2) and config["c"]
        assert ("d" in config) == due
        seen.add(repr(config))
    assert len(seen) == space.size == 2 + 3 * 2 + 2 * 1


def test_a_condition_on_a_constant_holds_and_is_kept():
    space = Space(kind="cnn", k=Int(1, 3, when={"kind": ["cnn"]}))
    assert space.layout.conditions == ()
    assert space.decode([[0.0]]) == [{"kind": "cnn", "k": 1}]
    assert Space.from_yaml(space.to_yaml()) == space


def test_an_empty_when_is_none():
    assert Space(a=Bool(when={})) == Space(a=Bool())
    assert Space(a=Bool(when={})).parameters["a"].when is None


def test_none_as_a_choice_and_none_for_inactive_are_one_program():
    space = Space(
        a=Bool(), norm=Choice([None, "layer"], when={"a": True}), eps=Bool(when={"norm": "layer"})
    )
    assert space.size == 1 + 1 + 2
    assert space.count_static(space.static_names()) == 2
    assert space.count_static(space.static_names({"a"})) == 3
    assert space.count_static(space.static_names({"eps"})) == 3


def test_counting_looks_past_traced_parents():
    space = Space(
        n=Int(1, 100),
        width=Choice(["s", "m", "l"], when={"n": [1, 2, 3]}),
        deep=Choice(["x", "y"], when={"n": [3, 4]}),
    )
    # n is traced: none, width alone, deep alone, both
    assert space.count_static(space.static_names()) == 1 + 3 + 2 + 6
    assert space.size == 96 + 2 * 3 + 3 * 2 + 1 * 2
