"""What drawings share: a dot a trial, legends, the objective's axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import NARROW, PAPER, trials_id
from jaxhpo.report.scales import Scale, scale


def objective_scale(found: Analysis) -> Scale:
    """The objective's axis, over all complete trials."""
    return scale(np.array(found.progress.value), maximize=found.summary.maximize)


def dots(
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    phases: np.ndarray,
    numbers: np.ndarray,
    size: float,
    *,
    pixels: bool,
) -> None:
    """One dot a trial, coloured by how the trial was chosen; the user's own are diamonds. `size` is
    that of a dot among many; of few they are larger.

    All arrays are [n]. With `pixels` the dots are a picture on the page, and no longer tell which
    trial they are.
    """
    size *= min(3.0, max(1.0, 300 / max(len(x), 1)))
    for phase, label in words.PHASES.items():
        at = phases == phase
        if at.any():
            made = ax.scatter(
                x[at],
                y[at],
                s=size,
                marker="D" if phase == "given" else "o",
                color=PAPER[phase],
                alpha=0.6,
                lw=0,
                label=label,
                gid=trials_id(numbers[at]),
            )
            made.set_rasterized(pixels)


def plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bar:
    """One row of a chart of estimates: a dot with its interval, a grey bar up to what chance alone
    gives, and a second number as a diamond with its own. An interval without an upper end is drawn
    up to the dot. sure: whether the dot is filled."""

    label: str
    estimate: Estimate
    sure: bool
    chance: float | None = None
    second: Estimate | None = None


def bars(ax: Axes, rows: Sequence[Bar], *, wide: bool, first: str, second: str = "") -> None:
    """The rows from top to bottom; `first` and `second` are what the legend calls them."""
    longest = 26 if wide else 14
    for y, row in enumerate(reversed(rows)):
        if row.chance is not None:
            ax.barh(y, row.chance, 0.55, color=PAPER["rule"], zorder=1)
        if row.second is not None and row.second.value is not None:
            style = {"ms": 5, "mfc": "none", "mec": PAPER["faint"], "ls": "none", "zorder": 3}
            ax.plot(row.second.value, y, "D", label=second, **style)
            if row.second.low is not None and row.second.high is not None:
                ends = row.second.low, row.second.high
                ax.hlines(y - 0.22, *ends, color=PAPER["faint"], lw=1, zorder=2)
        _dot(ax, y, row, first)
    ax.set_yticks(range(len(rows)), [plain(words.short(r.label, longest)) for r in reversed(rows)])
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.axvline(0, color=PAPER["faint"], lw=1)
    ax.grid(visible=False, axis="y")


def _dot(ax: Axes, y: int, row: Bar, label: str) -> None:
    found = row.estimate
    if found.value is None:
        return
    if found.low is not None:
        high = found.value if found.high is None else found.high
        ax.hlines(y, found.low, high, color=PAPER["model"], lw=2, zorder=2)
    fill = PAPER["model"] if row.sure else PAPER["surface"]
    style = {"ms": 8, "color": PAPER["model"], "mfc": fill, "mew": 1.6, "ls": "none"}
    ax.plot(found.value, y, "o", label=label, zorder=4, **style)


def is_wide(canvas: Canvas) -> bool:
    """Whether there is room for long names."""
    return canvas.get_figwidth() > NARROW


def legend(canvas: Canvas, ax: Axes, scaled: float = 1.8) -> None:
    """A legend above the drawing, every label once."""
    handles, labels = ax.get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    columns = 5 if is_wide(canvas) else 2
    canvas.legend(
        known.values(), known.keys(), loc="outside upper left", ncols=columns, markerscale=scaled
    )
