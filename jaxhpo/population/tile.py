"""A tile as the host sees it: who is in which lane, and what a tick of the device did to whom."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.backend import Device
from jaxhpo.population.lanes import FREE, Copy, Inbox, Lanes, Outbox, paused
from jaxhpo.population.member import Member, Progress, Tick
from jaxhpo.population.program import Program


class Tile:
    """W lanes of one cohort on one device.

    Attributes:
        lanes: what is on the device, or None as long as there is nothing.
        members: those in a lane, by number; `units`: how many units each has trained.
        occupants: int32 [W], the number in each lane, or `FREE`. A lane whose number is not among
            `members` is free from the next tick on.
    """

    def __init__(self, program: Program, device: Device, data: Any, key: jax.Array) -> None:
        self.program = program
        self.device = device
        self.lanes: Any = None  # made at the first tick
        self.members: dict[int, Member] = {}
        self.units: dict[int, int] = {}
        self.occupants = np.full(program.width, FREE, np.int32)
        self._data = data
        self._key = key

    @property
    def live(self) -> int:
        """How many lanes hold a member."""
        return len(self.members)

    @property
    def free(self) -> int:
        """How many lanes hold none."""
        return self.program.width - len(self.members)

    def to(self, device: Device, data: Any, key: jax.Array) -> None:
        """Has the next ticks run on another device."""
        if device == self.device:
            return
        self.device, self._data, self._key = device, data, key
        if self.lanes is not None:
            self.lanes = jax.device_put(self.lanes, device)

    def leave(self, number: int) -> bool:
        """Takes a member out before the next tick; whether it was here."""
        self.units.pop(number, None)
        return self.members.pop(number, None) is not None

    def needs(self, units: int, waiting: Sequence[Member]) -> int:
        """How many of `waiting` can enter within the next so many units."""
        ends = [member.end - self.units[n] for n, member in self.members.items()]
        ends += [0] * self.free
        heapq.heapify(ends)
        for count, member in enumerate(waiting):
            first = heapq.heappop(ends)
            if first >= units:
                return count
            heapq.heappush(ends, first + member.end)
        return len(waiting)

    # -- training ----------------------------------------------------------------------------------

    def tick(self, offered: Sequence[Member], units: int) -> Tick:
        """Trains for up to `units` units, filling lanes from `offered` (at most a queue)."""
        program, started, clock = self.program, time.time(), time.perf_counter()
        inbox = self._inbox(offered)
        limits = self._limits([self.members.get(n) for n in self.occupants.tolist()])
        cold = self.device not in program.ready
        outbox = self._run(inbox, units, limits)
        return self._told(outbox, offered, started, time.perf_counter() - clock, cold)

    def _run(self, inbox: Inbox, units: int, limits: np.ndarray) -> Outbox:
        arguments = (inbox, np.int32(units), self._gone(), limits)
        lanes = self._held()
        ticked = self.program.tick.on(self.device, self._key, self._data, lanes, *arguments)
        self.lanes, outbox = ticked
        return jax.device_get(outbox)

    def _held(self) -> Lanes:
        if self.lanes is None:
            self.lanes = jax.device_put(self.program.empty(self._data), self.device)
        return self.lanes

    def _gone(self) -> np.ndarray:
        return np.array([n != FREE and n not in self.members for n in self.occupants], bool)

    def _inbox(self, offered: Sequence[Member]) -> Inbox:
        size = self.program.queue
        number, until, pause, hp = self._columns(offered, size)
        limits = self._limits([*offered, *[None] * (size - len(offered))])
        count = np.int32(len(offered))
        return Inbox(count, number, until, pause, limits, hp)  # type: ignore[arg-type]

    def _columns(
        self, members: Sequence[Member], size: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """number, until, pause and hp of members, filled up to `size`."""
        form = self.program.form
        number, until = np.full(size, FREE, np.int32), np.zeros(size, np.int32)
        pause = np.zeros(size, bool)
        hp = {name: np.zeros(size, dtype) for name, dtype in form.dtypes.items()}
        for row, member in enumerate(members):
            number[row], until[row], pause[row] = member.number, member.end, member.pauses
            for name, column in hp.items():
                column[row] = form.place(name, member.hp[name])
        return number, until, pause, hp

    def _limits(self, members: Sequence[Member | None]) -> np.ndarray:
        """The limits of the units that come next for each member, none where there is none."""
        table = np.full((len(members), self.program.limits), np.inf, np.float32)
        for row, member in zip(table, members, strict=True):
            if row.size and member is not None and member.limits is not None:
                done = self.units.get(member.number, 0)
                coming = member.limits[done : done + row.size]
                row[: len(coming)] = coming
        return table

    def _told(
        self, outbox: Outbox, offered: Sequence[Member], started: float, seconds: float, cold: bool
    ) -> Tick:
        units, taken = int(outbox.units), int(outbox.taken)
        number = np.asarray(outbox.number)[:units]
        entered = {member.number: member for member in offered[:taken]}
        self.members |= entered
        self.units |= dict.fromkeys(entered, 0)
        held = np.asarray(self.lanes.number)
        resting = set(paused(held[held < FREE]).tolist())
        self.occupants = np.where(held < FREE, paused(held), held)
        staying = set(self.occupants[self.occupants != FREE].tolist())
        useful = int((number != FREE).sum())
        progress, steps = [], 0.0
        for trial in dict.fromkeys(number[number != FREE].tolist()):
            row, lane = np.nonzero(number == trial)
            over, member = trial not in staying, self.members[trial]
            self.units[trial] += len(row)
            if over:
                self.leave(trial)
            steps += len(row) * self.program.steps(member.hp)
            progress.append(
                Progress(
                    number=trial,
                    began=trial in entered,
                    metrics={k: np.asarray(v)[row, lane] for k, v in outbox.metrics.items()},
                    over=over,
                    paused=trial in resting,
                    diverged=bool(outbox.diverged[row[-1], lane[-1]]),
                    seconds=seconds * len(row) / useful,
                )
            )
        return Tick(
            progress=progress,
            waiting=offered[taken:],
            units=units,
            lane_units=units * self.program.width,
            useful=useful,
            steps=steps,
            started=started,
            seconds=seconds,
            compiled=cold,
        )

    # -- lanes that move ---------------------------------------------------------------------------

    def take(self, source: Tile, moves: Sequence[tuple[int, Member]]) -> None:
        """Copies members' lanes from another tile into free lanes of this one.

        Args:
            source: stays as it is; call its `leave` for those that are to be here alone.
            moves: (number of the member in `source` whose lane is copied, the member it becomes).
        """
        width = self.program.width
        free = iter([i for i, n in enumerate(self.occupants.tolist()) if n not in self.members])
        lane_of = {n: i for i, n in enumerate(source.occupants.tolist()) if n in source.members}
        take, place = np.zeros(width, np.int32), np.full(width, width, np.int32)
        for row, (origin, _) in enumerate(moves):
            take[row], place[row] = lane_of[origin], next(free)
        gone = self._gone()
        units = {member.number: source.units[origin] for origin, member in moves}
        number, *rest = self._columns([member for _, member in moves], width)
        copy = Copy(take, place, number, *rest)  # type: ignore[arg-type]
        theirs = source.lanes
        if source.device != self.device:
            theirs = jax.device_put(theirs, self.device)
        run = self.program.copied_within if source is self else self.program.copied
        self.lanes = run.on(self.device, self._held(), theirs, copy, gone)
        self.occupants = np.where(gone, FREE, self.occupants)
        self.occupants[place[: len(moves)]] = number[: len(moves)]
        self.members |= {member.number: member for _, member in moves}
        self.units |= units

    def move(self, source: Tile, members: Sequence[Member]) -> None:
        """As `take`, and the members leave `source`."""
        self.take(source, [(member.number, member) for member in members])
        for member in members:
            source.leave(member.number)

    # -- out of the device and back ----------------------------------------------------------------

    def rows(self) -> dict[int, Any]:
        """Number to (best, state) of every member, on the host."""
        if not self.members:
            return {}
        held = jax.device_get((self.lanes.best, jax.tree.map(plain, self.lanes.state)))
        lanes = {n: i for i, n in enumerate(self.occupants.tolist()) if n in self.members}
        return {n: jax.tree.map(lambda leaf, i=i: leaf[i].copy(), held) for n, i in lanes.items()}

    def fill(self, members: Sequence[Member], units: Sequence[int], rows: Sequence[Any]) -> None:
        """Puts members with the `rows` of another time into the lanes of an empty tile, paused."""
        lanes = jax.device_get(jax.tree.map(plain, self._held()))
        lanes = jax.tree.map(np.array, lanes)  # those of a device can't be written to
        for lane, (member, done, row) in enumerate(zip(members, units, rows, strict=True)):
            best, state = row
            lanes.number[lane], lanes.unit[lane] = paused(member.number), done
            lanes.best[lane] = best
            for held, given in zip(
                jax.tree.leaves(lanes.state), jax.tree.leaves(state), strict=True
            ):
                held[lane] = given
            self.occupants[lane] = member.number
            self.members[member.number], self.units[member.number] = member, done
        like = self._held()
        self.lanes = jax.device_put(jax.tree.map(_typed, lanes, like), self.device)


def plain(leaf: jax.Array) -> jax.Array:
    """A leaf as numbers; of typed keys their words."""
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _typed(leaf: np.ndarray, like: jax.Array) -> Any:
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.asarray(leaf), impl=jax.random.key_impl(like))
    return leaf
