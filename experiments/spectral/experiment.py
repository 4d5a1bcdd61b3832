"""Colour formulation: from the concentrations of five colorants to a reflectance spectrum and its
colour.

    python -m experiments.spectral --trials=2048 --workdir=runs/spectral

84 films are made and measured by physics (`experiments.spectral.physics`): five concentrations
each, 31 reflectances from 400 to 700 nm, CIELAB L, a, b, C, h under D65. 17 films are for testing
and are seen by nothing but the chosen model; 14 of the other 67 are for validation, on which the
search looks. A network with a head for the spectrum and one for the colour is searched, by
`--search`:

    seed  a grid of 1,492,992 settings: 12 trunks of one to five layers, 4 activations, learning
          rate, batch size 8-32, dropout, L2, batch normalisation, cosine schedule, gradient
          clipping, patience of early stopping, most epochs
    wide  the same with ranges instead of grids, the weight of the colour head in the loss, and
          whether the spectral head predicts reflectances or optical densities

The score is the mean absolute error of both heads, each as a share of what predicting the mean
gives (`experiments.spectral.measures`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.spectral import measures, network, physics
from experiments.spectral.options import Options
from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.option import number
from jaxhpo.space import Bool, Choice, Float, Int, Space
from jaxhpo.tasks.supervised import supervised

Rows = Mapping[str, tuple[Any, Any]]


def space(options: Options) -> Space:
    """What is searched."""
    structure = {
        "widths": Choice(network.WIDTHS),
        "activation": Choice(list(network.ACTIVATIONS)),
        "batch_size": Choice([8, 16, 32], ordered=True),
        "batch_norm": Bool(),
        "cosine": Bool(),
    }
    if options.search == "seed":
        return Space(
            **structure,
            lr=Choice([0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01], ordered=True),
            dropout=Choice([0.0, 0.1, 0.2, 0.3], ordered=True),
            l2=Choice([0.0, 0.0001, 0.001, 0.01], ordered=True),
            clip=Choice([0.0, 0.5, 1.0], ordered=True),
            patience=Choice([25, 50, 100], ordered=True),
            epochs=Choice(options.epochs, ordered=True),
        )
    return Space(
        **structure,
        lr=Float(1e-4, 3e-2, log=True),
        dropout=Float(0.0, 0.5, natural="low"),
        l2=Float(1e-7, 1e-1, log=True),
        clip=Float(0.0, 2.0, natural="low"),
        patience=Int(20, 100),
        epochs=Int(min(options.epochs), max(options.epochs)),
        loss_weight=Float(0.1, 10.0, log=True),
        density=Bool(),
    )


def films(options: Options) -> Rows:
    """The films by split: concentrations [n, 5], and {"reflectance": [n, 31], "lab": [n, 3]}."""
    samples = physics.measured(options.data_seed)
    parts = physics.parted(samples, options.data_seed, options.split_seed, options.validation)
    return {name: _pair(part) for name, part in parts.items()}


def _pair(part: physics.Samples) -> tuple[Any, Any]:
    wide = part.concentrations, {"reflectance": part.reflectance, "lab": part.colour[:, :3]}
    return jax.tree.map(lambda a: a.astype(np.float32), wide)


def optimizer(hp: Hyperparameters, rows: int) -> optax.GradientTransformation:
    """Clipping, L2, Adam, and the learning rate with its schedule over the trial's own budget.

    Every number may be traced, and what is off costs a selection.

    Args:
        rows: training films.
    """
    steps = -(-rows // number(hp["batch_size"])) * number(hp["epochs"])
    turn = np.float32(math.pi) / jnp.asarray(steps, jnp.float32)

    def rate(count: Any) -> jax.Array:
        falling = 0.5 + 0.5 * jnp.cos(turn * count)
        return -hp["lr"] * jnp.where(hp["cosine"], falling, 1.0)

    return optax.chain(
        clipped(hp["clip"]),
        # The gradient of l2 times the sum of the squared weights, biases not among them.
        optax.add_decayed_weights(2.0 * hp["l2"], mask=_kernels),
        optax.scale_by_adam(),
        optax.scale_by_schedule(rate),
    )


def clipped(threshold: Any) -> optax.GradientTransformation:
    """Scales gradients whose norm is above `threshold` down to it; 0: leaves all as they are."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        length = jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(updates)))
        most = jnp.where(threshold > 0.0, threshold, jnp.inf)
        factor = jnp.minimum(1.0, most / jnp.maximum(length, 1e-12))
        return jax.tree.map(lambda leaf: leaf * factor, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _kernels(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


def build(options: Options, searched: Space | None = None) -> Task:
    """The task.

    Args:
        searched: a space to search instead of the experiment's own, of the same parameters or
            fewer constants among them.
    """
    rows = films(options)
    inputs, targets = rows["train"]
    scale = measures.scales(targets)
    means, spreads = (tuple(map(float, f(inputs, axis=0))) for f in (np.mean, np.std))

    def model(hp: Hyperparameters) -> network.Network:
        return network.Network(
            hp["widths"], hp["activation"], hp["dropout"], hp["batch_norm"], means, spreads
        )

    def size(outputs: Any, targets: Any, hp: Hyperparameters) -> jax.Array:
        return jnp.asarray(network.parameters(hp), jnp.float32)

    return supervised(
        searched or space(options),
        model=model,
        data=rows,
        optimizer=lambda hp: optimizer(hp, len(inputs)),
        loss=measures.loss(scale, options.loss_weight),
        metrics={**measures.measures(scale), "parameters": size},
        objective="score",
        maximize=False,
        name="spectral",
    )
