"""The objective against each parameter, and which of them go with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.association import FEWEST, Association
from jaxhpo.analysis.groups import Groups
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import panels, words
from jaxhpo.report.drawing import PAPER, WIDE
from jaxhpo.report.gate import gate, where
from jaxhpo.report.marks import is_wide, legend, plain
from jaxhpo.report.parts import Column, Figure, Part, Plot, Sentence, Table
from jaxhpo.report.words import number

TITLE = "Parameters"
_MOST_BARS = 30
_BASIS = {"independent": "exploring trials", "every": "all complete trials"}


def parts(found: Analysis) -> Iterator[Part | None]:
    """A scatter plot for each, the strength of association, and what can be told of it."""
    if found.summary.best is None:
        return
    yield panels.figure(found)
    yield _figure(found)
    yield list(_said(found))
    yield _table(found)
    yield _boolean(found)
    yield _summary(found)
    yield _detail(found)
    yield _derived(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    yield from gate(found)
    matters = {e.parameter for e in found.evidence if e.verdict == "matters"}
    for place, a in enumerate(found.associations):
        if a.verdict == "associated" and a.parameter in matters:
            yield Sentence(text=_clear(found, a), evidence=f"/associations/{place}")
    tested = [a.independent.n for a in found.associations if a.q is not None]
    if tested:
        eta = ""
        if any(a.measure == "eta" for a in found.associations):
            eta = " eta (Kruskal and Wallis) is for values without an order and has no sign."
        few = f"{min(tested)} to " if min(tested) < max(tested) else ""
        yield Sentence(
            text=f"Tested on {few}{words.trials(max(tested), 'exploring')}{where(found)} a "
            f"parameter, those chosen without looking at results (at least {FEWEST}), and "
            "corrected for the number of tests (q, Benjamini and Hochberg). rho (Spearman) sees a "
            f"steady rise or fall, not a best value in the middle: look at the plots too.{eta}",
            evidence="/associations",
        )


def _clear(found: Analysis, a: Association) -> str:
    objective = found.summary.objective
    strength = a.independent.strength or 0.0
    measured = (
        f"{a.measure} {words.strength(strength)}, q = {words.chance(a.q)}, over "
        f"{a.independent.n} exploring trials{where(found)}"
    )
    if a.measure == "rho":
        larger = (strength > 0) is found.summary.maximize
        kind = "larger" if larger else "smaller"
        return f"{objective} tends to be better for {kind} {a.parameter}: {measured}."
    medians = [(g.median, g) for g in a.groups if g.median is not None]
    pick = max if found.summary.maximize else min
    median, best = pick(medians, key=lambda pair: pair[0])
    return (
        f"{objective} differs between the values of {a.parameter}: {measured}; the best median is "
        f"{number(median)}, of {best.label} (n = {best.n})."
    )


def _figure(found: Analysis) -> Figure | None:
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
            _bars(ax, block, 26 if is_wide(canvas) else 14)
        legend(canvas, axes.flat[0], 1.0)

    more = f" {left_out} weaker ones are in the table only." if left_out else ""
    strengths = [f"{a.parameter} {words.strength(_strength(a))}" for a in shown]
    return Figure(
        name="associations",
        title=f"How parameters go with {found.summary.objective}",
        caption=f"{_caption(found, shown)}{more}",
        plots=(
            Plot(
                name="associations",
                alt="Strength of association: " + ", ".join(strengths) + ".",
                size=(WIDE, 0.36 * len(shown) + 0.8 * len(blocks) + 0.6),
                draw=draw,
            ),
        ),
    )


def _caption(found: Analysis, shown: list[Association]) -> str:
    """Of what is there to be seen."""
    tested = [a for a in shown if a.q is not None]
    said = "The number of trials stands beside the name."
    if tested:
        said += (
            f" Dots: exploring trials{where(found)}; filled if the effect is clear after "
            "correction, open if it can't be told. Grey bars: where 95 % of parameters without any "
            "effect would lie."
        )
    elif found.survivors.basis == "nothing":
        said += " Nothing could be tested."
    else:
        said += f" Exploring trials, which alone can be tested, are too few: {FEWEST} are needed."
    if "model" in found.progress.phase:
        said += " Diamonds: all complete trials; the sampler chose some by results, so they only "
        said += "describe the search."
    elif len(tested) < len(shown):
        said += " Diamonds: all complete trials, not tested."
    return said


def _strength(a: Association) -> float | None:
    return a.independent.strength if a.q is not None else a.every.strength


def _bars(ax: Axes, block: list[Association], longest: int) -> None:
    for y, a in enumerate(reversed(block)):
        _bar(ax, y, a)
    names = [plain(f"{words.short(a.parameter, longest)}  ({_n(a)})") for a in reversed(block)]
    ax.set_yticks(range(len(block)), names)
    ax.set_ylim(-0.7, len(block) - 0.3)
    ax.axvline(0, color=PAPER["faint"], lw=1)
    signed = block[0].measure == "rho"
    ax.set_xlim(-1.03 if signed else 0, 1.03)
    ax.set_xlabel("Spearman's rho" if signed else "eta, of values without an order")
    ax.grid(visible=False, axis="y")


def _bar(ax: Axes, y: int, a: Association) -> None:
    if a.chance is not None:
        left = -a.chance if a.measure == "rho" else 0.0
        ax.barh(y, a.chance - left, 0.55, left, color=PAPER["rule"], zorder=1)
    if a.every.strength is not None:
        style = {"ms": 5, "mfc": "none", "mec": PAPER["faint"], "ls": "none", "zorder": 3}
        ax.plot(a.every.strength, y, "D", label="all trials", **style)
    if a.q is not None and a.independent.strength is not None:
        ax.hlines(y, 0, a.independent.strength, color=PAPER["model"], lw=2, zorder=2)
        fill = PAPER["model"] if a.verdict == "associated" else PAPER["surface"]
        style = {"ms": 8, "color": PAPER["model"], "mfc": fill, "mew": 1.6, "ls": "none"}
        ax.plot(a.independent.strength, y, "o", label="exploring trials", zorder=4, **style)


def _n(a: Association) -> str:
    return f"{a.independent.n if a.q is not None else a.every.n}"


def _table(found: Analysis) -> Table:
    return Table(
        name="associations",
        folded=True,
        title=f"Each parameter and {found.summary.objective}, over complete trials in which the "
        "parameter was active",
        columns=(
            Column(name="parameter"),
            Column(name="measure"),
            Column(name="strength, exploring", show=words.strength, right=True),
            Column(name="n exploring", right=True),
            Column(name="p", show=words.chance, right=True),
            Column(name="q", show=words.chance, right=True),
            Column(name="strength, all", show=words.strength, right=True),
            Column(name="n all", right=True),
            Column(name="verdict"),
        ),
        rows=tuple(
            (
                a.parameter,
                a.measure,
                a.independent.strength if a.q is not None else None,
                a.independent.n,
                a.p,
                a.q,
                a.every.strength,
                a.every.n,
                a.verdict + (f": {a.reason}" if a.reason else ""),
            )
            for a in found.associations
        ),
    )


def _detail(found: Analysis) -> Table:
    return Table(
        name="categorical_detail",
        title=f"Mean {found.summary.objective} for each value of a choice",
        note="Everything else varied too. Means with Student's 95 % interval where no trial was "
        "chosen by results.",
        folded=True,
        columns=(
            Column(name="parameter"),
            Column(name="value"),
            Column(name="n", right=True),
            *(Column(name=head, show=number, right=True) for head in ("mean", "from", "to")),
            Column(name="median", show=number, right=True),
            Column(name="best", show=number, right=True),
            Column(name="over"),
        ),
        rows=tuple(
            (
                g.parameter,
                v.label,
                v.n,
                v.mean.value,
                v.mean.low,
                v.mean.high,
                v.median,
                v.best,
                _BASIS[g.basis],
            )
            for g in (*found.groups, *_other(found))
            for v in g.values
        ),
    )


def _other(found: Analysis) -> tuple[Groups, ...]:
    """The same over exploring trials, where these are not all."""
    pairs = zip(found.groups, found.groups_independent, strict=True)
    return tuple(few for every, few in pairs if few.n < every.n)


def _summary(found: Analysis) -> Table:
    return Table(
        name="categorical_summary",
        title="The best and the worst value of each choice, by the mean",
        note="Difference: best less worst, with Welch's 95 % interval where no trial was chosen by "
        "results. Chosen for being extreme, it is optimistic.",
        folded=True,
        columns=(
            Column(name="parameter"),
            Column(name="best value"),
            Column(name="worst value"),
            *_DIFFERENCE,
        ),
        rows=tuple(
            (g.parameter, g.best, g.worst, *_difference(g))
            for g in (*found.groups, *_other(found))
            if g.best
        ),
    )


def _boolean(found: Analysis) -> Table:
    return Table(
        name="boolean",
        title=f"Mean {found.summary.objective} of each boolean",
        note="Difference: the better less the worse, with Welch's 95 % interval where no trial was "
        "chosen by results.",
        folded=True,
        columns=(
            Column(name="parameter"),
            Column(name="mean if true", show=number, right=True),
            Column(name="mean if false", show=number, right=True),
            Column(name="better"),
            *_DIFFERENCE,
        ),
        rows=tuple(
            (g.parameter, g.values[1].mean.value, g.values[0].mean.value, g.best, *_difference(g))
            for g in (*found.groups, *_other(found))
            if g.boolean and g.best
        ),
    )


_DIFFERENCE = (
    *(Column(name=head, show=number, right=True) for head in ("difference", "from", "to")),
    Column(name="relative", show=words.percent, right=True),
    Column(name="n", right=True),
    Column(name="over"),
)


def _difference(g: Groups) -> tuple[Any, ...]:
    d = g.difference
    return d.value, d.low, d.high, g.relative, g.n, _BASIS[g.basis]


def _derived(found: Analysis) -> Table:
    return Table(
        name="derived",
        title="Quantities that follow from several parameters",
        note="rho: rank correlation with the objective, with Fisher's 95 % interval; it describes "
        "the trials and tests nothing.",
        columns=(
            Column(name="quantity"),
            Column(name="of the best", show=number, right=True),
            *(Column(name=h, show=words.strength, right=True) for h in ("rho", "from", "to")),
            Column(name="n", right=True),
        ),
        rows=tuple(
            (d.name, d.best, d.rho.value, d.rho.low, d.rho.high, d.n) for d in found.derived
        ),
    )
