"""The network of the spectral search: a trunk of dense layers, and a head each for both targets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxhpo.contracts import Hyperparameters
from jaxhpo.option import mapped, number
from jaxhpo.tasks.elastic.activation import activation
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.padded import array
from jaxhpo.tasks.elastic.stack import Stack

WIDTHS = (
    (32,),
    (64,),
    (128,),
    (64, 32),
    (64, 64),
    (128, 64),
    (128, 128),
    (64, 128, 64),
    (128, 64, 32),
    (128, 128, 64),
    (64, 64, 64, 64),
    (64, 64, 64, 64, 64),
)
"""The trunks that are tried, from one layer to five."""

ACTIVATIONS = ("relu", "leaky_relu", "elu", "tanh")
NORMS = ("none", "batch")
MOMENTUM = 0.9  # of running means: the shortest trials have 200 steps

INPUTS = 5
OUTPUTS = {"reflectance": 31, "lab": 3}


class Network(nn.Module):
    """Concentrations to standardised outputs; layer, normalisation, activation, dropout in turn.

    Each head has a hidden layer of half the width of the trunk's last.

    Attributes:
        widths: of the trunk's layers. activation: a name. norm: "none" or "batch". Each may be an
            `Option`: then one program serves them all.
        rate: dropout's; may be traced.
        means, spreads: of the inputs, five each, what standardises them.
    """

    widths: Any
    activation: Any
    norm: Any
    rate: Any
    means: tuple[float, ...]
    spreads: tuple[float, ...]

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """{"reflectance": [n, 31], "lab": [n, 3]} of concentrations [n, 5]."""
        x = (x - jnp.array([self.means])) * (1.0 / jnp.array([self.spreads]))
        trunk = Stack(
            self.widths, self.activation, self.norm, self.rate, momentum=MOMENTUM, name="trunk"
        )
        features, half = trunk(x, train=train), mapped(self.widths, lambda widths: widths[-1] // 2)
        outputs = {}
        for name, size in OUTPUTS.items():
            hidden = activation(self.activation, Dense(half, name=f"{name}_hidden")(features))
            outputs[name] = array(Dense(size, name=name)(hidden))
        return outputs


def parameters(hp: Hyperparameters) -> Any:
    """How many numbers are trained that the outputs depend on."""
    layers = number(mapped(hp["widths"], _weights))
    scales = number(mapped(hp["widths"], sum))  # a scale and a shift for a bias
    return layers + number(mapped(hp["norm"], lambda norm: int(norm == "batch"))) * scales


def _weights(widths: tuple[int, ...]) -> int:
    """Weights and biases of the dense layers."""
    trunk = sum((a + 1) * b for a, b in zip((INPUTS, *widths[:-1]), widths, strict=True))
    half = widths[-1] // 2
    return trunk + sum((widths[-1] + 1) * half + (half + 1) * size for size in OUTPUTS.values())
