"""Supervised training as a task: a flax model, an optax optimizer, arrays of inputs and targets.

One unit is an epoch over the training rows in mini-batches, in a fresh order; after it, the metrics
on the validation rows. Batch size and number of epochs are hyperparameters like any other. Rows of
the test split are seen by nothing but `Task.test`.
"""

from __future__ import annotations

from collections import Counter
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
from jaxhpo.tasks.parts.batching import Batch, batches, epoch
from jaxhpo.tasks.parts.factories import adam, with_steps
from jaxhpo.tasks.parts.layout import layout
from jaxhpo.tasks.parts.losses import LOSSES, check_a_row, per_row, varied
from jaxhpo.tasks.parts.measures import measures_of, searched_on
from jaxhpo.tasks.parts.network import network, prepared
from jaxhpo.tasks.parts.numbers import number
from jaxhpo.tasks.parts.splits import split
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
    stream: int | str | None = None,
    prepare: Callable[[Any], Any] | None = None,
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
            may be traced. optax's own schedules ask for a Python number of steps;
            `jaxhpo.tasks.parts.optimizers.optimizer(..., schedule="cosine")` takes a traced one. By
            default Adam with the hyperparameter "lr" or "learning_rate".
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
        stream: for data larger than the device: the most rows of a block. Rows then come in blocks,
            shared by all members, the next one copied while one is trained on; arrays may be
            memory-mapped files (`numpy.memmap`). Which rows make a block is drawn once; blocks come
            in the same order in every epoch, and each member shuffles the rows within a block, anew
            every epoch. A batch does not reach over the end of a block. Metrics must be means over
            rows. Asked to stop, a study leaves an epoch at the end of a block if the rest would
            take more than 15 seconds, and goes on from the checkpoint before it. "auto": blocks if
            the data are more than a quarter of the device's memory (so that another device may make
            it another study; a number does not).
        prepare: ``(inputs) -> inputs`` for every batch before the model has it, in the program: for
            example to turn images that are kept as uint8 into numbers from 0 to 1.
        elastic: names of hyperparameters that the model takes as Python values or as a
            `jaxhpo.option.Option`, as the layers in `jaxhpo.tasks.elastic` do. They are static
            then, whatever the space says.
        name: what to call the task.

    Raises:
        ValueError: for an argument that can't be used; the message says which and why.
    """
    lies = layout(data, folds, stream, space, batch_size)
    loss_rows = per_row(LOSSES, loss, "loss", lies.rows)
    measures = measures_of(loss, metrics, lies.stream is not None)
    names = {*measures, "loss", "train_loss"}
    objective, maximize = searched_on(objective, maximize, names, loss)
    further, bounds = checked("supervised", objective, others, constraints or {}, names)
    if objective == "r2" and isinstance(loss, str) and "r2" not in (metrics or {}):
        varied(lies.rows)
    epochs_of = number(space, epochs, "epochs")
    stopping = early(space, patience, keep, objective, maximize)
    cuts = {n: batches(space, batch_size, n) for n in lies.passes}
    make_optimizer = with_steps(optimizer or adam(space))
    net = prepared(network(model), prepare)

    def optimizer_of(hp: Hyperparameters) -> optax.GradientTransformation:
        steps = sum(cuts[n].steps(hp) * count for n, count in Counter(lies.passes).items())
        return make_optimizer(hp, steps * epochs_of.traced(hp))

    def init(key: Array, hp: Hyperparameters, data: Any) -> dict[str, Any]:
        inputs = jax.tree.map(lambda x: x[:1], lies.training(hp, data)[0][0])
        params, rest = net.init(key, hp, inputs)
        made = optimizer_of(hp)
        zero = jnp.zeros((), jnp.float32)
        state = {"params": params, "rest": rest, "optimizer": made.init(params), "train_loss": zero}
        return state | stopping.init(state, names)

    def train(key: Array, hp: Hyperparameters, state: dict[str, Any], data: Any) -> dict[str, Any]:
        pair, among = lies.training(hp, data)
        n = len(jax.tree.leaves(pair)[0] if among is None else among)
        order = shuffled(jax.random.fold_in(key, _ORDER), n)
        order = order if among is None else among[order]
        step_keys = jax.random.fold_in(key, _STEP)
        made = optimizer_of(hp)

        def summed(params: Any, rest: Any, batch: Batch) -> tuple[Array, Any]:
            inputs, targets = jax.tree.map(lambda a: jnp.asarray(a)[batch.rows], pair)
            outputs, rest = net.apply(
                hp, params, rest, inputs, jax.random.fold_in(step_keys, batch.step)
            )
            return batch.mean(loss_rows(outputs, targets, hp)), rest

        before = (state["params"], state["rest"], state["optimizer"])
        (params, rest, moments), train_loss = epoch(cuts[n], hp, order, summed, made, before)
        train_loss = lies.added(train_loss, state["train_loss"], data, n)
        now = {"params": params, "rest": rest, "optimizer": moments, "train_loss": train_loss}
        return {**state, **now}

    def measured(hp: Hyperparameters, state: dict[str, Any], pair: Any) -> dict[str, Array]:
        inputs, targets = pair
        outputs = _in_chunks(
            lambda x: net.apply(hp, state["params"], state["rest"], x, None)[0], inputs
        )
        values = {k: fn(outputs, targets, hp) for k, fn in {"loss": loss_rows, **measures}.items()}
        if lies.stream is not None:
            check_a_row(values)
        found = {k: jnp.asarray(value).mean() for k, value in values.items()}
        # A model that has overflowed has no accuracy, whatever argmax makes of its outputs.
        sound = jnp.isfinite(found["loss"])
        return {k: jnp.where(sound, v, jnp.nan) for k, v in found.items()}

    def evaluate(hp: Hyperparameters, state: dict[str, Any], data: Any) -> dict[str, Array]:
        found = measured(hp, state, lies.validation(hp, data))
        return {**found, "train_loss": state["train_loss"]}

    def test(hp: Hyperparameters, state: dict[str, Any], data: Any) -> dict[str, Array]:
        return measured(hp, stopping.model(state), lies.testing(data))

    own = frozenset({batch_size} if isinstance(batch_size, str) else ())
    also = frozenset({elastic} if isinstance(elastic, str) else elastic)
    return Task(
        space=space,
        data=lies.data,
        init=init,
        train=train,
        evaluate=evaluate,
        after=stopping.after,
        budget=epochs_of.plain,
        objective=objective,
        maximize=maximize,
        others=further,
        constraints=bounds,
        static=own | {name for name in also if name in space.parameters},
        elastic=own | also,
        alike=own,
        test=None if lies.test_data is None else test,
        test_data=lies.test_data,
        steps=lambda hp: sum(cuts[n].plain(hp) for n in lies.passes),
        fixed={
            "loss": loss if isinstance(loss, str) else getattr(loss, "__name__", "function"),
            "batch_size": batch_size,
            "epochs": epochs,
            "patience": patience,
            "keep": keep,
            "folds": folds,
        }
        | ({} if lies.stream is None else {"stream": max(lies.passes)}),
        folds=folds,
        stream=lies.stream,
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
