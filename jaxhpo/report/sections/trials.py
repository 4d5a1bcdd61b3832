"""All trials: how they ended, who chose them, how the objective is spread."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table
from jaxhpo.report.words import number
from jaxhpo.trial import Phase, Status

TITLE = "All trials"


def parts(found: Analysis) -> Iterator[Part | None]:
    """Counts, spread, and how much a value varies from seed to seed."""
    yield list(_said(found))
    yield _counts(found)
    yield _replicates(found)


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
    yield from _noise(found)
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


def _noise(found: Analysis) -> Iterator[Sentence]:
    """What every other difference must be compared with."""
    seen = found.replicates
    if seen.n < 2:
        return
    if seen.sd.value is None:
        text = (
            f"How much a value varies from seed to seed is unknown: {seen.reason} (n = {seen.n})."
        )
        yield Sentence(text=text, evidence="/replicates/reason")
        return
    source = (
        f"from the {seen.members} members that train each of n = {seen.n} complete trials"
        if seen.source == "members"
        else f"from {seen.repeated} configurations that were trained more than once, among n = "
        f"{seen.n} complete trials"
    )
    yield Sentence(
        text=f"From seed to seed a trial's {found.summary.objective} varies with a standard "
        f"deviation of {words.interval(seen.sd)}, {source} ({seen.freedom} degrees of freedom): "
        "smaller differences between two trials say little.",
        evidence="/replicates",
    )


def _replicates(found: Analysis) -> Table:
    return Table(
        name="replicates",
        folded=True,
        title="Configurations that were trained more than once",
        columns=(
            Column(name="trials"),
            Column(name="n", right=True),
            Column(name="mean", show=number, right=True),
            Column(name="sd", show=number, right=True),
        ),
        rows=tuple(
            (", ".join(map(str, g.numbers)), len(g.numbers), g.mean, g.sd)
            for g in found.replicates.groups
        ),
    )


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
