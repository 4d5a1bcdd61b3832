"""A two-dimensional convolution whose channels may be a traced hyperparameter, lowered in the way
that suits the machine.

The same sums in three orders; they differ in the last digits, and in speed by a factor of ten:

    direct   the compiler's own convolution; of a population it becomes one grouped convolution
    matmul   patches side by side, then a matrix product (im2col; Chellapilla et al. 2006). On CPUs
             XLA's convolutions inside a scan, and those of a population, are the slow ones
    map      the compiler's convolution member by member, in a loop on the device
"""

from __future__ import annotations

import functools
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxhpo.backend import platform
from jaxhpo.option import Option, choices, distinct, mapped, select
from jaxhpo.tasks.elastic.dense import bias_of
from jaxhpo.tasks.elastic.initial import initial, parameter
from jaxhpo.tasks.elastic.padded import Columns, array, padded, widest, width_of

Lowering = Literal["direct", "matmul", "map"]
Edges = Literal["SAME", "VALID"]


def convolution(
    x: Array,
    kernel: Array,
    *,
    strides: tuple[int, int] = (1, 1),
    edges: Edges = "SAME",
    lowering: Lowering | None = None,
) -> Array:
    """The convolution of images with a kernel.

    Args:
        x: [rows, height, width, channels in].
        kernel: [height, width, channels in, channels out].
        edges: "SAME": zeros are added around, so that stride 1 keeps the size; "VALID": none.
        lowering: "direct", "matmul" or "map"; None: "matmul" where the study trains on a CPU, else
            "direct".

    Raises:
        ValueError: if there is no such lowering or treatment of edges.
    """
    lowering = lowering or ("matmul" if platform() == "cpu" else "direct")
    if lowering not in get_args(Lowering) or edges not in get_args(Edges):
        raise ValueError(
            f"convolution(lowering=..., edges=...) must be among {get_args(Lowering)} and "
            f"{get_args(Edges)}, got lowering={lowering!r}, edges={edges!r}"
        )
    if lowering == "direct":
        return _direct(x, kernel, strides, edges)
    if lowering == "map":
        return _one_by_one(x, kernel, strides, edges)
    return _matmul(x, kernel, strides, edges)


class Conv(nn.Module):
    """`convolution` as a flax linen layer; parameters "kernel" and "bias".

    Attributes:
        features: how many channels, an integer or an `Option` of integers.
        kernel_size: (height, width), or an `Option` of such pairs, for which edges must be "SAME":
            a small kernel lies in the middle of the largest, zeros around it.
        strides: (height, width). edges, lowering: as in `convolution`.
        use_bias: whether there is a bias, a bool or an `Option` of bools. kernel_init, bias_init:
            names in `initial.INITIALISERS`, or an `Option` of names.
    """

    features: int | Option
    kernel_size: tuple[int, int] | Option = (3, 3)
    strides: tuple[int, int] = (1, 1)
    edges: Edges = "SAME"
    lowering: Lowering | None = None
    use_bias: bool | Option = True
    kernel_init: Any = "lecun_normal"
    bias_init: Any = "zeros"

    @nn.compact
    def __call__(self, x: Columns) -> Columns:
        """[rows, height, width, channels] to [rows, ..., features]."""
        images, size, width = array(x), widest(self.features), self.features
        window = distinct(mapped(self.kernel_size, tuple))
        channels = (images.shape[-1], size)
        if isinstance(window, Option):
            self._check_middle(images.shape[1:3], window)
        kernel = parameter(
            self, "kernel", _initial, self.kernel_init, window, channels, width_of(x), width
        )
        kernel = _inside(kernel, window)
        images = images.astype(kernel.dtype)
        y = convolution(
            images, kernel, strides=self.strides, edges=self.edges, lowering=self.lowering
        )
        bias = bias_of(self, width, width_of(x))
        if bias is not None:
            y = y + bias.reshape(1, 1, 1, -1)
        return padded(y, width)

    def _check_middle(self, image: tuple[int, ...], window: Option) -> None:
        """Whether every kernel, in the middle of the largest, sees what it would see alone."""
        largest = _largest(window)
        pads = [jax.lax.padtype_to_pads(image, w, self.strides, "SAME") for w in window.choices]
        around = jax.lax.padtype_to_pads(image, largest, self.strides, "SAME")
        for size, pad in zip(window.choices, pads, strict=True):
            for axis in (0, 1):
                ring = largest[axis] - size[axis]
                if self.edges != "SAME" or around[axis][0] - pad[axis][0] != ring / 2:
                    raise ValueError(
                        "Conv(kernel_size=...) as an Option needs edges='SAME' and sizes that lie "
                        "in the middle of the largest, all even or all odd and not below the "
                        f"strides, got {window.choices} with strides={self.strides}, "
                        f"edges={self.edges!r}; make the size static"
                    )


