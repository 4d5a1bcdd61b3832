"""How far predicted spectra and colours are from those that were read: loss, score and metrics.

A model predicts standardised reflectances and standardised L, a, b. Chroma and hue are derived from
a and b, so that the five colour values always fit each other and no model has to learn that a hue
of 359 degrees lies next to one of 1. The error of a hue is the metric hue difference, which has the
unit of the other four and counts a hue for as much as there is chroma to see it by (CIE 15:
dH = 2 sqrt(C1 C2) sin(dh / 2)).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Outputs = Mapping[str, Any]
""""reflectance" [n, 31] and "lab" [n, 3]."""


class Scales(NamedTuple):
    """What the training films say about sizes; everything is measured in these.

    means, spreads: of each output of either head, what standardises it: "reflectance" ([31] and
        [1], so that all wavelengths count alike) and "lab" ([3] and [3]).
    plain: "spectral_mae" and "colour_mae" of a model that always predicts the mean.
    """

    means: Outputs
    spreads: Outputs
    plain: Mapping[str, float]

    def standardised(self, values: Outputs) -> dict[str, Any]:
        """Of reflectances and L, a, b."""
        return {k: (values[k] - self.means[k][None]) / self.spreads[k][None] for k in self.means}

    def natural(self, values: Outputs) -> dict[str, Any]:
        """Reflectances and L, a, b of standardised ones."""
        return {k: values[k] * self.spreads[k][None] + self.means[k][None] for k in self.means}


def scales(targets: Outputs) -> Scales:
    """Those of the training films' targets."""
    means = {k: np.asarray(v).mean(axis=0, dtype=np.float64) for k, v in targets.items()}
    away = {k: np.asarray(v) - means[k] for k, v in targets.items()}
    spreads = {
        "reflectance": np.sqrt(np.square(away["reflectance"]).mean(keepdims=True))[0],
        "lab": np.sqrt(np.square(away["lab"]).mean(axis=0)),
    }
    means, spreads = ({k: v.astype(np.float32) for k, v in d.items()} for d in (means, spreads))
    constant = {k: np.broadcast_to(v[None], np.shape(targets[k])) for k, v in means.items()}
    plain = errors(constant, targets)
    return Scales(means, spreads, {k: float(np.abs(v).mean()) for k, v in plain.items()})


def errors(outputs: Outputs, targets: Outputs) -> dict[str, jax.Array]:
    """Predicted less read: "spectral_mae" [n, 31], "colour_mae" [n, 5] for L, a, b, C and H.

    The last is the metric hue difference, with its sign.
    """
    lab, wanted = outputs["lab"], jnp.asarray(targets["lab"])
    (a, b), (a0, b0) = lab[:, 1:].T, wanted[:, 1:].T
    chroma, chroma0 = _length(a, b), _length(a0, b0)
    hue = _hue(a0 * b - b0 * a, a0 * a + b0 * b, chroma * chroma0)
    colour = jnp.concatenate([lab - wanted, jnp.stack([chroma - chroma0, hue], axis=1)], axis=1)
    return {"spectral_mae": outputs["reflectance"] - targets["reflectance"], "colour_mae": colour}


def _hue(crossed: Any, along: Any, product: Any) -> Any:
    """Metric hue difference from cross product, dot product and the product of the chromas.

    R. Seve 1991, "New Formula for the Computation of CIE 1976 Hue Difference", Color Research and
    Application 16, 217-218, which is exact for small angles; for large ones its complement.
    """
    near = crossed / jnp.sqrt(jnp.maximum(0.5 * (product + along), 1e-12))
    far = jnp.where(crossed < 0.0, -1.0, 1.0) * jnp.sqrt(jnp.maximum(2.0 * (product - along), 0.0))
    return jnp.where(along > 0.0, near, far)


def _length(a: Any, b: Any) -> Any:
    return jnp.sqrt(a * a + b * b + 1e-12)


