"""Where the best trials lie in the range of every number."""

from __future__ import annotations

import dataclasses
import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.elites import EliteParameter
from jaxhpo.analysis.parameters import Parameter
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import PAPER, WIDE
from jaxhpo.report.marks import is_wide, legend, plain
from jaxhpo.report.parts import Figure, Plot

_MOST = 30
_THIN = 0.004  # added at both ends, so that a single value is seen


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    """One number: places in its range, from 0 to 1, and how many elite trials had it."""

    name: str
    n: int
    low: float
    high: float
    best: float | None


def figure(found: Analysis) -> Figure | None:
    """A row for every number: the range that is searched, the middle of the elite, the best."""
    rows = [row for p in found.elites.parameters if (row := _row(found, p)) is not None]
    left, rows = max(0, len(rows) - _MOST), rows[:_MOST]
    if not rows:
        return None

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        for y, p in enumerate(reversed(rows)):
            _drawn(ax, y, p)
        longest = 26 if is_wide(canvas) else 14
        names = [plain(f"{words.short(p.name, longest)}  ({p.n})") for p in reversed(rows)]
        ax.set_yticks(range(len(rows)), names)
        ax.set_ylim(-0.7, len(rows) - 0.3)
        ax.set_xlim(-0.03, 1.03)
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["lower", "25 %", "50 %", "75 %", "upper"])
        ax.grid(visible=False, axis="y")
        scale = ", on the scale that is searched" if is_wide(canvas) else ""
        ax.set_xlabel(f"from the lower bound to the upper{scale}")
        legend(canvas, ax, 1.0)

    more = f" {left} more are in the table only." if left else ""
    ends = ", ".join(f"{p.name} {words.percent(p.low)} to {words.percent(p.high)}" for p in rows)
    size = (WIDE, 0.34 * len(rows) + 1.3)
    return Figure(
        name="elites",
        title="Where the elite lie",
        caption="Bars: from the 5th to the 95th percentile of the elite, whose number stands "
        f"beside the name, of n = {found.elites.n} complete trials. What a sampler proposed most "
        f"is there most: a narrow bar alone is no reason to narrow the range.{more}",
        plots=(Plot(name="elites", alt=f"The elite lie at: {ends}.", size=size, draw=draw),),
    )


def _row(found: Analysis, one: EliteParameter) -> _Row | None:
    domain = next(p for p in found.parameters if p.name == one.parameter)
    ends = one.range
    if ends is None or ends.five is None or ends.ninety_five is None:
        return None
    best = found.chosen.row.config.get(one.parameter) if found.chosen else None
    return _Row(
        name=one.parameter,
        n=one.elite,
        low=_place(ends.five, domain),
        high=_place(ends.ninety_five, domain),
        best=None if best is None else _place(best, domain),
    )


def _place(value: float, domain: Parameter) -> float:
    """0 at the lower bound, 1 at the upper, on the scale that is searched."""
    low, high = float(domain.low or 0.0), float(domain.high or 0.0)
    if high <= low:
        return 0.5
    if domain.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _drawn(ax: Axes, y: int, p: _Row) -> None:
    ax.hlines(y, 0, 1, color=PAPER["rule"], lw=7, label="searched")
    low, high = p.low - _THIN, p.high + _THIN
    ax.hlines(y, low, high, color=PAPER["model"], lw=7, label="elite, 5 to 95 %")
    if p.best is not None:
        style = {"ms": 11, "mec": PAPER["surface"], "mew": 0.8, "ls": "none"}
        ax.plot(p.best, y, "*", color=PAPER["best"], label="best", zorder=4, **style)
