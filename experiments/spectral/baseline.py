"""The simple model that the network has to beat: ridge regression on polynomials of concentration.

It is searched as the network is, with the same sampler, the same number of trials and the same
score on the same films. What is chosen: the degree (1 to 3) of the polynomial in the five
concentrations, to what power they are taken first, what is regressed (reflectance, optical density,
or Kubelka-Munk's K/S, which for an opaque film is linear in the concentrations), the weight of the
ridge, and whether colour is regressed too or computed from the predicted spectrum by the equations
of CIELAB.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.spectral import measures, physics
from experiments.spectral.experiment import films
from experiments.spectral.options import Options
from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.space import Bool, Choice, Float, Int, Space

DEGREE = 3
FORMS = ("reflectance", "density", "km")
_LEAST = 1e-3  # the reflectance that density and K/S are cut at

_POWERS = np.array(
    [
        [which.count(i) for i in range(5)]
        for degree in range(1, DEGREE + 1)
        for which in itertools.combinations_with_replacement(range(5), degree)
    ]
)
_DEGREES = _POWERS.sum(axis=1)


def space() -> Space:
    """What is searched."""
    return Space(
        degree=Int(1, DEGREE),
        power=Float(0.25, 1.0),
        form=Choice(FORMS),
        ridge=Float(1e-6, 10.0, log=True),
        direct=Bool(),
    )


def build(options: Options) -> Task:
    """The task: one unit, which solves for the weights."""
    rows = films(options)
    scale = measures.scales(rows["train"][1])
    metrics = measures.measures(scale)

    def init(key: jax.Array, hp: Hyperparameters, data: Any) -> dict[str, jax.Array]:
        return solved(hp, data["train"])

    def train(key: jax.Array, hp: Hyperparameters, state: Any, data: Any) -> dict[str, jax.Array]:
        return state  # there is nothing left to do

    def evaluate(hp: Hyperparameters, state: Any, data: Any) -> dict[str, jax.Array]:
        return measured(hp, state, {**data, "test": data["validation"]})

    def measured(hp: Hyperparameters, state: Any, data: Any) -> dict[str, jax.Array]:
        inputs, targets = data["test"]
        outputs = scale.standardised(predicted(hp, state, inputs, data["weights"]))
        found = {name: fn(outputs, targets, {}) for name, fn in metrics.items()}
        return {**found, "parameters": parameters(hp)}

    weights = physics.tristimulus_weights().astype(np.float32)
    return Task(
        space=space(),
        data={"train": rows["train"], "validation": rows["validation"], "weights": weights},
        init=init,
        train=train,
        evaluate=evaluate,
        budget=lambda hp: 1,
        objective="score",
        test=measured,
        test_data={"test": rows["test"], "weights": weights},
        fixed={"degree": DEGREE},
        name="spectral-baseline",
    )


def features(hp: Hyperparameters, inputs: Any) -> jax.Array:
    """[n, 55] monomials of the concentrations [n, 5], nought above the degree."""
    raised = jnp.power(jnp.maximum(jnp.asarray(inputs), 1e-9), hp["power"])
    found = jnp.prod(jnp.power(raised[:, None, :], _POWERS[None]), axis=2)
    return jnp.where(jnp.asarray(_DEGREES)[None] <= hp["degree"], found, 0.0)


def solved(hp: Hyperparameters, pair: Any) -> dict[str, jax.Array]:
    """Ridge regression of the training films: standardised features, an intercept that is free."""
    inputs, targets = pair
    x = features(hp, inputs)
    y = jnp.concatenate([bent(hp["form"], targets["reflectance"]), targets["lab"]], axis=1)
    middle, level = x.mean(axis=0), y.mean(axis=0)
    spread = jnp.sqrt(jnp.square(x - middle[None]).mean(axis=0))
    scale = jnp.where(spread > 0.0, 1.0 / jnp.maximum(spread, 1e-12), 0.0)
    z = (x - middle[None]) * scale[None]
    share = np.float32(1.0 / len(z))
    inner = z.T @ z * share + hp["ridge"] * jnp.eye(z.shape[1])
    slopes = jnp.linalg.solve(inner, z.T @ (y - level[None]) * share)
    return {"slopes": slopes * scale[:, None], "level": level - middle * scale @ slopes}


def predicted(hp: Hyperparameters, state: Any, inputs: Any, weights: Any) -> dict[str, jax.Array]:
    """Reflectances [n, 31] and L, a, b [n, 3] of concentrations [n, 5]."""
    y = features(hp, inputs) @ state["slopes"] + state["level"][None]
    spectra = unbent(hp["form"], y[:, :31])
    return {
        "reflectance": spectra,
        "lab": jnp.where(hp["direct"], y[:, 31:], lab(spectra, jnp.asarray(weights))),
    }


def bent(form: str, spectra: Any) -> jax.Array:
    """What is regressed instead of reflectances."""
    r = jnp.maximum(jnp.asarray(spectra), _LEAST)
    if form == "density":
        return -jnp.log(r)
    return jnp.square(1.0 - r) / (2.0 * r) if form == "km" else jnp.asarray(spectra)


def unbent(form: str, values: jax.Array) -> jax.Array:
    """Reflectances of it, within [0, 1]."""
    if form == "density":
        values = jnp.exp(-values)
    if form == "km":
        ratio = jnp.maximum(values, 0.0)
        values = 1.0 + ratio - jnp.sqrt(ratio * ratio + 2.0 * ratio)
    return jnp.clip(values, 0.0, 1.0)


def lab(spectra: jax.Array, weights: jax.Array) -> jax.Array:
    """CIELAB L, a, b [n, 3] of spectra [n, 31]: CIE 15, equations 8.3 to 8.5, as a program.

    Args:
        weights: those of `physics.tristimulus_weights`.
    """
    shares = spectra @ weights / weights.sum(axis=0)[None]
    edge = 6.0 / 29.0
    bright = jnp.cbrt(jnp.maximum(shares, 1e-12))
    x, y, z = jnp.where(shares > edge**3, bright, shares / (3.0 * edge**2) + 4.0 / 29.0).T
    return jnp.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=1)


def parameters(hp: Hyperparameters) -> jax.Array:
    """How many numbers are solved for that the outputs depend on."""
    used = (jnp.asarray(_DEGREES) <= hp["degree"]).sum() + 1
    return (used * jnp.where(hp["direct"], 34, 31)).astype(jnp.float32)
