"""Pooling by shifted slices, which on CPUs is up to twice as fast inside a scan as XLA's
`reduce_window` and its gradient.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
from jax import Array

from jaxhpo.tasks.elastic.convolution import shifted
from jaxhpo.tasks.elastic.padded import Columns, pointwise


def max_pool(
    x: Columns, window: tuple[int, int] = (2, 2), strides: tuple[int, int] | None = None
) -> Columns:
    """The largest value in each window, channel by channel; rows and columns left over are not
    used.

    Where several values of a window are equally large, they share the gradient.

    Args:
        x: [rows, height, width, channels]. window: (height, width). strides: by default the window.
    """

    def largest(images: Array) -> Array:
        return functools.reduce(jnp.maximum, shifted(images, window, strides or window))

    return pointwise(x, largest)


def mean_pool(
    x: Columns, window: tuple[int, int] = (2, 2), strides: tuple[int, int] | None = None
) -> Columns:
    """The mean of each window; otherwise as `max_pool`."""

    def mean(images: Array) -> Array:
        parts = shifted(images, window, strides or window)
        return functools.reduce(jnp.add, parts) * (1.0 / len(parts))

    return pointwise(x, mean)


def mean_over_image(x: Columns) -> Columns:
    """[rows, height, width, channels] to [rows, channels]."""
    return pointwise(x, lambda images: images.mean(axis=(1, 2)))
