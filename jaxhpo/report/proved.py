"""What became of a former study's advice, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.compare import Comparison
from jaxhpo.analysis.outcomes import Outcome
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table


def judged(found: Comparison) -> Iterator[Part]:
    """Sentences, and the table that they are from."""
    if not found.outcomes:
        yield [
            Sentence(
                text="The first study's advice was to change nothing, so there is nothing to judge "
                f"(n = {found.n_a} complete trials).",
                evidence="/outcomes",
            )
        ]
        return
    yield [_outcome(o, f"/outcomes/{place}") for place, o in enumerate(found.outcomes)]
    yield Table(
        name="outcomes",
        title="Every piece of the first study's advice, judged on the second's trials",
        note="There: exploring trials of the second study where the two spaces differ. q: Fisher's "
        "exact test, corrected (Benjamini and Hochberg): are the elite there more, or less, often "
        "than trials are?",
        folded=True,
        columns=(
            Column(name="parameter"),
            Column(name="rule"),
            Column(name="followed"),
            Column(name="verdict"),
            Column(name="tried there", right=True),
            Column(name="of", right=True),
            Column(name="elite there", right=True),
            Column(name="of elite", right=True),
            Column(name="q", show=words.chance, right=True),
            Column(name="reason"),
        ),
        rows=tuple(
            (
                o.parameter,
                o.rule,
                "yes" if o.followed else "no",
                o.verdict,
                o.n,
                o.tried,
                o.elite,
                o.of,
                o.q,
                o.reason,
            )
            for o in found.outcomes
        ),
    )


def _outcome(o: Outcome, pointer: str) -> Sentence:
    followed = "followed" if o.followed else "not followed"
    text = f"{o.parameter}, {o.rule} ({followed}): {o.verdict}, for {o.reason}; n = {o.tried}."
    return Sentence(text=text, evidence=pointer)
