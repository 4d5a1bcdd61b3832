"""The figures of a report: which there are, what they say, how they are drawn."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.association import Association
from jaxhpo.analysis.study import Analysis
from jaxhpo.report import panels, words
from jaxhpo.report.drawing import NARROW, PAPER, WIDE, Draw, Drawing, Picture, drawing, picture
from jaxhpo.report.panels import dots, objective_scale, plain
from jaxhpo.report.scales import number_ticks, scale

_MOST_CURVES = 150
_MOST_BARS = 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: drawings for the page, and the same as PNG files. The caption says n and which
    trials; `phases` are those of its dots, where a key must say what they are."""

    name: str
    title: str
    caption: str
    drawings: tuple[Drawing, ...]
    pictures: tuple[Picture, ...]
    phases: tuple[str, ...] = ()


def figures(found: Analysis) -> dict[str, Figure]:
    """All figures that there is something for, by name."""
    made = []
    if found.progress.number:
        made += [_progress(found), _slices(found), _associations(found)]
    if found.learning.units > 1:
        made.append(_learning(found))
    return {figure.name: figure for figure in made if figure is not None}


def _figure(name: str, title: str, caption: str, alt: str, height: float, draw: Draw) -> Figure:
    return Figure(
        name=name,
        title=title,
        caption=caption,
        drawings=(
            drawing("wide", f"{name}-w", alt, (WIDE, height), draw),
            drawing("narrow", f"{name}-n", alt, (NARROW, height), draw),
        ),
        pictures=(picture(name, alt, (WIDE, height), draw),),
    )


def _progress(found: Analysis) -> Figure:
    seen, said = found.progress, found.summary
    number, value = np.array(seen.number), np.array(seen.value)
    limits = objective_scale(found)
    average = np.array([np.nan if a is None else a for a in seen.average])
    averaged = bool(np.isfinite(average).any())

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        dots(ax, number, value, np.array(seen.phase), 12, pixels=len(value) > 3000)
        ax.step(number, seen.best, where="post", color=PAPER["best"], lw=2, label="best so far")
        if averaged:
            ax.plot(number, average, color=PAPER["ink"], lw=1.4, label=f"mean of {seen.window}")
        if seen.found is not None:
            best = seen.best[-1]
            ax.plot(seen.found, best, "*", color=PAPER["best"], ms=13, mec=PAPER["surface"])
        ax.set(xlabel="trial", ylabel=plain(said.objective))
        limits.apply(ax)
        number_ticks(ax.xaxis, 8, whole=True)
        _legend(canvas, ax)

    mean = f" Mean: of each value and the {seen.window - 1} before it." if averaged else ""
    return _figure(
        "progress",
        "The course of the search",
        f"{said.objective} of {words.trials(len(number), 'complete')} in the order of proposal; "
        f"{'higher' if said.maximize else 'lower'} is better.{mean}{limits.note}",
        f"{said.objective} of {words.trials(len(number), 'complete')} by number, and the best so "
        f"far, which ends at {words.number(seen.best[-1])}, reached by trial {seen.found}.",
        3.7,
        draw,
    )


def _legend(canvas: Canvas, ax: Axes, scaled: float = 1.8) -> None:
    handles, labels = ax.get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    columns = 5 if canvas.get_figwidth() > NARROW else 2
    canvas.legend(
        known.values(), known.keys(), loc="outside upper left", ncols=columns, markerscale=scaled
    )


def _slices(found: Analysis) -> Figure | None:
    shown = [s for s in found.slices if s.x]
    if not shown:
        return None
    said = found.summary
    conditional = [s for s in shown if s.inactive]
    names = words.listed([s.parameter for s in conditional]) if conditional else ""
    only = f" Trials in which a parameter was inactive are not in its plot: {names}."
    return Figure(
        name="slices",
        title=f"{said.objective} against each parameter",
        caption="A dot is a complete trial, a star the best; n is the number of trials in a plot. "
        "Lines and bars are medians, over at least 5 trials where values are numbers. Choices and "
        "few-valued numbers are spread sideways. All other parameters vary too, and a model does "
        f"not try all places alike.{only if conditional else ''}{objective_scale(found).note}",
        drawings=tuple(panels.drawings(found, shown)),
        pictures=tuple(panels.pictures(found, shown)),
        phases=tuple(p for p in panels.PHASES if p in found.progress.phase),
    )


