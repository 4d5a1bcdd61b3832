"""The population: cohorts of trials that share a program, their tiles, and the threads that drive
them. It knows no algorithm's name: members go in, what happened to them comes out.

A driver is a thread that runs one tile at a time, on one device. Tiles never talk to each other, so
drivers on several devices (or several cores of one) run the very same program, and nothing that a
member computes can depend on how many there are.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import Task
from jaxhpo.population.program import OUTBOX, Device, Program
from jaxhpo.population.tile import Member, Progress, Tick, Tile

TICK_SECONDS = 0.1  # long enough that dispatch costs nothing, short enough to be told often


@dataclasses.dataclass(kw_only=True, eq=False)
class Cohort:
    """Trials with equal static hyperparameters: one program, a queue, some tiles."""

    program: Program
    waiting: list[Member] = dataclasses.field(default_factory=list)
    tiles: list[Tile] = dataclasses.field(default_factory=list)
    unit_seconds: float | None = None
    error: str | None = None

    @property
    def units(self) -> int:
        """How many units the next tick is to train."""
        if self.unit_seconds is None:
            return 1
        return int(min(OUTBOX, max(1, TICK_SECONDS / max(self.unit_seconds, 1e-9))))

    def learn(self, tick: Tick) -> None:
        """Notes how long a unit takes; a tick that compiled says nothing about that."""
        if tick.units and not tick.compiled:
            now = tick.seconds / tick.units
            self.unit_seconds = now if self.unit_seconds is None else (self.unit_seconds + now) / 2


class Population:
    """Trains members, each a function of the key and its number alone.

    Args:
        task: what is trained.
        key: typed threefry key of the study; every draw of a trial is folded from it.
        dtypes: name to dtype of every hyperparameter that can be traced.
        static: names of those that are Python values instead.
        width: W, lanes a tile. Results depend on it in the last bits, and on nothing else here.
        devices: where to run; by default all local devices.
        drivers: threads a device.
    """

    def __init__(
        self,
        task: Task,
        key: jax.Array,
        *,
        dtypes: Mapping[str, np.dtype],
        static: Iterable[str],
        width: int,
        devices: Sequence[Device],
        drivers: int,
    ) -> None:
        self.task = task
        self.width = width
        self.cohorts: dict[tuple[Any, ...], Cohort] = {}
        self.static = tuple(sorted(static))
        self._dtypes = {name: dtype for name, dtype in dtypes.items() if name not in self.static}
        self._place = {d: jax.device_put((key, task.data), d) for d in devices}
        self._slots = [d for _ in range(drivers) for d in devices]
        self._running: dict[concurrent.futures.Future[Tick], tuple[Cohort, Tile, list[Member]]] = {}
        self._threads = concurrent.futures.ThreadPoolExecutor(
            max_workers=len(self._slots), thread_name_prefix="jaxhpo-driver"
        )
        self._stopped: set[int] = set()
        self._free = list(self._slots)

    # -- what comes in and goes out ----------------------------------------------------------------

    @property
    def drivers(self) -> int:
        """How many threads drive tiles."""
        return len(self._slots)

    @property
    def lanes(self) -> int:
        """How many lanes there are now."""
        return sum(self.width * len(cohort.tiles) for cohort in self.cohorts.values())

    @property
    def traces(self) -> int:
        """How many times a program was traced; one a cohort is right."""
        return sum(cohort.program.traces for cohort in self.cohorts.values())

    @property
    def busy(self) -> bool:
        """Whether any member is in a lane or waiting for one."""
        return bool(self._running) or any(
            c.waiting or any(t.live for t in c.tiles) for c in self.cohorts.values()
        )

    def add(self, members: Sequence[Member]) -> None:
        """Queues members. They enter lanes in the order in which they are given."""
        for member in members:
            cohort = self._cohort(member.hp)
            cohort.waiting.append(member)

    def stop(self, number: int) -> None:
        """Takes a member out: its lane is free from the next tick on."""
        idle = [t for c in self.cohorts.values() for t in c.tiles if not self._is_running(t)]
        if not any(tile.leave(number) for tile in idle):
            self._stopped.add(number)  # its tile is on the device now

    def dispatch(self) -> None:
        """Gives every idle driver a tile that has something to do."""
        self._shrink()
        for device in list(self._free):
            found = self._choose(device)
            if found is None:
                continue
            cohort, tile = found
            offered = self._offer(cohort, tile)
            self._free.remove(device)
            future = self._threads.submit(tile.tick, offered, cohort.units)
            self._running[future] = (cohort, tile, offered)

    def wait(self) -> list[Tick]:
        """Waits until at least one tile has ticked. Empty if none is running."""
        done, _ = concurrent.futures.wait(
            self._running, return_when=concurrent.futures.FIRST_COMPLETED
        )
        return [self._collect(future) for future in done]

    def alone(self, member: Member) -> tuple[list[Progress], Any]:
        """Trains one member with no neighbours, now: what happened, and its final state."""
        cohort = self._cohort(member.hp)
        tile = Tile(cohort.program, self._slots[0], *reversed(self._place[self._slots[0]]))
        offered, progress = [member], []
        while offered or tile.live:
            try:
                tick = tile.tick(offered, cohort.units)
            except Exception as error:
                return [*progress, _lost(member.number, error)], None
            cohort.learn(tick)
            offered = []
            progress.extend(tick.progress)
        return progress, jax.tree.map(lambda leaf: leaf[0], tile.lanes.state)

    def close(self) -> None:
        """Waits for the ticks on the device and lets the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    # -- the house-keeping of tiles ----------------------------------------------------------------

    def _cohort(self, hp: Mapping[str, Any]) -> Cohort:
        static = {name: hp[name] for name in self.static}
        key = tuple((name, type(value), value) for name, value in static.items())
        if key not in self.cohorts:
            program = Program(
                task=self.task,
                static=static,
                dtypes=self._dtypes,
                width=self.width,
                chunk=max(1, self.width // 32),
                platform=self._slots[0].platform,
            )
            self.cohorts[key] = Cohort(program=program)
        return self.cohorts[key]

    def _is_running(self, tile: Tile) -> bool:
        return any(tile is running for _, running, _ in self._running.values())

    def _choose(self, device: Device) -> tuple[Cohort, Tile] | None:
        """The tile on `device` that will have the most lanes at work; a new one if need be."""
        best: tuple[tuple[int, int], Cohort, Tile] | None = None
        for cohort in self.cohorts.values():
            idle = [t for t in cohort.tiles if t.device == device and not self._is_running(t)]
            if cohort.waiting and not any(tile.free for tile in idle):
                idle.append(Tile(cohort.program, device, *reversed(self._place[device])))
            for tile in idle:
                working = min(self.width, tile.live + len(cohort.waiting))
                oldest = min([*tile.members, *(m.number for m in cohort.waiting[:1])], default=0)
                if working and (best is None or (working, -oldest) > best[0]):
                    best = ((working, -oldest), cohort, tile)
        if best is None:
            return None
        _, cohort, tile = best
        if tile not in cohort.tiles:
            cohort.tiles.append(tile)
        return cohort, tile

    def _offer(self, cohort: Cohort, tile: Tile) -> list[Member]:
        """Members for a tick: enough for every lane that may come free, but leave others theirs."""
        share = max(tile.free, math.ceil(len(cohort.waiting) / self.drivers))
        count = min(share, cohort.program.queue)
        offered, cohort.waiting = cohort.waiting[:count], cohort.waiting[count:]
        return offered

    def _collect(self, future: concurrent.futures.Future[Tick]) -> Tick:
        cohort, tile, offered = self._running.pop(future)
        self._free.append(tile.device)
        error = future.exception()
        if error is not None:
            return self._failed(cohort, tile, offered, error)
        tick = future.result()
        cohort.learn(tick)
        cohort.waiting = [*tick.waiting, *cohort.waiting]
        for number in [n for n in self._stopped if tile.leave(n)]:
            self._stopped.discard(number)
        self._stopped -= {p.number for p in tick.progress if p.over}
        return tick

    def _failed(
        self, cohort: Cohort, tile: Tile, offered: list[Member], error: BaseException
    ) -> Tick:
        """A program that raised takes its tile's members with it, and says why."""
        lost = [*tile.members, *(member.number for member in offered)]
        cohort.tiles.remove(tile)
        progress = [_lost(number, error) for number in lost]
        return Tick(progress=progress, started=time.time(), seconds=0.0)

    def _shrink(self) -> None:
        """Joins tiles that would fit into one, where nothing is waiting to fill them."""
        for cohort in self.cohorts.values():
            idle = [t for t in cohort.tiles if not self._is_running(t)]
            cohort.tiles = [t for t in cohort.tiles if t.live or t not in idle or cohort.waiting]
            if cohort.waiting:
                continue
            idle = sorted((t for t in idle if t.live), key=lambda tile: tile.live)
            for i, small in enumerate(idle):
                for big in idle[i + 1 :]:
                    if big.device == small.device and big.free >= small.live:
                        big.absorb(small)
                        cohort.tiles.remove(small)
                        break


def _lost(number: int, error: BaseException) -> Progress:
    return Progress(number=number, over=True, error=f"{type(error).__name__}: {error}")
