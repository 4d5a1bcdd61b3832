"""Learning curves: how training went, whether it could end sooner or should go on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import PAPER, WIDE
from jaxhpo.report.marks import legend, plain
from jaxhpo.report.parts import Figure, Part, Plot, Sentence
from jaxhpo.report.scales import number_ticks, scale

TITLE = "Training"
_MOST_CURVES = 150
_MANY = 0.5  # of the elite


def parts(found: Analysis) -> Iterator[Part | None]:
    """The curves, and what is to be said of them."""
    if found.learning.units > 1:
        yield _figure(found)
    yield list(_said(found))
    yield _agreement(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    seen = found.learning
    if seen.units > 1:
        yield Sentence(
            text="The quartiles after a unit are over the trials that were trained that far: "
            f"{words.trials(seen.reached[0])} after the first, {seen.reached[-1]} after unit "
            f"{seen.units}. Late ones are of fewer, other trials.",
            evidence="/learning/reached",
        )
    yield from _early(found)


def _early(found: Analysis) -> Iterator[Sentence]:
    """Whether trials could be stopped, and whether the best would gain from more."""
    seen = found.early
    if seen.reason:
        text = f"Whether trials could be stopped early is unknown: {seen.reason}."
        yield Sentence(text=text, evidence="/early/reason")
    if seen.ahead:
        first = seen.ahead[0]
        survivors = " of those that were not stopped" if seen.stopped else ""
        yield Sentence(
            text=f"After unit {first.unit}, ranks agree with the final ones with a correlation of "
            f"{words.estimate(first.rho)}, over n = {first.n} longer complete trials{survivors}.",
            evidence="/early/ahead/0",
        )
    if seen.enough is not None:
        saved = f"; {words.percent(seen.saved)} of all units came later" if seen.saved else ""
        yield Sentence(
            text=f"From unit {seen.enough} on, the correlation stays above 0.9 for sure "
            f"(n = {seen.n} complete trials){saved}.",
            evidence="/early",
        )
    elif seen.ahead:
        yield Sentence(
            text=f"At no unit does it stay above 0.9 for sure (n = {seen.n} complete trials): "
            "stopping early may stop the best.",
            evidence="/early",
        )
    if seen.late is not None:
        yield Sentence(
            text=f"{words.percent(seen.late)} of n = {seen.n_elite} elite trials were best in the "
            "last tenth of their training"
            + (": more training may help." if seen.late >= _MANY else "."),
            evidence="/early/late",
        )
    if seen.overfit:
        yield Sentence(
            text=f"{words.percent(seen.overfit)} of n = {seen.n_elite} elite trials ended clearly "
            "worse than they had been.",
            evidence="/early/overfit",
        )


def _agreement(found: Analysis) -> Figure | None:
    """Rank correlation with the final value, unit by unit."""
    seen = found.early
    if len(seen.ahead) < 2:
        return None
    unit = [a.unit for a in seen.ahead]
    rho, low, high = (
        _floats(tuple(getattr(a.rho, field) for a in seen.ahead))
        for field in ("value", "low", "high")
    )

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        ax.fill_between(unit, low, high, color=PAPER["band"], alpha=0.45, lw=0, label="95 %")
        ax.plot(unit, rho, "o-", color=PAPER["model"], lw=2, ms=4, label="rank correlation")
        ax.axhline(0.9, color=PAPER["faint"], lw=1, ls="--")
        ax.set(xlabel="unit (epoch)", ylabel="rank correlation")
        ax.set_ylim(min(0.0, float(np.nanmin(low)) if np.isfinite(low).any() else 0.0), 1.03)
        number_ticks(ax.xaxis, 8, whole=True)
        legend(canvas, ax)

    first, last = seen.ahead[0], seen.ahead[-1]
    return Figure(
        name="early",
        title="How soon the final ranks are known",
        caption=f"Spearman's rank correlation of {found.summary.objective} after a unit with its "
        f"final value, over complete trials that trained longer: n = {first.n} after unit "
        f"{first.unit}, {last.n} after unit {last.unit}. Dashed: 0.9.",
        plots=(
            Plot(
                name="early",
                alt=f"The correlation goes from {words.strength(first.rho.value)} after unit "
                f"{first.unit} to {words.strength(last.rho.value)} after unit {last.unit}.",
                size=(WIDE, 2.9),
                draw=draw,
            ),
        ),
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

    some = "" if len(thinned) == len(rest) else f"{len(thinned)} of "
    thin = f" Thin lines: {some}the {len(rest)} other trials." if rest else ""
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
