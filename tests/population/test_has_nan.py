"""That a member has diverged is seen wherever in its state a NaN is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.population.program import _SMALL, _has_nan

STATE = {
    "kernel": np.ones((3, 4), np.float32),
    "mean": np.full((3, 4), -np.inf, np.float32),
    "bias": np.zeros(12, np.float32),
    "large": np.zeros((2, _SMALL), np.float32),
    "its_mean": np.zeros((_SMALL, 2), np.float32),
    "scalar": np.float32(1.0),
    "half": np.ones(5, np.float16),
    "wave": np.ones(3, np.complex64),
    "none": np.ones((0, 3), np.float32),
    "count": np.int32(7),
    "flag": np.ones(2, bool),
}
NUMBERS = [n for n, v in STATE.items() if np.issubdtype(v.dtype, np.inexact) and v.size]


def seen(state) -> bool:
    return bool(jax.jit(_has_nan)({**state, "key": jax.random.key(0)}))


def test_numbers_that_are_none_are_not_found_where_there_are_none():
    assert not seen(STATE)
    assert not seen({n: v for n, v in STATE.items() if n not in NUMBERS})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("last", [False, True])
def test_one_nan_is_found(name, last):
    leaf = np.array(STATE[name])
    leaf.reshape(-1)[-1 if last else 0] = np.nan
    assert seen({**STATE, name: leaf})


def test_a_nan_in_either_part_of_a_complex_number_is_found():
    for part in (complex(np.nan, 0.0), complex(0.0, np.nan)):
        assert seen({"wave": jnp.array([1.0, part], jnp.complex64)})
