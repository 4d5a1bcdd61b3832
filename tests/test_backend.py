"""How values of the host get to a device."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.backend import placed


def compiled(caplog: pytest.LogCaptureFixture) -> int:
    """How many programs JAX has said that it compiles."""
    return sum(record.getMessage().startswith("Compiling") for record in caplog.records)


def test_nothing_is_compiled_to_place_values_of_a_new_shape(caplog):
    with jax.log_compiles():
        for rows in range(50, 54):
            placed(np.zeros((rows, 3), np.float32))
            placed([0.5] * rows, jnp.float32)
        assert compiled(caplog) == 0
        jax.jit(lambda x: x + 1)(np.zeros(50, np.float32))
    assert compiled(caplog) == 1  # that it would have been heard


def test_values_are_placed_as_they_are():
    found = placed([[1, 2], [3, 4]], jnp.float32)
    assert isinstance(found, jax.Array)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, [[1.0, 2.0], [3.0, 4.0]])
    assert placed(np.array([True])).dtype == bool
    assert placed(np.float64(0.1)).dtype == jnp.float32  # as everywhere in JAX
