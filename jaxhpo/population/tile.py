"""A tile as the host sees it: who is in which lane, and what a tick of the device did to whom."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.population.program import FREE, Device, Inbox, Outbox, Program


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """A trial to be trained: its number, its budget in units, all its hyperparameters."""

    number: int
    budget: int
    hp: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """What one tick did to one member.

    Attributes:
        number: the trial.
        began: whether this tick put it into a lane.
        metrics: name to float32 [k], after each of the k units of this tick.
        over: whether it left its lane, having finished or diverged.
        diverged: whether its last unit is not to be trusted.
        seconds: its share of the tick's time.
        error: why it could not be trained, or None.
    """

    number: int
    began: bool = False
    metrics: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    over: bool = False
    diverged: bool = False
    seconds: float = 0.0
    error: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tick:
    """What one tick of one tile did.

    Attributes:
        progress: one entry a member that was trained.
        waiting: members it was offered and had no lane for.
        units: units the tile trained. lane_units: times W. useful: of those with a live member.
        steps: optimizer steps of live members (0 where the task does not tell).
        started, seconds: POSIX time at which it began, and how long it took.
        compiled: whether the time holds a compilation.
    """

    progress: Sequence[Progress]
    waiting: Sequence[Member] = ()
    units: int = 0
    lane_units: int = 0
    useful: int = 0
    steps: float = 0.0
    started: float
    seconds: float
    compiled: bool = False


class Tile:
    """W lanes of one cohort on one device."""

    def __init__(self, program: Program, device: Device, data: Any, key: jax.Array) -> None:
        self.program = program
        self.device = device
        self.lanes: Any = None  # made at the first tick, under the program's lock
        self.members: dict[int, Member] = {}  # those in a lane
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

    def leave(self, number: int) -> bool:
        """Takes a member out before the next tick; whether it was here."""
        return self.members.pop(number, None) is not None

    def tick(self, offered: Sequence[Member], units: int) -> Tick:
        """Trains for up to `units` units, filling lanes from `offered` (at most a queue)."""
        program, started, clock = self.program, time.time(), time.perf_counter()
        inbox = self._inbox(offered)
        gone = np.array([n != FREE and n not in self.members for n in self.occupants], bool)
        ready = self.device in program.ready
        if ready:
            outbox = self._run(inbox, units, gone)
        else:
            with program.lock:
                outbox = self._run(inbox, units, gone)
                program.ready.add(self.device)
        return self._told(outbox, offered, started, time.perf_counter() - clock, not ready)

    def _run(self, inbox: Inbox, units: int, gone: np.ndarray) -> Outbox:
        if self.lanes is None:
            self.lanes = jax.device_put(self.program.empty(self._data), self.device)
        arguments = (inbox, np.int32(units), gone)
        self.lanes, outbox = self.program.tick(self._key, self._data, self.lanes, *arguments)
        self.occupants = np.asarray(self.lanes.number)
        return jax.device_get(outbox)

    def _inbox(self, offered: Sequence[Member]) -> Inbox:
        size = self.program.queue
        number, budget = np.full(size, FREE, np.int32), np.zeros(size, np.int32)
        hp = {name: np.zeros(size, dtype) for name, dtype in self.program.dtypes.items()}
        for place, member in enumerate(offered):
            number[place], budget[place] = member.number, member.budget
            for name, column in hp.items():
                column[place] = member.hp[name]
        return Inbox(np.int32(len(offered)), number, budget, hp)  # type: ignore[arg-type]

    def _told(
        self, outbox: Outbox, offered: Sequence[Member], started: float, seconds: float, cold: bool
    ) -> Tick:
        units, taken = int(outbox.units), int(outbox.taken)
        number = np.asarray(outbox.number)[:units]
        entered = {member.number: member for member in offered[:taken]}
        self.members |= entered
        staying = set(self.occupants[self.occupants != FREE].tolist())
        useful = int((number != FREE).sum())
        progress, steps = [], 0.0
        for trial in dict.fromkeys(number[number != FREE].tolist()):
            row, lane = np.nonzero(number == trial)
            over = trial not in staying
            member = self.members.pop(trial) if over else self.members[trial]
            steps += len(row) * self.program.steps(member.hp)
            progress.append(
                Progress(
                    number=trial,
                    began=trial in entered,
                    metrics={k: np.asarray(v)[row, lane] for k, v in outbox.metrics.items()},
                    over=over,
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

    def absorb(self, other: Tile) -> None:
        """Moves every member of `other` into this tile's free lanes."""
        live = [n in other.members for n in other.occupants]
        free = iter([lane for lane, n in enumerate(self.occupants) if n not in self.members])
        places = np.array([next(free) if is_live else len(live) for is_live in live], np.int32)
        drop = np.array([n != FREE and n not in self.members for n in self.occupants], bool)
        self.lanes = self.program.move(self.lanes, other.lanes, places, drop)
        self.members |= other.members
        self.occupants = np.asarray(self.lanes.number)
        other.members, other.lanes = {}, None
        other.occupants = np.full_like(other.occupants, FREE)
