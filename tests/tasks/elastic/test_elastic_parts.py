"""Activations, normalisations, embeddings and dropout on padded arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from twins import differs

from jaxhpo.option import Option
from jaxhpo.random_bits import COUNTER
from jaxhpo.tasks.elastic.activation import ACTIVATIONS, activation
from jaxhpo.tasks.elastic.dropout import Dropout, dropout_rows
from jaxhpo.tasks.elastic.embedding import Embedding
from jaxhpo.tasks.elastic.normalisation import (
    NORMALISATIONS,
    BatchNorm,
    LayerNorm,
    Normalisation,
)
from jaxhpo.tasks.elastic.padded import Padded, array, padded, whole

WIDTHS = (3, 8, 5)
KEY = jax.random.key(2)
X = 3.0 * jax.random.normal(jax.random.key(4), (16, 8)) + 1.0


def option(index: int) -> Option:
    return Option(WIDTHS, jnp.int32(index))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_jax_and_keep_padding_zero(name):
    wide = activation(name, padded(X, option(0)))
    plain = X if name == "identity" else getattr(jax.nn, name)(X)
    assert isinstance(wide, Padded)
    assert differs(wide.x, plain[:, :3]) == 0


def test_an_activation_chosen_by_a_traced_index():
    kinds = ("sigmoid", "relu", "sigmoid", "tanh")
    for index, name in enumerate(kinds):

        @jax.jit
        def both(i):
            def total(x):
                return activation(Option(kinds, i), padded(x, option(2)))

            return total(X), jax.grad(lambda x: (total(x).x ** 2).sum())(X)

        value, slope = both(index)
        assert differs(value.x, activation(name, X[:, :5])) < 1e-6
        expected = jax.grad(lambda x, name=name: (activation(name, x) ** 2).sum())(X[:, :5])
        assert differs(slope, expected) < 1e-6


def test_unknown_names_are_named():
    with pytest.raises(ValueError, match=r"activation\(name=\.\.\.\) must be .* got 'relux'"):
        activation(Option(("relu", "relux"), jnp.int32(0)), X)
    with pytest.raises(ValueError, match=r"Normalisation\(kind=\.\.\.\) must be .* got 'group'"):
        Normalisation("group").init(KEY, X, train=False)


def trained(module, values, width, *, steps=3):
    """Outputs, gradients and statistics after some steps of training, then an evaluation."""
    x = whole(values, width)
    variables = module.init(KEY, x, train=True)
    for _ in range(steps):
        y, changed = module.apply(variables, x, train=True, mutable=["batch_stats"])
        variables = {**variables, **changed}

    def cost(params, values):
        parts = {**variables, "params": params}
        out, _ = module.apply(parts, whole(values, width), train=True, mutable=["batch_stats"])
        return (jnp.sin(array(padded(array(out), width))) * jnp.arange(1.0, 17.0)[:, None]).sum()

    slope = jax.grad(cost, argnums=1)(variables.get("params", {}), values)
    return array(y), slope, array(module.apply(variables, x, train=False)), variables


@pytest.mark.parametrize("kind", NORMALISATIONS)
def test_normalisation_is_that_of_the_unpadded_twin(kind):
    @jax.jit
    def wide(index, which):
        module = Normalisation(Option(NORMALISATIONS, which))
        width = Option(WIDTHS, index)
        return trained(module, padded(X, width).x, width)

    for index, width in enumerate(WIDTHS):
        found = wide(index, NORMALISATIONS.index(kind))
        expected = trained(Normalisation(kind), X[:, :width], width)
        for ours, theirs in zip(found[:3], expected[:3], strict=True):
            assert differs(ours, theirs) < 2e-5
        if kind == "batch":
            mean = found[3]["batch_stats"]["batch"]["mean"]
            assert differs(mean, expected[3]["batch_stats"]["batch"]["mean"]) < 1e-6


def test_plain_normalisations_are_those_of_flax():
    for ours, theirs in (
        (LayerNorm(), nn.LayerNorm()),
        (BatchNorm(), nn.BatchNorm(use_running_average=False)),
    ):
        train = {"train": True} if isinstance(ours, BatchNorm) else {}
        y, kept = ours.apply(ours.init(KEY, X, **train), X, mutable=["batch_stats"], **train)
        z, flax_kept = theirs.apply(theirs.init(KEY, X), X, mutable=["batch_stats"])
        np.testing.assert_allclose(y, z, atol=2e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), kept, flax_kept)


def test_normalisation_is_switched_by_a_traced_value():
    @jax.jit
    def run(on):
        made = BatchNorm(on=on)
        variables = made.init(KEY, X, train=True)
        return made.apply(variables, X, train=True, mutable=["batch_stats"])[0]

    np.testing.assert_array_equal(run(False), X)
    assert np.abs(np.asarray(run(True)).mean(axis=0)).max() < 1e-5
    assert BatchNorm(on=False).init(KEY, X, train=True) == {}
    both = Option((False, True), jnp.int32(1))
    assert np.abs(np.asarray(LayerNorm(on=both).init_with_output(KEY, X)[0]).mean(1)).max() < 1e-5


def test_rows_that_do_not_count_change_no_moment():
    weights = (jnp.arange(16) < 10).astype(jnp.float32)
    made = BatchNorm()
    variables = made.init(KEY, X, train=True)
    y, kept = made.apply(variables, X, train=True, weights=weights, mutable=["batch_stats"])
    z, expected = made.apply(variables, X[:10], train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(y[:10], z, atol=2e-6)
    assert differs(kept, expected) < 1e-6


def test_an_embedding_of_elastic_length_and_size():
    numbers = jnp.array([[0, 1], [4, 99]])

    @jax.jit
    def wide(i):
        made = Embedding(Option((5, 2), i), Option((3, 8), i))
        variables = made.init(KEY, numbers)
        return variables, made.apply(variables, numbers)

    for index, (entries, features) in enumerate(((5, 3), (2, 8))):
        made = Embedding(entries, features)
        variables = jax.jit(made.init)(KEY, numbers)
        found = wide(index)
        assert differs(found[0], variables) == 0
        assert differs(found[1].x, made.apply(variables, numbers)) == 0
    spread = np.asarray(Embedding(400, 64).init(KEY, numbers)["params"]["embedding"]).std()
    assert abs(spread * 8 - 1) < 0.02


@pytest.mark.parametrize("impl", ["threefry2x32", COUNTER])
def test_dropout_of_padded_rows_and_columns_drops_the_same_entries(impl):
    key = jax.random.key(7, impl=impl)
    large = dropout_rows(key, 0.4, jnp.ones((6, 5, 40)))
    small = dropout_rows(key, 0.4, jnp.ones((3, 5, 25)))
    np.testing.assert_array_equal(large[:3, :, :25], small)
    many = np.asarray(dropout_rows(key, 0.4, jnp.ones((300, 400)))) == 0
    assert abs(many.mean() - 0.4) < 5 * np.sqrt(0.24 / many.size)
    for axis in (0, 1):  # rows and columns differ as chance would have it
        assert abs(many.mean(axis=axis).var() * many.shape[axis] / 0.24 - 1) < 0.4
    wide = Dropout(Option((0.0, 0.4), jnp.int32(1))).apply(
        {}, padded(jnp.ones((16, 8)), option(0)), train=True, rngs={"dropout": key}
    )
    plain = Dropout(0.4).apply({}, jnp.ones((16, 3)), train=True, rngs={"dropout": key})
    assert differs(wide.x, plain) == 0
