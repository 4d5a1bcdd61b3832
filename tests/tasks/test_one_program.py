"""Batch sizes in one program, early stopping on the device, cross-validation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxhpo.option import Option
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.tasks.parts.folds import table
from jaxhpo.tasks.supervised import supervised

SIZES = (8, 12, 20)
PLACE = np.random.default_rng(0)
INPUTS = PLACE.normal(size=(50, 3)).astype(np.float32)
TARGETS = (INPUTS @ np.array([[1.0], [-2.0], [0.5]], np.float32)).astype(np.float32)
DATA = {"train": (INPUTS, TARGETS), "validation": (INPUTS[:20], TARGETS[:20])}


def task(**change):
    given = {
        "model": lambda hp: nn.Dense(1),
        "data": DATA,
        "optimizer": lambda hp: optax.adam(hp["lr"]),
        "loss": "mse",
        "epochs": 3,
    }
    space = Space(lr=Float(1e-4, 1.0, log=True), batch_size=Choice(SIZES), wait=Int(0, 3))
    return supervised(space, **{**given, **change})


def trained(made, hp, units=3):
    key = jax.random.key(0)
    state = made.init(key, hp, made.data)
    found = []
    for unit in range(units):
        state = made.train(jax.random.fold_in(key, unit), hp, state, made.data)
        metrics, done = made.evaluate(hp, state, made.data), False
        if made.after is not None:
            state, metrics, done = made.after(hp, state, metrics)
        found.append((metrics, bool(done)))
    return state, found


def test_what_is_elastic_is_static():
    """A number would else come as an array, and a layer of so many features could not be made."""
    made = task(elastic=["wait"])
    assert made.static == made.elastic == {"batch_size", "wait"}
    assert task(elastic="wait").elastic == made.elastic
    assert task(elastic=["zz"]).elastic - made.elastic == {"zz"}  # a study refuses it


@pytest.mark.parametrize("place", [0, 1, 2])
def test_micro_batches_train_like_batches(place):
    made = task()
    hp = {"lr": jnp.float32(0.03), "wait": 0}
    whole, _ = trained(made, {**hp, "batch_size": SIZES[place]})
    option = Option(SIZES, jnp.int32(place))
    parts, found = trained(made, {**hp, "batch_size": option})
    for a, b in zip(
        jax.tree.leaves(whole["params"]), jax.tree.leaves(parts["params"]), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(whole["train_loss"], found[-1][0]["train_loss"], rtol=2e-5)


def test_the_number_of_updates_is_that_of_the_batch_size():
    seen = []

    def optimizer(hp, steps):
        seen.append(steps)
        return optax.sgd(0.1)

    made = task(optimizer=optimizer)
    for place, expected in ((0, 7 * 3), (1, 5 * 3), (2, 3 * 3)):
        seen.clear()
        trained(made, {"wait": 0, "batch_size": Option(SIZES, jnp.int32(place))}, 1)
        trained(made, {"wait": 0, "batch_size": SIZES[place]}, 1)
        assert {int(steps) for steps in seen} == {expected}


def test_patience_finishes_when_nothing_improves():
    made = task(patience="wait", optimizer=lambda hp: optax.sgd(0.0), batch_size=10)
    hp = {"lr": jnp.float32(0.1)}
    assert [done for _, done in trained(made, {**hp, "wait": jnp.int32(2)}, 4)[1]] == [
        False,
        False,
        True,
        True,
    ]
    assert not any(done for _, done in trained(made, {**hp, "wait": jnp.int32(0)}, 4)[1])


def test_the_best_epoch_is_kept():
    climbing = task(keep="best", optimizer=lambda hp: optax.sgd(-0.05), batch_size=10)
    hp = {"lr": jnp.float32(0.1), "wait": jnp.int32(0)}
    state, found = trained(climbing, hp)
    assert len({float(metrics["loss"]) for metrics, _ in found}) == 1  # the first was best
    once, first = trained(climbing, hp, 1)
    assert float(first[0][0]["loss"]) == float(found[-1][0]["loss"])
    for a, b in zip(
        jax.tree.leaves(state["best"]["model"]["params"]),
        jax.tree.leaves(once["params"]),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_folds_validate_every_row_once_on_models_that_have_not_seen_it():
    kept, held = table(50, 4)
    assert kept.shape == (4, 38)
    assert held.shape == (4, 12)
    assert len(np.unique(held)) == 48
    for train, validation in zip(kept, held, strict=True):
        assert sorted([*train, *validation]) == list(range(50))


def test_folds_train_on_their_own_rows_alone():
    inputs = np.eye(12, dtype=np.float32)  # a weight moves only if its row is trained on
    made = task(
        data={"train": (inputs, np.ones((12, 1), np.float32))},
        folds=3,
        optimizer=lambda hp: optax.sgd(0.1),
        batch_size=4,
    )
    kept, _ = table(12, 3)
    for fold in range(3):
        hp = {"lr": 0.1, "wait": 0, "replicate": jnp.int32(fold)}
        begin = made.init(jax.random.key(0), hp, made.data)
        state = made.train(jax.random.key(1), hp, begin, made.data)
        moved = np.flatnonzero(
            np.asarray(state["params"]["kernel"] != begin["params"]["kernel"]).any(axis=1)
        )
        assert sorted(moved) == sorted(kept[fold])
    assert made.folds == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"folds": 3}, "leaves out"),
        ({"folds": 0}, "folds"),
        ({"folds": 40, "data": {"train": DATA["train"]}}, "at least 80 training rows"),
        ({"keep": "first"}, "'last' or 'best'"),
        ({"patience": "waits"}, "name of a parameter"),
        ({"patience": -1}, "at least 0"),
    ],
)
def test_what_can_not_be_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        task(**change)