def _largest(window: Any) -> tuple[int, int]:
    sizes = choices(window)
    return max(size[0] for size in sizes), max(size[1] for size in sizes)


def _in_the_middle(x: Array, largest: tuple[int, int]) -> Array:
    """`x` [height, width, ...] with zeros around it."""
    rings = [(largest[i] - x.shape[i]) // 2 for i in (0, 1)]
    return jnp.pad(x, [(ring, ring) for ring in rings] + [(0, 0)] * (x.ndim - 2))


def _initial(
    key: Array, kind: Any, window: Any, channels: tuple[int, int], rows: Any, width: Any
) -> Array:
    """`initial` of a kernel, in the middle of the largest."""
    largest = _largest(window)
    return select(
        window,
        lambda size: _in_the_middle(initial(key, kind, (*size, *channels), rows, width), largest),
    )


def _inside(kernel: Array, window: Any) -> Array:
    """The kernel, zero outside the member's own size."""
    if not isinstance(window, Option):
        return kernel
    largest = _largest(window)
    inside = select(window, lambda size: _in_the_middle(jnp.ones((*size, 1, 1), bool), largest))
    return jnp.where(inside, kernel, jnp.zeros((), kernel.dtype))


def _direct(x: Array, kernel: Array, strides: tuple[int, int], edges: str) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, strides, edges, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _matmul(x: Array, kernel: Array, strides: tuple[int, int], edges: str) -> Array:
    if edges == "SAME":
        gaps = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, "SAME")
        x = jnp.pad(x, [(0, 0), *gaps, (0, 0)])
    patches = jnp.concatenate(list(shifted(x, kernel.shape[:2], strides)), axis=-1)
    return jnp.dot(patches, kernel.reshape(-1, kernel.shape[-1]))


def shifted(x: Array, window: tuple[int, ...], strides: tuple[int, int]) -> list[Array]:
    """For every place of a window, what lies there as the window moves over the images.

    Args:
        x: [rows, height, width, channels].

    Returns:
        height * width arrays [rows, height out, width out, channels], in the order of a kernel.
    """
    spans = [range(0, x.shape[1 + i] - window[i] + 1, strides[i]) for i in (0, 1)]
    down, across = (len(span) for span in spans)
    return [
        x[:, i : i + (down - 1) * strides[0] + 1 : strides[0],
          j : j + (across - 1) * strides[1] + 1 : strides[1]]
        for i in range(window[0])
        for j in range(window[1])
    ]  # fmt: skip


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _one_by_one(x: Array, kernel: Array, strides: tuple[int, int], edges: str) -> Array:
    def forward(x: Array, kernel: Array) -> Array:
        return _direct(x, kernel, strides, edges)

    return jax.custom_batching.sequential_vmap(forward)(x, kernel)


def _forward(x: Array, kernel: Array, strides: tuple[int, int], edges: str) -> Any:
    return _one_by_one(x, kernel, strides, edges), (x, kernel)


def _backward(strides: tuple[int, int], edges: str, held: tuple[Array, Array], slope: Array) -> Any:
    def back(x: Array, kernel: Array, slope: Array) -> tuple[Array, ...]:
        return jax.vjp(lambda x, kernel: _direct(x, kernel, strides, edges), x, kernel)[1](slope)

    return jax.custom_batching.sequential_vmap(back)(*held, slope)


_one_by_one.defvjp(_forward, _backward)
