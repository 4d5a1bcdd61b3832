"""Saved models."""

from __future__ import annotations

import json
import logging
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxhpo.random_bits import COUNTER
from jaxhpo.store import models
from jaxhpo.store.models import load_model, save_model


class Pair(NamedTuple):
    first: object
    second: object


def state():
    params = {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.float32(2)}
    return {
        "params": params,
        "optimizer": optax.chain(optax.clip(1.0), optax.adam(1e-3)).init(params),
        "key": jax.random.key(3, impl=COUNTER),
        "keys": jax.random.split(jax.random.key(1), 4),
        "pair": Pair(None, (jnp.ones(2, jnp.bfloat16), [jnp.zeros((0, 3)), {}])),
        "host": np.arange(3, dtype=np.int8),
        "steps": 3,
        "rate": 0.1,
    }


def check_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert isinstance(other, type(one))
        if isinstance(one, jax.Array | np.ndarray):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
        if isinstance(one, jax.Array) and jax.dtypes.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = jax.random.key_data(one), jax.random.key_data(other)
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_a_state_comes_back_bit_for_bit(tmp_path):
    info = {"number": 3, "config": {"hidden": (64, 32), "lr": 0.1}, "loss": float("nan")}
    where = save_model(tmp_path / "deep" / "trial-3", state(), info)
    assert where == tmp_path / "deep" / "trial-3"
    found, told = load_model(where, like=state())
    check_same(state(), found)
    assert repr(told) == repr(info)
    assert jax.random.key_impl(found["key"]) == jax.random.key_impl(state()["key"])


def test_shapes_are_enough_to_load_by(tmp_path):
    def made(key):
        return {"key": key, "w": jax.random.normal(key, (3, 2)), "none": jnp.zeros((2, 0))}

    given = made(jax.random.key(5, impl=COUNTER))
    where = save_model(tmp_path, given, {})
    like = jax.eval_shape(made, jax.random.key(0, impl=COUNTER))
    check_same(given, load_model(where, like=like)[0])


def test_without_a_model_to_follow_the_leaves_are_there_by_name(tmp_path):
    where = save_model(tmp_path / "m", state(), {})
    found, _ = load_model(where)
    np.testing.assert_array_equal(found["params"]["w"], state()["params"]["w"])
    np.testing.assert_array_equal(found["key"], jax.random.key_data(state()["key"]))
    bfloat, (empty, _) = found["pair"]["second"]
    assert (bfloat.dtype, empty.shape, empty.dtype) == (jnp.bfloat16, (0, 3), np.float32)
    assert found["pair"]["first"] is None


def test_what_is_asked_for_must_be_what_was_saved(tmp_path):
    where = save_model(tmp_path / "m", {"a": jnp.ones(3), "b": {"c": jnp.ones(2)}}, {})
    like = {"a": jnp.ones((3, 1)), "b": {"c": jnp.ones(2, jnp.int32), "d": jnp.ones(1)}}
    with pytest.raises(ValueError, match=r"load_model\(like=\.\.\.\) must be like .*/m") as caught:
        load_model(where, like=like)
    said = str(caught.value)
    assert "a: saved float32 [3], asked for float32 [3, 1]" in said
    assert "b/c: saved float32 [2], asked for int32 [2]" in said
    assert "b/d: asked for, but not saved" in said
    with pytest.raises(ValueError, match="b/c: saved, but not asked for"):
        load_model(where, like={"a": jnp.ones(3)})
    with pytest.raises(ValueError, match="and 32 more"):
        load_model(where, like={"a": [jnp.ones(1)] * 38})


def test_saving_again_replaces(tmp_path):
    save_model(tmp_path / "m", {"x": jnp.ones(3), "y": jnp.ones(2)}, {"a": 1})
    for again in (2, 3):
        save_model(tmp_path / "m", {"x": jnp.full(3, again)}, {"a": again})
        found, info = load_model(tmp_path / "m")
        assert set(found) == {"x"}
        assert (info, found["x"][0]) == ({"a": again}, again)
        assert len(list((tmp_path / "m").iterdir())) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("step", ["os.replace", "jaxhpo.store.models.jax.tree.map"])
def test_what_stops_half_way_leaves_the_model_of_before(tmp_path, monkeypatch, step):
    save_model(tmp_path, {"x": jnp.ones(3)}, {"a": 1})

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(step, stopped)
        with pytest.raises(KeyboardInterrupt):
            save_model(tmp_path, {"x": jnp.zeros(3)}, {"a": 2})
    found, info = load_model(tmp_path)
    assert (info, found["x"].tolist()) == ({"a": 1}, [1, 1, 1])
    save_model(tmp_path, {"x": jnp.zeros(3)}, {"a": 3})
    assert load_model(tmp_path)[1] == {"a": 3}
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1  # what was left is gone


def test_nothing_else_in_the_directory_is_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    save_model(tmp_path, {"x": jnp.ones(3)}, {})
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_directory_without_a_model_is_said_so(tmp_path):
    for where in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="holds no saved model"):
            load_model(where)
    (tmp_path / "model.json").write_text('{"state"')
    with pytest.raises(ValueError, match=r"model\.json is damaged"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({"state": "state-0"}))
    with pytest.raises(ValueError, match=r"model\.json is damaged: 'leaves'"):
        load_model(tmp_path)


@pytest.mark.parametrize("nothing", [{}, {"a": None, "b": ()}, {"a": jnp.zeros((0, 2))}])
def test_a_state_without_a_number_is_refused(tmp_path, nothing):
    with pytest.raises(ValueError, match="must hold at least one number"):
        save_model(tmp_path / "m", nothing, {})
    assert not (tmp_path / "m").exists()


def test_what_is_no_array_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold arrays and numbers, got .*'x'.* at a/0"):
        save_model(tmp_path / "m", {"a": ["x"]}, {})
    with pytest.raises(TypeError, match="can't record"):
        save_model(tmp_path / "m", {"a": jnp.ones(1)}, {"x": object()})


def test_orbax_is_quiet_and_the_log_is_as_it_was(tmp_path, caplog):
    logger = logging.getLogger("absl")
    level = logger.level
    with caplog.at_level(logging.DEBUG):
        logger.setLevel(logging.INFO)
        try:
            models.load_model(save_model(tmp_path, {"x": jnp.ones(1)}, {}))
            assert logger.level == logging.INFO
            assert [r for r in caplog.records if r.name == "absl"] == []
        finally:
            logger.setLevel(level)
