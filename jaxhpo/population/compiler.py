"""How the programs of a population are compiled: what XLA is told, and for which devices."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import serialize_executable

from jaxhpo.backend import Device
from jaxhpo.population.own_cpu import own


@functools.cache
def compiler_options(platform: str) -> dict[str, Any] | None:
    """What the compiler is told beside the program, or None.

    On CPUs with AVX-512, XLA uses half of a register's width unless it is told otherwise; the whole
    made training of small models 6-8 % faster (measured on AMD EPYC). A compiler that does not know
    the option is told nothing.
    """
    if platform != "cpu":
        return None
    options = {"xla_cpu_prefer_vector_width": 512}
    try:
        jax.jit(lambda x: x + 1, compiler_options=options).lower(jnp.float32(0)).compile()
    except Exception:  # whatever way a compiler has of saying that it does not know
        return None
    return options


class Compiled:
    """A jitted function that is compiled once for all drivers' own CPUs.

    JAX compiles a function anew for every client. What was compiled for one of these runs on any
    other of them, and takes a tenth of the time to load there.

    Attributes:
        jitted: what `jax.jit` made of it.
    """

    def __init__(self, fn: Callable[..., Any], **options: Any) -> None:
        self.jitted = jax.jit(fn, **options)
        self._first: jax.stages.Compiled | None = None
        self._first_one = threading.Lock()  # held while it is compiled, so that nobody else does
        self._runs: dict[Device, Callable[..., Any]] = {}

    @property
    def devices(self) -> set[Device]:
        """Those that it is compiled for."""
        return set(self._runs)

    def on(self, device: Device, *arguments: Any) -> Any:
        """Calls it with arguments on `device` or on the host, of the same shapes every time."""
        if device in self._runs:
            return self._runs[device](*arguments)
        with self._first_one:
            if not own(device):
                found = self.jitted(*arguments)
                self._runs[device] = self.jitted
                return found
            if self._first is None:
                self._first = self.jitted.lower(*arguments).compile()
                self._runs[device] = self._first
        if device not in self._runs:
            copy = None if _kept() else _copied(self._first, device)
            self._runs[device] = copy or self.jitted.lower(*arguments).compile()
        return self._runs[device](*arguments)


def _kept() -> bool:
    """Whether JAX keeps compiled programs on disk. There every client finds them; and a program
    that was read from there can't be copied once more, since its machine code is not kept with it.
    """
    config: Any = jax.config
    return bool(config.jax_compilation_cache_dir and config.jax_enable_compilation_cache)


def _copied(compiled: jax.stages.Compiled, device: Device) -> jax.stages.Compiled | None:
    """The same program on another client; None where that can't be, as with one that calls back
    into Python."""
    try:
        code = serialize_executable.serialize(compiled)
        return serialize_executable.deserialize_and_load(
            *code, backend=device.client, execution_devices=[device]
        )
    except Exception:  # whatever pickle or XLA raises: it is compiled once more
        return None
