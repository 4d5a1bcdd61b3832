"""Which way each parameter goes, as a forest sees it: the mean prediction along it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from jaxhpo.analysis.direction import Direction
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import grids, words
from jaxhpo.report.drawing import PAPER
from jaxhpo.report.grids import Panel
from jaxhpo.report.parts import Column, Figure, Part, Sentence, Table
from jaxhpo.report.scales import log_ticks, named_ticks, number_ticks

TITLE = "Directions"
_BASIS = {"independent": "exploring trials", "every": "all complete trials"}
_CLEAR = ("up", "down", "inner optimum", "outer optimum", "values differ")
_SHAPES = {
    "up": "is predicted to get better with more of",
    "down": "is predicted to get better with less of",
    "inner optimum": "is predicted to be best inside of the range of",
    "outer optimum": "is predicted to be better at both ends than in the middle of",
    "values differ": "is predicted to differ between the values of",
    "flat": "is predicted to change by less than a tenth of its sd with",
}


def parts(found: Analysis) -> Iterator[Part | None]:
    """A curve for each parameter, and what 95 % of the forest's copies agree on."""
    yield _figure(found)
    yield list(_said(found))
    yield _table(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    shaped: dict[tuple[str, int], list[str]] = {}
    for d in found.directions:
        shaped.setdefault((d.shape, d.n), []).append(d.parameter)
    for (shape, n), names in shaped.items():
        if shape in _SHAPES:
            text = f"{found.summary.objective} {_SHAPES[shape]} {words.some(names)} (n = {n})."
            yield Sentence(text=text, evidence="/directions")
        elif shape == "unclear":
            yield Sentence(
                text=f"No one shape has 95 % support (n = {n}): {words.some(names)}.",
                evidence="/directions",
            )
    reasons: dict[str, list[str]] = {}
    for d in found.directions:
        if d.shape == "unknown":
            reasons.setdefault(d.reason, []).append(d.parameter)
    for reason, names in reasons.items():
        yield Sentence(text=f"Unknown for {words.some(names)}: {reason}.", evidence="/directions")
    if any(d.basis == "every" and d.shape in _SHAPES for d in found.directions):
        yield Sentence(
            text="These are predictions over all complete trials, those that the sampler chose by "
            "results too: they describe what was seen and test nothing.",
            evidence="/directions",
        )


def _figure(found: Analysis) -> Figure | None:
    shown = [d for d in found.directions if d.predicted]
    if not shown:
        return None
    shown.sort(key=lambda d: d.shape not in _CLEAR)
    panels = [_panel(found, d) for d in shown]
    clear = sum(d.shape in _CLEAR for d in shown)
    page = grids.for_page("directions", panels)
    objective = found.summary.objective
    return Figure(
        name="directions",
        title=f"Predicted {objective} along each parameter",
        caption=f"A forest's mean prediction of {objective} over settings of the other parameters "
        "(partial dependence), with 95 % bootstrap bands of the curve's form, not of its height; n "
        "trials. The axes of these plots differ.",
        plots=grids.files("directions", panels, f"Predicted {objective} along"),
        panels=page[:clear],
        folded=page[clear:],
        rest=f"{len(page) - clear} curves that are flat, or whose form is unclear",
    )


def _panel(found: Analysis, d: Direction) -> Panel:
    middle = [np.nan if p.value is None else p.value for p in d.predicted]
    pairs = [
        f"{words.number(p.value)} at {label}"
        for p, label in zip(d.predicted, d.labels or map(words.brief, d.x), strict=True)
    ]
    low = [np.nan if p.low is None else p.low for p in d.predicted]
    high = [np.nan if p.high is None else p.high for p in d.predicted]

    def draw(ax: Axes, pixels: bool) -> None:
        if d.labels:
            _bars(ax, d, middle, low, high)
        else:
            x = np.array(d.x, float)
            ax.fill_between(x, low, high, color=PAPER["band"], alpha=0.45, lw=0, label="95 %")
            ax.plot(x, middle, color=PAPER["model"], lw=2, label="prediction")
            if _is_log(found, d):
                ax.set_xscale("log")
                log_ticks(ax.xaxis, float(x.min()), float(x.max()), 4)
            else:
                number_ticks(ax.xaxis, 5, whole=all(isinstance(v, int) for v in d.x))
        ax.margins(y=0.12)

    return Panel(
        title=d.parameter,
        n=d.n,
        alt=f"Predicted {found.summary.objective} along {d.parameter}: {', '.join(pairs)}.",
        draw=draw,
        xlabel=f"form: {d.shape}",
        ylabel=found.summary.objective,
    )


def _bars(ax: Axes, d: Direction, middle: list, low: list, high: list) -> None:
    places = np.arange(len(middle))
    ax.vlines(places, low, high, color=PAPER["band"], lw=5, label="95 %")
    ax.plot(places, middle, "o", color=PAPER["model"], label="prediction")
    named_ticks(ax, d.labels)
    ax.set_xlim(-0.6, len(d.labels) - 0.4)
    ax.grid(visible=False, axis="x")


def _is_log(found: Analysis, d: Direction) -> bool:
    return any(p.name == d.parameter and p.log for p in found.parameters)


def _table(found: Analysis) -> Table:
    return Table(
        name="directions",
        folded=True,
        title="The shape of each curve, and the share of the bootstrap copies that have it",
        columns=(
            Column(name="parameter"),
            Column(name="shape"),
            Column(name="support", show=words.percent, right=True),
            Column(name="n predicted from", right=True),
            Column(name="predicted from"),
            Column(name="branch"),
            Column(name="reason"),
        ),
        rows=tuple(
            (d.parameter, d.shape, d.support, d.n, _BASIS[d.basis], d.branch, d.reason)
            for d in found.directions
        ),
    )
