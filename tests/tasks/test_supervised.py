"""Supervised training: what is trained is what a hand-written loop would train."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx

from jaxhpo.option import Option
from jaxhpo.random_bits import COUNTER, shuffled
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.tasks.parts.losses import cross_entropy, r2, rmse, squared_error
from jaxhpo.tasks.parts.splits import split, splits
from jaxhpo.tasks.supervised import supervised

PLACE = np.random.default_rng(0)
X = PLACE.normal(size=(50, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int32)
DATA = {"train": (X[:38], Y[:38]), "validation": (X[38:], Y[38:])}
SPACE = Space(lr=Float(1e-3, 1e-1, log=True), batch_size=Choice([8, 16]), epochs=Int(1, 3))
HP = {"lr": jnp.float32(0.05), "batch_size": 16, "epochs": jnp.int32(2)}
KEY = jax.random.key(3)
UNIT = jax.random.key(4, impl=COUNTER)


def init(key, hp, x):
    return {"w": jax.random.normal(key, (4, 2)) * 0.1, "b": jnp.zeros(2)}


def apply(hp, params, x, key):
    return x @ params["w"] + params["b"][None]


def test_an_epoch_equals_a_loop_written_by_hand():
    task = supervised(SPACE, model=(init, apply), data=DATA)
    state = task.init(KEY, HP, task.data)
    after = jax.jit(lambda s: task.train(UNIT, HP, s, task.data))(state)

    params = init(KEY, HP, X[:1])
    optimizer = optax.adam(0.05)
    moments = optimizer.init(params)
    order = np.asarray(shuffled(jax.random.fold_in(UNIT, 0), 38))
    losses = []
    for rows in (order[:16], order[16:32], order[32:]):  # the last batch is what is left

        def mean(params, rows=rows):
            logits = apply(HP, params, X[rows], None)
            return optax.softmax_cross_entropy_with_integer_labels(logits, Y[rows]).mean()

        value, slope = jax.value_and_grad(mean)(params)
        change, moments = optimizer.update(slope, moments)
        params = optax.apply_updates(params, change)
        losses.append(float(value) * len(rows))
    for name in ("w", "b"):
        np.testing.assert_allclose(after["params"][name], params[name], rtol=2e-5, atol=2e-6)
    assert float(after["train_loss"]) == pytest.approx(sum(losses) / 38, rel=1e-5)

    metrics = task.evaluate(HP, after, task.data)
    right = (np.argmax(apply(HP, params, X[38:], None), axis=1) == Y[38:]).mean()
    assert float(metrics["accuracy"]) == pytest.approx(right)
    assert set(metrics) == {"accuracy", "loss", "train_loss"}


def test_batch_size_and_epochs_are_hyperparameters_or_numbers():
    named = supervised(SPACE, model=(init, apply), data=DATA)
    assert named.static == {"batch_size"}
    assert named.budget({"epochs": 3}) == 3
    assert [named.steps({"batch_size": b}) for b in (8, 16)] == [5, 3]
    fixed = supervised(
        Space(lr=Float(0.0, 1.0)), model=(init, apply), data=DATA, batch_size=38, epochs=7
    )
    assert fixed.static == frozenset()
    assert fixed.budget({"lr": 0.1}) == 7
    assert fixed.steps({}) == 1
    whole = supervised(
        Space(lr=Float(0.0, 1.0)), model=(init, apply), data=DATA, batch_size=999, epochs=1
    )
    assert whole.steps({}) == 1


class Linen(nn.Module):
    """Has running means, so that more than parameters must be kept."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Logits [rows, 2]."""
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(8)(x))
        return nn.Dense(2)(nn.Dropout(0.2)(nn.relu(x), deterministic=not train))


