"""Shows how a study goes: two live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from jaxhpo.study.snapshot import Snapshot

_SOONEST, _LATEST = 5.0, 60.0  # seconds between plain lines
_SHARE = 0.05  # of the time that has gone by: a long run is not told of every five seconds
_BAR = 20  # columns


class Plain:
    """A line every few seconds, in a long run every minute, and one at the end."""

    def __init__(self, out: TextIO, *, every: float | None = None) -> None:
        self._out = out
        self._every = every
        self._began = self._told = time.monotonic()
        self._last: Snapshot | None = None
        self._shown: Snapshot | None = None
        self._picked = 0

    def __call__(self, snapshot: Snapshot) -> None:
        """Takes in a snapshot."""
        self._last = snapshot
        for said in picked(snapshot)[self._picked :]:
            self._picked += 1
            print(said, file=self._out, flush=True)
        now = time.monotonic()
        wait = pause(now - self._began) if self._every is None else self._every
        if now - self._told >= wait:
            self._told = now
            self._line()

    def say(self, text: str) -> None:
        """Shows a note. May be called by a signal handler, so it goes past Python's buffers: where
        the signal comes in the middle of a print, another one would be an error."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self._out.fileno(), f"\n{text}\n".encode())

    def close(self) -> None:
        """Shows the last snapshot, if it has not been shown."""
        self._line()

    def _line(self) -> None:
        if self._last is not None and self._last is not self._shown:
            self._shown = self._last
            print(line(self._last), file=self._out, flush=True)


class Live:
    """Two lines that stay where they are, drawn with rich a few times a second.

    What is printed meanwhile appears above them.
    """

    def __init__(self, console: Any) -> None:
        from rich.live import Live as Drawn

        self._began = time.monotonic()
        self._last: Snapshot | None = None
        self._picked = 0
        self._note = ""
        self._drawn = Drawn(
            get_renderable=self._now, console=console, redirect_stdout=sys.stdout.isatty()
        )
        self._drawn.start(refresh=True)

    def __call__(self, snapshot: Snapshot) -> None:
        """Takes in a snapshot."""
        self._last = snapshot
        for said in picked(snapshot)[self._picked :]:
            self._picked += 1
            self._drawn.console.print(said, highlight=False, markup=False)

    def say(self, text: str) -> None:
        """Shows a note below. May be called by a signal handler: it only keeps the text."""
        self._note = text

    def close(self) -> None:
        """Leaves the last state on the screen."""
        self._drawn.stop()

    def _now(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        snapshot, elapsed = self._last, time.monotonic() - self._began
        if snapshot is None:
            return Text(self._note or f"starting, {duration(elapsed)}")
        top = Table.grid(padding=(0, 1))
        top.add_column(width=_BAR)
        top.add_column()
        bar = ProgressBar(total=snapshot.trials, completed=snapshot.ended, width=_BAR)
        top.add_row(bar, ", ".join([*_counts(snapshot), *_time(snapshot, elapsed)]))
        below = (", ".join([*_best(snapshot), *_speed(snapshot)]), self._note)
        return Group(top, *(Text(text) for text in below if text))


class Silent:
    """Shows notes only."""

    def __init__(self, out: TextIO) -> None:
        self.say = Plain(out).say

    def __call__(self, snapshot: Snapshot) -> None:
        """Takes in a snapshot."""

    def close(self) -> None:
        """Has nothing left to show."""


def display(how: str = "auto", out: TextIO | None = None) -> Plain | Live | Silent:
    """What suits the stream (standard error), or what is asked for.

    Args:
        how: "live", "plain", "none", or "auto": live on a terminal where rich is installed.

    Raises:
        ImportError: if live lines are asked for, and rich is not installed.
    """
    stream: TextIO = sys.stderr if out is None else out
    if how == "none":
        return Silent(stream)
    if how == "live":
        try:
            from rich.console import Console
        except ImportError as error:
            raise ImportError(
                f'--progress=live: {error}; it needs: pip install "jaxhpo[report]"'
            ) from error
        return Live(Console(file=stream, force_terminal=True))
    if how == "auto" and stream.isatty():
        try:
            from rich.console import Console
        except ImportError:
            return Plain(stream)
        console = Console(file=stream)
        if console.is_terminal and not console.is_dumb_terminal:
            return Live(console)
    return Plain(stream)


def pause(elapsed: float) -> float:
    """Seconds from one plain line to the next, so long after the start."""
    return min(_LATEST, max(_SOONEST, _SHARE * elapsed))


def line(snapshot: Snapshot) -> str:
    """A snapshot as one line of text."""
    parts = [
        *_counts(snapshot),
        *_best(snapshot),
        *_speed(snapshot),
        *_time(snapshot, snapshot.elapsed),
    ]
    return ", ".join(parts)


def picked(snapshot: Snapshot) -> list[str]:
    """A line for each sampler that one that picks among several has used."""
    return [f"from trial {first} on, {said}" for first, said in snapshot.picked]


def _counts(snapshot: Snapshot) -> list[str]:
    from jaxhpo.trial import Status

    parts = [f"{snapshot.ended}/{snapshot.trials} trials"]
    for status in (Status.STOPPED, Status.DIVERGED, Status.FAILED):
        if snapshot.counts[status]:
            parts.append(f"{snapshot.counts[status]} {status.value}")
    return parts


def _best(snapshot: Snapshot) -> list[str]:
    best, parts = snapshot.best, []
    if snapshot.feasible is not None:
        parts.append(f"{snapshot.feasible} feasible")
    if snapshot.front is not None:
        parts.append(f"front of {snapshot.front}")
    if best is not None:
        value = best.metrics[snapshot.objective]
        parts.append(f"best {snapshot.objective} {value:.5g} (trial {best.number})")
    return parts


def _speed(snapshot: Snapshot) -> list[str]:
    if not snapshot.units_per_second:
        return []
    rate = f"{rounded(snapshot.units_per_second)} units/s"
    if snapshot.steps_per_second:
        rate = f"{rounded(snapshot.steps_per_second)} member-steps/s"
    return [f"{snapshot.useful:.0%} of lane-units useful", rate]


def _time(snapshot: Snapshot, elapsed: float) -> list[str]:
    if snapshot.ended >= snapshot.trials:
        return [f"in {duration(snapshot.elapsed)}"]
    if not snapshot.units_per_second:
        return [f"compiling, {duration(elapsed)}"]
    return [] if snapshot.remaining is None else [f"{duration(snapshot.remaining)} left"]


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
