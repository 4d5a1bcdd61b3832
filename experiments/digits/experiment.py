"""Handwritten digits: a multilayer perceptron on scikit-learn's 1,797 images of 8 x 8 pixels.

    python -m experiments.digits --trials=512 --workdir=runs/digits

What is searched, by `--search`:

    seed  learning rate 0.001-0.1 (log), batch size 16, 32 or 64, 5 to 20 epochs
    wide  also dropout, weight decay, label smoothing and the widths of the hidden layers

The images are split once, at random: 1,079 for training, 359 for validation, on which the search
looks, and 359 for testing, on which the chosen configuration is scored once at the end.
512 trials of the `seed` search take about a minute on two cores and find a validation accuracy of
0.975 (seed 0); of the chosen one the test accuracy was 0.986.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import optax
from flax import linen as nn

from experiments.digits.options import Options
from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.tasks.elastic.dropout import Dropout
from jaxhpo.tasks.parts.losses import accuracy, cross_entropy
from jaxhpo.tasks.parts.splits import split
from jaxhpo.tasks.supervised import supervised


class Perceptron(nn.Module):
    """Dense layers with rectifiers and dropout, ten logits."""

    widths: tuple[int, ...]
    rate: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits [rows, 10] of images [rows, 64]."""
        for width in self.widths:
            x = Dropout(self.rate)(nn.relu(nn.Dense(width)(x)), train=train)
        return nn.Dense(10)(x)


def space(options: Options) -> Space:
    """What is searched."""
    seed = {
        "lr": Float(1e-3, 1e-1, log=True),
        "batch_size": Choice([16, 32, 64], ordered=True),
        "epochs": Int(options.min_epochs, options.max_epochs),
    }
    if options.search == "seed":
        return Space(seed)
    return Space(
        **seed,
        hidden=Choice([(64,), (128,), (64, 64), (128, 128)]),
        dropout=Float(0.0, 0.5, natural="low"),
        weight_decay=Float(1e-6, 1e-1, log=True),
        label_smoothing=Float(0.0, 0.2, natural="low"),
    )


def build(options: Options, searched: Space | None = None) -> Task:
    """The task.

    Args:
        searched: a space to search instead of the experiment's own, of the same parameters or
            fewer: what is left out keeps its default.
    """
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    images = (digits.data / 16.0).astype(np.float32)

    def optimizer(hp: Hyperparameters) -> optax.GradientTransformation:
        return optax.adamw(hp["lr"], weight_decay=hp.get("weight_decay", 0.0))

    def loss(logits: jax.Array, labels: jax.Array, hp: Hyperparameters) -> jax.Array:
        return cross_entropy(logits, labels, hp.get("label_smoothing", 0.0))

    return supervised(
        searched or space(options),
        model=lambda hp: Perceptron(hp.get("hidden", (128, 128)), hp.get("dropout", 0.0)),
        data=split(images, digits.target, seed=options.split_seed, validation=0.2, test=0.2),
        optimizer=optimizer,
        loss=loss,
        metrics={"accuracy": accuracy},
        objective="accuracy",
        name="digits",
    )
