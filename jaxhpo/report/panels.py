"""The objective against each parameter, a panel each."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.slices import Slice
from jaxhpo.report import grids, words
from jaxhpo.report.drawing import PAPER
from jaxhpo.report.grids import Panel
from jaxhpo.report.marks import dots, objective_scale
from jaxhpo.report.parts import Figure
from jaxhpo.report.scales import Scale, log_ticks, named_ticks, number_ticks

MOST_DOTS = 12_000  # on the page; with more of them, dots are pixels
_JITTER = 0.3  # of the distance between neighbours


def figure(found: Analysis) -> Figure | None:
    """All parameters that were active in a complete trial."""
    shown = [s for s in found.slices if s.x]
    if not shown:
        return None
    limits = objective_scale(found)
    panels = [_panel(found, one, limits) for one in shown]
    pixels = sum(len(s.x) for s in shown) > MOST_DOTS
    names = [s.parameter for s in shown if s.inactive]
    only = " Trials in which a parameter was inactive are not in its plot: "
    only = f"{only}{words.some(names)}." if names else ""
    return Figure(
        name="slices",
        title=f"{found.summary.objective} against each parameter",
        caption="A dot is a complete trial, a star the best; n is the number of trials in a plot. "
        "Lines and bars are medians, over at least 5 trials where values are numbers. Choices and "
        "few-valued numbers are spread sideways. All other parameters vary too, and a model does "
        f"not try all places alike.{only}{limits.note}",
        plots=grids.files("slices", panels, f"Scatter plots of {found.summary.objective} against"),
        panels=grids.for_page("slices", panels, pixels=pixels),
        phases=tuple(p for p in words.PHASES if p in found.progress.phase),
    )


def _panel(found: Analysis, one: Slice, limits: Scale) -> Panel:
    def draw(ax: Axes, pixels: bool) -> None:
        _draw(ax, one, limits, found, pixels=pixels)

    return Panel(
        title=one.parameter,
        n=len(one.x),
        alt=_alt(found, one),
        draw=draw,
        ylabel=found.summary.objective,
    )


def _alt(found: Analysis, one: Slice) -> str:
    middles = [m for m in one.middles if m.median is not None]
    text = f"{found.summary.objective} against {one.parameter}, {words.trials(len(one.x))}."
    if not middles:
        return text
    names = [one.labels[int(m.x)] if one.labels else f"{m.x:.3g}" for m in middles]
    pairs = [f"{words.number(m.median)} at {n}" for m, n in zip(middles, names, strict=True)]
    return f"{text} Medians: {', '.join(pairs)}."


def _draw(ax: Axes, one: Slice, limits: Scale, found: Analysis, *, pixels: bool) -> None:
    x, y = np.array(one.x), np.array(one.value)
    middles = [(m.x, m.median) for m in one.middles if m.median is not None]
    if one.kind == "number":
        _number_axis(ax, one)
        x = x + _jitter(len(x)) * (one.spacing or 0.0)
    else:
        _label_axis(ax, one)
        x = x + _jitter(len(x))
    dots(ax, x, y, np.array(one.phase), np.array(one.number), 9, pixels=pixels)
    if one.kind == "number":
        ax.plot(*zip(*middles, strict=True), color=PAPER["ink"], lw=1.6) if middles else None
    else:
        for at, median in middles:
            ax.hlines(median, at - 0.38, at + 0.38, color=PAPER["ink"], lw=2.2, zorder=3)
    best = found.chosen.row if found.chosen else None
    if best is not None and best.number in one.number:
        at = one.number.index(best.number)
        style = {"marker": "*", "ms": 13, "mec": PAPER["surface"], "mew": 0.8, "ls": "none"}
        ax.plot(x[at], y[at], color=PAPER["best"], label="best", zorder=4, **style)
    limits.apply(ax)


def _jitter(n: int) -> np.ndarray:
    """Shifts that keep dots from hiding each other, the same every time."""
    return np.random.default_rng(0).uniform(-_JITTER, _JITTER, n)


def _number_axis(ax: Axes, one: Slice) -> None:
    low, high = float(one.low or 0.0), float(one.high or 0.0)
    if one.log and high > low:
        ax.set_xscale("log")
        log_ticks(ax.xaxis, low, high, 4)
        room = (high / low) ** 0.04
        ax.set_xlim(low / room, high * room)
        return
    number_ticks(ax.xaxis, 5, whole=one.whole)
    room = 0.04 * (high - low) + _JITTER * (one.spacing or 0.0) or 0.5
    ax.set_xlim(low - room, high + room)


def _label_axis(ax: Axes, one: Slice) -> None:
    named_ticks(ax, one.labels)
    ax.set_xlim(-0.6, len(one.labels) - 0.4)
    ax.grid(visible=False, axis="x")
