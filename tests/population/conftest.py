"""The engine's tests run with JAX's check that no key is used twice.

Elsewhere it is off: many tests draw twice from one key on purpose, to compare what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def _no_key_twice() -> Iterator[None]:
    # Not the context manager, which holds for one thread only: tiles are driven by several.
    jax.config.update("jax_debug_key_reuse", True)
    yield
    jax.config.update("jax_debug_key_reuse", False)
