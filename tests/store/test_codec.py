"""Values in JSON, and back."""

from __future__ import annotations

import enum
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhpo.store import codec

TEXT = st.text(st.characters())  # halves of characters, too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(TEXT | st.integers() | st.just("__tuple__") | st.tuples(TEXT), inner)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_values_come_back_as_they_were(value):
    text = codec.dumps(value)
    assert repr(codec.loads(text)) == repr(value)
    assert text.isascii()
    json.loads(text, parse_constant=pytest.fail)  # strict JSON


@pytest.mark.parametrize(
    "value",
    [
        {"__tuple__": [1]},
        {"__float__": "nan", "b": 1},
        {"__dict__": []},
        {1: "a", "1": "b", False: "c"},
        {(1, (2,)): [(), [], {}]},
        -0.0,
        5e-324,
        2**200,
        "\ud800\0\u2028",
        [True, 1, 1.0, None],
    ],
)
def test_what_looks_like_our_marks_is_kept(value):
    assert repr(codec.loads(codec.dumps(value))) == repr(value)


def test_plain_values_look_as_one_would_write_them():
    assert codec.dumps({"lr": 0.1, "n": 3, "on": True, "a": ["x", None]}) == (
        '{"lr": 0.1, "n": 3, "on": true, "a": ["x", null]}'
    )


def test_scalars_of_numpy_become_the_numbers_that_they_equal():
    found = codec.loads(codec.dumps([np.float32(0.1), np.int64(3), np.bool_(False), np.str_("a")]))
    assert repr(found) == repr([float(np.float32(0.1)), 3, False, "a"])


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", np.ones(2), Colour.RED, 1j])
def test_a_value_that_cannot_be_recorded_is_named(value):
    with pytest.raises(TypeError, match=r"can't record .* of type .*use numbers") as caught:
        codec.dumps({"x": [value]})
    assert type(value).__name__ in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "NaN garbage", '{"a": 1'])
def test_what_we_did_not_write_is_no_value(text):
    with pytest.raises(ValueError, match=r"line 1 column"):
        codec.loads(text)