def _associations(found: Analysis) -> Figure | None:
    shown = [a for a in found.associations if _strength(a) is not None]
    left_out = max(0, len(shown) - _MOST_BARS)
    shown = shown[:_MOST_BARS]
    if not shown:
        return None
    blocks = [[a for a in shown if a.measure == m] for m in ("rho", "eta")]
    blocks = [block for block in blocks if block]

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots(
            len(blocks), 1, squeeze=False, height_ratios=[len(b) + 1.2 for b in blocks]
        )
        for ax, block in zip(axes.flat, blocks, strict=True):
            _bars(ax, block, 26 if canvas.get_figwidth() > NARROW else 14)
        _legend(canvas, axes.flat[0], 1.0)

    more = f" {left_out} weaker ones are in the table only." if left_out else ""
    strengths = [f"{a.parameter} {words.strength(_strength(a))}" for a in shown]
    return _figure(
        "associations",
        f"How parameters go with {found.summary.objective}",
        "Dots: exploring trials, whose number stands beside the name; filled if the effect is "
        "clear after correction, open if it can't be told. Grey bars: where 95 % of parameters "
        "without any effect would lie. Diamonds: all complete trials, which the model chose and "
        f"which therefore only describe the search.{more}",
        "Strength of association: " + ", ".join(strengths) + ".",
        0.36 * len(shown) + 0.8 * len(blocks) + 0.6,
        draw,
    )


def _strength(a: Association) -> float | None:
    return a.independent.strength if a.q is not None else a.every.strength


def _bars(ax: Axes, block: list[Association], longest: int) -> None:
    height = 0.55
    for y, a in enumerate(reversed(block)):
        if a.chance is not None:
            left = -a.chance if a.measure == "rho" else 0.0
            ax.barh(y, a.chance - left, height, left, color=PAPER["rule"], zorder=1)
        if a.every.strength is not None:
            style = {"ms": 5, "mfc": "none", "mec": PAPER["faint"], "ls": "none", "zorder": 3}
            ax.plot(a.every.strength, y, "D", label="all trials", **style)
        if a.q is not None and a.independent.strength is not None:
            clear = a.verdict == "associated"
            ax.hlines(y, 0, a.independent.strength, color=PAPER["model"], lw=2, zorder=2)
            fill = PAPER["model"] if clear else PAPER["surface"]
            style = {"ms": 8, "color": PAPER["model"], "mfc": fill, "mew": 1.6, "ls": "none"}
            ax.plot(
                a.independent.strength,
                y,
                "o",
                label="exploring trials",
                zorder=4,
                **style,
            )
    names = [plain(f"{words.short(a.parameter, longest)}  ({_n(a)})") for a in reversed(block)]
    ax.set_yticks(range(len(block)), names)
    ax.set_ylim(-0.7, len(block) - 0.3)
    ax.axvline(0, color=PAPER["faint"], lw=1)
    signed = block[0].measure == "rho"
    ax.set_xlim(-1.03 if signed else 0, 1.03)
    ax.set_xlabel("Spearman's rho" if signed else "eta, of values without an order")
    ax.grid(visible=False, axis="y")


def _n(a: Association) -> str:
    return f"{a.independent.n if a.q is not None else a.every.n}"


def _learning(found: Analysis) -> Figure | None:
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
        _legend(canvas, ax)

    thin = f" Thin lines: {len(thinned)} of the {len(rest)} other trials." if rest else ""
    return _figure(
        "learning",
        "Learning curves",
        f"{said.objective} after each unit, of {words.trials(seen.n)}, also of those that stopped "
        f"or diverged.{thin}{limits.note}",
        f"{said.objective} of {words.trials(seen.n)} over {seen.units} units; the median goes from "
        f"{words.number(seen.median[0])} to {words.number(seen.median[-1])}.",
        3.9,
        draw,
    )


def _floats(values: tuple[float | None, ...]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], float)
