"""Learning curves and times."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.study import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import PAPER, WIDE
from jaxhpo.report.marks import legend, plain
from jaxhpo.report.parts import Figure, Part, Plot, Sentence
from jaxhpo.report.scales import number_ticks, scale
from jaxhpo.report.words import duration

TITLE = "Training"
_MOST_CURVES = 150


def parts(found: Analysis) -> Iterator[Part | None]:
    """The curves, and what is to be said of them."""
    if found.learning.units > 1:
        yield _figure(found)
    yield list(_said(found))


def _said(found: Analysis) -> Iterator[Sentence]:
    said, seen = found.summary, found.learning
    if seen.units > 1:
        yield Sentence(
            text="The quartiles after a unit are over the trials that were trained that far: "
            f"{words.trials(seen.reached[0])} after the first, {seen.reached[-1]} after unit "
            f"{seen.units}. Late ones are of fewer, other trials.",
            evidence="/learning/reached",
        )
    if said.seconds.n:
        yield Sentence(
            text=f"A complete trial took {duration(said.seconds.median)} of its population's "
            f"time in the median (n = {said.seconds.n}, from {duration(said.seconds.low)} to "
            f"{duration(said.seconds.high)}).",
            evidence="/summary/seconds",
        )
    if said.units:
        yield Sentence(
            text=f"All {words.trials(said.trials)} together were trained for {said.units:,} units.",
            evidence="/summary/units",
        )


def _figure(found: Analysis) -> Figure | None:
    seen, said = found.learning, found.summary
    rest = [n for n in seen.curves if n not in seen.top]
    thinned = rest[:: max(1, math.ceil(len(rest) / _MOST_CURVES))]
    finite = np.array([v for curve in seen.curves.values() for v in curve if v is not None])
    if not len(finite):
        return None
    limits = scale(finite, maximize=said.maximize)

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        unit = np.arange(1, seen.units + 1)
        for place, n in enumerate(thinned):
            curve = _floats(seen.curves[n])
            label = "a trial" if place == 0 else None
            style = {"color": PAPER["explore"], "lw": 0.6, "alpha": 0.35}
            ax.plot(unit[: len(curve)], curve, label=label, **style)
        band = [_floats(q) for q in (seen.quarter, seen.median, seen.three_quarters)]
        if seen.n > 1:
            ax.fill_between(unit, band[0], band[2], color=PAPER["band"], alpha=0.35, lw=0)
            ax.plot(unit, band[1], color=PAPER["model"], lw=2, label="median, quartiles")
        for place, n in enumerate(seen.top):
            curve = _floats(seen.curves[n])
            label = f"the best {len(seen.top)}" if place == 0 else None
            ax.plot(unit[: len(curve)], curve, color=PAPER["best"], lw=1.4, label=label)
            ax.plot(len(curve), curve[-1], "o", color=PAPER["best"], ms=4)
        ax.set(xlabel="unit (epoch)", ylabel=plain(said.objective))
        ax.set_xlim(1 - 0.02 * seen.units, 1.02 * seen.units)
        limits.apply(ax)
        number_ticks(ax.xaxis, 8, whole=True)
        legend(canvas, ax)

    thin = f" Thin lines: {len(thinned)} of the {len(rest)} other trials." if rest else ""
    alt = (
        f"{said.objective} of {words.trials(seen.n)} over {seen.units} units; the median goes from "
        f"{words.number(seen.median[0])} to {words.number(seen.median[-1])}."
    )
    return Figure(
        name="learning",
        title="Learning curves",
        caption=f"{said.objective} after each unit, of {words.trials(seen.n)}, also of those that "
        f"stopped or diverged.{thin}{limits.note}",
        plots=(Plot(name="learning", alt=alt, size=(WIDE, 3.9), draw=draw),),
    )


def _floats(values: tuple[float | None, ...]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], float)
