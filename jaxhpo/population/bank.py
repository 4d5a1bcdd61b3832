"""Members of a cohort that have paused: their lanes are kept in tiles that nobody trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jaxhpo.population.member import Member
from jaxhpo.population.tile import Tile


class Bank:
    """Paused members, and which of them may go on.

    Attributes:
        ready: those that may, in the order in which they are to enter lanes.
    """

    def __init__(self, new_tile: Callable[[], Tile]) -> None:
        self.ready: list[Member] = []
        self._new = new_tile
        self._tiles: list[Tile] = []

    def __contains__(self, number: int) -> bool:
        return any(number in tile.members for tile in self._tiles)

    @property
    def live(self) -> int:
        """How many members there are."""
        return sum(tile.live for tile in self._tiles)

    def park(self, tile: Tile, members: Sequence[Member]) -> None:
        """Moves members out of a tile that is not running."""
        while members:
            home = self._home()
            part, members = members[: home.free], members[home.free :]
            home.move(tile, part)

    def go_on(self, changes: Sequence[tuple[int, Member]]) -> None:
        """Lets members go on, each from its own state or from a copy of another's.

        Args:
            changes: (whose state, the member as it is to be from now on).
        """
        copies: list[tuple[Tile, int, Member]] = []
        for origin, member in changes:
            tile = self._tile_of(origin)
            if origin == member.number:
                tile.members[origin] = member
            else:
                copies.append((tile, origin, member))
        homes: list[Tile] = []  # tiles of their own, so that nothing that is copied is overwritten
        for tile, origin, member in copies:
            if not homes or not homes[-1].free:
                homes.append(self._new())
            homes[-1].take(tile, [(origin, member)])
        for _, _, member in copies:
            self._tile_of(member.number).leave(member.number)
        self._tiles += homes
        self._tidy()
        self.ready += [member for _, member in changes]

    def enter(self, tile: Tile) -> None:
        """Moves as many of those that are ready into free lanes of `tile` as there are lanes."""
        entering, self.ready = self.ready[: tile.free], self.ready[tile.free :]
        for home in self._tiles:
            here = [member for member in entering if member.number in home.members]
            if here:
                tile.move(home, here)
        self._tidy()

    def leave(self, number: int) -> bool:
        """Forgets a member; whether it was here."""
        self.ready = [member for member in self.ready if member.number != number]
        found = any([tile.leave(number) for tile in self._tiles])
        self._tidy()
        return found

    # -- out of the device and back ----------------------------------------------------------------

    def rows(self) -> dict[int, Any]:
        """Number to what `Tile.rows` gives."""
        return {n: row for tile in self._tiles for n, row in tile.rows().items()}

    def units(self, number: int) -> int:
        """How many units a member has trained."""
        return self._tile_of(number).units[number]

    def fill(self, members: Sequence[Member], units: Sequence[int], rows: Sequence[Any]) -> None:
        """Puts in members with the rows of another time."""
        width = self._new().program.width
        for start in range(0, len(members), width):
            part = slice(start, start + width)
            tile = self._new()
            tile.fill(members[part], units[part], rows[part])
            self._tiles.append(tile)

    def _home(self) -> Tile:
        for tile in self._tiles:
            if tile.free:
                return tile
        self._tiles.append(self._new())
        return self._tiles[-1]

    def _tile_of(self, number: int) -> Tile:
        return next(tile for tile in self._tiles if number in tile.members)

    def _tidy(self) -> None:
        self._tiles = [tile for tile in self._tiles if tile.live]
