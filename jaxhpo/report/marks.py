"""What drawings share: a dot a trial, legends, the objective's axis."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.study import Analysis
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
    """One dot a trial, coloured by how the trial was chosen; the user's own are diamonds.

    All arrays are [n]. With `pixels` the dots are a picture on the page, and no longer tell which
    trial they are.
    """
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


def legend(canvas: Canvas, ax: Axes, scaled: float = 1.8) -> None:
    """A legend above the drawing, every label once."""
    handles, labels = ax.get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    columns = 5 if canvas.get_figwidth() > NARROW else 2
    canvas.legend(
        known.values(), known.keys(), loc="outside upper left", ncols=columns, markerscale=scaled
    )
