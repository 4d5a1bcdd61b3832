"""What one member of a trial has done so far."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxhpo.population.member import Progress, Tick


@dataclasses.dataclass(kw_only=True)
class Run:
    """One member's training.

    Attributes:
        metrics: name to float32 [units] in the parts in which they came.
        units: how many. over, paused, diverged, error: as `Progress` has them.
        asked: how many units the scheduler has been asked about.
        seconds: time spent. finished: POSIX time of its last unit.
    """

    metrics: dict[str, list[np.ndarray]] = dataclasses.field(default_factory=dict)
    units: int = 0
    over: bool = False
    paused: bool = False
    diverged: bool = False
    error: str | None = None
    asked: int = 0
    seconds: float = 0.0
    finished: float = 0.0

    def add(self, progress: Progress, tick: Tick) -> None:
        """Takes in what a tick did to the member."""
        for name, values in progress.metrics.items():
            self.metrics.setdefault(name, []).append(values)
        self.units += progress.units
        self.over, self.paused = progress.over, progress.paused
        self.diverged, self.error = progress.diverged, progress.error
        self.seconds += progress.seconds
        self.finished = tick.started + tick.seconds

    def curve(self, name: str) -> np.ndarray:
        """float32 [units], one metric."""
        parts = self.metrics[name]
        if len(parts) > 1:
            self.metrics[name] = parts = [np.concatenate(parts)]
        return parts[0]

    def at(self, name: str, units: int) -> float:
        """A metric after so many units, or after the last there are."""
        return float(self.curve(name)[min(units, self.units) - 1])


def joined(runs: Sequence[Run], units: int | None = None) -> dict[str, np.ndarray]:
    """name to float32 [u], the mean curves over the runs, as far as all have come.

    A run that has finished before its time keeps its last value. Empty where one has not begun.

    Args:
        units: how far; None: as far as there are values of all.
    """
    if not all(run.units for run in runs):
        return {}
    if len(runs) == 1:
        return {name: runs[0].curve(name)[:units] for name in sorted(runs[0].metrics)}
    longest = max(run.units for run in runs)
    open_ends = [run.units for run in runs if not run.over]
    size = min([longest, *open_ends]) if units is None else units
    found = {}
    for name in sorted(runs[0].metrics):
        rows = []
        for run in runs:
            curve = run.curve(name)[:size]
            rows.append(np.pad(curve, (0, size - len(curve)), mode="edge"))
        found[name] = np.mean(rows, axis=0, dtype=np.float64).astype(np.float32)
    return found
