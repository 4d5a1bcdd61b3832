"""Initial weights that don't depend on padding: entry (row, column) is drawn from the key, the row
and the column alone, and scaled by the member's own fan-in.

So a member of an elastic width starts from the very numbers from which it would start in a program
of its own. The initialisers are flax's in distribution, not bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxhpo.option import Option, combined, number, select
from jaxhpo.tasks.elastic.padded import columns

_CUT = 0.87962566103423978  # standard deviation of a normal distribution cut off at -2 and 2


def _cut_normal(key: Array, n: int) -> Array:
    return jax.random.truncated_normal(key, -2.0, 2.0, (n,)) * np.float32(1 / _CUT)


def _uniform(key: Array, n: int) -> Array:
    return jax.random.uniform(key, (n,), minval=-math.sqrt(3), maxval=math.sqrt(3))


def _normal(key: Array, n: int) -> Array:
    return jax.random.normal(key, (n,))


_Draw = Callable[[Array, int], Array]
_KINDS: dict[str, tuple[_Draw | None, Callable[[int, int], float]]] = {
    # LeCun et al. 1998, "Efficient BackProp"; Glorot and Bengio 2010; He et al. 2015
    "lecun_normal": (_cut_normal, lambda fan_in, out: fan_in**-0.5),
    "lecun_uniform": (_uniform, lambda fan_in, out: fan_in**-0.5),
    "he_normal": (_cut_normal, lambda fan_in, out: (fan_in / 2) ** -0.5),
    "he_uniform": (_uniform, lambda fan_in, out: (fan_in / 2) ** -0.5),
    "glorot_normal": (_cut_normal, lambda fan_in, out: ((fan_in + out) / 2) ** -0.5),
    "glorot_uniform": (_uniform, lambda fan_in, out: ((fan_in + out) / 2) ** -0.5),
    "embedding": (_normal, lambda fan_in, out: out**-0.5),
    "zeros": (None, lambda fan_in, out: 0.0),
    "ones": (None, lambda fan_in, out: 1.0),
}
INITIALISERS = tuple(_KINDS)


def initial(
    key: Array, kind: Any, shape: tuple[int, ...], rows: Any = None, width: Any = None
) -> Array:
    """float32 `shape`, initial weights; zero beyond the true size of the last two axes.

    Args:
        key: typed; consumed.
        kind: a name in `INITIALISERS`, or an `Option` of names.
        shape: [..., rows, columns] of a kernel, where the axes before are a convolution's window;
            or [columns].
        rows, width: true sizes of the last two axes, integers or `Option`; by default the shape's.

    Raises:
        ValueError: if there is no such initialiser.
    """
    *_, size_in, size_out = (1, *shape)
    rows, width = size_in if rows is None else rows, size_out if width is None else width
    window = math.prod(shape[:-2])

    def of(name: str) -> Array:
        if name not in _KINDS:
            raise ValueError(
                f"initial(kind=...) must be one of {', '.join(INITIALISERS)}, got {name!r}"
            )
        draw, spread = _KINDS[name]
        scale: Any = combined(lambda a, b: np.float32(spread(window * a, window * b)), rows, width)
        # Behind a barrier, or the compiler would merge a known scale with other factors, and the
        # last bits would depend on whether it is known.
        scale = jax.lax.optimization_barrier(jnp.asarray(number(scale), jnp.float32))
        return jnp.full(shape, scale) if draw is None else _drawn(key, shape, draw) * scale

    values: Array = select(kind, of)
    for axis, true in ((-1, width), (-2, rows)):
        if isinstance(true, Option) and len(shape) >= -axis:
            place = [1] * len(shape)
            place[axis] = shape[axis]
            inside = columns(true, shape[axis]).reshape(place)
            values = jnp.where(inside, values, jnp.zeros((), values.dtype))
    return values


def parameter(module: nn.Module, name: str, init: Callable[..., Array], *given: Any) -> Array:
    """``module.param(name, init, *given)``, without what flax does where the parameter is there
    already: it traces `init` once more to compare shapes, which was half of the time that a model
    of elastic layers took to trace.
    """
    if module.has_variable("params", name):
        return module.get_variable("params", name)
    return module.param(name, init, *given)


def keys_of_rows(key: Array, leading: tuple[int, ...]) -> Array:
    """Typed keys [product of `leading`], one a row, folded from `key` axis by axis."""
    keys = key[None]
    for length in leading:
        places = jnp.arange(length, dtype=jnp.uint32)
        keys = jax.vmap(lambda k, i=places: jax.vmap(lambda j: jax.random.fold_in(k, j))(i))(keys)
        keys = keys.reshape(-1)
    return keys


def _drawn(key: Array, shape: tuple[int, ...], draw: _Draw) -> Array:
    rows = jax.vmap(lambda k: draw(k, shape[-1]))(keys_of_rows(key, shape[:-1]))
    return rows.reshape(shape)
