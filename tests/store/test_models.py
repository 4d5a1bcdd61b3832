"""Saved models."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxhpo.random_bits import COUNTER
from jaxhpo.store.models import load_model, save_model


def state():
    params = {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.float32(2)}
    return {
        "params": params,
        "optimizer": optax.adam(1e-3).init(params),
        "key": jax.random.key(3, impl=COUNTER),
    }


def same(a, b):
    plain = lambda x: (  # noqa: E731
        jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x
    )
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(plain(x), plain(y)), a, b)
    return True


def test_a_state_comes_back_bit_for_bit(tmp_path):
    where = save_model(tmp_path / "deep" / "trial-3", state(), {"number": 3, "units": 7})
    found, info = load_model(where, like=state())
    assert same(state(), found)
    assert info == {"number": 3, "units": 7}
    assert jax.random.key_impl(found["key"]) == jax.random.key_impl(state()["key"])


def test_without_a_model_to_follow_the_params_are_there_by_name(tmp_path):
    where = save_model(tmp_path / "m", state(), {})
    found, _ = load_model(where)
    np.testing.assert_array_equal(found["params"]["w"], state()["params"]["w"])


def test_saving_again_replaces(tmp_path):
    save_model(tmp_path / "m", {"x": jnp.ones(3), "y": jnp.ones(2)}, {"a": 1})
    save_model(tmp_path / "m", {"x": jnp.zeros(3)}, {"a": 2})
    found, info = load_model(tmp_path / "m")
    assert set(found) == {"x"}
    assert info == {"a": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_directory_without_a_model_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no saved model"):
        load_model(tmp_path)
