"""What looks wrong with the study."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table

TITLE = "What to be wary of"
_SAID = 12


def parts(found: Analysis) -> Iterator[Part | None]:
    """Every finding in words, and as a table."""
    if not found.summary.trials:
        return
    yield list(_said(found))
    yield _table(found)


def _said(found: Analysis) -> Iterator[Sentence]:
    if found.sampled is not None:
        yield Sentence(
            text=f"All but {words.listed(list(found.sampled.exact))} is of {found.sampled.rows:,} "
            f"trials drawn at random of {found.sampled.of:,}; the number of the best and n are of "
            "those drawn where they differ.",
            evidence="/sampled",
        )
    for place, one in enumerate(found.anomalies[:_SAID]):
        text = one.text[:1].upper() + one.text[1:].removesuffix(".")
        counted = "" if f"{one.of}" in text else f" ({one.n:,} of {one.of:,})"
        yield Sentence(text=f"{text}{counted}.", evidence=f"/anomalies/{place}")
    if not found.anomalies:
        yield Sentence(
            text="Nothing that was looked for was found: ties, perfect scores, outliers, "
            "duplicates, drift, parameters that move together, starved branches, regions where "
            f"trials diverge, a gap to the test data (n = {found.summary.trials} trials).",
            evidence="/anomalies",
        )


def _table(found: Analysis) -> Table:
    return Table(
        name="anomalies",
        title="All findings",
        folded=True,
        columns=(
            Column(name="kind"),
            Column(name="n", right=True),
            Column(name="of", right=True),
            Column(name="value", show=words.number, right=True),
            Column(name="parameters"),
            Column(name="trials"),
            Column(name="text"),
        ),
        rows=tuple(
            (
                one.kind,
                one.n,
                one.of,
                one.value,
                ", ".join(one.parameters),
                ", ".join(map(str, one.numbers)),
                one.text,
            )
            for one in found.anomalies
        ),
    )
