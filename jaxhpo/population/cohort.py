"""A cohort: the members that share a program, wherever they are (in its queue, in a lane of one of
its tiles, or pausing in its bank)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.population.bank import Bank
from jaxhpo.population.lanes import OUTBOX
from jaxhpo.population.member import Member, Tick
from jaxhpo.population.own_cpu import together
from jaxhpo.population.program import Program
from jaxhpo.population.tile import Tile, plain

TICK_SECONDS = 0.1  # long enough that dispatch costs nothing, short enough to be told often


@dataclasses.dataclass(kw_only=True, eq=False)
class Cohort:
    """Trials with equal static hyperparameters.

    Attributes:
        program: theirs. bank: those that pause between two tiles.
        waiting: those that have not begun, in the order in which they are to.
        tiles: those that are trained.
        unit_seconds: how long a tile took lately for a unit; None before anything is known.
    """

    program: Program
    bank: Bank
    waiting: list[Member] = dataclasses.field(default_factory=list)
    tiles: list[Tile] = dataclasses.field(default_factory=list)
    unit_seconds: float | None = None

    @property
    def entering(self) -> int:
        """How many members want a lane."""
        return len(self.waiting) + len(self.bank.ready)

    @property
    def units(self) -> int:
        """How many units the next tick is to train."""
        if self.unit_seconds is None:
            return 1
        return int(min(OUTBOX, max(1, TICK_SECONDS / max(self.unit_seconds, 1e-9))))

    def line_up(self, tile: Tile, alike: frozenset[str]) -> None:
        """Lets those go first that have the same values of the parameters `alike` as most in the
        tile, or, where it is empty, as the first; among so many as it can be offered at once."""
        names = sorted(set(alike) & set(self.program.form.dtypes))
        if not names or not self.waiting:
            return
        queue = self.program.queue
        near, others = self.waiting[:queue], self.waiting[queue:]

        def kind(member: Member) -> tuple[Any, ...]:
            return tuple(member.hp[name] for name in names)

        there = Counter(map(kind, tile.members.values())).most_common(1)
        wanted = there[0][0] if there else kind(near[0])
        self.waiting = [*sorted(near, key=lambda member: kind(member) != wanted), *others]

    def learn(self, tick: Tick) -> None:
        """Notes how long a unit takes; a tick that compiled says nothing about that."""
        if tick.units and not tick.compiled:
            now = tick.seconds / tick.units
            self.unit_seconds = now if self.unit_seconds is None else (self.unit_seconds + now) / 2

    def leave(self, number: int, idle: Sequence[Tile]) -> bool:
        """Forgets a member that is waiting, pausing or in one of the `idle` tiles; whether it was
        there."""
        if self.bank.leave(number) or any([tile.leave(number) for tile in idle]):
            return True
        before = len(self.waiting)
        self.waiting = [member for member in self.waiting if member.number != number]
        return len(self.waiting) < before

    def join(self, idle: Sequence[Tile]) -> None:
        """Joins `idle` tiles that would fit into one, where nothing is waiting to fill them."""
        self.tiles = [t for t in self.tiles if t.live or t not in idle or self.entering]
        if self.entering:
            return
        by_size = sorted((tile for tile in idle if tile.live), key=lambda tile: tile.live)
        for i, small in enumerate(by_size):
            for big in by_size[i + 1 :]:
                if together(big.device, small.device) and big.free >= small.live:
                    big.move(small, list(small.members.values()))
                    self.tiles.remove(small)
                    break

    # -- out of the device and back ----------------------------------------------------------------

    def rows(self) -> dict[int, tuple[int, bool, Any]]:
        """Number of every member in training to its units, whether it pauses, and its row
        (`Tile.rows`). No tile may be running."""
        found = {
            n: (tile.units[n], False, row) for tile in self.tiles for n, row in tile.rows().items()
        }
        ready = {member.number for member in self.bank.ready}
        for n, row in self.bank.rows().items():
            found[n] = (self.bank.units(n), n not in ready, row)
        return found

    def check_row(self, member: Member, row: Any, data: Any) -> None:
        """Checks that a row (best, the state's leaves) is of this cohort's program.

        Raises:
            ValueError: if not.
        """
        shapes, _ = self.program.member_shapes(data)
        known = [jax.eval_shape(plain, shape) for shape in jax.tree.leaves(shapes)]
        found = [(np.shape(leaf), np.asarray(leaf).dtype) for leaf in row[1]]
        if [(shape.shape, shape.dtype) for shape in known] != found:
            raise ValueError(f"the state of member {member.number} is of another program")

    def fill(self, members: Sequence[tuple[Member, int, bool, Any]]) -> None:
        """Takes up members, each with what `rows` gave for it."""
        bank = self.bank
        bank.fill([m for m, *_ in members], [n for _, n, *_ in members], [r for *_, r in members])
        bank.ready += [member for member, _, pauses, _ in members if not pauses]
