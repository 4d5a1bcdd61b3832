"""Axes: what of the objective to show, and ticks that people would have chosen."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

_UP = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_WIDE_RANGE = 30.0  # the worse quartile over the best, from which losses are shown in logarithms


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """The objective's axis. `outside` of `total` values lie beyond its bad end."""

    low: float
    high: float
    log: bool
    outside: int
    total: int
    maximize: bool

    def apply(self, ax: Axes) -> None:
        """Sets the axis and its ticks."""
        if self.log:
            ax.set_yscale("log")
            log_ticks(ax.yaxis, self.low, self.high, 5)
        else:
            ax.yaxis.set_major_locator(MaxNLocator(6))
        ax.set_ylim(self.low, self.high)

    @property
    def note(self) -> str:
        """What a caption must say of it."""
        log = " The scale is logarithmic." if self.log else ""
        if not self.outside:
            return log
        where = "below" if self.maximize else "above"
        verb = "is" if self.outside == 1 else "are"
        return f"{log} {self.outside:,} of {self.total:,} values {verb} {where} what is shown."


def scale(values: np.ndarray, *, maximize: bool) -> Scale:
    """A scale for finite values, at least one.

    The bad tail is cut where it would leave the good half no room: beyond three times the distance
    from the best to the worse quartile. Positive losses that spread widely are shown in logarithms.
    """
    sign = 1.0 if maximize else -1.0
    log = not maximize and values.min() > 0
    log = bool(log and np.quantile(values, 0.75) > _WIDE_RANGE * values.min())
    found = sign * (np.log10(values) if log else values)
    best, quarter = found.max(), np.quantile(found, 0.25)
    floor = max(found.min(), best - 3.0 * (best - quarter)) if best > quarter else found.min()
    room = 0.06 * (best - floor) or 0.05 * abs(best) or 1.0
    low, high = sorted((float(sign * (floor - room)), float(sign * (best + room))))
    if log:
        low, high = 10.0**low, 10.0**high
    outside = int((found < floor).sum())
    return Scale(low=low, high=high, log=log, outside=outside, total=len(values), maximize=maximize)


def log_ticks(axis: Axis, low: float, high: float, most: int) -> None:
    """At most about `most` ticks at 1, 2, 5 times powers of ten, or at powers alone."""
    decades = math.log10(high / low)
    steps = (1,) if decades > most / 2 else (1, 3) if decades > 1.2 else (1, 2, 5)
    every = max(1, math.ceil(decades / (most - 1)))
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = [p for p in range(first, last + 1) if p % every == 0]
    ticks = [s * 10.0**p for p in powers for s in steps]
    ticks = [t for t in ticks if low * 0.99 <= t <= high * 1.01]
    if len(ticks) < 2:
        ticks = [low, high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter(powers_of_ten(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def powers_of_ten(ticks: Sequence[float]) -> list[str]:
    """As they are if all are 0.001 to 9999, else all as powers of ten, so that one axis has one way
    of writing."""
    if all(1e-3 <= abs(t) < 1e4 for t in ticks):
        return [f"{t:g}" for t in ticks]
    return [_power(t) for t in ticks]


def _power(value: float) -> str:
    if value in (1.0, 10.0):
        return f"{value:g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    head = "" if mantissa == "1" else f"{mantissa}·"
    return f"{head}10{str(int(exponent)).translate(_UP)}"


def number_ticks(axis: Axis, most: int, *, whole: bool) -> None:
    """Ticks at round numbers, at whole ones if the values are."""
    axis.set_major_locator(MaxNLocator(most, integer=whole, steps=[1, 2, 5, 10]))
    if not whole:
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{round(v, 12):g}"))


_ROOM = 30  # characters beside each other below a small drawing
_NUMBERS = re.compile(r"\(([\d.]+(?:, [\d.]+)*),?\)")


def named_ticks(ax: Axes, labels: Sequence[str]) -> None:
    """A tick for each name, below a small drawing: aslant where they would meet, upright where
    there are many, and only some where they would hide each other."""
    every = math.ceil(len(labels) / 14)
    places = range(0, len(labels), every)
    shown = [_tick(labels[i]) for i in places]
    many = len(shown) > 6
    turned: dict[str, object] = {}
    if sum(len(text) + 2 for text in shown) > _ROOM:
        turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        if many:
            turned = {"rotation": 90, "fontsize": 7}
    ax.set_xticks(places, shown, **turned)  # pyright: ignore[reportArgumentType]


def _tick(label: str) -> str:
    """A short form; (64, 32) as 64-32."""
    numbers = _NUMBERS.fullmatch(label)
    text = numbers[1].replace(", ", "-") if numbers else label
    half = 7
    text = text if len(text) <= 2 * half + 1 else f"{text[:half]}…{text[-half:]}"
    return text.replace("$", r"\$")
