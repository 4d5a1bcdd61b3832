"""A population whose rows come in blocks, shared by all the lanes of a device.

All tiles of a device train a unit together: each of them trains on a block before the next one is
looked at, while that one is read and copied. Members enter at the first block only. So who is
trained beside whom decides how often a block is copied, and nothing that a member computes.
"""

from __future__ import annotations

import collections
import concurrent.futures
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.backend import Device
from jaxhpo.contracts import TEST, TRAIN, Task
from jaxhpo.population.cohort import Cohort
from jaxhpo.population.feeder import Feeder
from jaxhpo.population.form import Form
from jaxhpo.population.member import Member, Tick
from jaxhpo.population.own_cpu import shared
from jaxhpo.population.phases import Streamed, StreamedProgram, ending
from jaxhpo.population.population import Population
from jaxhpo.population.program import EXHAUSTED
from jaxhpo.population.tile import Tile

_Outcome = Tick | BaseException

# Where a study is asked to stop, a unit that would last for more seconds than this is broken off:
# clusters give a process about 30 s to end.
_GRACE = 15.0
_LOOK = 0.1  # how often that is asked


class BrokenOff(Exception):
    """A unit was left at the end of a block, since nobody waits for it any longer."""


class StreamedTile(Tile):
    """A tile that is trained block by block: `begin`, then `train` or `measure` for every block,
    then `finish`. None of them but the last waits for the device.

    Attributes:
        beside: how many tiles, with this one, are trained together now.
    """

    program: StreamedProgram

    def __init__(self, program: StreamedProgram, key: jax.Array, feeder: Feeder) -> None:
        super().__init__(program, feeder.device, (), key)
        self.feeder = feeder
        self.beside = 1
        self._marks: collections.deque[jax.Array] = collections.deque()

    def tick(self, offered: Sequence[Member], units: int) -> Tick:
        """As `Tile.tick`, for one unit, with no other tiles."""
        (outcome,) = unit_of([(self, offered)], self.feeder, None)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def begin(self, block: Any, offered: Sequence[Member]) -> None:
        """Fills free lanes from `offered` (at most a queue)."""
        self._cold = self.device not in self.program.ready
        self._marks.clear()
        limits = self._limits([self.members.get(n) for n in self.occupants.tolist()])
        arguments = (self._held(), self._inbox(offered), self._gone(), limits)
        filled = self._call(self.program.begin, self._key, block, *arguments)
        self.lanes, self._ahead, self._taken = filled

    def train(self, block: Any, index: int) -> None:
        """Trains on a block of the unit."""
        self._phase(self.program.train, (block, np.int32(index)))

    def measure(self, block: Any, share: float) -> None:
        """Adds the metrics on a block, by its share of all rows."""
        self._phase(self.program.measure, (block, np.float32(share)))

    def finish(self, offered: Sequence[Member], started: float, seconds: float) -> Tick:
        """Ends the unit. `seconds`: what it took up to here."""
        clock = time.perf_counter()
        none = np.zeros(self.program.width, bool)
        arguments = (self.lanes, self._inbox([]), np.int32(1), none, self._ahead)
        self.lanes, outbox = self._call(self.program.tick.jitted, self._key, (), *arguments)
        outbox, taken = jax.device_get((outbox, self._taken))
        self.program.ready.add(self.device)
        seconds += time.perf_counter() - clock
        return self._told(outbox._replace(taken=taken), offered, started, seconds, self._cold)

    def wait(self, but: int) -> None:
        """Waits until the device has done with all blocks but the last so many."""
        while len(self._marks) > but:
            jax.block_until_ready(self._marks.popleft())

    def _phase(self, fn: Callable[..., Any], given: Any) -> None:
        self.lanes, mark = self._call(fn, self._key, given, self.lanes)
        self._marks.append(mark)

    def _call(self, fn: Callable[..., Any], *arguments: Any) -> Any:
        if not self._cold:
            return fn(*arguments)
        with self.program.lock:  # so that no other tile compiles the same
            return fn(*arguments)


