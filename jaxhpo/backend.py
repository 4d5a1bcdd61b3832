"""What code that is computed in another way on each kind of device may ask: for which a program is
being traced (a study may run on other devices than JAX's default ones), and what memory it has; and
how values get there.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

Device = Any
"""A `jax.Device`, which type checkers don't take for a type."""

_PLATFORM: contextvars.ContextVar[str | None] = contextvars.ContextVar("platform", default=None)


def platform() -> str:
    """ "cpu", "gpu" or "tpu": as `traced_for` says, elsewhere JAX's default backend."""
    return _PLATFORM.get() or jax.default_backend()


@contextmanager
def traced_for(name: str) -> Iterator[None]:
    """Within the block programs are traced for devices of this platform."""
    token = _PLATFORM.set(name)
    try:
        yield
    finally:
        _PLATFORM.reset(token)


def placed(values: Any, dtype: Any = None) -> jax.Array:
    """Values of the host as an array of JAX. `jnp.asarray` compiles a program for every shape that
    it meets, 10 ms each (measured, jax 0.10 and 0.11); this compiles nothing."""
    return jax.device_put(np.asarray(values, dtype))


def memory_of(device: Device) -> tuple[int, int] | None:
    """The bytes of memory of a `jax.Device` that may be used, and those that are; None where it
    does not say, as CPUs and some plug-ins don't."""
    if device.platform == "cpu":
        return None
    try:
        stats = device.memory_stats() or {}
    except (jax.errors.JaxRuntimeError, NotImplementedError):
        return None
    limit = stats.get("bytes_limit")
    return None if not limit else (limit, stats.get("bytes_in_use", 0))
