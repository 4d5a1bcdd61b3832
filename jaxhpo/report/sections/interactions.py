"""Which parameters do together what neither does alone, as a forest sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from jaxhpo.analysis.interactions import Contour, Interactions, Pair
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import grids, words
from jaxhpo.report.grids import Panel
from jaxhpo.report.marks import plain
from jaxhpo.report.parts import Column, Figure, Part, Sentence, Table

TITLE = "Interactions"
_SHADES = LinearSegmentedColormap.from_list("shades", ["#dbe9f4", "#6aa5cf", "#123e63"])


def parts(found: Analysis) -> Iterator[Part | None]:
    """Maps of the strongest pairs, what can be told of them, all pairs, the maps' numbers."""
    yield list(_said(found))
    yield _figure(found)
    yield _table(found)
    for place, (one, pair, contour) in enumerate(_maps(found), start=1):
        yield _numbers(found, f"contour{place}", one, pair, contour)


def _maps(found: Analysis) -> list[tuple[Interactions, Pair, Contour]]:
    return [
        (one, pair, pair.contour)
        for one in found.interactions
        for pair in one.pairs
        if pair.contour is not None
    ]


def _said(found: Analysis) -> Iterator[Sentence]:
    few = [f"{one.branch} ({one.reason})" for one in found.interactions if one.reason]
    if few:
        text = f"Interactions can't be told from {words.listed(few)}."
        yield Sentence(text=text, evidence="/interactions")
    for i, one in enumerate(found.interactions):
        where = f"{one.branch}, n = {one.n}"
        if one.reason:
            continue
        for j, pair in enumerate(one.pairs):
            if pair.verdict == "interacting":
                yield Sentence(text=_clear(pair, one), evidence=f"/interactions/{i}/pairs/{j}")
        if not one.pairs:
            continue
        first = one.pairs[0]
        if first.verdict == "descriptive":
            yield Sentence(
                text=f"{words.listed(list(first.parameters))} have the largest share that neither "
                f"explains alone, {words.strength(first.index)} ({where}). The sampler chose most "
                "of these trials by results, so this can't be tested.",
                evidence=f"/interactions/{i}/pairs/0",
            )
        elif not any(p.verdict == "interacting" for p in one.pairs):
            yield Sentence(
                text=f"No pair of parameters does more together than chance gives ({where}).",
                evidence=f"/interactions/{i}/pairs",
            )


def _clear(pair: Pair, one: Interactions) -> str:
    return (
        f"{words.listed(list(pair.parameters))} interact: together they explain "
        f"{words.strength(pair.index)} of the forest's variance that neither does alone; p = "
        f"{words.chance(pair.p)}, corrected, n = {one.n}."
    )


def _figure(found: Analysis) -> Figure | None:
    maps = _maps(found)
    if not maps:
        return None
    panels = [_panel(found, one, pair, contour) for one, pair, contour in maps]
    objective = found.summary.objective
    better = "higher" if found.summary.maximize else "lower"
    return Figure(
        name="interactions",
        title=f"Predicted {objective} over two parameters",
        caption=f"A forest's mean prediction of {objective}; {better} is better. Left blank where "
        "no trial is near. Ticks are the values that were asked for, not to scale. As numbers: "
        f"tables/contour1.csv{f' to contour{len(maps)}.csv' if len(maps) > 1 else ''}.",
        plots=grids.files("interactions", panels, f"Maps of predicted {objective} over"),
        panels=grids.for_page("interactions", panels),
    )


def _panel(found: Analysis, one: Interactions, pair: Pair, contour: Contour) -> Panel:
    value = np.array(contour.value, float)
    shown = np.ma.masked_where(np.array(contour.seen) == 0, value)
    first, second = pair.parameters
    low, high = (words.number(f(shown)) for f in (np.min, np.max)) if shown.count() else ("", "")

    def draw(ax: Axes, pixels: bool) -> None:
        drawn = ax.pcolormesh(shown, cmap=_SHADES, rasterized=True)
        _ticks(ax, "x", contour.x)
        _ticks(ax, "y", contour.y)
        ax.grid(visible=False)
        bar = ax.figure.colorbar(drawn, ax=ax, aspect=30)
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]  of matplotlib's spines
        bar.ax.tick_params(labelsize=8)

    return Panel(
        title=f"{first}, {second}",
        n=one.n,
        alt=f"Map of predicted {found.summary.objective} over {first} and {second}, from {low} to "
        f"{high} where there are trials.",
        draw=draw,
        xlabel=first,
        ylabel=second,
        headed=False,
        said="" if one.branch == "all trials" else words.short(one.branch, 26),
    )


def _ticks(ax: Axes, axis: str, values: tuple[Any, ...]) -> None:
    between = 2 if axis == "x" and len(values) > 4 else 3  # numbers beside each other are wide
    every = max(1, (len(values) - 1) // between)
    places = np.arange(0, len(values), every)
    texts = [plain(words.short(_rough(values[i]), 11)) for i in places]
    (ax.set_xticks if axis == "x" else ax.set_yticks)(places + 0.5, texts, fontsize=8)


def _rough(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, float) else words.setting(value)


def _table(found: Analysis) -> Table:
    share = Column(name="", show=words.strength, right=True)
    return Table(
        name="interactions",
        folded=True,
        title="Pairs of parameters: the share of the forest's variance that only both explain",
        note="Chance: 95 % of forests of a sum of single effects have no pair above it.",
        columns=(
            Column(name="first"),
            Column(name="second"),
            Column(name="index", show=share.show, right=True),
            Column(name="chance", show=share.show, right=True),
            Column(name="p", show=words.chance, right=True),
            Column(name="n", right=True),
            Column(name="verdict"),
            Column(name="branch"),
        ),
        rows=tuple(
            (*p.parameters, p.index, p.band, p.p, one.n, p.verdict, one.branch)
            for one in found.interactions
            for p in one.pairs
        ),
        most=15,
    )


def _numbers(found: Analysis, name: str, one: Interactions, pair: Pair, contour: Contour) -> Table:
    first, second = pair.parameters
    return Table(
        name=name,
        title=f"The map of {first} and {second} as numbers",
        note="Trials: how many are near in both; where there are none, nothing is known.",
        columns=(
            Column(name=f"x: {first}", show=words.brief, right=True),
            Column(name=f"y: {second}", show=words.brief, right=True),
            Column(name=f"predicted {found.summary.objective}", show=words.number, right=True),
            Column(name="trials", right=True),
        ),
        rows=tuple(
            (x, y, value, seen)
            for y, values, counts in zip(contour.y, contour.value, contour.seen, strict=True)
            for x, value, seen in zip(contour.x, values, counts, strict=True)
        ),
        most=0,
    )
