"""How the search went: values in the order of proposal, and the best trials."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure as Canvas

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import PAPER, WIDE
from jaxhpo.report.marks import dots, legend, objective_scale, plain
from jaxhpo.report.parts import Column, Figure, Part, Plot, Sentence, Table
from jaxhpo.report.scales import number_ticks
from jaxhpo.report.words import number

TITLE = "How the search went"
_APART = 0.75  # of the last number on an axis: a tick beyond that would run into it
_PIXELS = 3000  # dots, above which they are pixels on the page


def parts(found: Analysis) -> Iterator[Part | None]:
    """The course, what is to be said of it, and the ten best."""
    if not found.progress.number:
        return
    yield _figure(found)
    yield list(_said(found))
    yield _top(found)
    yield _expected(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    seen, objective = found.convergence, found.summary.objective
    if seen.best_trial is None or seen.since is None:
        return
    after = (
        f"{words.trials(seen.since, 'complete')} came after it without bettering it"
        if seen.since
        else "no complete trial came after it"
    )
    yield Sentence(
        text=f"The best value was first reached by trial {seen.best_trial}; {after}.",
        evidence="/convergence",
    )
    if seen.near_trial is not None:
        yield Sentence(
            text=f"The first value within one standard deviation of replicates of it was that of "
            f"trial {seen.near_trial} (n = {seen.n}).",
            evidence="/convergence/near_trial",
        )
    if seen.gain is not None:
        gained = (
            f"made the best {objective} better by {number(seen.gain)}, from {number(seen.half)}"
            if seen.gain
            else "brought nothing better"
        )
        yield Sentence(
            text=f"The second half of the {words.trials(seen.n, 'complete')} {gained}.",
            evidence="/convergence/gain",
        )
    if seen.doubling is not None:
        yield Sentence(
            text=f"Going from half to all of the {words.trials(seen.random, 'exploring')} gained "
            f"{number(seen.doubling)} in the expected best: a guide to what as many random trials "
            "again would bring, not a forecast, and it says nothing of the sampler's own.",
            evidence="/convergence/doubling",
        )


def _expected(found: Analysis) -> Figure | None:
    seen, said = found.convergence, found.summary
    if len(seen.expected) < 3:
        return None
    k = [e.k for e in seen.expected]
    value = [e.value for e in seen.expected]

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        ax.plot(k, value, "o-", color=PAPER["model"], lw=2, ms=5)
        ax.set_xscale("log", base=2)
        ticks = [x for x in k if x == k[-1] or x <= _APART * k[-1]]
        ax.set_xticks(ticks, [f"{x:,}" for x in ticks])
        ax.minorticks_off()
        ax.set(xlabel="random trials", ylabel=plain(f"expected best {said.objective}"))

    pairs = ", ".join(f"{words.number(v)} of {n}" for n, v in zip(k, value, strict=True))
    return Figure(
        name="expected",
        title="What so many random trials can be expected to find",
        caption=f"The best {said.objective} of so many trials, expected over all choices among the "
        f"{words.trials(seen.random, 'exploring')} (unbiased, Tang and others 2020).",
        plots=(Plot(name="expected", alt=f"Expected best: {pairs}.", size=(WIDE, 2.8), draw=draw),),
    )


def _figure(found: Analysis) -> Figure:
    seen, said = found.progress, found.summary
    number, value = np.array(seen.number), np.array(seen.value)
    limits = objective_scale(found)
    average = np.array([np.nan if a is None else a for a in seen.average])
    averaged = bool(np.isfinite(average).any())
    inside = np.where((average >= limits.low) & (average <= limits.high), average, np.nan)

    def draw(canvas: Canvas) -> None:
        ax = canvas.subplots()
        dots(ax, number, value, np.array(seen.phase), number, 12, pixels=len(value) > _PIXELS)
        ax.step(number, seen.best, where="post", color=PAPER["best"], lw=2, label="best so far")
        if averaged:
            ax.plot(number, inside, color=PAPER["ink"], lw=1.4, label=f"mean of {seen.window}")
        if seen.found is not None:
            best = seen.best[-1]
            ax.plot(seen.found, best, "*", color=PAPER["best"], ms=13, mec=PAPER["surface"])
        ax.set(xlabel="trial (in the order of proposal)", ylabel=plain(said.objective))
        limits.apply(ax)
        number_ticks(ax.xaxis, 8, whole=True)
        legend(canvas, ax)

    mean = f" Mean: of each value and the {seen.window - 1} before it." if averaged else ""
    if averaged and bool((np.isnan(inside) & np.isfinite(average)).any()):
        mean += " It is left out where it lies outside of what is shown."
    n = words.trials(len(number), "complete")
    alt = (
        f"{said.objective} of {n} by number, and the best so far, which ends at "
        f"{words.number(seen.best[-1])}, reached by trial {seen.found}."
    )
    return Figure(
        name="progress",
        title="The course of the search",
        caption=f"{said.objective} of {n} in the order of proposal; "
        f"{'higher' if said.maximize else 'lower'} is better.{mean}{limits.note}",
        plots=(Plot(name="progress", alt=alt, size=(WIDE, 3.7), draw=draw),),
    )


def _top(found: Analysis) -> Table:
    said, top = found.summary, found.summary.top
    names = list(dict.fromkeys(name for row in top for name in row.config))
    others = [m for m in top[0].metrics if m != said.objective] if top else []
    return Table(
        name="top",
        title=f"The best {len(top)} of {words.trials(said.spread.n, 'complete')}",
        columns=(
            Column(name="rank", right=True),
            Column(name="trial", right=True),
            Column(name=said.objective, show=words.number, right=True),
            *(Column(name=m, show=words.number, right=True) for m in others),
            Column(name="units", right=True),
            *(Column(name=n, show=words.brief, right=True) for n in names),
        ),
        rows=tuple(
            (
                rank,
                row.number,
                row.value,
                *(row.metrics[m] for m in others),
                row.units,
                *(row.config.get(n, "inactive") for n in names),
            )
            for rank, row in enumerate(top, start=1)
        ),
    )
