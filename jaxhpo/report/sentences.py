"""What a report says in words: every sentence is made from one typed result and names it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from jaxhpo.analysis.association import FEWEST, RATE, Association
from jaxhpo.analysis.study import Analysis, Run
from jaxhpo.report import words
from jaxhpo.report.words import duration, number
from jaxhpo.trial import Status

_NAMED = 8  # names in one sentence; the table has them all


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sentence:
    """A statement, and where in ``report.json`` the result lies that it was made from (a JSON
    pointer, RFC 6901)."""

    text: str
    evidence: str


def sentences(found: Analysis) -> dict[str, list[Sentence]]:
    """All that is said, by section."""
    return {
        "headline": headline(found),
        "course": course(found),
        "directions": directions(found),
        "training": training(found),
        "trials": trials(found),
        "runs": [_run(run, place) for place, run in enumerate(found.runs)],
    }


def headline(found: Analysis) -> list[Sentence]:
    """What matters first: the best, what it scored on test data, how far to trust it."""
    said, best = found.summary, found.summary.best
    if best is None:
        return [_unscored(found)]
    n = said.spread.n
    extreme = f"the {'highest' if said.maximize else 'lowest'} of {words.trials(n, 'complete')}"
    only = "the only complete trial"
    lines = [
        Sentence(
            text=f"The best {said.objective} is {number(best.value)}, of trial {best.number}: "
            f"{extreme if n > 1 else only}.",
            evidence="/summary/best",
        )
    ]
    if said.ties > 1:
        lines.append(
            Sentence(
                text=f"{words.trials(said.ties, 'complete')} have exactly this value; the earliest "
                "is shown.",
                evidence="/summary/ties",
            )
        )
    return [*lines, *_test(found), *([_optimistic(found)] if n > 1 else [])]


def _unscored(found: Analysis) -> Sentence:
    said = found.summary
    if not said.trials:
        return Sentence(
            text="No trial has been proposed yet: there is nothing to report.",
            evidence="/summary/trials",
        )
    stopped = said.count(Status.STOPPED)
    more = f" {words.trials(stopped)} stopped early; a value reached so is not compared."
    return Sentence(
        text=f"None of {words.trials(said.trials)} is complete, so there is no best configuration."
        + (more if stopped else ""),
        evidence="/summary/counts",
    )


def _test(found: Analysis) -> list[Sentence]:
    test, best = found.test, found.summary.best
    if test is None or best is None:
        return []
    scores = words.listed([f"{name} {number(value)}" for name, value in test.metrics.items()])
    which = "it has" if test.number == best.number else f"trial {test.number} has"
    return [
        Sentence(
            text=f"On test data, which nothing was chosen by, {which} {scores}.", evidence="/test"
        )
    ]


def _optimistic(found: Analysis) -> Sentence:
    tested = found.test is not None and found.summary.objective in found.test.metrics
    held = (
        "the test score is free of that."
        if tested
        else "by how much is unknown, as it was not scored on test data."
    )
    return Sentence(
        text=f"It was picked as the best of {found.summary.spread.n} values, so if these are noisy "
        f"it is likely better than what the configuration is worth; {held}",
        evidence="/test" if tested else "/summary/spread/n",
    )


def course(found: Analysis) -> list[Sentence]:
    """How the best was come by."""
    seen = found.progress
    if seen.found is None or seen.since is None:
        return []
    after = (
        f"{words.trials(seen.since, 'complete')} came after it without bettering it"
        if seen.since
        else "no complete trial came after it"
    )
    return [
        Sentence(
            text=f"The best value was reached by trial {seen.found}; {after}.",
            evidence="/progress/found",
        )
    ]


def directions(found: Analysis) -> list[Sentence]:
    """What can be told of the parameters, and what can't."""
    if found.summary.best is None:
        return []
    clear = [
        _clear(found, a, place)
        for place, a in enumerate(found.associations)
        if a.verdict == "associated"
    ]
    lines = [*clear, *_unclear(found), *_untested(found)]
    if any(a.q is not None for a in found.associations):
        lines.append(
            Sentence(
                text="Tested on exploring trials only, those chosen without looking at results "
                f"(at least {FEWEST}), and corrected for the number of tests (q, Benjamini and "
                "Hochberg). rho (Spearman) sees a steady rise or fall, not a best value in the "
                "middle: look at the plots too. eta (Kruskal and Wallis) is for values without an "
                "order and has no sign.",
                evidence="/associations",
            )
        )
    return lines


