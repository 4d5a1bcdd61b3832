"""What every section that shows tests says where a scheduler stopped trials."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Sentence


def gate(found: Analysis) -> Iterator[Sentence]:
    """One sentence, or none where tests are of final values."""
    seen = found.survivors
    reason = seen.reason[:1].upper() + seen.reason[1:]
    if seen.basis == "unit":
        left = f" {words.count(seen.left)} did not." if seen.left else ""
        said = (
            f"{reason}. What is tested is therefore {found.summary.objective} at unit {seen.unit}, "
            f"which n = {words.count(seen.n)} exploring trials reached, and nothing is tested at "
            f"the end of training.{left}"
        )
        if seen.budget:
            names = words.listed(list(seen.budget))
            said += f" Not tested there, as the budget follows it: {names}."
        yield Sentence(text=said, evidence="/survivors")
    elif seen.basis == "nothing":
        n = seen.complete
        yield Sentence(
            text=f"{reason}: no p-value is given. What is shown describes the n = {n} that were "
            "let live.",
            evidence="/survivors",
        )


def where(found: Analysis) -> str:
    """Behind a number of trials that something was tested on: " at unit 3", or nothing."""
    return "" if found.survivors.unit is None else f" at unit {found.survivors.unit}"
