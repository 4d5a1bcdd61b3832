"""How fast a run of a study is, and how much of its lanes' time was of use."""

from __future__ import annotations

import time

from jaxhpo.population.member import Tick


class Throughput:
    """Adds up ticks since it was made. Rates leave out the time before the first tick ended."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: float | None = None
        self._lane_units = self._useful_units = 0
        self._counted_units = self._counted_steps = 0.0

    def add(self, tick: Tick, cut: int = 0) -> None:
        """Counts a tick, of whose useful lane-units `cut` are not recorded."""
        self._lane_units += tick.lane_units
        self._useful_units += tick.useful - cut
        if self._first is None:
            self._first = time.monotonic()  # what comes before is mostly compilation
        else:
            self._counted_units += tick.useful
            self._counted_steps += tick.steps

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    @property
    def useful(self) -> float:
        """The share of lane-units that trained a live trial, in 0 to 1."""
        return self._useful_units / self._lane_units if self._lane_units else 0.0

    @property
    def units(self) -> float:
        """Units of live trials a second, 0 while unknown."""
        return self._rate(self._counted_units)

    @property
    def steps(self) -> float:
        """Optimizer steps of live trials a second, 0 while unknown."""
        return self._rate(self._counted_steps)

    def _rate(self, count: float) -> float:
        if self._first is None or not count:
            return 0.0
        return count / max(time.monotonic() - self._first, 1e-9)