def _clear(found: Analysis, a: Association, place: int) -> Sentence:
    objective, n = found.summary.objective, a.independent.n
    strength = a.independent.strength or 0.0
    if a.measure == "rho":
        larger = (strength > 0) is found.summary.maximize
        text = (
            f"{objective} tends to be better for {'larger' if larger else 'smaller'} "
            f"{a.parameter}: rho {words.strength(strength)}, q = {words.chance(a.q)}, over {n} "
            "exploring trials."
        )
    else:
        medians = [(g.median, g) for g in a.groups if g.median is not None]
        pick = max if found.summary.maximize else min
        median, best = pick(medians, key=lambda pair: pair[0])
        text = (
            f"{objective} differs between the values of {a.parameter}: eta "
            f"{words.strength(strength)}, q = {words.chance(a.q)}, over {n} exploring trials; the "
            f"best median is {number(median)}, of {best.label} (n = {best.n})."
        )
    return Sentence(text=text, evidence=f"/associations/{place}")


def _unclear(found: Analysis) -> list[Sentence]:
    names = [a.parameter for a in found.associations if a.verdict == "not identifiable"]
    if not names:
        return []
    return [
        Sentence(
            text=f"No steady effect can be told from these trials (q above {RATE}; not the same as "
            f"unimportant) for {_names(names)}.",
            evidence="/associations",
        )
    ]


def _untested(found: Analysis) -> list[Sentence]:
    by_reason: dict[str, list[str]] = {}
    for a in found.associations:
        if a.verdict == "not tested":
            by_reason.setdefault(a.reason, []).append(a.parameter)
    return [
        Sentence(
            text=f"Unknown, as it could not be tested: {_names(names)} ({reason}).",
            evidence="/associations",
        )
        for reason, names in by_reason.items()
    ]


def _names(names: list[str]) -> str:
    if len(names) <= _NAMED:
        return words.listed(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} others"


def training(found: Analysis) -> list[Sentence]:
    """Learning curves and times."""
    said, seen = found.summary, found.learning
    lines = []
    if seen.units > 1:
        lines.append(
            Sentence(
                text="The quartiles after a unit are over the trials that were trained that far: "
                f"{seen.reached[0]} after the first, {seen.reached[-1]} after unit {seen.units}. "
                "Late ones are of fewer, other trials.",
                evidence="/learning/reached",
            )
        )
    if said.seconds.n:
        lines.append(
            Sentence(
                text=f"A complete trial took {duration(said.seconds.median)} of its population's "
                f"time in the median (n = {said.seconds.n}, from {duration(said.seconds.low)} to "
                f"{duration(said.seconds.high)}).",
                evidence="/summary/seconds",
            )
        )
    if said.units:
        lines.append(
            Sentence(
                text=f"All {words.trials(said.trials)} together were trained for {said.units:,} "
                "units.",
                evidence="/summary/units",
            )
        )
    return lines


def trials(found: Analysis) -> list[Sentence]:
    """Counts and spread."""
    said = found.summary
    lines = []
    if said.trials:
        counted = words.listed([f"{c.n:,} {c.status}" for c in said.counts])
        lines.append(
            Sentence(text=f"Of {words.trials(said.trials)}: {counted}.", evidence="/summary/counts")
        )
    if said.spread.n > 1:
        lines.append(
            Sentence(
                text=f"{said.objective} over the {said.spread.n} complete trials: mean "
                f"{number(said.spread.mean)}, sd {number(said.spread.sd)}, median "
                f"{number(said.spread.median)}, quartiles {number(said.spread.quarter)} and "
                f"{number(said.spread.three_quarters)}, from {number(said.spread.low)} to "
                f"{number(said.spread.high)}. They describe what this search tried, not the space.",
                evidence="/summary/spread",
            )
        )
    if stopped := said.count(Status.STOPPED):
        were = "was" if stopped == 1 else "were"
        lines.append(
            Sentence(
                text=f"{words.trials(stopped)} {were} stopped early. What such a trial had reached "
                "was reached with fewer units, so it is left out of the best, of means, plots "
                "against parameters and correlations; learning curves show it.",
                evidence="/summary/counts",
            )
        )
    if diverged := said.count(Status.DIVERGED):
        text = (
            f"{words.trials(diverged)} diverged and {'has' if diverged == 1 else 'have'} no value."
        )
        lines.append(Sentence(text=text, evidence="/summary/counts"))
    return lines


def _run(run: Run, place: int) -> Sentence:
    began = datetime.datetime.fromtimestamp(run.started, datetime.UTC).strftime("%Y-%m-%d %H:%M")
    how = "is running, or was killed" if run.how is None else f"ended {run.how}"
    took = "" if run.seconds is None else f" after {duration(run.seconds)}"
    info: dict[str, Any] = dict(run.info)
    versions = {k: v for k, v in (info.get("versions") or {}).items() if v}
    devices, git = info.get("devices") or {}, info.get("git") or {}
    where = f"{devices['count']} x {devices['kind']}" if devices else "an unknown device"
    software = ", ".join(f"{k} {v}" for k, v in versions.items()) or "unknown versions"
    changed = " with changes" if git.get("changed") else ""
    revision = f"; git {str(git['revision'])[:12]}{changed}" if git.get("revision") else ""
    return Sentence(
        text=f"The run of {began} UTC {how}{took}, on {where} with {software}{revision}.",
        evidence=f"/runs/{place}",
    )
