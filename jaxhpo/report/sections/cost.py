"""What the study cost, and which good trials were cheap."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table
from jaxhpo.report.words import duration

TITLE = "Cost"


def parts(found: Analysis) -> Iterator[Part | None]:
    """Times, by status, and the trials that nothing beats in value and time together."""
    yield list(_said(found))
    yield _by_status(found)
    yield _front(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    seen, said = found.cost, found.summary
    if seen.seconds is not None:
        wall = f", {duration(seen.wall)} by the clock" if seen.wall is not None else ""
        many = (
            f"; on average {words.strength(seen.parallel)} were in training at once"
            if seen.parallel is not None
            else ""
        )
        yield Sentence(
            text=f"{words.trials(seen.n)} took {duration(seen.seconds)} of computing{wall}{many}.",
            evidence="/cost",
        )
    if seen.per_trial.n:
        each = seen.per_trial
        ends = [duration(end) for end in (each.low, each.high)]
        spread = f"from {ends[0]} to {ends[1]}" if ends[0] != ends[1] else "all the same"
        yield Sentence(
            text=f"A complete trial took {duration(each.median)} in the median (n = {each.n}, "
            f"{spread}).",
            evidence="/cost/per_trial",
        )
    if said.units:
        lost = words.percent(seen.wasted) if seen.wasted else ""
        tail = f", {lost} of them in trials that diverged or failed" if lost else ""
        yield Sentence(
            text=f"All {words.trials(said.trials)} together were trained for {said.units:,} units"
            f"{tail}.",
            evidence="/cost/by_status",
        )
    if seen.rho.value is not None:
        yield Sentence(
            text=f"Time and {said.objective} go together with a rank correlation of "
            f"{words.estimate(seen.rho)} over {words.trials(seen.per_trial.n, 'complete')}; this "
            "describes them and tests nothing.",
            evidence="/cost/rho",
        )
    if seen.missing:
        text = f"Not in the records, so unknown: {words.listed(list(seen.missing))}."
        yield Sentence(text=text, evidence="/cost/missing")


def _by_status(found: Analysis) -> Table:
    return Table(
        name="cost",
        title="What trials of each status cost",
        folded=True,
        columns=(
            Column(name="status"),
            Column(name="trials", show=words.count, right=True),
            Column(name="seconds", show=words.number, right=True),
            Column(name="units", show=words.count, right=True),
        ),
        rows=tuple((c.status, c.n, c.seconds, c.units) for c in found.cost.by_status),
    )


def _front(found: Analysis) -> Table:
    return Table(
        name="cheap",
        title=f"Trials that no other beats in both {found.summary.objective} and time",
        folded=True,
        columns=(
            Column(name="trial", right=True),
            Column(name=found.summary.objective, show=words.number, right=True),
            Column(name="time", show=duration, right=True),
        ),
        rows=tuple((c.number, c.value, c.seconds) for c in found.cost.front),
    )
