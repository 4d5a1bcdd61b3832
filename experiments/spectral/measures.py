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

_LEAST = 1e-3  # the reflectance whose optical density is the greatest


class Scales(NamedTuple):
    """What the training films say about sizes; everything is measured in these.

    means, spreads: of each output of either head, what standardises it: "reflectance" ([31] and
        [1], so that all wavelengths count alike), "density" likewise, and "lab" ([3] and [3]).
    plain: "spectral_mae" and "colour_mae" of a model that always predicts the mean.
    """

    means: Outputs
    spreads: Outputs
    plain: Mapping[str, float]

    def standardised(self, values: Outputs, density: Any = False) -> dict[str, Any]:
        """Of reflectances and L, a, b.

        Args:
            density: whether the spectral head predicts optical densities; may be traced.
        """
        spectra = jnp.asarray(values["reflectance"])
        forms = {"reflectance": spectra, "density": -jnp.log(jnp.maximum(spectra, _LEAST))}
        both = {k: self._scaled(k, v) for k, v in forms.items()}
        return {
            "reflectance": jnp.where(density, both["density"], both["reflectance"]),
            "lab": self._scaled("lab", values["lab"]),
        }

    def natural(self, values: Outputs, density: Any = False) -> dict[str, Any]:
        """Reflectances and L, a, b of standardised ones."""
        spectra = values["reflectance"]
        dense = jnp.exp(-self._whole("density", spectra))
        return {
            "reflectance": jnp.where(density, dense, self._whole("reflectance", spectra)),
            "lab": self._whole("lab", values["lab"]),
        }

    def _scaled(self, name: str, values: Any) -> Any:
        return (values - self.means[name][None]) * (1.0 / self.spreads[name])[None]

    def _whole(self, name: str, values: Any) -> Any:
        return values * self.spreads[name][None] + self.means[name][None]


def scales(targets: Outputs) -> Scales:
    """Those of the training films' targets."""
    known = {k: np.asarray(v, np.float64) for k, v in targets.items()}
    known["density"] = -np.log(np.maximum(known["reflectance"], _LEAST))
    means = {k: v.mean(axis=0) for k, v in known.items()}
    away = {k: np.square(v - means[k]) for k, v in known.items()}
    spreads = {k: np.sqrt(v.mean(axis=0 if k == "lab" else None)) for k, v in away.items()}
    constant = {k: np.broadcast_to(means[k][None], v.shape) for k, v in known.items()}
    plain = errors(constant, targets)
    return Scales(
        {k: v.astype(np.float32) for k, v in means.items()},
        {k: np.atleast_1d(v).astype(np.float32) for k, v in spreads.items()},
        {k: float(np.abs(v).mean()) for k, v in plain.items()},
    )


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
        wanted = scale.standardised(targets, hp.get("density", False))
        spectral, colour = (
            jnp.square(outputs[k] - wanted[k]).mean(axis=1) for k in ("reflectance", "lab")
        )
        return spectral + hp.get("loss_weight", weight) * colour

    return rows


def measures(scale: Scales) -> dict[str, Callable[..., jax.Array]]:
    """The metrics of standardised outputs, each ``(outputs, targets, hp) -> scalar``:

    score: what is searched on. The mean, over the two heads, of the mean absolute error as a share
        of that of always predicting the training films' mean: 1 is no skill, 0 perfect.
    spectral_mae, spectral_rmse, spectral_r2: of the 31 reflectances.
    colour_mae, colour_rmse, colour_r2: of L, a, b, C and H, in units of CIELAB. R2 is averaged over
        the five; that of H compares with a hue that is the same for all, the mean direction.
    delta_e: the mean colour difference CIE 1976.
    """

    def off(outputs: Outputs, targets: Outputs, hp: Mapping[str, Any]) -> dict[str, jax.Array]:
        return errors(scale.natural(outputs, hp.get("density", False)), targets)

    def mean(name: str, size: Callable[[jax.Array], jax.Array]) -> Callable[..., jax.Array]:
        return lambda outputs, targets, hp: size(off(outputs, targets, hp)[name])

    def score(outputs: Outputs, targets: Outputs, hp: Mapping[str, Any]) -> jax.Array:
        found = off(outputs, targets, hp)
        shares = [jnp.abs(found[k]).mean() * np.float32(1.0 / v) for k, v in scale.plain.items()]
        return 0.5 * (shares[0] + shares[1])

    def spectral_r2(outputs: Outputs, targets: Outputs, hp: Mapping[str, Any]) -> jax.Array:
        wanted = jnp.asarray(targets["reflectance"])
        apart = wanted - wanted.mean(axis=0, keepdims=True)
        return _explained(off(outputs, targets, hp)["spectral_mae"], apart)

    def colour_r2(outputs: Outputs, targets: Outputs, hp: Mapping[str, Any]) -> jax.Array:
        return _explained(off(outputs, targets, hp)["colour_mae"], _away(targets))

    def delta_e(outputs: Outputs, targets: Outputs, hp: Mapping[str, Any]) -> jax.Array:
        lab = off(outputs, targets, hp)["colour_mae"][:, :3]
        return jnp.sqrt(jnp.square(lab).sum(axis=1)).mean()

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


def _away(targets: Outputs) -> jax.Array:
    """[n, 5]: L, a, b and C less their means, and the hue against one that is the same for all."""
    lab = jnp.asarray(targets["lab"])
    middle = lab.mean(axis=0, keepdims=True)
    chroma = _length(lab[:, 1], lab[:, 2])[:, None]
    direction = middle[:, 1:] / _length(middle[:, 1:2], middle[:, 2:])
    same_hue = jnp.concatenate([lab[:, :1], chroma * direction], axis=1)
    hue = errors({**targets, "lab": same_hue}, targets)["colour_mae"][:, 4:]
    return jnp.concatenate([lab - middle, chroma - chroma.mean(), hue], axis=1)


def _explained(rest: jax.Array, spread: jax.Array) -> jax.Array:
    """1 less the share of the variance that is left, averaged over columns."""
    left = jnp.square(rest).mean(axis=0) / jnp.square(spread).mean(axis=0)
    return 1.0 - left.mean()
