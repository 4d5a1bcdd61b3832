"""A value that is one of several, read like the value itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.option import Option, choices, combined, distinct, mapped, number, select


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_option_is_read_like_the_value_it_stands_for(index):
    values = ((8,), (16, 8), (4, 4, 4))

    @jax.jit
    def read(option: Option):
        depth = mapped(option, len)
        first = select(depth, lambda n: jnp.full(2, n * 10))
        return number(depth), number(mapped(option, lambda w: w[0] / 2)), first

    option = Option(values, jnp.int32(index))
    depth, half, first = read(option)
    assert (depth, half) == (len(values[index]), values[index][0] / 2)
    assert depth.dtype == jnp.int32
    assert half.dtype == jnp.float32
    np.testing.assert_array_equal(first, 10 * len(values[index]))
    assert choices(option) == values


def test_a_plain_value_is_itself():
    assert mapped((3, 4), len) == 2
    assert number(5) == 5
    assert select("a", lambda name: name + "!") == "a!"
    assert choices("a") == ("a",)


def test_booleans_stay_booleans():
    assert number(Option((False, True), jnp.int32(1))).dtype == jnp.bool_


def test_one_program_serves_all_choices():
    traced = []

    @jax.jit
    def read(option: Option):
        traced.append(1)
        return number(option)

    assert [int(read(Option((3, 5, 7), jnp.int32(i)))) for i in range(3)] == [3, 5, 7]
    assert len(traced) == 1


def test_choices_named_twice_are_kept_once():
    @jax.jit
    def read(i):
        small = distinct(Option((64, 8, 64, 8), i))
        assert small.choices == (64, 8)
        return number(small)

    assert [int(read(jnp.int32(i))) for i in range(4)] == [64, 8, 64, 8]
    assert distinct(Option((5, 5), jnp.int32(1))) == 5
    assert choices(distinct(Option((1, True), jnp.int32(1)))) == (1, True)
    assert distinct("a") == "a"


def test_values_that_depend_on_several_options():
    @jax.jit
    def read(i, j):
        return number(
            combined(lambda a, b, c: a * 10 + b + c, Option((1, 2), i), 3, Option((0, 5, 7), j))
        )

    expected = [13, 18, 20, 23, 28, 30]
    assert [int(read(i, j)) for i in range(2) for j in range(3)] == expected
    assert combined(lambda a, b: a + b, 2, 3) == 5
