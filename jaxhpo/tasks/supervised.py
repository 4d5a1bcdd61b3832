"""Supervised training as a task: a flax model, an optax optimizer, arrays of inputs and targets.

One unit is an epoch over the training rows in mini-batches, in a fresh order; after it, the metrics
on the validation rows. Batch size and number of epochs are hyperparameters like any other. Rows of
the test split are seen by nothing but `Task.test`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jax import Array

from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.goals import checked
from jaxhpo.random_bits import shuffled
from jaxhpo.space import Float, Int, Space
from jaxhpo.tasks.elastic.dropout import Dropout
from jaxhpo.tasks.parts import optimizers
from jaxhpo.tasks.parts.batching import Batch, batches, epoch
from jaxhpo.tasks.parts.folds import cut, training_rows, validation_rows
from jaxhpo.tasks.parts.losses import LOSSES, METRICS, per_row, varied
from jaxhpo.tasks.parts.network import network
from jaxhpo.tasks.parts.numbers import number
from jaxhpo.tasks.parts.splits import split, splits
from jaxhpo.tasks.parts.stopping import early

_ORDER, _STEP = 0, 1  # the two streams of a unit's key
_CHUNK = 1024  # validation rows that pass through the model at once


def supervised(
    space: Space,
    *,
    model: Any,
    data: Mapping[str, tuple[Any, Any]],
    optimizer: Callable[..., optax.GradientTransformation] | None = None,
    loss: str | Callable[..., Array] = "cross_entropy",
    metrics: Mapping[str, Callable[..., Array]] | None = None,
    objective: str | None = None,
    maximize: bool | None = None,
    others: Mapping[str, bool] | Iterable[tuple[str, bool]] = (),
    constraints: Mapping[str, float] | None = None,
    batch_size: str | int = "batch_size",
    epochs: str | int = "epochs",
    patience: str | int = 0,
    keep: str = "last",
    folds: int = 1,
    elastic: Iterable[str] = (),
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
        optimizer: ``(hp) -> optax optimizer`` or ``(hp, steps) -> ...``, where `steps` is how many
            updates the configuration's own epochs are (int32 scalar, for schedules); all numbers
            may be traced. By default Adam with the hyperparameter "lr" or "learning_rate".
        loss: "cross_entropy" (logits and integer labels), "mse", "mae", or a function ``(outputs,
            targets) -> [rows]`` or ``(outputs, targets, hp) -> [rows]``.
        metrics: name to a function of the same form, on all validation rows; a result with a value
            a row is averaged. By default those that go with the loss.
        objective: the metric that is searched on; by default "accuracy" for cross-entropy, else
            "loss". Reported besides: "loss" and "train_loss" (the mean over the epoch's steps).
        maximize: whether more is better; known for the metrics that come with this module.
        others: further objectives: metric to whether more is better. constraints: metric to what it
            may be at most. Both go by the values after the last epoch (or the kept one).
        batch_size, epochs: the name of a hyperparameter, or a number. Batch sizes can share a
            program: gradients are then summed over micro-batches of their greatest common divisor
            (and batch normalisation sees these). The engine decides which is cheaper.
        patience: after how many epochs without a better objective a trial finishes: a number, or
            the name of a hyperparameter; 0: never.
        keep: "last": metrics and model are those after the last epoch; "best": those of the best
            epoch so far by the objective (which flatters it a little; the model is twice as large
            in memory).
        folds: K: cross-validation. `data` then has no "validation": the training rows are cut into
            K parts, a trial is trained K times, each time validated on another part, and its curves
            are the means. Rows that are left over where K does not divide are always trained on.
        elastic: names of static hyperparameters that the model takes as a `jaxhpo.option.Option`
            too, as the layers in `jaxhpo.tasks.elastic` do.
        name: what to call the task.

    Raises:
        ValueError: for an argument that can't be used; the message says which and why.
    """
    rows = splits(data) if folds == 1 else cut(data, folds)
    loss_rows = per_row(LOSSES, loss, "loss", rows)
    measures = dict(METRICS.get(loss, {}) if isinstance(loss, str) else {}) | dict(metrics or {})
    measures = {k: per_row({}, fn, f"metrics[{k!r}]") for k, fn in measures.items()}
    names = {*measures, "loss", "train_loss"}
    objective, maximize = _direction(objective, maximize, names, loss)
    further, bounds = checked("supervised", objective, others, constraints or {}, names)
    if objective == "r2" and isinstance(loss, str) and "r2" not in (metrics or {}):
        varied(rows)
    epochs_of = number(space, epochs, "epochs")
    stopping = early(space, patience, keep, objective, maximize)
    n = rows["train"].rows - (rows["train"].rows // folds if folds > 1 else 0)
    sizes = batches(space, batch_size, n)
    make_optimizer = _with_steps(optimizer or _adam(space))
    net = network(model)

    def chosen(hp: Hyperparameters, data: Any) -> tuple[Any, Any]:
        """The training pair and the rows of it that this member trains on."""
        return data["train"], None if folds == 1 else training_rows(hp, rows["train"].rows, folds)

    def init(key: Array, hp: Hyperparameters, data: Any) -> dict[str, Any]:
        inputs = jax.tree.map(lambda x: x[:1], data["train"][0])
        params, rest = net.init(key, hp, inputs)
        made = make_optimizer(hp, sizes.steps(hp) * epochs_of.traced(hp))
        zero = jnp.zeros((), jnp.float32)
        state = {"params": params, "rest": rest, "optimizer": made.init(params), "train_loss": zero}
        return state | stopping.init(state, names)

    def train(key: Array, hp: Hyperparameters, state: dict[str, Any], data: Any) -> dict[str, Any]:
        pair, among = chosen(hp, data)
        order = shuffled(jax.random.fold_in(key, _ORDER), n)
        order = order if among is None else among[order]
        step_keys = jax.random.fold_in(key, _STEP)
        made = make_optimizer(hp, sizes.steps(hp) * epochs_of.traced(hp))

        def summed(params: Any, rest: Any, batch: Batch) -> tuple[Array, Any]:
            inputs, targets = jax.tree.map(lambda a: jnp.asarray(a)[batch.rows], pair)
            outputs, rest = net.apply(
                hp, params, rest, inputs, jax.random.fold_in(step_keys, batch.step)
            )
            return batch.mean(loss_rows(outputs, targets, hp)), rest

        before = (state["params"], state["rest"], state["optimizer"])
        (params, rest, moments), train_loss = epoch(sizes, hp, order, summed, made, before)
        now = {"params": params, "rest": rest, "optimizer": moments, "train_loss": train_loss}
        return {**state, **now}

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
        pair = data["validation"] if folds == 1 else None
        if pair is None:
            index = validation_rows(hp, rows["train"].rows, folds)
            pair = jax.tree.map(lambda a: jnp.asarray(a)[index], data["train"])
        return {**measured(hp, state, pair), "train_loss": state["train_loss"]}

    kept = ("train", "validation") if folds == 1 else ("train",)
    named = isinstance(batch_size, str)
    return Task(
        space=space,
        data={k: (rows[k].inputs, rows[k].targets) for k in kept},
        init=init,
        train=train,
        evaluate=evaluate,
        after=stopping.after,
        budget=epochs_of.plain,
        objective=objective,
        maximize=maximize,
        others=further,
        constraints=bounds,
        static=frozenset({batch_size} if named else ()),
        elastic=frozenset({*elastic, *({batch_size} if named else ())}),  # type: ignore[arg-type]
        test=(lambda hp, state, pair: measured(hp, stopping.model(state), pair))
        if "test" in rows
        else None,
        test_data=(rows["test"].inputs, rows["test"].targets) if "test" in rows else None,
        steps=sizes.plain,
        fixed={
            "loss": loss if isinstance(loss, str) else getattr(loss, "__name__", "function"),
            "batch_size": batch_size,
            "epochs": epochs,
            "patience": patience,
            "keep": keep,
            "folds": folds,
        },
        folds=folds,
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
    return lambda hp: optimizers.optimizer("adam", hp[rate])


def _with_steps(
    optimizer: Callable[..., optax.GradientTransformation],
) -> Callable[[Hyperparameters, Any], optax.GradientTransformation]:
    """An optimizer's factory that takes the number of steps too, whether it wants it or not."""
    if not callable(optimizer):
        raise ValueError(
            "supervised(optimizer=...) must be a function (hp) -> optax optimizer or (hp, steps) "
            f"-> optax optimizer, got {optimizer!r}; for example "
            "optimizer=lambda hp: optax.adam(hp['lr'])"
        )
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p for p in inspect.signature(optimizer).parameters.values() if p.kind in kinds]

    def made(hp: Hyperparameters, steps: Any) -> optax.GradientTransformation:
        found = optimizer(hp) if len(names) == 1 else optimizer(hp, steps)
        if not isinstance(found, optax.GradientTransformation):
            raise ValueError(
                "supervised(optimizer=...) must return an optax optimizer, got "
                f"{type(found).__name__}"
            )
        return found

    return made


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
