"""What to do next, in a few lines that stand on the page's first screen."""

from __future__ import annotations

from collections.abc import Iterator

from jaxhpo.analysis.association import FEWEST
from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Sentence, Steps

TITLE = "What to do next"
_MANY = 0.5  # of the elite
_BEGIN = 32  # exploring trials, of which some may be stopped or diverge
_ODD = ("perfect", "duplicates", "drift", "gap", "budget", "diverging")
_DONE = {"widen": "widens", "narrow": "narrows", "move": "moves", "fix": "fixes"}


def steps(found: Analysis) -> Steps | None:
    """The order in which things should be done; what each is, and why, comes in later sections."""
    if found.summary.best is None:
        return None
    said = [*_check(found), *before(found), *_untested(found), *_search(found)]
    return Steps(title=TITLE, sentences=tuple(said)) if said else None


def before(found: Analysis) -> Iterator[Sentence]:
    """What to do before a new search."""
    n = found.summary.spread.n
    use = found.chosen
    sure = use is not None and use.by == "confirm" and use.n > 1
    if found.confirmation.status != "confirmed" and not sure and n > 1:
        yield Sentence(
            text="Confirm the best before relying on it: train it again with fresh seeds, by "
            f"jaxhpo confirm for a study of ours. It is the best of {words.count(n)} and was not "
            "confirmed.",
            evidence="/confirmation/status",
        )
    late = found.early.late
    if late is not None and late >= _MANY:
        yield Sentence(
            text=f"Train longer: {words.percent(late)} of n = {found.early.n_elite} elite trials "
            "were best in the last tenth of their training.",
            evidence="/early/late",
        )


def _check(found: Analysis) -> Iterator[Sentence]:
    """Findings that may make all else worthless."""
    for place, one in enumerate(found.anomalies):
        if one.kind in _ODD:
            text = one.text[:1].upper() + one.text[1:].removesuffix(".")
            yield Sentence(text=f"Look into this first: {text}.", evidence=f"/anomalies/{place}")


def _untested(found: Analysis) -> Iterator[Sentence]:
    """Too few trials are known to have been chosen without looking at results."""
    known = sum(c.phases.get("explore", 0) for c in found.summary.counts)
    n, foreign = found.summary.spread.n, "source" in found.identity
    if foreign and not known and n >= FEWEST:
        yield Sentence(
            text=f"Say which of these n = {words.count(n)} complete trials were chosen without "
            "looking at results, if the first N were: --startup N. None is known to have been, so "
            "nothing could be tested.",
            evidence="/summary/counts",
        )
        return
    most = max((e.n for e in found.evidence), default=0)
    tested = any(e.q is not None for e in found.evidence)
    if not foreign and not tested and 0 < most < FEWEST and n >= 2 * FEWEST:
        yield Sentence(
            text="Let the next search begin with more exploring trials, by "
            f"--sampler_option=startup={_BEGIN}: this one had n = {most} to test on, and {FEWEST} "
            "are needed.",
            evidence="/evidence",
        )


def _search(found: Analysis) -> Iterator[Sentence]:
    n = found.summary.spread.n
    if not found.advice:
        return
    by_action: dict[str, list[str]] = {}
    for a in found.advice:
        by_action.setdefault(a.action, []).append(a.parameter)
    clauses = [f"{verb} {words.some(by_action[a])}" for a, verb in _DONE.items() if a in by_action]
    if "drop" in by_action:
        clauses.append(f"drops choices of {words.some(by_action['drop'])}")
    if clauses:
        text = f"Search on in next_space_aggressive.yaml, which {words.listed(clauses)}."
    else:
        text = (
            f"Search on in the same space: nothing in these n = {words.count(n)} complete trials "
            "is ground enough to change it."
        )
    yield Sentence(text=text, evidence="/advice")
