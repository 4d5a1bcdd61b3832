"""Losses of several heads, weighted by logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.tasks.parts.losses import weighted


def test_equal_logits_are_the_plain_sum_and_others_shift_weight():
    heads = [jnp.array([1.0, 2.0]), jnp.array([10.0, 20.0])]
    np.testing.assert_allclose(weighted(heads, [0.3, 0.3]), [11.0, 22.0], rtol=1e-6)
    run = jax.jit(lambda first: weighted(heads, [first, 0.0]))
    np.testing.assert_allclose(run(np.log(3.0)), [1.5 + 5.0, 3.0 + 10.0], rtol=1e-6)
    np.testing.assert_allclose(run(50.0), [2.0, 4.0], rtol=1e-6)
    np.testing.assert_allclose(weighted(jnp.array([1.0, 3.0]), jnp.zeros(2)), 4.0, rtol=1e-6)


def test_a_logit_that_is_missing_is_told():
    with pytest.raises(ValueError, match=r"weighted\(logits=\.\.\.\) must be 2 .* got \[1\]"):
        weighted([1.0, 2.0], [0.0])
