"""A whole trunk: depth, widths, activation, normalisation and dropout, all traced."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from twins import differs

from jaxhpo.option import Option
from jaxhpo.random_bits import COUNTER
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.padded import Padded
from jaxhpo.tasks.elastic.stack import Stack

SHAPES = ((6,), (9, 4), (), (4, 9, 5), (6,))
ACTIVATIONS = ("tanh", "sigmoid", "gelu", "silu", "elu")
NORMS = ("none", "batch", "layer", "batch", "none")
RATES = (0.0, 0.2, 0.3, 0.4, 0.5)
X = jax.random.normal(jax.random.key(1), (12, 5))


class Net(nn.Module):
    widths: Any
    activation: Any
    norm: Any
    rate: Any

    @nn.compact
    def __call__(self, x, train):
        x = Stack(self.widths, self.activation, self.norm, self.rate)(x, train=train)
        return Dense(3)(x)


def trained(net, steps):
    """Parameters and statistics after some steps, the last output while training, one after."""
    variables = dict(net.init(jax.random.key(0), X, train=False))
    params, rest = variables.pop("params"), variables
    optimizer = optax.adamw(1e-2, weight_decay=0.1)

    def cost(params, rest, step):
        key = jax.random.fold_in(jax.random.key(5, impl=COUNTER), step)
        out, changed = net.apply(
            {"params": params, **rest}, X, train=True, rngs={"dropout": key}, mutable=list(rest)
        )
        return jnp.square(out - 1.0).mean(), ({**rest, **changed}, out)

    def one(carry, step):
        params, rest, state = carry
        slope, (rest, out) = jax.grad(cost, has_aux=True)(params, rest, step)
        change, state = optimizer.update(slope, state, params)
        return (optax.apply_updates(params, change), rest, state), out

    carry = (params, rest, optimizer.init(params))
    (params, rest, _), outs = jax.lax.scan(one, carry, jnp.arange(steps))
    return params, rest, outs[-1], net.apply({"params": params, **rest}, X, train=False)


@pytest.mark.slow
def test_a_population_of_different_structures_is_as_many_twins():
    traces = []

    def member(index):
        traces.append(index)
        return trained(Net(*(Option(v, index) for v in (SHAPES, ACTIVATIONS, NORMS, RATES))), 6)

    whole = jax.jit(jax.vmap(member))(jnp.arange(len(SHAPES)))
    assert len(traces) == 1
    for index in range(len(SHAPES)):
        one = jax.tree.map(lambda leaf, i=index: leaf[i], whole)
        net = Net(SHAPES[index], ACTIVATIONS[index], NORMS[index], RATES[index])
        params, rest, during, after = jax.jit(lambda net=net: trained(net, 6))()
        np.testing.assert_allclose(one[2], during, atol=1e-5)
        np.testing.assert_allclose(one[3], after, atol=1e-5)
        assert within(one[0], params) < 1e-5
        assert within(one[1], rest) < 1e-5 if NORMS[index] == "batch" else not rest


def within(padded, plain):
    """As `differs`, leaving out what of `padded` belongs to normalisations that `plain` lacks."""
    known = {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(plain)}
    norm = ("norm", "batch_stats", "mean", "var")

    def blank(path, leaf):
        name = jax.tree_util.keystr(path)
        return leaf * 0 if name not in known and any(n in name for n in norm) else leaf

    if not known:
        return 0.0
    return differs(jax.tree_util.tree_map_with_path(blank, padded), plain)


def test_it_is_the_usual_network_where_nothing_is_an_option():
    net = Stack((8, 4), "tanh")
    variables = net.init(jax.random.key(0), X, train=False)
    first, second = (variables["params"][f"dense_{k}"] for k in range(2))
    expected = jnp.tanh(jnp.dot(X, first["kernel"]) + first["bias"][None])
    expected = jnp.tanh(jnp.dot(expected, second["kernel"]) + second["bias"][None])
    np.testing.assert_allclose(net.apply(variables, X, train=False), expected, atol=1e-6)
    assert jax.tree.map(jnp.shape, variables["params"]) == {
        "dense_0": {"kernel": (5, 8), "bias": (8,)},
        "dense_1": {"kernel": (8, 4), "bias": (4,)},
    }


def test_layers_are_no_larger_than_the_members_that_have_them():
    net = Stack(Option(((64,), (8, 4), (16, 4)), jnp.int32(0)))
    y, variables = net.init_with_output(jax.random.key(0), X, train=False)
    shapes = jax.tree.map(jnp.shape, variables["params"])
    assert shapes["dense_1"] == {"kernel": (16, 4), "bias": (4,)}
    assert isinstance(y, Padded)
    assert y.x.shape == (12, 64)
    net = Stack(Option(((8, 4), (8, 2, 4)), jnp.int32(0)))
    y, _ = net.init_with_output(jax.random.key(0), X, train=False)
    assert not isinstance(y, Padded)  # all end with four units
