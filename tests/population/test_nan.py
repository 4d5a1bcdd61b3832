"""That a member has diverged is seen wherever in its state a NaN is."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.population.nan import with_nan

LANES = 3
STATE = {
    "kernel": np.ones((3, 4), np.float32),
    "mean": np.full((3, 4), -np.inf, np.float32),
    "bounds": np.array([-np.inf, 1.0, np.inf], np.float32),  # their sum is no number
    "huge": np.array([3e38, 3e38, -3e38, -3e38] * 20, np.float32),  # nor may this be
    "large": np.zeros((2, 5000), np.float32),
    "scalar": np.float32(1.0),
    "half": np.ones(5, np.float16),
    "wave": np.ones(3, np.complex64),
    "none": np.ones((0, 3), np.float32),
    "count": np.int32(7),
    "flag": np.ones(2, bool),
}
NUMBERS = [n for n, v in STATE.items() if np.issubdtype(v.dtype, np.inexact) and v.size]
KINDS = pytest.mark.parametrize("platform", ["cpu", "gpu"])


def seen(platform, state, *, live=(True,) * LANES, lanes=(0,), **changed) -> list[bool]:
    """In which lanes it is, where some have a changed state."""
    rows = [{**state, **(changed if lane in lanes else {})} for lane in range(LANES)]
    tile = jax.tree.map(lambda *leaves: np.stack(leaves), *rows)
    tile["key"] = jax.random.split(jax.random.key(0), LANES)
    found = jax.jit(functools.partial(with_nan, platform=platform))(tile, jnp.array(live))
    return found.tolist()


@KINDS
def test_numbers_that_are_none_are_not_found_where_there_are_none(platform):
    assert seen(platform, STATE) == [False] * LANES
    others = {n: v for n, v in STATE.items() if n not in NUMBERS}
    assert seen(platform, others) == [False] * LANES


@KINDS
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("last", [False, True])
def test_one_nan_is_found_in_its_lane(platform, name, last):
    leaf = np.array(STATE[name])
    leaf.reshape(-1)[-1 if last else 0] = np.nan
    assert seen(platform, STATE, lanes=[1], **{name: leaf}) == [False, True, False]


@KINDS
def test_a_lane_without_a_member_is_not_looked_at(platform):
    changed = {"scalar": np.float32(np.nan)}
    found = seen(platform, STATE, lanes=[0, 2], live=[False, True, True], **changed)
    assert found == [False, False, True]


@KINDS
@pytest.mark.parametrize("value", [complex(np.nan, 0.0), complex(0.0, np.nan)])
def test_a_nan_in_either_part_of_a_complex_number_is_found(platform, value):
    leaf = np.array([1.0, value, 1.0], np.complex64)
    assert seen(platform, STATE, wave=leaf) == [True, False, False]
