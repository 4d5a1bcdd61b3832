"""Supervised training as a task: a flax model, an optax optimizer, arrays of inputs and targets.

One unit is an epoch over the training rows in mini-batches, in a fresh order; after it, the metrics
on the validation rows. Batch size and number of epochs are hyperparameters like any other. Rows of
the test split are seen by nothing but `Task.test`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax import Array

from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.random_bits import shuffled
from jaxhpo.space import Float, Int, Space
from jaxhpo.tasks.elastic.dropout import Dropout
from jaxhpo.tasks.parts.losses import LOSSES, METRICS, per_row
from jaxhpo.tasks.parts.network import network
from jaxhpo.tasks.parts.splits import split, splits

_ORDER, _STEP = 0, 1  # the two streams of a unit's key
_CHUNK = 1024  # validation rows that pass through the model at once


def supervised(
    space: Space,
    *,
    model: Any,
    data: Mapping[str, tuple[Any, Any]],
    optimizer: Callable[[Hyperparameters], optax.GradientTransformation] | None = None,
    loss: str | Callable[..., Array] = "cross_entropy",
    metrics: Mapping[str, Callable[..., Array]] | None = None,
    objective: str | None = None,
    maximize: bool | None = None,
    batch_size: str | int = "batch_size",
    epochs: str | int = "epochs",
    name: str = "supervised",
) -> Task:
    """A task that trains a model by mini-batch gradient descent.

    Args:
        space: what is searched.
        model: ``(hp) -> flax.linen.Module``, ``(hp, rngs) -> flax.nnx.Module``, or a pair
            ``init(key, hp, inputs) -> params``, ``apply(hp, params, inputs, key) -> outputs`` (key
            is None while evaluating).
        data: "train" and "validation", and if you like "test", each ``(inputs, targets)``: arrays,
            or pytrees of arrays, with one row an example.
        optimizer: ``(hp) -> optax optimizer``; its numbers may be traced. By default Adam with the
            hyperparameter "lr" or "learning_rate".
        loss: "cross_entropy" (logits and integer labels), "mse", "mae", or a function ``(outputs,
            targets) -> [rows]`` or ``(outputs, targets, hp) -> [rows]``.
        metrics: name to a function of the same form, on all validation rows; a result with a value
            a row is averaged. By default those that go with the loss.
        objective: the metric that is searched on; by default "accuracy" for cross-entropy, else
            "loss". Reported besides: "loss" and "train_loss" (the mean over the epoch's steps).
        maximize: whether more is better; known for the metrics that come with this module.
        batch_size, epochs: the name of a hyperparameter, or a number.
        name: what to call the task.

    Raises:
        ValueError: for an argument that can't be used; the message says which and why.
    """
    rows = splits(data)
    loss_rows = per_row(LOSSES, loss, "loss")
    measures = dict(METRICS.get(loss, {}) if isinstance(loss, str) else {}) | dict(metrics or {})
    measures = {k: per_row({}, fn, f"metrics[{k!r}]") for k, fn in measures.items()}
    objective, maximize = _direction(objective, maximize, {*measures, "loss", "train_loss"}, loss)
    batch_of, epochs_of = _number(space, batch_size, "batch_size"), _number(space, epochs, "epochs")
    make_optimizer = optimizer or _adam(space)
    net = network(model)
    n = rows["train"].rows

    def init(key: Array, hp: Hyperparameters, data: Any) -> dict[str, Any]:
        inputs = jax.tree.map(lambda x: x[:1], data["train"][0])
        params, rest = net.init(key, hp, inputs)
        optimizer_state = make_optimizer(hp).init(params)
        zero = jnp.zeros((), jnp.float32)
        return {"params": params, "rest": rest, "optimizer": optimizer_state, "train_loss": zero}

    def train(key: Array, hp: Hyperparameters, state: dict[str, Any], data: Any) -> dict[str, Any]:
        size = min(batch_of(hp), n)
        steps = -(-n // size)
        order = shuffled(jax.random.fold_in(key, _ORDER), n)
        order = jnp.concatenate([order, order[: steps * size - n]]).reshape(steps, size)
        counts = (jnp.arange(steps * size) < n).astype(jnp.float32).reshape(steps, size)
        step_keys = jax.random.fold_in(key, _STEP)
        optimizer = make_optimizer(hp)

        def mean_loss(params: Any, rest: Any, step: Array) -> tuple[Array, Any]:
            inputs, targets = jax.tree.map(lambda a: jnp.asarray(a)[order[step]], data["train"])
            outputs, rest = net.apply(hp, params, rest, inputs, jax.random.fold_in(step_keys, step))
            each = loss_rows(outputs, targets, hp)
            # The last batch is filled up with rows that don't count, so that every row counts once.
            weight = counts[step] * (1.0 / counts[step].sum())
            return (each * weight).sum() if steps * size != n else each.mean(), rest

        def one(carry: tuple[Any, Any, Any], step: Array) -> tuple[tuple[Any, Any, Any], Array]:
            params, rest, moments = carry
            grad = jax.value_and_grad(mean_loss, has_aux=True)
            (value, rest), slope = grad(params, rest, step)
            change, moments = optimizer.update(slope, moments, params)
            return (optax.apply_updates(params, change), rest, moments), value * counts[step].sum()

        carry = (state["params"], state["rest"], state["optimizer"])
        (params, rest, moments), losses = jax.lax.scan(one, carry, jnp.arange(steps))
        train_loss = losses.sum() * np.float32(1.0 / n)
        return {"params": params, "rest": rest, "optimizer": moments, "train_loss": train_loss}

    def measured(hp: Hyperparameters, state: dict[str, Any], pair: Any) -> dict[str, Array]:
        inputs, targets = pair
        outputs = _in_chunks(
            lambda x: net.apply(hp, state["params"], state["rest"], x, None)[0], inputs
        )
        found = {"loss": loss_rows(outputs, targets, hp).mean()}
        found |= {k: fn(outputs, targets, hp).mean() for k, fn in measures.items()}
        # A model that has overflowed has no accuracy, whatever argmax makes of its outputs.
        sound = jnp.isfinite(found["loss"])
        return {k: jnp.where(sound, v, jnp.nan) for k, v in found.items()}

    def evaluate(hp: Hyperparameters, state: dict[str, Any], data: Any) -> dict[str, Array]:
        return {**measured(hp, state, data["validation"]), "train_loss": state["train_loss"]}

    return Task(
        space=space,
        data={k: (rows[k].inputs, rows[k].targets) for k in ("train", "validation")},
        init=init,
        train=train,
        evaluate=evaluate,
        budget=epochs_of,
        objective=objective,
        maximize=maximize,
        static=frozenset({batch_size} if isinstance(batch_size, str) else ()),
        test=measured if "test" in rows else None,
        test_data=(rows["test"].inputs, rows["test"].targets) if "test" in rows else None,
        steps=lambda hp: -(-n // min(batch_of(hp), n)),
        fixed={
            "loss": loss if isinstance(loss, str) else getattr(loss, "__name__", "function"),
            "batch_size": batch_size,
            "epochs": epochs,
        },
        name=name,
    )


def _in_chunks(forward: Callable[[Any], Any], inputs: Any) -> Any:
    """`forward` of all rows, in chunks where there are many, so that memory stays bounded."""
    rows = jax.tree.leaves(inputs)[0].shape[0]
    if rows <= _CHUNK:
        return forward(inputs)
    chunks = -(-rows // _CHUNK)
    index = jnp.minimum(jnp.arange(chunks * _CHUNK), rows - 1).reshape(chunks, _CHUNK)
    outputs = jax.lax.map(
        lambda i: forward(jax.tree.map(lambda x: jnp.asarray(x)[i], inputs)), index
    )
    return jax.tree.map(lambda y: y.reshape(-1, *y.shape[2:])[:rows], outputs)


def _number(space: Space, value: str | int, argument: str) -> Callable[[Hyperparameters], int]:
    """How to read a whole number: from the hyperparameters by name, or as given."""
    if isinstance(value, str):
        if value not in space.parameters:
            raise ValueError(
                f"supervised({argument}=...) must be a number or the name of a parameter of the "
                f"space ({', '.join(space.parameters)}), got {value!r}; add "
                f"{value}=Choice([16, 32]) to the space, or give {argument}=32"
            )
        return lambda hp: int(hp[value])
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"supervised({argument}=...) must be at least 1, got {value!r}")
    return lambda hp: int(value)


def _direction(
    objective: str | None, maximize: bool | None, known: set[str], loss: Any
) -> tuple[str, bool]:
    objective = objective or ("accuracy" if loss == "cross_entropy" else "loss")
    if objective not in known:
        raise ValueError(
            f"supervised(objective=...) must be one of the metrics ({', '.join(sorted(known))}), "
            f"got {objective!r}"
        )
    if maximize is None:
        if objective not in {"accuracy", "r2", "loss", "train_loss", "mae", "rmse"}:
            raise ValueError(
                f"supervised(maximize=...) must be given, True or False, for your own metric "
                f"{objective!r}"
            )
        maximize = objective in {"accuracy", "r2"}
    return objective, maximize


def _adam(space: Space) -> Callable[[Hyperparameters], optax.GradientTransformation]:
    rate = next((n for n in ("lr", "learning_rate") if n in space.parameters), None)
    if rate is None:
        raise ValueError(
            "supervised(optimizer=...) must be given where the space has no parameter 'lr' or "
            f"'learning_rate' (it has {', '.join(space.parameters)}); for example "
            "optimizer=lambda hp: optax.adam(1e-3)"
        )
    return lambda hp: optax.adam(hp[rate])


def example() -> Task:
    """A small regression on made data, with noise, dropout, a batch size and epochs to search."""
    place = np.random.default_rng(0)
    inputs = place.normal(size=(96, 3)).astype(np.float32)
    targets = np.sin(inputs.sum(axis=1, keepdims=True)) + 0.1 * place.normal(size=(96, 1))

    class Net(nn.Module):
        rate: Any

        @nn.compact
        def __call__(self, x: Array, train: bool) -> Array:
            x = Dropout(self.rate)(nn.relu(nn.Dense(16)(x)), train=train)
            return nn.Dense(1)(x)

    return supervised(
        Space(
            lr=Float(1e-3, 1e-1, log=True),
            dropout=Float(0.0, 0.5, natural="low"),
            batch_size=Int(16, 32, step=16),
            epochs=Int(1, 4),
        ),
        model=lambda hp: Net(hp["dropout"]),
        data=split(inputs, targets.astype(np.float32), seed=0, test=0.25, validation=0.25),
        loss="mse",
        name="sine",
    )
