"""Dense layers of elastic width, and the initial weights under them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy import stats
from twins import differs

from jaxhpo.option import Option
from jaxhpo.random_bits import COUNTER
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.initial import INITIALISERS, initial
from jaxhpo.tasks.elastic.padded import Padded, flattened, padded, pointwise

WIDTHS = (3, 8, 5)
KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(1), (7, 4))


class Two(nn.Module):
    """Two layers, the first of elastic width."""

    width: int | Option

    @nn.compact
    def __call__(self, x):
        return Dense(2)(pointwise(Dense(self.width)(x), jnp.tanh))


def loss(width, params):
    return jnp.square(Two(width).apply(params, X) - 0.5).mean()


@pytest.mark.parametrize(
    ("kind", "impl"), [*((kind, "threefry2x32") for kind in INITIALISERS), ("he_normal", COUNTER)]
)
def test_initial_weights_are_those_of_the_unpadded_twin_bit_for_bit(kind, impl):
    key = jax.random.key(3, impl=impl)

    @jax.jit
    def wide(i, j):
        rows, width = Option(WIDTHS, i), Option((2, 6), j)
        return initial(key, kind, (3, 8, 6), rows=rows, width=width)

    for i, j in ((0, 0), (2, 1)):
        shape = (3, WIDTHS[i], (2, 6)[j])
        plain = jax.jit(lambda shape=shape: initial(key, kind, shape))()
        assert differs(wide(i, j), plain) == 0


@pytest.mark.parametrize(
    ("kind", "flax_kind"),
    [
        ("lecun_normal", nn.initializers.lecun_normal()),
        ("he_normal", nn.initializers.he_normal()),
        ("glorot_uniform", nn.initializers.glorot_uniform()),
        ("embedding", nn.linear.default_embed_init),
    ],
)
def test_initial_weights_have_the_distribution_of_flax(kind, flax_kind):
    """Kolmogorov-Smirnov at one in ten thousand, fixed keys; the padding is 4 times the width."""
    width = Option((50, 200), jnp.int32(0))
    ours = np.asarray(initial(KEY, kind, (200, 200), rows=width, width=width))[:50, :50]
    theirs = np.asarray(flax_kind(jax.random.key(9), (50, 50), jnp.float32))
    assert stats.ks_2samp(ours.ravel(), theirs.ravel()).pvalue > 1e-4
    assert abs(ours.std() / theirs.std() - 1) < 0.08


def test_rows_and_columns_of_the_weights_are_unrelated():
    draws = np.asarray(initial(KEY, "lecun_normal", (400, 300)))
    for axis in (0, 1):
        together = np.corrcoef(draws if axis == 0 else draws.T)
        np.fill_diagonal(together, 0)
        assert np.abs(together).max() < 6 / np.sqrt(300)


def test_a_padded_member_is_its_unpadded_twin_forward_and_backward():
    traces = []

    @jax.jit
    def wide(index):
        traces.append(index)
        net = Two(Option(WIDTHS, index))
        params = net.init(KEY, X)
        value, slope = jax.value_and_grad(lambda p: loss(net.width, p))(params)
        return params, net.apply(params, X), value, slope

    each = jax.jit(jax.vmap(wide))(jnp.arange(3))
    assert len(traces) == 1
    for index, width in enumerate(WIDTHS):
        params = Two(width).init(KEY, X)
        value, slope = jax.value_and_grad(lambda p, width=width: loss(width, p))(params)
        for found in (wide(index), jax.tree.map(lambda leaf, i=index: leaf[i], each)):
            assert differs(found[0], params) < 1e-6
            np.testing.assert_allclose(found[1], Two(width).apply(params, X), atol=1e-6)
            np.testing.assert_allclose(found[2], value, rtol=1e-6)
            assert differs(found[3], slope) < 1e-6


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adam(1e-2),
        optax.adamw(1e-2, weight_decay=0.1),
        optax.sgd(1e-2, momentum=0.9),
        optax.lion(1e-3, weight_decay=0.1),
        optax.chain(optax.clip_by_global_norm(0.01), optax.adam(1e-2)),
    ],
    ids=["adam", "adamw", "sgd", "lion", "clipped"],
)
def test_training_leaves_padding_alone(optimizer):
    def trained(width):
        params = Two(width).init(KEY, X)

        def step(carry, _):
            params, state = carry
            change, state = optimizer.update(
                jax.grad(lambda p: loss(width, p))(params), state, params
            )
            return (optax.apply_updates(params, change), state), None

        return jax.lax.scan(step, (params, optimizer.init(params)), None, length=12)[0][0]

    wide = jax.jit(jax.vmap(lambda i: trained(Option(WIDTHS, i))))(jnp.arange(3))
    for index, width in enumerate(WIDTHS):
        member = jax.tree.map(lambda leaf, i=index: leaf[i], wide)
        plain = jax.jit(lambda width=width: trained(width))()
        assert differs(member, plain) < 2e-6
        loud = jax.tree.map(lambda leaf: jnp.where(leaf == 0, 3.0, leaf), member)
        kept = {**member["params"], "Dense_0": loud["params"]["Dense_0"]}
        out = Two(Option(WIDTHS, jnp.int32(index))).apply({"params": kept}, X)
        np.testing.assert_allclose(out, Two(width).apply(plain, X), atol=2e-6)


def test_a_python_width_pads_nothing():
    params = Dense(5).init(KEY, X)["params"]
    assert params["kernel"].shape == (4, 5)
    assert not isinstance(Dense(5).apply({"params": params}, X), Padded)
    one = Dense(Option((5, 5), jnp.int32(1)))
    assert one.init(KEY, X)["params"]["kernel"].shape == (4, 5)


def test_images_pass_flattened_with_padding_at_the_end():
    image = jax.random.normal(KEY, (2, 3, 3, 8))
    small = flattened(image[..., :5])
    large = flattened(padded(image, Option(WIDTHS, jnp.int32(2))))
    assert isinstance(large, Padded)
    assert large.width.choices == (27, 72, 45)
    assert differs(large.x, small) == 0
    whole = np.asarray(large.map(lambda x: x + 1.0).x)
    assert (whole[:, 45:] == 0).all()


def test_residuals_add_up():
    x = padded(jnp.ones((2, 8)), Option(WIDTHS, jnp.int32(0)))
    both = (x + x, x + jnp.ones((2, 8)), jnp.ones((2, 8)) + x)
    for total in both:
        np.testing.assert_array_equal(total.x, np.tile([2.0] * 3 + [0.0] * 5, (2, 1)))


def test_an_unknown_initialiser_is_named():
    with pytest.raises(ValueError, match=r"initial\(kind=\.\.\.\) must be one of .* got 'ones_'"):
        Dense(2, bias_init="ones_").init(KEY, X)
