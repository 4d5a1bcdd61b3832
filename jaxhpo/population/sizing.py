"""How wide a tile is and how many threads drive tiles, where the user doesn't say.

On a CPU a tile should stay in the cache of one core; on an accelerator it should fill the chip.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.backend import Device, memory_of
from jaxhpo.contracts import Task
from jaxhpo.cores import cores, own_cache
from jaxhpo.population.form import Form
from jaxhpo.population.program import EXHAUSTED, Program

# Of state a tile on a CPU. Measured on AMD EPYC, 1 MB of second-level cache a core and a fast third
# level: from 2 to 8 MB the time of a member is the same within 5 %; where an epoch has few steps,
# wider is better (22,000 parameters: 8 lanes take 0.9 of the time of 4).
_CPU_BYTES = 6_000_000
_CPU_WIDEST = 32
# On an Intel Xeon with 2 MB a core and a slow third level a tile should fit in the second: 4 lanes
# instead of 8 or 16 take 0.85 of the time (20,000 and 26,000 parameters, two drivers). But not at
# any price: an array of a tile that is smaller than this takes longer to begin with than to
# compute (spectral's, 5 kB a member on the average: 4 lanes take 1.07 of the time of 8).
_LARGE_CACHE = 2_000_000
_SMALL_ARRAY = 32_000
_CHIP_BYTES = 2_000_000_000  # of state a tile on an accelerator
_CHIP_WIDEST = 1024


def tile_width(
    task: Task, members: Iterable[Mapping[str, Any]], form: Form, room: int | None = None
) -> int:
    """W for the largest of some members: a power of two.

    Args:
        task: what is trained. members: hyperparameters of some members, every parameter by name.
        form: of the programs; its width does not matter.
        room: bytes of memory that a tile may take on its device, or None: unknown or plenty. The
            largest program is then compiled to see that it fits.
    """
    programs: dict[tuple[Any, ...], Program] = {}
    for hp in members:
        key, static, narrow = form.program(hp, [name for name in hp if name not in form.dtypes])
        programs[key] = Program(task=task, static=static, form=narrow)
    size, arrays, largest = 1, 1, None
    for program in programs.values():
        with contextlib.suppress(Exception):  # a task that can't be traced says so when it is run
            state = program.state_shape(task.data)
            if _bytes(state) > size:
                size, arrays, largest = _bytes(state), len(jax.tree.leaves(state)), program
    if form.platform == "cpu":
        width = _on_cpu(size, arrays)
    else:
        width = _within(_CHIP_BYTES, size, _CHIP_WIDEST)
    if room is None or largest is None:
        return width
    if task.stream is not None:
        room -= _bytes(task.data)  # the block that is copied meanwhile

    def needs(wide: int) -> int:
        wider = dataclasses.replace(largest.form, width=wide)
        program = Program(task=task, static=largest.static, form=wider)
        try:
            return program.memory(task.data)
        except jax.errors.JaxRuntimeError as error:  # some compilers refuse what can't fit
            if EXHAUSTED not in str(error):
                raise
            return sys.maxsize

    return fitting(width, needs, room)


def _on_cpu(size: int, arrays: int) -> int:
    """Lanes of a tile of which each has `size` bytes in so many arrays."""
    width, cache = _within(_CPU_BYTES, size, _CPU_WIDEST), own_cache()
    if cache is None or cache < _LARGE_CACHE:
        return width
    least = math.ceil(_SMALL_ARRAY * arrays / size)
    return min(width, max(_within(cache, size, _CPU_WIDEST), 2 ** (least - 1).bit_length()))


def _within(room: int, size: int, most: int) -> int:
    """The largest power of two, up to `most`, of members of `size` bytes that `room` is enough for.

    A member has 12 bytes a parameter with Adam, 16 if its best epoch is kept, and needs 4 more for
    the gradient.
    """
    fits = min(most, max(1, int(room / (size * 5 / 4))))
    return 2 ** (fits.bit_length() - 1)


def fitting(width: int, needs: Callable[[int], int], room: int) -> int:
    """`width`, halved until the bytes that it needs are at most `room`; at least 1."""
    while width > 1 and needs(width) > room:
        width //= 2
    return width


def memory(device: Device) -> int | None:
    """Bytes that a tile may take on a device: four fifths of what is free, or None if the device
    does not say. Of a CPU nothing is asked: its tiles are small, to stay in the cache."""
    found = memory_of(device)
    return None if found is None else int(0.8 * (found[0] - found[1]))


def drivers_per_device(devices: Sequence[Device]) -> int:
    """One thread a core, shared among the devices of a CPU; one a device elsewhere."""
    if devices[0].platform != "cpu":
        return 1
    return max(1, (cores() or 1) // len(devices))


def _bytes(state: object) -> int:
    leaves = jax.tree.leaves(state)
    return sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)
