"""Small drawings of one kind: side by side on the page, nine to a picture in files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from jaxhpo.report import words
from jaxhpo.report.drawing import PANEL, PAPER, WIDE, Draw
from jaxhpo.report.marks import plain
from jaxhpo.report.parts import Plot

COLUMNS = 3
PER_PICTURE = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """One small drawing: its title, how many trials it is from, what it shows in words, how it is
    drawn (`pixels`: whether dots should be a picture). The labels of its axes may be empty. headed:
    whether the title stands above it, which it need not where the axes say the same. said: what
    stands beside n, in a word or two."""

    title: str
    n: int
    alt: str
    draw: Callable[[Axes, bool], None]
    xlabel: str = ""
    ylabel: str = ""
    headed: bool = True
    said: str = ""


def files(name: str, shown: Sequence[Panel], alt: str) -> tuple[Plot, ...]:
    """As pictures; `alt` is what they show, before the panels' titles."""
    return tuple(_files(name, shown, alt))


def _files(name: str, shown: Sequence[Panel], alt: str) -> Iterator[Plot]:
    pages = [shown[i : i + PER_PICTURE] for i in range(0, len(shown), PER_PICTURE)]
    for place, page in enumerate(pages):
        columns, rows = min(COLUMNS, len(page)), math.ceil(len(page) / COLUMNS)
        labelled = 0.2 if any(p.xlabel for p in page) else 0.0
        yield Plot(
            name=name if len(pages) == 1 else f"{name}{place + 1}",
            alt=f"{alt} {words.listed([p.title for p in page])}.",
            size=(WIDE if columns > 1 else WIDE / 2, (2.45 + labelled) * rows + 0.4),
            draw=_grid(page, rows, columns),
        )


def for_page(name: str, shown: Sequence[Panel], *, pixels: bool = False) -> tuple[Plot, ...]:
    """As single drawings; with `pixels` dots are a picture."""

    def single(one: Panel) -> Draw:
        def draw(canvas: Canvas) -> None:
            _draw(canvas.subplots(), one, pixels)

        return draw

    size = (PANEL, 2.5 if any(p.xlabel for p in shown) else 2.3)
    return tuple(
        Plot(name=f"{name}-p{i}", alt=one.alt, size=size, draw=single(one))
        for i, one in enumerate(shown)
    )


def _draw(ax: Axes, one: Panel, pixels: bool) -> None:
    one.draw(ax, pixels)
    n = f"{one.said} · n = {one.n}" if one.said else f"n = {one.n}"
    if one.headed:
        ax.set_title(plain(words.short(one.title, 34 - len(n))))
    ax.set_title(n, loc="right", weight="normal", size=9, color=PAPER["faint"])
    ax.set_xlabel(plain(words.short(one.xlabel, 34)), fontsize=9)
    ax.set_ylabel(plain(words.short(one.ylabel, 26)), fontsize=9)


def _grid(page: Sequence[Panel], rows: int, columns: int) -> Draw:
    def draw(canvas: Canvas) -> None:
        grid = canvas.subplots(rows, columns, squeeze=False)
        for ax, one in zip(grid.flat, page, strict=False):
            _draw(ax, one, False)
        for ax in grid.flat[len(page) :]:
            ax.set_visible(False)
        known = {
            label: handle
            for ax in grid.flat
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
        }
        if known:
            canvas.legend(known.values(), known.keys(), loc="outside upper left", ncols=5)

    return draw
