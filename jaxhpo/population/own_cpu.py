"""A CPU device for every driver, with a client and a thread of its own.

XLA runs whatever one CPU client is given on one pool of threads, one a core. Where several drivers
run a tile each, that pool takes pieces now from this tile and now from that, and no core keeps a
tile in its cache. A client of its own gives a driver a pool of its own, of one thread: on two cores
an epoch of spectral takes a member 393 microseconds so, and 472 on the common pool.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jaxhpo.backend import Device

# Every program is loaded for every one of them, which takes as long as some seconds of training:
# where there are more drivers, they share the client that JAX has.
_MOST = 8
_OWN: list[Device] = []  # made once a process, and shared by all its populations
_MAKING = threading.Lock()
_THREADS = "PJRT_NPROC"  # how many threads a client makes, where it is set


def seats(devices: Sequence[Device], drivers: int) -> list[Device]:
    """The device of each of `drivers` drivers a device: on a CPU one for each of them alone, where
    this JAX can make them."""
    found = shared(devices, drivers)
    if devices[0].platform != "cpu" or len(found) > _MOST:
        return found
    return _own(len(found)) or found


def shared(devices: Sequence[Device], drivers: int) -> list[Device]:
    """The device of each of `drivers` drivers a device, where these share it."""
    return [device for _ in range(drivers) for device in devices]


def own(device: Device) -> bool:
    """Whether this is the device of one driver alone."""
    return any(device is one for one in _OWN)


def together(one: Device, other: Device) -> bool:
    """Whether a driver of one device can run what is on the other: own CPUs share their memory."""
    return one == other or (own(one) and own(other))


def _own(count: int) -> list[Device]:
    """So many devices, or none if they can't be made."""
    with _MAKING, _one_thread():
        while len(_OWN) < count:
            try:
                from jaxlib.xla_client import make_cpu_client

                # Not asynchronous: a driver waits for its tile anyway.
                _OWN.append(make_cpu_client(asynchronous=False, num_devices=1).devices()[0])
            except Exception:  # no part of JAX's promised interface: it may be gone or changed
                return []
    return _OWN[:count]


@contextmanager
def _one_thread() -> Iterator[None]:
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
