"""The figures of a report, drawn once for the page (SVG in the page's own colours) and for files.

For the page, colours are written as tokens that the page's style sheet gives a value, so that one
drawing serves light and dark. No figure uses matplotlib's global state.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from jaxhpo.analysis.slices import Slice
from jaxhpo.analysis.study import Analysis

# What the drawing is made of, on paper. The page has its own values for dark and light; each is a
# colour that nothing else has, so that it can be found in the SVG.
PAPER = {
    "ink": "#1f2430",
    "faint": "#8b93a1",
    "rule": "#dfe3ea",
    "explore": "#7b8496",
    "model": "#0b74b8",
    "best": "#d1570c",
    "band": "#9cc7e4",
    "surface": "#fefefe",
}
_COLUMNS = 3
_PAGE = 9  # slices a figure
_MOST_CURVES = 150
_MOST_MARKS = 3000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure: `name` is its file's, `alt` says in words what it shows, `svg` is for the page."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    png: bytes


def figures(found: Analysis) -> list[Figure]:
    """All figures that there is something for."""
    made = []
    if found.progress.number:
        made.append(_progress(found))
        active = [s for s in found.slices if s.x]
        pages = [active[i : i + _PAGE] for i in range(0, len(active), _PAGE)]
        made += [_slices(found, page, i, len(pages)) for i, page in enumerate(pages)]
        if any(a.strength is not None for a in found.associations):
            made.append(_associations(found))
    if found.learning.units > 1:
        made.append(_learning(found))
    return made


def _drawn(
    name: str, title: str, caption: str, alt: str, size: tuple[float, float], draw: Callable
) -> Figure:
    """Draws twice: SVG with text as text, and PNG."""
    style: Mapping = {
        "font.family": "sans-serif",
        "font.size": 10,
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.color": PAPER["ink"],
        "axes.labelcolor": PAPER["ink"],
        "axes.edgecolor": PAPER["rule"],
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": PAPER["rule"],
        "grid.linewidth": 0.8,
        "xtick.color": PAPER["faint"],
        "ytick.color": PAPER["faint"],
        "xtick.labelcolor": PAPER["ink"],
        "ytick.labelcolor": PAPER["ink"],
        "legend.frameon": False,
        "legend.fontsize": 9,
    }
    with matplotlib.rc_context(style):
        canvas = Canvas(figsize=size, layout="constrained")
        draw(canvas)
        svg, png = io.StringIO(), io.BytesIO()
        canvas.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
        canvas.savefig(png, format="png", dpi=160, facecolor="white", metadata={"Software": None})
    text = svg.getvalue()
    return Figure(
        name=name,
        title=title,
        caption=caption,
        alt=alt,
        svg=text[text.index("<svg") :],
        png=png.getvalue(),
    )


def _range(values: np.ndarray, maximize: bool) -> tuple[float, float, int]:
    """What of the objective's axis to show, and how many values lie outside on the bad side.

    The bad tail is cut where it would leave the good half no room: beyond three times the distance
    from the best to the worse quartile.
    """
    sign = 1.0 if maximize else -1.0
    found = sign * values
    best, quarter = found.max(), np.quantile(found, 0.25)
    floor = max(found.min(), best - 3.0 * max(best - quarter, 1e-12))
    outside = int((found < floor).sum())
    room = 0.05 * max(best - floor, 1e-12)
    low, high = sorted((sign * (floor - room), sign * (best + room)))
    return float(low), float(high), outside


def _outside(count: int, total: int, maximize: bool) -> str:
    if not count:
        return ""
    return f" {count} of {total} values are {'below' if maximize else 'above'} what is shown."


def _progress(found: Analysis) -> Figure:
    seen, said = found.progress, found.summary
    number, value = np.array(seen.number), np.array(seen.value)
    low, high, outside = _range(value, said.maximize)
    model = np.array(seen.phase) == "model"

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        _dots(ax, number, value, model)
        ax.step(number, seen.best, where="post", color=PAPER["best"], lw=2, label="best so far")
        average = np.array([np.nan if a is None else a for a in seen.average])
        if np.isfinite(average).any():
            label = f"average of {seen.window}"
            ax.plot(number, average, color=PAPER["ink"], lw=1.4, label=label)
        ax.set(xlabel="trial", ylabel=said.objective, ylim=(low, high))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        canvas.legend(loc="outside upper left", ncols=4)

    return _drawn(
        "progress",
        "The course of the search",
        f"{said.objective} of {len(number)} complete trials in the order of proposal."
        + _outside(outside, len(number), said.maximize),
        f"Dots for {len(number)} trials, a line of the best so far that ends at "
        f"{seen.best[-1]:.5g}, and a moving average.",
        (8.2, 3.7),
        draw,
    )


def _dots(ax: Axes, x: np.ndarray, y: np.ndarray, model: np.ndarray, size: float = 11) -> None:
    for mask, colour, label in (
        (~model, PAPER["explore"], "exploring"),
        (model, PAPER["model"], "proposed by the model"),
    ):
        if mask.any():
            dots = ax.scatter(x[mask], y[mask], s=size, color=colour, alpha=0.55, lw=0, label=label)
            dots.set_rasterized(len(x) > _MOST_MARKS)


def _slices(found: Analysis, page: list[Slice], place: int, pages: int) -> Figure:
    said = found.summary
    values = np.concatenate([np.array(s.value) for s in page])
    low, high, outside = _range(np.array(found.progress.value), said.maximize)
    rows = math.ceil(len(page) / _COLUMNS)
    columns = min(_COLUMNS, len(page))

    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(rows, columns, squeeze=False, sharey=True)
        for ax, one in zip(grid.flat, page, strict=False):
            _one_slice(ax, one)
            ax.set_ylim(low, high)
            best = said.best
            if best is not None and best.number in one.number:
                at = one.number.index(best.number)
                ax.plot(
                    one.x[at], one.value[at], marker="*", ms=12, color=PAPER["best"], mec="none"
                )
        for ax in grid.flat[len(page) :]:
            ax.set_visible(False)
        for ax in grid[:, 0]:
            ax.set_ylabel(said.objective)

    which = f" ({place + 1} of {pages})" if pages > 1 else ""
    gaps = "".join(
        f" {s.parameter} was inactive in {s.inactive} trials, which are not shown."
        for s in page
        if s.inactive
    )
    return _drawn(
        f"slices{place + 1 if pages > 1 else ''}",
        f"{said.objective} against each parameter{which}",
        f"Each dot is a complete trial ({len(values) // len(page)} a panel on average); "
        "grey: exploring, blue: proposed by the model, star: the best; bars: medians. Other "
        f"parameters vary too.{gaps}" + _outside(outside, len(found.progress.value), said.maximize),
        f"Scatter plots of {said.objective} against " + ", ".join(s.parameter for s in page) + ".",
        (8.2 if columns > 1 else 4.5, 2.5 * rows + 0.2),
        draw,
    )


def _one_slice(ax: Axes, one: Slice) -> None:
    x, y = np.array(one.x), np.array(one.value)
    model = np.array(one.phase) == "model"
    if one.kind == "number":
        if one.log:
            ax.set_xscale("log")
            _log_ticks(ax, float(one.low or x.min()), float(one.high or x.max()))
        elif one.whole:
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        else:
            ax.xaxis.set_major_locator(MaxNLocator(5))
    else:
        spread = np.random.default_rng(0).uniform(-0.28, 0.28, len(x))  # so that dots don't hide
        for i, middle in enumerate(one.medians):
            if middle is not None:
                ax.hlines(middle, i - 0.36, i + 0.36, color=PAPER["ink"], lw=2, zorder=3)
        x = x + spread
        shown = [text if len(text) <= 14 else text[:13] + "…" for text in one.labels]
        crowded = sum(map(len, shown)) > 24
        ax.set_xticks(range(len(shown)), [_plain(s) for s in shown], rotation=30 * crowded)
        ax.set_xlim(-0.6, len(shown) - 0.4)
        ax.grid(visible=False, axis="x")
    _dots(ax, x, y, model, size=9)
    ax.set_title(_plain(one.parameter if len(one.parameter) < 34 else one.parameter[:32] + "…"))


def _log_ticks(ax: Axes, low: float, high: float) -> None:
    """A few ticks at 1, 2, 5 times powers of ten, in plain numbers where these are short."""
    decades = math.log10(high / low)
    steps = (1,) if decades > 2.5 else (1, 3) if decades > 1.2 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [s * 10.0**p for p in powers for s in steps if low * 0.99 <= s * 10.0**p <= high * 1.01]
    ax.xaxis.set_major_locator(FixedLocator(ticks or [low, high]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _associations(found: Analysis) -> Figure:
    shown = [a for a in found.associations if a.strength is not None][:30][::-1]

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        for y, a in enumerate(shown):
            clear = a.verdict == "associated"
            colour = PAPER["model"] if clear else PAPER["explore"]
            strength = a.strength or 0.0
            ax.hlines(y, 0, strength, color=colour, lw=2)
            ax.plot(strength, y, "o", color=colour, ms=7, mfc=colour if clear else PAPER["surface"])
        names = [_plain(f"{a.parameter}  (n = {a.n})") for a in shown]
        ax.set_yticks(range(len(shown)), names)
        ax.set_ylim(-0.6, len(shown) - 0.4)
        ax.axvline(0, color=PAPER["faint"], lw=1)
        ax.set_xlim(-1, 1)
        ax.set_xlabel("Spearman's rho (categories: epsilon squared) over all complete trials")
        ax.grid(visible=False, axis="y")

    return _drawn(
        "associations",
        f"How parameters go with {found.summary.objective}",
        "Descriptive where trials were proposed by a model. Filled: also clear in the exploring "
        "trials alone, corrected for the number of parameters. Open: not identifiable, or not "
        "tested.",
        "Strength of association: "
        + ", ".join(f"{a.parameter} {a.strength:+.2f}" for a in reversed(shown))
        + ".",
        (8.2, 0.34 * len(shown) + 1.2),
        draw,
    )


def _learning(found: Analysis) -> Figure:
    seen, said = found.learning, found.summary
    rest = [n for n in seen.curves if n not in seen.top]
    every = math.ceil(len(rest) / _MOST_CURVES)
    thinned = rest[:: max(1, every)]
    finite = np.array([v for c in seen.curves.values() for v in c if v is not None])
    low, high, outside = _range(finite, said.maximize)

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        unit = np.arange(1, seen.units + 1)
        for n in thinned:
            curve = _floats(seen.curves[n])
            ax.plot(unit[: len(curve)], curve, color=PAPER["explore"], lw=0.6, alpha=0.3)
        band = [_floats(q) for q in (seen.quarter, seen.median, seen.three_quarters)]
        ax.fill_between(unit, band[0], band[2], color=PAPER["band"], alpha=0.35, lw=0)
        ax.plot(unit, band[1], color=PAPER["model"], lw=2, label="median and quartiles")
        for i, n in enumerate(seen.top):
            curve = _floats(seen.curves[n])
            label = f"the best {len(seen.top)}" if i == 0 else None
            ax.plot(unit[: len(curve)], curve, color=PAPER["best"], lw=1.4, alpha=0.9, label=label)
        ax.set(xlabel="unit (epoch)", ylabel=said.objective, ylim=(low, high))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        canvas.legend(loc="outside upper left", ncols=3)

    thin = f" Thin lines: {len(thinned)} of {len(rest)} others." if rest else ""
    return _drawn(
        "learning",
        "Learning curves",
        f"{said.objective} after each unit, of {seen.n} trials.{thin} The median after a unit is "
        f"over the trials that were trained so far: {seen.reached[0]} at first, "
        f"{seen.reached[-1]} at the end." + _outside(outside, len(finite), said.maximize),
        f"Learning curves of {seen.n} trials over {seen.units} units.",
        (8.2, 3.7),
        draw,
    )


def _floats(values: tuple[float | None, ...]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values])


def _plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")
