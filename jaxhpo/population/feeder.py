"""Brings blocks of rows to a device, the next one while the current one is trained on. Where all of
them fit beside what is trained, they are copied once and stay.
"""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from jaxhpo.backend import Device
from jaxhpo.contracts import TRAIN, VALIDATION, Stream
from jaxhpo.population.sizing import memory

_KEPT = 8  # the blocks stay where they take at most this part of the memory that is free


class Fed(NamedTuple):
    """A block on the device: the split that it is of, its place there, its share of the split's
    rows, and its arrays."""

    split: str
    index: int
    share: float
    rows: Any


class Feeder:
    """The blocks of a unit in turn, on one device.

    Args:
        stream: where they come from.
        device: where they go.

    Attributes:
        lock: to be held during a pass: one feeder serves one pass at a time.
        device: where they go.
        keeps: whether blocks stay on the device once they are there. It changes no result.
        copies: how many blocks were copied.
    """

    def __init__(self, stream: Stream, device: Device) -> None:
        self.lock = threading.Lock()
        self.keeps = fits(stream, device) if stream.keep is None else stream.keep
        self.copies = 0
        self.device = device
        self._stream = stream
        self._place = -1
        self._pass = [
            (split, index, share)
            for split in (TRAIN, VALIDATION)
            for index, share in enumerate(stream.shares[split])
        ]
        self._held: dict[tuple[str, int], Any] = {}
        self._reader = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="jaxhpo-feeder")
        self._ahead: tuple[int, concurrent.futures.Future[Any]] | None = None

    def blocks(self) -> Iterator[Fed]:
        """One pass: every block of the training rows and then of the validation rows.

        A block that is no longer held by the caller nor by what runs on the device is gone, unless
        blocks stay. So there are no more than two at a time if the caller lets go of the one before
        this one, waits for what uses it, and then calls `ahead`.

        Raises:
            Exception: whatever reading a block raises.
        """
        for place, (split, index, share) in enumerate(self._pass):
            yield Fed(split, index, share, self._taken(place))

    @property
    def left(self) -> float:
        """How many blocks of the pass are still to come, to those that have come."""
        come = self._place + 1
        return (len(self._pass) - come) / come

    def ahead(self) -> None:
        """Begins to copy the block that comes next; after the last, the first of the next pass."""
        if self._ahead is None:
            self._ahead = self._start((self._place + 1) % len(self._pass))

    def other(self, split: str) -> Iterator[Fed]:
        """The blocks of a split that is no part of a pass, one after another."""
        for index, share in enumerate(self._stream.shares[split]):
            yield Fed(split, index, share, self._brought(split, index))

    def close(self) -> None:
        """Lets the reading thread and what it brought go."""
        self._reader.shutdown(wait=True, cancel_futures=True)
        self._held.clear()
        self._ahead = None

    def _start(self, place: int) -> tuple[int, concurrent.futures.Future[Any]]:
        return place, self._reader.submit(self._brought, *self._pass[place][:2])

    def _taken(self, place: int) -> Any:
        """The block that was copied ahead, or if that is another one (a pass was broken off), this
        one now."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead[0] != place:
            ahead = self._start(place)
        self._place = place
        return ahead[1].result()

    def _brought(self, split: str, index: int) -> Any:
        if (split, index) in self._held:
            return self._held[split, index]
        rows = jax.block_until_ready(jax.device_put(self._stream.read(split, index), self.device))
        self.copies += 1
        if self.keeps:
            self._held[split, index] = rows
        return rows


def fits(stream: Stream, device: Device) -> bool:
    """Whether all blocks take no more than an eighth of the memory that is free (of a CPU: of what
    there is)."""
    free = memory(device)
    if free is None:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return stream.bytes * _KEPT <= free
