"""Arguments of `supervised` and models that can't be trained."""

from __future__ import annotations

from jaxhpo import Choice, Float, Space
from jaxhpo.study import StudyFailed
from tests.bad_input.nets import DATA, ROWS, Net, giving, of, trained, training
from tests.bad_input.rows import Bad, each_row, refused, run

TRAINING = {
    "unknown loss": Bad(
        lambda _: training(loss="huber"), ValueError, ["loss=...", "'cross_entropy'", "'huber'"]
    ),
    "metric that is no function": Bad(
        lambda _: training(metrics={"m": 3}), ValueError, ["metrics['m']", "got 3"]
    ),
    "unknown objective": Bad(
        lambda _: training(objective="f1"), ValueError, ["objective=...", "accuracy", "'f1'"]
    ),
    "own metric without a direction": Bad(
        lambda _: training(objective="m", metrics={"m": lambda outputs, targets: outputs[:, 0]}),
        ValueError,
        ["maximize=...", "True or False", "'m'"],
    ),
    "batch size that is not searched": Bad(
        lambda _: training(batch_size="size"), ValueError, ["batch_size=...", "'size'", "add size="]
    ),
    "batches of no rows": Bad(
        lambda _: training(batch_size=0), ValueError, ["batch_size=...", "at least 1", "got 0"]
    ),
    "no epochs": Bad(lambda _: training(epochs=0), ValueError, ["epochs=...", "1", "got 0"]),
    "epochs that are no whole numbers": Bad(
        lambda _: training(space=Space(lr=Float(0, 1), epochs=Float(1, 5)), batch_size=8),
        ValueError,
        ["epochs=...", "'epochs'", "Float(low=1", "Int("],
    ),
    "batch sizes that are words": Bad(
        lambda _: training(
            space=Space(lr=Float(0, 1), batch_size=Choice(["small", "large"])), epochs=1
        ),
        ValueError,
        ["batch_size=...", "'batch_size'", "'small'", "Choice([16, 32])"],
    ),
    "patience below 0": Bad(
        lambda _: training(patience=-1), ValueError, ["patience=...", "at least 0", "got -1"]
    ),
    "folds beside validation rows": Bad(
        lambda _: training(folds=3), ValueError, ["folds=3", 'data["validation"]', 'data["train"]']
    ),
    "more folds than rows": Bad(
        lambda _: training(folds=50, data={"train": DATA["train"]}),
        ValueError,
        ["folds=50", "100 training rows", "got 20"],
    ),
    "no learning rate": Bad(
        lambda _: training(space=Space(z=Float(0, 1)), batch_size=8, epochs=1),
        ValueError,
        ["optimizer=...", "'lr'", "it has z", "optax.adam"],
    ),
    "model instead of its maker": Bad(
        lambda _: training(model=Net()),
        ValueError,
        ["model=...", "(hp) -> flax.linen.Module", "Net"],
    ),
    "model of the wrong shape": Bad(
        lambda _: run(training(loss="mse", batch_size=16)),
        StudyFailed,
        ["loss='mse'", "same shape", "[16, 2]"],
    ),
    "targets that would broadcast": Bad(
        trained(ROWS, ROWS[:, 0], loss="mae", model=giving(lambda y: y, 1)),
        StudyFailed,
        ["loss='mae'", "same shape", "[8, 1] and [8]", "targets[:, None]"],
    ),
    "outputs that would broadcast": Bad(
        trained(ROWS, ROWS[:, :1], loss="mse", model=giving(lambda y: y[:, 0])),
        StudyFailed,
        ["loss='mse'", "[8] and [8, 1]", "outputs[:, None]"],
    ),
    "metric that broadcasts": Bad(
        trained(metrics={"m": lambda outputs, targets: outputs[:, :1] * targets[None]}),
        StudyFailed,
        ["metrics['m']", "a value a row (or a scalar)", "shape [40, 40]", "same shape"],
    ),
    "loss that is a mean": Bad(
        trained(objective="loss", loss=lambda outputs, targets: outputs.mean()),
        StudyFailed,
        ["loss=...", "a value a row, shape [8]", "got shape []"],
    ),
    "loss that is nothing": Bad(
        trained(objective="loss", loss=lambda outputs, targets: None),
        StudyFailed,
        ["loss=...", "a value a row", "got None"],
    ),
    "model that gives several arrays": Bad(
        trained(model=giving(lambda y: (y, y))),
        StudyFailed,
        ["loss='cross_entropy'", "must be one array", "a tuple of 2", "loss=function"],
    ),
    "model that gives no array": Bad(
        trained(model=giving(lambda y: {"logits": y})),
        StudyFailed,
        ["one array", "a dict of logits"],
    ),
    "model that gives nothing": Bad(
        trained(model=giving(lambda y: None)), StudyFailed, ["one array", "got None"]
    ),
    "model with nothing to train": Bad(
        trained(model=(lambda key, hp, x: None, lambda hp, params, x, key: x[:, :2])),
        StudyFailed,
        ["model=...", "no parameters to train", "got None"],
    ),
    "optimizer by name": Bad(
        of(optimizer="adam"), ValueError, ["optimizer=...", "(hp) -> optax", "got 'adam'"]
    ),
    "optimizer that is none": Bad(
        trained(optimizer=lambda hp: None), StudyFailed, ["optimizer=...", "got NoneType"]
    ),
}


@each_row(TRAINING)
def test_training_refuses(bad, tmp_path):
    refused(bad, tmp_path)
