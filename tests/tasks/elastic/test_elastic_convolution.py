"""Convolutions of elastic channels in three lowerings, and pooling."""

from __future__ import annotations

from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from twins import differs

from jaxhpo.option import Option
from jaxhpo.tasks.elastic.convolution import Conv, Lowering, convolution
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.padded import Padded, array, flattened, padded, pointwise
from jaxhpo.tasks.elastic.pooling import max_pool, mean_over_image, mean_pool

LOWERINGS = get_args(Lowering)
CHANNELS = (3, 6, 4)
X = jax.random.normal(jax.random.key(1), (5, 9, 8, 2))
KEY = jax.random.key(0)


@pytest.mark.parametrize("edges", ["SAME", "VALID"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_the_lowerings_agree_forward_and_backward_and_in_a_population(strides, edges):
    kernels = jax.random.normal(KEY, (3, 3, 2, 2, 4))
    images = jax.random.normal(jax.random.key(7), (3, *X.shape))

    def both(lowering):
        def cost(x, kernel):
            y = convolution(x, kernel, strides=strides, edges=edges, lowering=lowering)
            return jnp.sin(y).sum(), y

        grad = jax.value_and_grad(cost, argnums=(0, 1), has_aux=True)
        many = jax.jit(jax.vmap(grad))(images, kernels)
        shared = jax.jit(jax.vmap(grad, in_axes=(None, 0)))(X, kernels)
        return many, shared, jax.jit(grad)(X, kernels[0])

    expected, *others = (both(lowering) for lowering in LOWERINGS)
    y = nn.Conv(4, (3, 2), strides, edges).apply(
        {"params": {"kernel": kernels[0], "bias": jnp.zeros(4)}}, X
    )
    np.testing.assert_allclose(expected[2][0][1], y, atol=1e-5)
    for found in others:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4), found, expected
        )


def test_the_lowering_by_members_is_a_loop_and_the_others_are_none():
    kernels = jnp.zeros((3, 3, 3, 2, 4))
    for lowering in LOWERINGS:
        run = jax.vmap(lambda kernel, how=lowering: convolution(X, kernel, lowering=how))
        text = str(jax.make_jaxpr(run)(kernels))
        assert ("scan" in text) == (lowering == "map")
        assert ("conv_general_dilated" in text) == (lowering != "matmul")


class Net(nn.Module):
    channels: Any
    lowering: Any

    @nn.compact
    def __call__(self, x):
        x = pointwise(Conv(self.channels, lowering=self.lowering)(x), jnp.tanh)
        x = max_pool(x)
        x = Conv(self.channels, (2, 2), (2, 2), "VALID", self.lowering)(x)
        return Dense(2)(flattened(x))


@pytest.mark.slow
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_a_padded_member_is_its_unpadded_twin(lowering):
    def made(channels):
        net = Net(channels, lowering)
        params = net.init(KEY, X)
        slope = jax.grad(lambda p: jnp.square(net.apply(p, X)).mean())(params)
        return params, net.apply(params, X), slope

    whole = jax.jit(jax.vmap(lambda i: made(Option(CHANNELS, i))))(jnp.arange(3))
    for index in (0, 2):
        channels = CHANNELS[index]
        params, y, slope = jax.jit(lambda channels=channels: made(channels))()
        found = jax.tree.map(lambda leaf, i=index: leaf[i], whole)
        assert found[0]["params"]["Dense_0"]["kernel"].shape == (2 * 2 * 6, 2)
        assert differs(found[0], params) < 1e-6
        np.testing.assert_allclose(found[1], y, atol=1e-5)
        assert differs(found[2], slope) < 1e-5


def test_pooling_is_that_of_flax_and_keeps_padding():
    np.testing.assert_array_equal(max_pool(X), nn.max_pool(X, (2, 2), (2, 2)))
    np.testing.assert_array_equal(max_pool(X, (3, 2), (1, 2)), nn.max_pool(X, (3, 2), (1, 2)))
    np.testing.assert_allclose(mean_pool(X), nn.avg_pool(X, (2, 2), (2, 2)), atol=1e-6)
    ours = jax.grad(lambda x: jnp.sin(max_pool(x)).sum())(X)
    theirs = jax.grad(lambda x: jnp.sin(nn.max_pool(x, (2, 2), (2, 2))).sum())(X)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    wide = padded(jnp.full((1, 4, 4, 6), -1.0), Option(CHANNELS, jnp.int32(0)))
    for pooled in (max_pool(wide), mean_pool(wide), mean_over_image(wide)):
        assert isinstance(pooled, Padded)
        assert (np.asarray(pooled.x)[..., :3] == -1).all()
        assert (np.asarray(pooled.x)[..., 3:] == 0).all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"lowering='fft', edges='SAME'"):
        Conv(2, lowering="fft").init(KEY, X)  # type: ignore[arg-type]


@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_a_kernel_of_elastic_size_is_its_unpadded_twin(strides):
    sizes = ((3, 3), (5, 3), (1, 3)) if strides == (1, 1) else ((3, 3), (5, 5))

    def made(size, channels):
        net = Conv(channels, size, strides)
        params = net.init(KEY, X)
        slope = jax.grad(lambda p: jnp.sin(array(net.apply(p, X))).sum())(params)
        return params["params"]["kernel"], array(net.apply(params, X)), slope["params"]["kernel"]

    wide = jax.jit(jax.vmap(lambda i: made(Option(sizes, i), Option(CHANNELS, i))))
    found = wide(jnp.arange(len(sizes)))
    for index, size in enumerate(sizes):
        expected = made(size, CHANNELS[index])
        kernel, y, slope = jax.tree.map(lambda leaf, i=index: np.array(leaf[i]), found)
        rings = [(big - small) // 2 for big, small in zip(kernel.shape, size, strict=False)]
        place = tuple(slice(ring, ring + n) for ring, n in zip(rings, size, strict=True))
        for ours, theirs in ((kernel, expected[0]), (slope, expected[2])):
            assert differs(ours[place], theirs) < 2e-5
            ours[place] = 0
            assert not ours.any()
        assert differs(y, expected[1]) < 1e-5


@pytest.mark.parametrize(
    ("sizes", "change"),
    [
        (((2, 2), (3, 3)), {}),
        (((1, 1), (3, 3)), {"edges": "VALID"}),
        (((1, 1), (7, 7)), {"strides": (3, 3)}),
    ],
)
def test_kernels_that_do_not_lie_in_the_middle_are_refused(sizes, change):
    with pytest.raises(ValueError, match=r"Conv\(kernel_size=\.\.\.\) as an Option needs"):
        Conv(2, Option(sizes, jnp.int32(0)), **change).init(KEY, X)
