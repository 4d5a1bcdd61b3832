"""What is said of how far the best can be trusted, and what training it again showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jaxhpo.analysis.confirmation import Confirmed
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Sentence, Table
from jaxhpo.report.words import number


def trust(found: Analysis) -> Iterator[Sentence]:
    """Whether the best was confirmed, and by how much its value is likely to flatter."""
    seen = found.confirmation
    if seen.best is not None:
        yield _trained_again(found, seen.best)
    n = found.summary.spread.n
    if seen.best is None and n > 1:
        yield Sentence(
            text=f"Not confirmed: it was picked as the best of {words.count(n)} values and never "
            "trained again, so if values are noisy it is likely better than what the configuration "
            "is worth"
            f"{_flattered(found)}.",
            evidence="/confirmation",
        )


def _trained_again(found: Analysis, again: Confirmed) -> Sentence:
    seen = found.confirmation
    word = "Confirmed" if seen.status == "confirmed" else "Not confirmed by so few"
    lost = f"; {again.diverged} more diverged" if again.diverged else ""
    if again.mean.value is None:
        text = f"Not confirmed: trained again, trial {again.number} diverged every time (n = "
        text += f"{again.diverged})."
        return Sentence(text=text, evidence="/confirmation/best")
    flattered = "better" if again.optimism >= 0 else "worse"
    how = "with fresh seeds" if seen.source == "confirm" else "in later trials"
    return Sentence(
        text=f"{word}: trained again {how}, the configuration of trial {again.number} reached "
        f"{words.interval(again.mean)} in the mean (n = {len(again.fresh)}{lost}); the value it "
        f"was chosen by was {flattered} by {number(abs(again.optimism))}.",
        evidence="/confirmation/best",
    )


def picked(found: Analysis) -> Iterator[Sentence]:
    """The configuration to use, where some were trained again, and how sure that choice is."""
    use, best = found.chosen, found.summary.best
    if use is None or best is None or use.by != "confirm":
        return
    which = "the best of the search" if best.number == use.row.number else "not the search's best"
    many = f"of the {use.of} best that were" if use.of > 1 else "it was"
    has = " it has the best mean," if use.of > 1 else " its mean is"
    text = (
        f"Use the configuration of trial {use.row.number}, {which}: {many} trained again with "
        f"fresh seeds{',' if use.of > 1 else ';'}{has} {words.interval(use.fresh)}, n = {use.n}"
        f"{_on_test(found, use.test)}."
    )
    if use.ahead.value is not None:
        chance = use.ahead.low is None or use.ahead.low <= 0
        text += (
            f" That is better than trial {best.number}, the search's best, by "
            f"{words.interval(use.ahead)}{', which may be chance' if chance else ''}."
        )
    if use.of > 1:
        fair = "; the test score is free of that" if use.test else ""
        text += f" Being the best of {use.of} means, it flatters a little{fair}."
    yield Sentence(text=text, evidence="/chosen")


def _on_test(found: Analysis, test: Mapping[str, Estimate]) -> str:
    """The objective on test data; all metrics where it is not among them."""
    named = {k: v for k, v in test.items() if k == found.summary.objective} or test
    scores = [f"{name} {words.interval(value)}" for name, value in named.items()]
    return f"; on test data {words.listed(scores)}" if scores else ""


def _flattered(found: Analysis) -> str:
    seen, test = found.confirmation, found.test
    if seen.fair.value is not None:
        return f"; allowing for noise, about {words.interval(seen.fair)}"
    if test is not None and found.summary.objective in test.metrics:
        return "; the test score is free of that"
    return f"; by how much is unknown ({seen.reason})" if seen.reason else ""


def retrained(found: Analysis) -> Table:
    seen = found.confirmation
    names = list(dict.fromkeys(name for c in seen.others for name in c.test))
    return Table(
        name="confirmed",
        title="Configurations that were trained again, by the mean of their fresh values",
        note="Chosen by: the value of the trial that each was chosen by. Intervals are Student's, "
        "95 %.",
        columns=(
            Column(name="trial", right=True),
            Column(name="chosen by", show=number, right=True),
            *(Column(name=head, show=number, right=True) for head in ("mean", "from", "to")),
            Column(name="n fresh", right=True),
            Column(name="diverged", right=True),
            Column(name="flattered by", show=number, right=True),
            *(Column(name=f"test {name}", show=number, right=True) for name in names),
        ),
        rows=tuple(
            (
                c.number,
                c.value,
                c.mean.value,
                c.mean.low,
                c.mean.high,
                len(c.fresh),
                c.diverged or None,
                c.optimism,
                *(c.test[name].value if name in c.test else None for name in names),
            )
            for c in seen.others
        ),
    )
