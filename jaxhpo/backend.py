"""For which kind of device a program is being traced, for code that is computed in another way on
each: a study may run on other devices than JAX's default ones.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

import jax

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
