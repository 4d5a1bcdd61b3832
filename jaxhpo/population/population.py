"""The population: cohorts of trials that share a program, their tiles, and the threads that drive
them. It knows no algorithm's name: members go in, what happened to them comes out.

A driver is a thread that runs one tile at a time, on one device. Tiles never talk to each other, so
drivers on several devices (or several cores of one) run the very same program, and nothing that a
member computes can depend on how many there are.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.backend import Device
from jaxhpo.contracts import Task
from jaxhpo.population.bank import Bank
from jaxhpo.population.cohort import Cohort
from jaxhpo.population.form import Form
from jaxhpo.population.member import Member, Progress, Tick
from jaxhpo.population.own_cpu import seats, together
from jaxhpo.population.program import EXHAUSTED, Program
from jaxhpo.population.tile import Tile, plain


class Population:
    """Trains members, each a function of the key and its number alone.

    Args:
        task: what is trained.
        key: typed threefry key of the study; every draw of a member is folded from it.
        form: what its programs have in common. Results depend on the width in the last bits, and on
            nothing else here.
        static: names of the hyperparameters that are Python values: a cohort for every setting (and
            every class of the form's).
        devices: where to run. drivers: threads a device.

    Attributes:
        broken_off: whether a tick was broken off, so that members that were in it begin again.
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
        self.task = task
        self.form = form
        self.cohorts: dict[tuple[Any, ...], Cohort] = {}
        self.static = tuple(sorted(static))
        self.broken_off = False
        self._home = devices[0]
        self._slots = self._seats(devices, drivers)
        given = jax.device_put((key, task.data), self._home)
        self._place = {device: jax.device_put(given, device) for device in self._slots}
        self._running: dict[concurrent.futures.Future[Tick], tuple[Cohort, Tile, list[Member]]] = {}
        self._threads = concurrent.futures.ThreadPoolExecutor(
            max_workers=len(self._slots), thread_name_prefix="jaxhpo-driver"
        )
        self._stopped: set[int] = set()
        self._free = list(self._slots)
        self._most = 2**31  # tiles; fewer once memory has run out

    # -- what comes in and goes out ----------------------------------------------------------------

    @property
    def drivers(self) -> int:
        """How many threads drive tiles."""
        return len(self._slots)

    @property
    def lanes(self) -> int:
        """How many lanes there are now."""
        return sum(self.form.width * len(cohort.tiles) for cohort in self.cohorts.values())

    @property
    def traces(self) -> int:
        """How many times a program was traced; one a cohort is right."""
        return sum(cohort.program.traces for cohort in self.cohorts.values())

    @property
    def busy(self) -> bool:
        """Whether any member is in a lane, waiting for one, or pausing."""
        return bool(self._running) or any(
            c.entering or c.bank.live or any(t.live for t in c.tiles) for c in self.cohorts.values()
        )

    @property
    def running(self) -> bool:
        """Whether a tile is on a device now."""
        return bool(self._running)

    @property
    def stuck(self) -> bool:
        """Whether nothing can be trained until a pausing member goes on or leaves."""
        cohorts = self.cohorts.values()
        return not self._running and not any(
            c.entering or any(t.live for t in c.tiles) for c in cohorts
        )

    def add(self, members: Sequence[Member]) -> None:
        """Queues members. They enter lanes in the order in which they are given, but for those that
        are let by so that members that are alike (`Task.alike`) come together."""
        for member in members:
            self._cohort(member.hp).waiting.append(member)

    def stop(self, number: int) -> None:
        """Takes a member out: its lane is free from the next tick on."""
        if any(c.leave(number, self._idle(c)) for c in self.cohorts.values()):
            return
        self._stopped.add(number)  # its tile is on the device now

    def go_on(self, changes: Sequence[tuple[int, Member]]) -> None:
        """Lets pausing members go on.

        Args:
            changes: (number of the pausing member whose state is taken, the member as it is to be
                from now on); one whose own state is not taken continues from a copy of the other's.

        Raises:
            ValueError: if a state is to be copied between programs.
        """
        for cohort in self.cohorts.values():
            theirs = [(origin, m) for origin, m in changes if m.number in cohort.bank]
            for origin, member in theirs:
                if origin not in cohort.bank:
                    raise ValueError(
                        f"member {member.number} can't take the state of {origin}, which is "
                        "trained by another program; let what differs be traced"
                    )
            if theirs:
                cohort.bank.go_on(theirs)

    def dispatch(self) -> None:
        """Gives every idle driver a tile that has something to do."""
        self._shrink()
        for device in list(self._free):
            found = self._choose(device)
            if found is None:
                continue
            cohort, tile = found
            key, data = self._place[device]
            tile.to(device, data, key)
            cohort.bank.enter(tile)
            offered = self._offer(cohort, tile)
            self._free.remove(device)
            future = self._threads.submit(tile.tick, offered, cohort.units)
            self._running[future] = (cohort, tile, offered)

    def wait(self, stop: Callable[[], bool] | None = None) -> list[Tick]:
        """Waits until at least one tile has ticked. Empty if none is running.

        Args:
            stop: whether nobody wants to wait any longer, for ticks that can be broken off.
        """
        done, _ = concurrent.futures.wait(
            self._running, return_when=concurrent.futures.FIRST_COMPLETED
        )
        return [self._collect(future) for future in done]

    def rest(self, stop: Callable[[], bool] | None = None) -> list[Tick]:
        """Waits for all tiles that are running. stop: as for `wait`."""
        ticks: list[Tick] = []
        while self._running:
            ticks += self.wait(stop)
        return ticks

    def rows(self) -> list[dict[int, tuple[int, bool, Any]]]:
        """What every cohort has in training: number to units, whether it pauses, and its row
        (`Tile.rows`). No tile may be running."""
        found = [cohort.rows() for cohort in self.cohorts.values()]
        return [rows for rows in found if rows]

    def fill(self, members: Sequence[tuple[Member, int, bool, Any]]) -> None:
        """Takes up members from where they were.

        Args:
            members: each with its units, whether it pauses, and its row: (best, the state's
                leaves).

        Raises:
            ValueError: if a row does not fit its program. Nothing is taken up then.
        """
        by_cohort: dict[int, tuple[Cohort, list[tuple[Member, int, bool, Any]]]] = {}
        for found in members:
            cohort = self._cohort(found[0].hp)
            cohort.check_row(found[0], found[3], self.task.data)
            by_cohort.setdefault(id(cohort), (cohort, []))[1].append(found)
        for cohort, theirs in by_cohort.values():
            cohort.fill(theirs)

    def alone(self, member: Member, start: tuple[int, Any] | None = None) -> tuple[list[Tick], Any]:
        """Trains one member with no neighbours, now: what happened, and its final state.

        Args:
            start: where it goes on: its units so far and a final state. None: from its beginning.
        """
        cohort = self._cohort(member.hp)
        tile = self._new_tile(cohort.program, self._slots[0])
        offered, ticks = [member], []
        if start is not None:
            units, state = start
            row = (np.float32(np.inf), jax.device_get(jax.tree.map(plain, state)))
            home = self._new_tile(cohort.program, self._slots[0])
            home.fill([member], [units], [row])
            tile.move(home, [member])
            offered = []
        while offered or tile.live:
            try:
                tick = tile.tick(offered, cohort.units)
            except Exception as error:
                lost = [_lost(member.number, error)]
                return [*ticks, Tick(progress=lost, started=time.time(), seconds=0.0)], None
            cohort.learn(tick)
            offered = []
            ticks.append(tick)
        state = jax.device_put(tile.lanes.state, self._home)
        return ticks, jax.tree.map(lambda leaf: leaf[0], state)

    def test(self, member: Member, state: Any) -> dict[str, float]:
        """What the task's `test` says of a member's final state; empty where it has none."""
        if self.task.test is None:
            return {}
        program = self._cohort(member.hp).program
        hp = program.form.arrays(member.hp)
        metrics = program.test(np.int32(member.number), hp, state, self.task.test_data)
        return {name: float(value) for name, value in sorted(metrics.items())}

    def close(self) -> None:
        """Waits for the ticks on the device and lets the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    # -- the house-keeping of tiles ----------------------------------------------------------------

    def _cohort(self, hp: Mapping[str, Any]) -> Cohort:
        key, static, form = self.form.program(hp, self.static)
        if key not in self.cohorts:
            program = self._new_program(static, form)
            bank = Bank(lambda: self._new_tile(program, self._slots[0]))
            self.cohorts[key] = Cohort(program=program, bank=bank)
        return self.cohorts[key]

    def _seats(self, devices: Sequence[Device], drivers: int) -> list[Device]:
        """Where each driver runs its tiles."""
        return seats(devices, drivers)

    def _new_program(self, static: Mapping[str, Any], form: Form) -> Program:
        return Program(task=self.task, static=static, form=form)

    def _new_tile(self, program: Program, device: Device) -> Tile:
        key, data = self._place[device]
        return Tile(program, device, data, key)

    def _idle(self, cohort: Cohort) -> list[Tile]:
        """The cohort's tiles that are on no device now."""
        running = {id(tile) for _, tile, _ in self._running.values()}
        return [tile for tile in cohort.tiles if id(tile) not in running]

    def _choose(self, device: Device) -> tuple[Cohort, Tile] | None:
        """The tile that `device` can run and that will have the most lanes at work; a new one if
        need be."""
        best: tuple[tuple[Any, ...], Cohort, Tile] | None = None
        compiling = [c for c, *_ in self._running.values() if not c.program.ready]
        full = sum(len(cohort.tiles) for cohort in self.cohorts.values()) >= self._most
        for cohort in self.cohorts.values():
            idle = [tile for tile in self._idle(cohort) if together(tile.device, device)]
            if cohort.entering and not full and not any(tile.free for tile in idle):
                idle.append(self._new_tile(cohort.program, device))
            first = [m.number for m in [*cohort.bank.ready[:1], *cohort.waiting[:1]]]
            for tile in idle:
                working = min(self.form.width, tile.live + cohort.entering)
                oldest = min([*tile.members, *first], default=0)
                # Who takes what another driver is compiling now has to wait for that.
                rank = (cohort not in compiling, working, -oldest, tile.device == device)
                if working and (best is None or rank > best[0]):
                    best = (rank, cohort, tile)
        if best is None:
            return None
        _, cohort, tile = best
        if tile not in cohort.tiles:
            cohort.tiles.append(tile)
        return cohort, tile

    def _offer(self, cohort: Cohort, tile: Tile) -> list[Member]:
        """Members for a tick: as many as can enter, and a share of what nobody else needs soon,
        for lanes that come free unforeseen."""
        queue = cohort.program.queue
        cohort.line_up(tile, self.task.alike)
        count = tile.needs(cohort.units, cohort.waiting[:queue])
        others = self.form.width * self.drivers
        spare = max(0, len(cohort.waiting) - count - others) // self.drivers
        count = min(count + spare, queue)
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
        for number in [n for n in self._stopped if tile.leave(n)]:
            self._stopped.discard(number)
        cohort.waiting = [
            *(m for m in tick.waiting if m.number not in self._stopped),
            *cohort.waiting,
        ]
        self._stopped -= {m.number for m in tick.waiting}
        self._stopped -= {p.number for p in tick.progress if p.over}
        resting = [p.number for p in tick.progress if p.paused and p.number in tile.members]
        cohort.bank.park(tile, [tile.members[number] for number in resting])
        return tick

    def _failed(
        self, cohort: Cohort, tile: Tile, offered: list[Member], error: BaseException
    ) -> Tick:
        """A program that raised takes its tile's members with it, and says why. If memory ran out
        and there are other tiles, they are trained again with fewer of them."""
        others = sum(len(c.tiles) for c in self.cohorts.values()) - 1
        if EXHAUSTED in str(error) and others:
            self._most = max(1, others // 2)
            return self._again(cohort, tile, offered)
        cohort.tiles.remove(tile)
        progress = [_lost(m.number, error) for m in [*tile.members.values(), *offered]]
        return Tick(progress=progress, started=time.time(), seconds=0.0)

    def _again(self, cohort: Cohort, tile: Tile, offered: list[Member]) -> Tick:
        """Gives a tile up, whose members begin again."""
        members = [*tile.members.values(), *offered]
        cohort.tiles.remove(tile)
        cohort.waiting = [*members, *cohort.waiting]
        progress = [Progress(number=m.number, again=True) for m in members]
        return Tick(progress=progress, started=time.time(), seconds=0.0)

    def _shrink(self) -> None:
        for cohort in self.cohorts.values():
            cohort.join(self._idle(cohort))


def _lost(number: int, error: BaseException) -> Progress:
    said = f"{type(error).__name__}: {error}"
    if EXHAUSTED in said:
        said += "; a tile of half as many lanes needs about half the memory: give a smaller width"
    return Progress(number=number, over=True, error=said)
