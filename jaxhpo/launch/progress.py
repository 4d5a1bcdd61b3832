"""Shows how a study goes: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from jaxhpo.study.snapshot import Snapshot

_EVERY = 5.0  # seconds between plain lines


class Plain:
    """A line every few seconds, and one at the end."""

    def __init__(self, out: TextIO, *, every: float = _EVERY) -> None:
        self._out = out
        self._every = every
        self._last: Snapshot | None = None
        self._told = time.monotonic()

    def __call__(self, snapshot: Snapshot) -> None:
        """Takes in a snapshot."""
        self._last = snapshot
        if time.monotonic() - self._told >= self._every:
            self._line()

    def close(self) -> None:
        """Shows the last snapshot."""
        if self._last is not None:
            self._line()

    def _line(self) -> None:
        self._told = time.monotonic()
        if self._last is not None:
            print(line(self._last), file=self._out, flush=True)


class Live:
    """One line that stays where it is, drawn with rich."""

    def __init__(self, console: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            BarColumn(bar_width=24), TextColumn("{task.fields[text]}"), console=console
        )
        self._task = self._progress.add_task("", total=1, text="starting")
        self._progress.start()

    def __call__(self, snapshot: Snapshot) -> None:
        """Takes in a snapshot."""
        self._progress.update(
            self._task, total=snapshot.trials, completed=snapshot.ended, text=line(snapshot)
        )

    def close(self) -> None:
        """Leaves the last state on the screen."""
        self._progress.stop()


def display(out: TextIO | None = None) -> Plain | Live:
    """What suits the stream (standard error): live on a terminal where rich is installed."""
    stream: TextIO = sys.stderr if out is None else out
    if stream.isatty():
        try:
            from rich.console import Console
        except ImportError:
            return Plain(stream)
        return Live(Console(file=stream))
    return Plain(stream)


def line(snapshot: Snapshot) -> str:
    """A snapshot as one line of text."""
    from jaxhpo.trial import Status

    counts = snapshot.counts
    parts = [f"{snapshot.ended}/{snapshot.trials} trials"]
    for status in (Status.STOPPED, Status.DIVERGED, Status.FAILED):
        if counts[status]:
            parts.append(f"{counts[status]} {status.value}")
    if snapshot.best is not None:
        value = snapshot.best.metrics[snapshot.objective]
        parts.append(f"best {snapshot.objective} {value:.5g} (trial {snapshot.best.number})")
    if snapshot.units_per_second:
        parts.append(f"{snapshot.useful:.0%} of lane-units useful")
        if snapshot.steps_per_second:
            parts.append(f"{rounded(snapshot.steps_per_second)} member-steps/s")
        else:
            parts.append(f"{rounded(snapshot.units_per_second)} units/s")
    if snapshot.ended < snapshot.trials and snapshot.remaining is not None:
        parts.append(f"{duration(snapshot.remaining)} left")
    elif snapshot.ended >= snapshot.trials:
        parts.append(f"in {duration(snapshot.elapsed)}")
    return ", ".join(parts)


def rounded(number: float) -> str:
    """A number with three digits and a thousands separator."""
    if number < 100:
        return f"{number:.3g}"
    digits = max(0, len(str(int(number))) - 3)
    return f"{round(number, -digits):,.0f}"


def duration(seconds: float) -> str:
    """Seconds in words: ``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
