"""What changing one parameter may gain, and what made the best out of the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.tunability import Gain
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table

TITLE = "What there is to gain"


def parts(found: Analysis) -> Iterator[Part | None]:
    """The path, and the gains from the baseline and from the best."""
    yield list(_said(found))
    yield _path(found)
    yield _gains(found, "gains_baseline", "baseline", found.tunability.baseline)
    yield _gains(found, "gains_best", "best configuration", found.tunability.best)


def _said(found: Analysis) -> Iterator[Sentence]:
    seen = found.tunability
    if not (seen.best or seen.baseline or seen.path):
        return
    clear = [g.parameter for g in seen.best if g.gain.low is not None and g.gain.low > 0]
    if clear:
        yield Sentence(
            text="From the best configuration, changing one parameter alone is predicted to gain "
            f"something for {words.some(clear)} (n = {seen.n}). The best of several predictions is "
            "optimistic.",
            evidence="/tunability/best",
        )
    elif seen.best:
        yield Sentence(
            text="From the best configuration, no change of one parameter alone is predicted to "
            f"gain anything for sure (n = {seen.n}).",
            evidence="/tunability/best",
        )
    if seen.path:
        names = [step.parameter for step in seen.path]
        yield Sentence(
            text=f"From the baseline to the best, what gains most is changed first (n = {seen.n}): "
            f"{words.some(names)}.",
            evidence="/tunability/path",
        )


def _ends(head: str) -> Sequence[Column]:
    return [Column(name=f"{head}{end}", show=words.number, right=True) for end in _ENDS]


_ENDS = ("", " from", " to")


def _three(found: Estimate) -> tuple[float | None, float | None, float | None]:
    return found.value, found.low, found.high


def _path(found: Analysis) -> Table:
    seen = found.tunability
    return Table(
        name="path",
        folded=True,
        title=f"From the baseline to the best, one change after another, of n = {seen.n}",
        note=f"Predicted {found.summary.objective} after each change, and what it gains over the "
        "one before, with 95 % intervals.",
        columns=(
            Column(name="step", right=True),
            Column(name="changed"),
            Column(name="before", show=words.brief, right=True),
            Column(name="after", show=words.brief, right=True),
            *_ends("predicted"),
            *_ends("gain"),
        ),
        rows=tuple(
            (
                place,
                step.parameter,
                step.before,
                step.after,
                *_three(step.predicted),
                *_three(step.gain),
            )
            for place, step in enumerate(seen.path, start=1)
        ),
    )


def _gains(found: Analysis, name: str, where: str, gains: Sequence[Gain]) -> Table:
    return Table(
        name=name,
        folded=True,
        title=f"What changing one parameter of the {where} is predicted to gain, n = "
        f"{found.tunability.n}",
        note=f"In units of {found.summary.objective}, above 0 is better, with 95 % intervals.",
        columns=(
            Column(name="changed"),
            Column(name="now", show=words.brief, right=True),
            Column(name="better", show=words.brief, right=True),
            *_ends("gain"),
            Column(name="branch"),
        ),
        rows=tuple((g.parameter, g.now, g.value, *_three(g.gain), g.branch) for g in gains),
    )