def unit_of(
    work: Sequence[tuple[StreamedTile, Sequence[Member]]],
    feeder: Feeder,
    threads: concurrent.futures.Executor | None,
    at_once: int = 1,
    leave: Callable[[float], bool] = lambda seconds: False,
) -> list[_Outcome]:
    """Trains tiles of one device for one unit.

    Args:
        work: tiles, each with the members it is offered.
        threads: `at_once` threads that drive tiles beside each other, or None: this one does.
        leave: whether to break the unit off, when what is left of it takes about so many seconds.

    Returns:
        For every tile what happened, or why it could not be trained, which stops no other tile.

    Raises:
        BrokenOff: if it was. The tiles' states are of no use then.
        Exception: whatever reading a block raises.
    """
    started, clock = time.time(), time.perf_counter()
    outcomes: list[_Outcome | None] = [None] * len(work)

    def each(step: Callable[[StreamedTile, Sequence[Member]], Tick | None]) -> None:
        def one(i: int) -> None:
            try:
                outcomes[i] = step(*work[i])
            except Exception as error:
                outcomes[i] = error

        left = [i for i, outcome in enumerate(outcomes) if outcome is None]
        for _ in (map if threads is None else threads.map)(one, left):
            pass

    def on(block: Any, split: str, index: int, share: float) -> None:
        first = split == TRAIN and index == 0

        def begun(tile: StreamedTile, offered: Sequence[Member]) -> None:
            if first:
                tile.begin(block, offered)
            tile.train(block, index) if split == TRAIN else tile.measure(block, share)

        each(begun)

    with feeder.lock:
        for fed in feeder.blocks():
            on(fed.rows, fed.split, fed.index, fed.share)
            del fed
            # This block is queued before the one before it is waited for: the device never idles.
            # That one is gone then, and the next is copied into its place.
            each(lambda tile, _: tile.wait(but=1))
            if leave((time.perf_counter() - clock) * feeder.left):
                raise BrokenOff
            feeder.ahead()
        # The tick's time is that of all drivers, shared by the tiles.
        took = (time.perf_counter() - clock) * min(1.0, at_once / len(work))
        each(lambda tile, offered: tile.finish(offered, started, took))
    return [outcome for outcome in outcomes if outcome is not None]


