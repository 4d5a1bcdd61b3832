"""Arrays whose last axis is longer than what counts of it, and how they pass through a model.

A layer whose width is an `Option` computes at the largest width that there is and zeroes the
columns beyond its own. The true width goes along with the array, because what follows must know it:
the fan-in of an initialiser, the mean of a layer normalisation. Where a width is a Python value,
arrays are plain and nothing is padded.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.option import Option, distinct, mapped, number


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Padded:
    """An array [..., size] of which the first `width` columns count; the others are zero.

    Attributes:
        x: the array.
        width: an `Option` of Python integers, at most `size`.
    """

    x: Array
    width: Option

    def map(self, fn: Callable[[Array], Array]) -> Padded:
        """`fn` of the array; it must keep the last axis. Padding is zero afterwards."""
        return Padded(_kept(fn(self.x), self.width), self.width)

    def __add__(self, other: Any) -> Any:
        """The sum with an array or `Padded` of the same width (a residual connection)."""
        return Padded(_kept(self.x + array(other), self.width), self.width)

    __radd__ = __add__


Columns = Array | Padded
"""What elastic layers take and return."""


def array(x: Columns) -> Array:
    """The array alone, padding included."""
    return x.x if isinstance(x, Padded) else jnp.asarray(x)


def width_of(x: Columns) -> int | Option:
    """How many columns count."""
    return x.width if isinstance(x, Padded) else jnp.shape(x)[-1]


def widest(width: int | Option) -> int:
    """The largest that a width may be."""
    return max(width.choices) if isinstance(width, Option) else int(width)


def columns(width: int | Option, size: int) -> Array:
    """bool [size], which columns count."""
    return jnp.arange(size) < number(width)


def padded(x: Array, width: int | Option) -> Columns:
    """`x` [..., size] with the columns beyond `width` zeroed; plain if the width is its size."""
    width = distinct(width)
    return whole(_kept(x, width) if isinstance(width, Option) else x, width)


def whole(x: Array, width: int | Option) -> Columns:
    """`x` [..., size], already zero beyond `width`, together with it; plain if nothing is."""
    width = distinct(width)
    return Padded(x, width) if isinstance(width, Option) else x[..., :width]


def resized(x: Columns, size: int) -> Array:
    """The array with `size` columns: zeros added, or columns that don't count left out."""
    x = array(x)
    missing = size - x.shape[-1]
    if missing <= 0:
        return x[..., :size]
    return jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)])


def pointwise(x: Columns, fn: Callable[[Array], Array]) -> Columns:
    """`fn` of the array, which keeps its last axis; padding stays zero."""
    return x.map(fn) if isinstance(x, Padded) else fn(jnp.asarray(x))


def flattened(x: Columns) -> Columns:
    """[rows, ..., columns] as [rows, all], the last axis first, so that padding stays at the end.

    The order is the same with padding and without.
    """
    whole = array(x)
    rows = jnp.moveaxis(whole, -1, 1).reshape(whole.shape[0], -1)
    if not isinstance(x, Padded):
        return rows
    places = math.prod(whole.shape[1:-1])
    return Padded(rows, mapped(x.width, lambda width: width * places))


def _kept(x: Array, width: int | Option) -> Array:
    inside = columns(width, x.shape[-1]).reshape((1,) * (x.ndim - 1) + (-1,))
    return jnp.where(inside, x, jnp.zeros((), x.dtype))
