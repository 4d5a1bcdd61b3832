"""What tells two studies apart."""

from __future__ import annotations

import pytest

from jaxhpo.store.errors import differences, mismatch

NAN = float("nan")


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        ({"options": {"a": 1, "b": 2}, "seed": 0}, {"seed": 0, "options": {"b": 2, "a": 1}}),
        ({"space": {"x": {"low": 0, "high": 1}}}, {"space": {"x": {"high": 1, "low": 0}}}),
        ({"a": NAN, "b": [{"c": 1, "d": ()}]}, {"b": [{"d": (), "c": 1}], "a": NAN}),
    ],
)
def test_the_order_of_keys_tells_nothing_apart(stored, wanted):
    assert differences(stored, wanted) == []


@pytest.mark.parametrize(
    ("stored", "wanted", "said"),
    [
        (1, 1.0, "x: the study has 1, this run has 1.0"),
        (True, 1, "x: the study has True, this run has 1"),
        ((1, 2), [1, 2], "x: the study has (1, 2), this run has [1, 2]"),
        ([64, 128], [64, 256], "x: the study has [64, 128], this run has [64, 256]"),
        ({"y": {"z": None}}, {"y": {}}, "x.y.z: the study has None, this run has none"),
        ({}, {"y": "a"}, "x.y: the study has none, this run has 'a'"),
        ({"y": 1}, 3, "x: the study has {'y': 1}, this run has 3"),
    ],
)
def test_differences_say_where_and_what(stored, wanted, said):
    assert differences({"x": stored}, {"x": wanted}) == [said]


def test_the_order_of_parameters_is_part_of_a_space():
    found = differences({"space": {"a": 1, "b": 2}}, {"space": {"b": 2, "a": 1}})
    assert found == ["space: the study has the order a, b, this run has b, a"]


def test_long_lists_are_compared_place_by_place():
    long = [[0.123456789 + i, 0.5] for i in range(40)]
    other = [*long[:7], [0.25, 0.5], *long[8:]]
    assert differences({"enqueued": long}, {"enqueued": other}) == [
        "enqueued[7]: the study has [7.123456789, 0.5], this run has [0.25, 0.5]"
    ]
    (line,) = differences({"a": "x" * 1000}, {"a": ""})
    assert len(line) < 300


def test_many_differences_are_counted():
    many = {f"p{i}": i for i in range(40)}
    said = str(mismatch("here", many, {name: -1 for name in many}))
    assert "the study in here is another one:\n  p0: the study has 0, this run has -1\n" in said
    assert "and 28 more" in said