def loss(scale: Scales, weight: float) -> Callable[..., jax.Array]:
    """``(outputs, targets, hp) -> [n]``: squared error of the standardised reflectances plus
    `weight`, or the hyperparameter "loss_weight", times that of the standardised L, a, b."""

    def rows(outputs: Outputs, targets: Outputs, hp: Mapping[str, Any]) -> jax.Array:
        wanted = scale.standardised(targets)
        spectral, colour = (
            jnp.square(outputs[k] - wanted[k]).mean(axis=1) for k in ("reflectance", "lab")
        )
        return spectral + hp.get("loss_weight", weight) * colour

    return rows


def measures(scale: Scales) -> dict[str, Callable[..., jax.Array]]:
    """The metrics of standardised outputs, each ``(outputs, targets) -> scalar``:

    score: what is searched on. The mean, over the two heads, of the mean absolute error as a share
        of that of always predicting the training films' mean: 1 is no skill, 0 perfect.
    spectral_mae, spectral_rmse, spectral_r2: of the 31 reflectances.
    colour_mae, colour_rmse, colour_r2: of L, a, b, C and H, in units of CIELAB. R2 is averaged over
        the five; that of H compares with a hue that is the same for all, the mean direction.
    delta_e: the mean colour difference CIE 1976.
    """

    def off(outputs: Outputs, targets: Outputs) -> dict[str, jax.Array]:
        return errors(scale.natural(outputs), targets)

    def mean(name: str, size: Callable[[jax.Array], jax.Array]) -> Callable[..., jax.Array]:
        return lambda outputs, targets: size(off(outputs, targets)[name])

    def score(outputs: Outputs, targets: Outputs) -> jax.Array:
        found = off(outputs, targets)
        shares = [jnp.abs(found[k]).mean() * np.float32(1.0 / v) for k, v in scale.plain.items()]
        return 0.5 * (shares[0] + shares[1])

    def spectral_r2(outputs: Outputs, targets: Outputs) -> jax.Array:
        rest = off(outputs, targets)["spectral_mae"]
        wanted = jnp.asarray(targets["reflectance"])
        return _explained(rest, wanted - wanted.mean(axis=0, keepdims=True))

    def colour_r2(outputs: Outputs, targets: Outputs) -> jax.Array:
        wanted = jnp.asarray(targets["lab"])
        middle = wanted.mean(axis=0, keepdims=True)
        # Against the mean of L, a, b and C, and against the mean direction of hue at each chroma.
        chroma = _length(wanted[:, 1], wanted[:, 2])[:, None]
        direction = middle[:, 1:] / _length(middle[:, 1:2], middle[:, 2:])
        same_hue = jnp.concatenate([wanted[:, :1], chroma * direction], axis=1)
        hue = errors({**targets, "lab": same_hue}, targets)["colour_mae"][:, 4:]
        spread = jnp.concatenate([wanted - middle, chroma - chroma.mean(), hue], axis=1)
        return _explained(off(outputs, targets)["colour_mae"], spread)

    def delta_e(outputs: Outputs, targets: Outputs) -> jax.Array:
        return jnp.sqrt(jnp.square(off(outputs, targets)["colour_mae"][:, :3]).sum(axis=1)).mean()

    def absolute(x: jax.Array) -> jax.Array:
        return jnp.abs(x).mean()

    def root(x: jax.Array) -> jax.Array:
        return jnp.sqrt(jnp.square(x).mean())

    return {
        "score": score,
        "spectral_mae": mean("spectral_mae", absolute),
        "spectral_rmse": mean("spectral_mae", root),
        "spectral_r2": spectral_r2,
        "colour_mae": mean("colour_mae", absolute),
        "colour_rmse": mean("colour_mae", root),
        "colour_r2": colour_r2,
        "delta_e": delta_e,
    }


def _explained(rest: jax.Array, spread: jax.Array) -> jax.Array:
    """1 less the share of the variance that is left, averaged over columns."""
    left = jnp.square(rest).mean(axis=0) / jnp.square(spread).mean(axis=0)
    return 1.0 - left.mean()
