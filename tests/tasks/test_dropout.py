"""Dropout with a traced rate."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxhpo.random_bits import COUNTER
from jaxhpo.tasks.elastic.dropout import Dropout, NnxDropout, dropout
from jaxhpo.tasks.parts.network import network

KEY = jax.random.key(1, impl=COUNTER)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_it_drops_the_share_and_keeps_the_mean(rate):
    x = jnp.ones((400, 500))
    y = np.asarray(jax.jit(dropout)(KEY, rate, x))
    sd = np.sqrt(rate * (1 - rate) / x.size)
    assert abs((y == 0).mean() - rate) < 5 * sd  # once in two million keys
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)


def test_a_rate_of_zero_changes_no_bit_and_a_rate_of_one_leaves_nothing():
    x = jax.random.normal(KEY, (1000,))
    assert np.array_equal(dropout(KEY, 0.0, x), x)
    assert not np.asarray(dropout(KEY, 1.0, x)).any()
    slope = jax.grad(lambda r: dropout(KEY, r, x).sum())(1.0)
    assert np.isfinite(slope)


def test_one_program_serves_every_rate():
    traces = []

    def forward(rate):
        traces.append(rate)
        return Dropout(rate).apply({}, jnp.ones(8), train=True, rngs={"dropout": KEY})

    run = jax.jit(forward)
    kept = [np.count_nonzero(run(rate)) for rate in jnp.linspace(0.0, 1.0, 5)]
    assert len(traces) == 1
    assert kept[0] == 8
    assert kept[-1] == 0


def test_evaluating_changes_nothing():
    x = jnp.arange(4.0)
    assert np.array_equal(Dropout(0.7).apply({}, x, train=False), x)


def test_an_nnx_model_drops_by_a_traced_rate():
    class Net(nnx.Module):
        def __init__(self, hp, *, rngs):
            self.layer = nnx.Linear(50, 50, rngs=rngs)
            self.drop = NnxDropout(hp["rate"], rngs=rngs)

        def __call__(self, x):
            return self.drop(self.layer(x))

    net, x = network(Net), jnp.ones((40, 50))

    def run(rate, key):
        params, rest = net.init(KEY, {"rate": rate}, x)
        still, _ = net.apply({"rate": rate}, params, rest, x, None)
        moved, _ = net.apply({"rate": rate}, params, rest, x, key)
        return still, moved

    rates = jnp.array([0.0, 0.2, 0.7])
    still, moved = jax.jit(jax.vmap(run, (0, None)))(rates, jax.random.key(1))
    assert (still == still[:1]).all()
    assert (moved[0] == still[0]).all()
    np.testing.assert_allclose((moved == 0).mean((1, 2)), rates, atol=0.05)
    _, other = jax.jit(run)(rates[2], jax.random.key(2))
    assert ((moved[2] == 0) != (other == 0)).any()