class StreamedPopulation(Population):
    """As `Population`, and made from the same, for a task with a `Stream`. A tick of a tile is one
    unit.

    Raises:
        ValueError: if the task has none.
    """

    def __init__(
        self,
        task: Task,
        key: jax.Array,
        form: Form,
        *,
        static: Sequence[str],
        devices: Sequence[Device],
        drivers: int,
    ) -> None:
        if task.stream is None:
            raise ValueError(
                f"StreamedPopulation(task={task.name!r}) must have a stream, got None; take "
                "Population for it"
            )
        super().__init__(
            ending(task)._replace(data=()),
            key,
            form,
            static=static,
            devices=devices,
            drivers=drivers,
        )
        self._whole = task
        self._at_once = drivers
        self._hurry = threading.Event()
        self._feeders = {device: Feeder(task.stream, device) for device in devices}
        self._beside = {
            device: concurrent.futures.ThreadPoolExecutor(drivers, "jaxhpo-tile")
            for device in devices
            if drivers > 1
        }

    def dispatch(self) -> None:
        """Lets every idle device train one unit of all its tiles that have something to do."""
        self._hurry.clear()
        self.broken_off = False
        self._shrink()
        for device, feeder in self._feeders.items():
            if any(tile.device == device for _, tile, _ in self._running.values()):
                continue
            work, futures = [], []
            while (found := self._choose(device)) is not None:
                cohort, tile = found
                cohort.bank.enter(tile)
                offered, future = self._offer(cohort, tile), concurrent.futures.Future()
                self._running[future] = (cohort, tile, offered)
                work.append((tile, offered))
                futures.append(future)
            for tile, _ in work:
                tile.beside = len(work)
            if work:
                self._threads.submit(self._unit, feeder, work, futures)

    def wait(self, stop: Callable[[], bool] | None = None) -> list[Tick]:
        """As `Population.wait`. Once `stop()`, units are broken off at the end of a block, unless
        they are nearly done; their members begin again."""
        while stop is not None and self._running and not self._hurry.is_set():
            done, _ = concurrent.futures.wait(
                self._running, _LOOK, return_when=concurrent.futures.FIRST_COMPLETED
            )
            if done:
                break
            if stop():
                self._hurry.set()
        return super().wait()

    def alone(self, member: Member, start: tuple[int, Any] | None = None) -> tuple[list[Tick], Any]:
        """As `Population.alone`; states are the task's own."""
        if start is not None:
            shapes: Any = self._cohort(member.hp).program.member_shapes(None)[0]
            sums: Any = dict.fromkeys(shapes.sums, np.float32(0.0))
            start = (start[0], Streamed(start[1], sums))
        ticks, held = super().alone(member, start)
        return ticks, held.state if isinstance(held, Streamed) else held

    def test(self, member: Member, state: Any) -> dict[str, float]:
        """What the task's `test` says of a member's final state; empty where it has none."""
        if self._whole.test is None:
            return {}
        state = state.state if isinstance(state, Streamed) else state
        program = self._cohort(member.hp).program
        hp = program.form.arrays(member.hp)
        feeder, sums = next(iter(self._feeders.values())), {}
        for fed in feeder.other(TEST):
            found = program.test(np.int32(member.number), hp, state, fed.rows)
            for name, value in sorted(found.items()):
                sums[name] = sums.get(name, 0.0) + fed.share * float(value)
        return sums

    def close(self) -> None:
        """Waits for what is on the device and lets the threads go."""
        self._hurry.set()
        super().close()
        for threads in self._beside.values():
            threads.shutdown(wait=True)
        for feeder in self._feeders.values():
            feeder.close()

    def _unit(
        self,
        feeder: Feeder,
        work: Sequence[tuple[StreamedTile, Sequence[Member]]],
        futures: Sequence[concurrent.futures.Future[Tick]],
    ) -> None:
        """Trains a unit of several tiles and tells each tile's future how it went."""
        try:
            outcomes = unit_of(
                work, feeder, self._beside.get(feeder.device), self._at_once, self._leaves
            )
        except BaseException as error:  # the rows can't be read: nobody can go on
            outcomes = [error] * len(work)
        for future, outcome in zip(futures, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _leaves(self, seconds: float) -> bool:
        return self._hurry.is_set() and seconds > _GRACE

    def _seats(self, devices: Sequence[Device], drivers: int) -> list[Device]:
        """Those that are given: the drivers of a device share its blocks."""
        return shared(devices, drivers)

    def _new_program(self, static: Mapping[str, Any], form: Form) -> StreamedProgram:
        whole = self._whole
        return StreamedProgram(
            task=self.task, static=static, form=form, whole=whole, block=whole.data
        )

    def _offer(self, cohort: Cohort, tile: Tile) -> list[Member]:
        """As many as have a lane: nobody enters before the next unit."""
        offered, cohort.waiting = cohort.waiting[: tile.free], cohort.waiting[tile.free :]
        return offered

    def _failed(
        self, cohort: Cohort, tile: Any, offered: list[Member], error: BaseException
    ) -> Tick:
        """As `Population._failed`; but if memory ran out, all tiles that were trained together may
        have raised, and none of them need have been too large alone; and a unit that was broken off
        is no failure."""
        if isinstance(error, BrokenOff):
            self.broken_off = True
            return self._again(cohort, tile, offered)
        if EXHAUSTED not in str(error) or tile.beside == 1:
            return super()._failed(cohort, tile, offered, error)
        self._most = min(self._most, len(self._feeders) * max(1, tile.beside // 2))
        return self._again(cohort, tile, offered)

    def _new_tile(self, program: Any, device: Device) -> Tile:
        return StreamedTile(program, self._place[device][0], self._feeders[device])

    def _collect(self, future: concurrent.futures.Future[Tick]) -> Tick:
        tick = super()._collect(future)
        self._free = list(self._slots)  # devices, not threads, are what is idle here
        return tick
