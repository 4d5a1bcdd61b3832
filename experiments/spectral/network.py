"""The network of the spectral search: a trunk of dense layers, and a head each for both targets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxhpo.contracts import Hyperparameters
from jaxhpo.option import mapped, number, select
from jaxhpo.tasks.elastic.dropout import Dropout

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

ACTIVATIONS = {
    "relu": nn.relu,
    "leaky_relu": nn.leaky_relu,
    "elu": nn.elu,
    "tanh": nn.tanh,
}

INPUTS = 5
OUTPUTS = {"reflectance": 31, "lab": 3}


class Network(nn.Module):
    """Concentrations to standardised outputs; layer, normalisation, activation, dropout in turn.

    Each head has a hidden layer of half the width of the trunk's last.

    Attributes:
        widths: of the trunk's layers. activation: a name in `ACTIVATIONS`.
        rate: dropout's. normalise: whether batch normalisation is used; these two may be traced.
        means, spreads: of the inputs, five each, what standardises them.
    """

    widths: Any
    activation: Any
    rate: Any
    normalise: Any
    means: tuple[float, ...]
    spreads: tuple[float, ...]

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """{"reflectance": [n, 31], "lab": [n, 3]} of concentrations [n, 5]."""
        x = (x - jnp.array([self.means])) * (1.0 / jnp.array([self.spreads]))
        for width in self.widths:
            x = nn.Dense(width)(x)
            normed = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
            x = self._bent(jnp.where(self.normalise, normed, x))
            x = Dropout(self.rate)(x, train=train)
        outputs = {}
        for name, size in OUTPUTS.items():
            hidden = self._bent(nn.Dense(self.widths[-1] // 2, name=f"{name}_hidden")(x))
            outputs[name] = nn.Dense(size, name=name)(hidden)
        return outputs

    def _bent(self, x: jax.Array) -> jax.Array:
        return select(self.activation, lambda name: ACTIVATIONS[name](x))


def parameters(hp: Hyperparameters) -> Any:
    """How many numbers are trained that the outputs depend on."""
    layers = number(mapped(hp["widths"], _weights))
    scales = number(mapped(hp["widths"], lambda widths: 2 * sum(widths)))
    return layers + jnp.where(hp["batch_norm"], scales, 0)


def _weights(widths: tuple[int, ...]) -> int:
    """Weights and biases of the dense layers."""
    trunk = sum((a + 1) * b for a, b in zip((INPUTS, *widths[:-1]), widths, strict=True))
    half = widths[-1] // 2
    return trunk + sum((widths[-1] + 1) * half + (half + 1) * size for size in OUTPUTS.values())
