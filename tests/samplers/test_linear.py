"""Factors and solves made of matrix products agree with LAPACK's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.samplers._linear import cholesky, inverted


@pytest.mark.parametrize("n", [1, 31, 32, 70])
def test_the_factor_and_its_inverse(n):
    rng = np.random.default_rng(n)
    root = rng.normal(size=(n, n)).astype(np.float32)
    matrix = root @ root.T / n + 0.1 * np.eye(n, dtype=np.float32)
    right = np.linalg.cholesky(matrix.astype(np.float64))
    np.testing.assert_allclose(cholesky(jnp.asarray(matrix)), right, atol=1e-5)
    found = np.asarray(inverted(jnp.asarray(matrix)))
    np.testing.assert_allclose(found, np.linalg.inv(right), atol=1e-4)
    assert not np.triu(found, 1).any()


def test_what_is_not_positive_is_told():
    matrix = jnp.ones((40, 40)) - 2 * jnp.eye(40)
    assert np.isnan(cholesky(matrix)).any()
    assert np.isnan(inverted(matrix)).any()


def test_they_map():
    rng = np.random.default_rng(0)
    roots = jnp.asarray(rng.normal(size=(3, 40, 40)), jnp.float32)
    many = jax.vmap(lambda r: r @ r.T / 40 + jnp.eye(40))(roots)
    found = jax.vmap(cholesky)(many)
    np.testing.assert_allclose(found @ found.transpose(0, 2, 1), many, atol=1e-4)
