"""All trials: how they ended, who chose them, how the objective is spread."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from jaxhpo.analysis.study import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table
from jaxhpo.report.words import number
from jaxhpo.trial import Phase, Status

TITLE = "All trials"


def parts(found: Analysis) -> Iterator[Part | None]:
    """Counts and spread."""
    yield list(_said(found))
    yield _counts(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    said = found.summary
    if said.trials:
        counted = words.listed([f"{c.n:,} {c.status}" for c in said.counts])
        text = f"Of {words.trials(said.trials)}: {counted}."
        yield Sentence(text=text, evidence="/summary/counts")
    if said.spread.n > 1:
        yield Sentence(
            text=f"{said.objective} over the {said.spread.n} complete trials: mean "
            f"{number(said.spread.mean)}, sd {number(said.spread.sd)}, median "
            f"{number(said.spread.median)}, quartiles {number(said.spread.quarter)} and "
            f"{number(said.spread.three_quarters)}, 5th and 95th percentile "
            f"{number(said.spread.five)} and {number(said.spread.ninety_five)}, from "
            f"{number(said.spread.low)} to {number(said.spread.high)}. They describe what this "
            "search tried, not the space.",
            evidence="/summary/spread",
        )
    yield from _covered(found)
    if stopped := said.count(Status.STOPPED):
        were = "was" if stopped == 1 else "were"
        yield Sentence(
            text=f"{words.trials(stopped)} {were} stopped early. What such a trial had reached "
            "was reached with fewer units, so it is left out of the best, of means, plots "
            "against parameters and correlations; learning curves show it.",
            evidence="/summary/counts",
        )
    if diverged := said.count(Status.DIVERGED):
        has = "has" if diverged == 1 else "have"
        text = f"{words.trials(diverged)} diverged and {has} no value."
        yield Sentence(text=text, evidence="/summary/counts")


def _covered(found: Analysis) -> Iterator[Sentence]:
    seen = found.coverage
    if seen.trials and seen.possible is not None:
        yield Sentence(
            text=f"{words.count(seen.tried)} of {words.count(seen.possible)} possible "
            f"configurations were tried, {words.count(seen.complete)} of them to the end.",
            evidence="/coverage",
        )
    elif seen.trials and not seen.continuous:
        yield Sentence(
            text=f"{words.count(seen.tried)} different configurations were tried; how many are "
            "possible was not counted.",
            evidence="/coverage",
        )


def _counts(found: Analysis) -> Table:
    phases = [p.value for p in Phase if any(c.phases[p] for c in found.summary.counts)]
    counted = Column(name="trials", show=words.count, right=True)
    return Table(
        name="counts",
        folded=True,
        title=f"All {words.trials(found.summary.trials)}, by how they ended and who chose them",
        columns=(
            Column(name="status"),
            counted,
            *(dataclasses.replace(counted, name=words.PHASES[p]) for p in phases),
        ),
        rows=tuple((c.status, c.n, *(c.phases[p] for p in phases)) for c in found.summary.counts),
    )