class Nnx(nnx.Module):
    """The same in nnx, with a traced number inside."""

    def __init__(self, hp: Any, rngs: nnx.Rngs) -> None:
        self.a = nnx.Linear(4, 8, rngs=rngs)
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)
        self.b = nnx.Linear(8, 2, rngs=rngs)
        self.scale = hp["lr"]

    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [rows, 2]."""
        x = self.drop(jax.nn.relu(self.norm(self.a(x))))
        return self.b(x) * (1.0 + self.scale)


@pytest.mark.parametrize(
    "model", [lambda hp: Linen(), Nnx, (init, apply)], ids=["linen", "nnx", "pair"]
)
def test_every_kind_of_model_learns_under_vmap(model):
    task = supervised(SPACE, model=model, data=DATA)

    def run(key, lr):
        hp = {**HP, "lr": lr}
        state = task.init(key, hp, task.data)
        before = task.evaluate(hp, state, task.data)["loss"]
        keys = jax.random.split(UNIT, 20)
        state, _ = jax.lax.scan(lambda s, k: (task.train(k, hp, s, task.data), None), state, keys)
        return before, task.evaluate(hp, state, task.data)["loss"]

    before, after = jax.jit(jax.vmap(run))(jax.random.split(KEY, 3), jnp.array([0.01, 0.03, 0.05]))
    assert (after < 0.8 * before).all()


def test_running_means_move_while_training_only():
    task = supervised(SPACE, model=lambda hp: Linen(), data=DATA)
    state = task.init(KEY, HP, task.data)
    after = task.train(UNIT, HP, state, task.data)
    mean = lambda s: s["rest"]["batch_stats"]["BatchNorm_0"]["mean"]  # noqa: E731
    assert not np.allclose(mean(state), mean(after))
    a, b = (task.evaluate(HP, after, task.data)["loss"] for _ in range(2))
    assert a == b


def test_an_overflowed_model_has_no_accuracy():
    task = supervised(SPACE, model=(init, apply), data=DATA)
    state = task.init(KEY, HP, task.data)
    state["params"]["w"] = state["params"]["w"].at[0, 0].set(jnp.inf)
    assert np.isnan(task.evaluate(HP, state, task.data)["accuracy"])


def test_many_validation_rows_pass_in_chunks():
    x = PLACE.normal(size=(2500, 4)).astype(np.float32)
    y = (x[:, 1] > 0).astype(np.int32)
    task = supervised(SPACE, model=(init, apply), data={**DATA, "validation": (x, y)})
    state = task.init(KEY, HP, task.data)
    logits = apply(HP, state["params"], x, None)
    metrics = task.evaluate(HP, state, task.data)
    assert float(metrics["accuracy"]) == pytest.approx(float((logits.argmax(1) == y).mean()))


def test_the_test_split_is_held_apart():
    task = supervised(SPACE, model=(init, apply), data={**DATA, "test": (X[:5] + 100, Y[:5])})
    assert set(task.data) == {"train", "validation"}
    assert task.test is not None
    state = task.init(KEY, HP, task.data)
    assert set(task.test(HP, state, task.test_data)) == {"accuracy", "loss"}


def test_losses_and_metrics_equal_their_formulas():
    logits = jnp.array([[2.0, 0.0, -1.0], [0.5, 0.1, 0.0]])
    labels = jnp.array([0, 2])
    log_p = jax.nn.log_softmax(logits)
    plain = -np.asarray([log_p[0, 0], log_p[1, 2]])
    np.testing.assert_allclose(cross_entropy(logits, labels), plain, rtol=1e-6)
    smooth = 0.9 * plain - 0.1 * np.asarray(log_p).mean(axis=1)
    np.testing.assert_allclose(cross_entropy(logits, labels, 0.1), smooth, rtol=1e-6)
    out, want = jnp.array([[1.0], [2.0], [4.0]]), jnp.array([[1.0], [3.0], [3.0]])
    np.testing.assert_allclose(squared_error(out, want), [0, 1, 1])
    assert float(rmse(out, want)) == pytest.approx(np.sqrt(2 / 3))
    assert float(r2(out, want)) == pytest.approx(1 - (2 / 3) / (8 / 9))


def test_a_split_is_the_same_for_the_same_seed_and_loses_no_row():
    parts = split(X, Y, seed=1, validation=0.2, test=0.3)
    assert {k: len(v[0]) for k, v in parts.items()} == {"test": 15, "train": 25, "validation": 10}
    rows = np.concatenate([pair[0] for pair in parts.values()])
    assert np.array_equal(np.sort(rows, axis=0), np.sort(X, axis=0))
    again = split(X, Y, seed=1, validation=0.2, test=0.3)
    assert all(np.array_equal(parts[k][1], again[k][1]) for k in parts)


def build(**change):
    return supervised(**{"space": SPACE, "model": (init, apply), "data": DATA, **change})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "mlp"}, "model=...\\) must be"),
        ({"model": nn.Dense(3)}, "model=...\\) must be"),
        ({"data": {"train": (X, Y)}}, '"validation"'),
        ({"data": {**DATA, "tset": (X, Y)}}, "tset"),
        ({"data": {**DATA, "train": (X, Y[:10])}}, "equally many rows"),
        ({"data": {**DATA, "train": (X * np.nan, Y)}}, "50 of 50 rows hold NaN"),
        ({"data": {**DATA, "train": X}}, "pair"),
        ({"batch_size": "batch"}, "'batch'"),
        ({"batch_size": 0}, "got 0"),
        ({"epochs": 2.5}, "got 2.5"),
        ({"epochs": "n_epochs"}, "'n_epochs'"),
        ({"loss": "crossentropy"}, "'cross_entropy'"),
        ({"loss": lambda a: a}, "loss=...\\) must be"),
        ({"metrics": {"top": 3}}, "metrics\\['top'\\]"),
        ({"objective": "acc"}, "accuracy, loss, train_loss"),
        ({"objective": "f1", "metrics": {"f1": lambda o, t: o.mean()}}, "maximize"),
        ({"space": Space(batch_size=Choice([8]), epochs=Int(1, 2))}, "optimizer=...\\) must"),
    ],
)
def test_bad_arguments_are_named(change, said):
    with pytest.raises(ValueError, match=said):
        build(**change)


def test_outputs_that_would_broadcast_are_refused():
    task = build(loss="mse", data={k: (x, y.astype(np.float32)) for k, (x, y) in DATA.items()})
    state = task.init(KEY, HP, task.data)
    with pytest.raises(ValueError, match=r"\[16, 2\] and \[16\]"):
        task.train(UNIT, HP, state, task.data)


def test_wide_numbers_are_narrowed_once():
    rows = splits({"train": (X.astype(np.float64), Y.astype(np.int64)), "validation": (X, Y)})
    assert rows["train"].inputs.dtype == np.float32
    assert rows["train"].targets.dtype == np.int32


class _Own(nnx.Module):
    """As flax's own guides write a constructor."""

    def __init__(self, hp: Any, *, rngs: nnx.Rngs) -> None:
        self.layer = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits [rows, 2]."""
        return self.layer(x)


def test_an_nnx_constructor_may_want_its_rngs_by_name():
    for model in (_Own, lambda hp, *, rngs: _Own(hp, rngs=rngs)):
        task = build(model=model)
        state = task.init(KEY, HP, task.data)
        assert state["params"]["layer"]["kernel"].shape == (4, 2)


def test_a_linen_class_with_one_field_is_a_model():
    class Held(nn.Module):
        hp: Any

        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return nn.Dense(2)(x)

    state = build(model=Held).init(KEY, HP, build(model=Held).data)
    assert state["params"]["Dense_0"]["kernel"].shape == (4, 2)


def _listener(hp):
    """Plain descent that keeps the loss it was told."""

    def update(updates, state, params=None, *, value, grad, **more):
        assert grad is updates
        return jax.tree.map(lambda g: -0.1 * g, updates), jnp.float32(value)

    return optax.GradientTransformationExtraArgs(lambda params: jnp.float32(0.0), update)


def test_an_optimizer_that_asks_for_the_loss_is_told_that_of_the_whole_batch():
    told = []
    for size in (38, "batch_size"):  # a batch of all rows, and the same in micro-batches
        task = build(
            space=Space(batch_size=Choice([19, 38])), batch_size=size, epochs=1, optimizer=_listener
        )
        hp = {"batch_size": Option((19, 38), jnp.int32(1))}
        state = task.init(KEY, hp, task.data)
        after = task.train(UNIT, hp, state, task.data)
        told.append(float(after["optimizer"]))
        assert told[-1] == pytest.approx(float(after["train_loss"]), rel=1e-5)
    assert told[0] == pytest.approx(told[1], rel=1e-5)


def test_a_line_search_steps_on_whole_batches_and_says_so():
    space = Space(batch_size=Choice([19, 38]))
    given = {"space": space, "epochs": 1, "optimizer": lambda hp: optax.lbfgs()}
    hp = {"batch_size": Option((19, 38), jnp.int32(1))}
    task = build(**given, batch_size=38)
    state = task.init(KEY, hp, task.data)
    before = task.evaluate(hp, state, task.data)["loss"]
    assert task.evaluate(hp, task.train(UNIT, hp, state, task.data), task.data)["loss"] < before
    with pytest.raises(ValueError, match=r"line search .*batch_size=...\) a number"):
        build(**given).train(UNIT, hp, state, task.data)


def test_multi_steps_is_an_optimizer():
    task = build(optimizer=lambda hp: optax.MultiSteps(optax.sgd(0.1), 2))
    assert int(task.init(KEY, HP, task.data)["optimizer"].mini_step) == 0
