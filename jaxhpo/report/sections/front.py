"""Several objectives and constraints: the front, how it grew, what the constraints leave."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from jaxhpo.analysis.fronts import Fronts
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import PAPER, WIDE
from jaxhpo.report.marks import dots, legend, plain
from jaxhpo.report.parts import Column, Figure, Part, Plot, Sentence, Table
from jaxhpo.report.scales import number_ticks
from jaxhpo.report.words import number

TITLE = "Objectives and constraints"
_ROWS = 25  # of the front that are shown
_PAIRS = 6  # drawings of two objectives each
_PIXELS = 3000


def parts(found: Analysis) -> Iterator[Part | None]:
    """The front and the constraints; nothing where there is one objective alone."""
    seen = found.fronts
    if not seen.n or not (seen.objectives or seen.constraints):
        return
    yield [*_kept(found), *_said(found)]
    if seen.front:
        yield _scatter(found)
        yield _table(found)
        yield _growth(found)
    yield _rules(seen)


def _kept(found: Analysis) -> Iterator[Sentence]:
    seen = found.fronts
    for place, rule in enumerate(seen.constraints):
        share = "" if rule.infeasible is None else f", {words.percent(rule.infeasible)} break it"
        least = "" if rule.kept else f"; the lowest was {number(rule.lowest)}"
        yield Sentence(
            text=f"{rule.name}, which may be at most {number(rule.bound)}, is kept by "
            f"{rule.kept:,} of {words.trials(rule.n, 'complete')}{share}{least}.",
            evidence=f"/fronts/constraints/{place}",
        )
    if seen.constraints:
        every = "" if len(seen.constraints) == 1 else " keep every constraint"
        yield Sentence(
            text=f"{words.trials(seen.feasible)} of {seen.n:,}{every or ' are feasible'}. All "
            "results of this report that look at values are of those; counts, times and learning "
            "curves are of all.",
            evidence="/fronts",
        )


def _said(found: Analysis) -> Iterator[Sentence]:
    seen = found.fronts
    if not seen.front:
        return
    ways = [f"{g.name} ({'higher' if g.maximize else 'lower'} is better)" for g in seen.objectives]
    kind = "feasible complete" if seen.constraints else "complete"
    yield Sentence(
        text=f"The objectives are {words.listed(ways)}. {words.trials(len(seen.front))} of "
        f"{words.trials(seen.feasible, kind)} make the front: no other is at least as good in "
        "every objective and better in one.",
        evidence="/fronts/front",
    )
    best = [f"{g.name} {number(g.value)} (trial {g.number})" for g in seen.objectives]
    yield Sentence(
        text=f"The best of each in the front: {words.listed(best)}.", evidence="/fronts/objectives"
    )
    if len(seen.front) > 1:
        start = (
            ""
            if seen.compromise is None
            else f" One to start from is trial {seen.compromise}, nearest to the best of all at "
            "once, each scaled by its range in the front: a convention, no verdict."
        )
        yield Sentence(
            text="Which of them is best is yours to say: it depends on what one objective is worth "
            f"in units of another.{start}",
            evidence="/fronts",
        )
    if seen.half is not None and len(seen.volume) > 2:
        yield Sentence(
            text=f"Half of the {words.trials(seen.feasible, kind)} already dominated a share of "
            f"{words.percent(seen.half)} of the box behind the front, all of them "
            f"{words.percent(seen.volume[-1].share)}.",
            evidence="/fronts/volume",
        )
    elif seen.reason and len(seen.front) > 1:
        text = f"The dominated volume is not computed: {seen.reason}."
        yield Sentence(text=text, evidence="/fronts/reason")
    yield Sentence(
        text=f"What follows is of {found.summary.objective}, the first objective, but for the "
        "section on what each objective depends on.",
        evidence="/fronts/objectives/0",
    )


def _scatter(found: Analysis) -> Figure:
    seen = found.fronts
    pairs = list(itertools.combinations(range(len(seen.objectives)), 2))[:_PAIRS]
    columns = min(len(pairs), 3) if len(pairs) > 1 else 1
    rows = math.ceil(len(pairs) / columns)

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots(rows, columns, squeeze=False)
        for ax, pair in zip(axes.flat, pairs, strict=False):
            _pair(ax, seen, *pair)
        for ax in axes.flat[len(pairs) :]:
            ax.set_visible(False)
        legend(canvas, axes.flat[0])

    names = words.listed([goal.name for goal in seen.objectives])
    line = " The line joins the front." if len(seen.objectives) == 2 else ""
    cross = " Crosses break a constraint." if any(not p.feasible for p in seen.points) else ""
    far = " What lies far from the front is not shown."
    only = len(list(itertools.combinations(seen.objectives, 2))) > len(pairs)
    left = f" The first {len(pairs)} pairs." if only else ""
    return Figure(
        name="front",
        title="Trials by their objectives, two at a time" if len(pairs) > 1 else "The front",
        caption=f"{words.trials(len(seen.points), 'complete')}, {len(seen.front)} of them in the "
        f"front (ringed).{line}{cross}{far}{left}",
        plots=(
            Plot(
                name="front",
                alt=f"{words.trials(len(seen.points), 'complete')} by {names}; the front has "
                f"{words.trials(len(seen.front))}.",
                size=(WIDE, 3.9 if rows == columns == 1 else 2.9 * rows),
                draw=draw,
            ),
        ),
    )


def _pair(ax: Axes, seen: Fronts, first: int, second: int) -> None:
    points = seen.points
    x, y = (np.array([p.values[column] for p in points]) for column in (first, second))
    phase, numbers = np.array([p.phase for p in points]), np.array([p.number for p in points])
    kept, ahead = np.array([p.feasible for p in points]), np.array([p.front for p in points])
    pixels = len(points) > _PIXELS
    if not kept.all():
        made = ax.scatter(
            x[~kept], y[~kept], s=12, marker="x", color=PAPER["band"], lw=1, label="infeasible"
        )
        made.set_rasterized(pixels)
    dots(ax, x[kept], y[kept], phase[kept], numbers[kept], 14, pixels=pixels)
    order = np.argsort(x[ahead], kind="stable")
    line = "-" if len(seen.objectives) == 2 else ""
    style = {"color": PAPER["best"], "mfc": "none", "ms": 6, "lw": 1.2, "mew": 1.2}
    ax.plot(x[ahead][order], y[ahead][order], f"o{line}", label="front", **style)
    for axis, column, values in ((ax.xaxis, first, x), (ax.yaxis, second, y)):
        low, high = _window(values, values[ahead], maximize=seen.objectives[column].maximize)
        (ax.set_xlim if axis is ax.xaxis else ax.set_ylim)(low, high)
        axis.set_major_locator(MaxNLocator(5))
    ax.set(
        xlabel=plain(words.short(seen.objectives[first].name, 30)),
        ylabel=plain(words.short(seen.objectives[second].name, 30)),
    )


def _window(values: np.ndarray, ahead: np.ndarray, *, maximize: bool) -> tuple[float, float]:
    """What of an objective is shown: all of the front, and behind it as much as nine of ten trials
    need, but no more than three times the front's range (or the good half's)."""
    sign = -1.0 if maximize else 1.0
    all_, front = np.sort(sign * values), sign * ahead
    low, room = front.min(), max(np.ptp(front), float(np.quantile(all_, 0.5) - front.min()))
    high = max(front.max(), min(float(np.quantile(all_, 0.9)), low + 3 * room))
    pad = 0.06 * (high - low) or 0.05 * abs(low) or 1.0
    one, other = sorted((float(sign * (low - pad)), float(sign * (high + pad))))
    return one, other


def _table(found: Analysis) -> Table:
    seen = found.fronts
    mark: dict[int | None, str] = {seen.compromise: "nearest to all"}
    for goal in seen.objectives:
        mark[goal.number] = f"best {goal.name}"
    return Table(
        name="front",
        title=f"The front, {words.trials(len(seen.front))}, by {seen.objectives[0].name}",
        note="Their configurations: jaxhpo best, or jaxhpo show --trial N.",
        columns=(
            Column(name="trial", right=True),
            *(Column(name=goal.name, show=number, right=True) for goal in seen.objectives),
            Column(name="what for"),
        ),
        rows=tuple((m.number, *m.values, mark.get(m.number, "")) for m in seen.front),
        most=_ROWS,
    )


def _growth(found: Analysis) -> Figure | None:
    seen = found.fronts
    if len(seen.volume) < 3:
        return None
    n, share = [v.n for v in seen.volume], [v.share for v in seen.volume]

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        ax.step(n, share, where="post", color=PAPER["model"], lw=2)
        ax.set_ylim(0, 1.02 * max(share))
        ax.set(xlabel="feasible complete trials", ylabel="dominated share")
        number_ticks(ax.xaxis, 8, whole=True)

    return Figure(
        name="volume",
        title="The volume that the front dominates",
        caption=f"Share of the box from the front's best to a tenth of its range behind it, that "
        f"the first n of {words.trials(seen.feasible, 'feasible complete')} dominate. The box is "
        "this front's own: not to be compared between studies.",
        plots=(
            Plot(
                name="volume",
                alt=f"The dominated share ends at {words.percent(share[-1])} of "
                f"{words.trials(n[-1])}.",
                size=(WIDE, 2.8),
                draw=draw,
            ),
        ),
    )


def _rules(seen: Fronts) -> Table | None:
    if not seen.constraints:
        return None
    return Table(
        name="constraints",
        title=f"The constraints, over {words.trials(seen.n, 'complete')}",
        columns=(
            Column(name="metric"),
            Column(name="at most", show=number, right=True),
            Column(name="kept by", show=words.count, right=True),
            Column(name="n", right=True),
            Column(name="infeasible", show=words.percent, right=True),
            Column(name="lowest", show=number, right=True),
            Column(name="median", show=number, right=True),
        ),
        rows=tuple(
            (r.name, r.bound, r.kept, r.n, r.infeasible, r.lowest, r.median)
            for r in seen.constraints
        ),
    )
