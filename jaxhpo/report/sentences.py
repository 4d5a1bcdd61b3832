"""What a report says in words: every sentence is made from one typed result and names it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from jaxhpo.analysis.association import FEWEST, RATE
from jaxhpo.analysis.study import Analysis


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sentence:
    """A statement, and the part of the analysis that it was made from (as in ``report.json``)."""

    text: str
    evidence: str


def number(value: float | None) -> str:
    """Five significant digits, or "unknown"."""
    return "unknown" if value is None else f"{value:.5g}"


def duration(seconds: float | None) -> str:
    """Seconds as a person would say them."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def headline(found: Analysis) -> list[Sentence]:
    """What matters first: the best, what it scored on test data, how far to trust it."""
    best, test, said = found.summary.best, found.test, found.summary
    if best is None:
        return [
            Sentence(
                text=f"No trial of {said.trials} is complete, so there is no best configuration.",
                evidence="summary.best",
            )
        ]
    complete = said.spread.n
    lines = [
        Sentence(
            text=f"The best {said.objective} is {number(best.value)}, of trial {best.number}: the "
            f"{'highest' if said.maximize else 'lowest'} of {_trials(complete, 'complete')}.",
            evidence="summary.best",
        )
    ]
    if test is not None and test.number == best.number:
        scores = ", ".join(f"{name} {number(value)}" for name, value in test.metrics.items())
        lines.append(
            Sentence(
                text=f"On test data, which nothing was chosen by, it has {scores}.",
                evidence="test",
            )
        )
    optimistic = f"It is the best of {complete} noisy values, and so likely better than the truth"
    held = "the test score is not." if test is not None else "by how much is unknown: no test data."
    if complete > 1:
        lines.append(Sentence(text=f"{optimistic}; {held}", evidence="summary.spread.n"))
    if said.ties > 1:
        lines.append(
            Sentence(
                text=f"{said.ties} complete trials have exactly this value; the earliest is shown.",
                evidence="summary.ties",
            )
        )
    return lines


def course(found: Analysis) -> list[Sentence]:
    """How the best was come by."""
    seen = found.progress
    if seen.found is None:
        return []
    return [
        Sentence(
            text=f"The best value was reached by trial {seen.found}; "
            f"{_trials(seen.since or 0, 'complete')} came after it without bettering it.",
            evidence="progress.found",
        ),
        Sentence(
            text=f"The moving average is over {seen.window} complete trials in order of proposal.",
            evidence="progress.window",
        ),
    ]


def trials(found: Analysis) -> list[Sentence]:
    """Counts, spread and durations."""
    said = found.summary
    lines = [
        Sentence(
            text=f"Of {_trials(said.trials)}, "
            + (", ".join(f"{n} {s}" for s, n in said.statuses.items()) or "none has begun")
            + ".",
            evidence="summary.statuses",
        )
    ]
    if said.spread.n > 1:
        lines.append(
            Sentence(
                text=f"{said.objective} over the {said.spread.n} complete trials: mean "
                f"{number(said.spread.mean)}, sd {number(said.spread.sd)}, median "
                f"{number(said.spread.median)}, from {number(said.spread.low)} to "
                f"{number(said.spread.high)}. These are trials that a search chose, not a sample.",
                evidence="summary.spread",
            )
        )
    if said.statuses.get("stopped"):
        lines.append(
            Sentence(
                text=f"{_trials(said.statuses['stopped'])} were stopped early; their values were "
                "reached with fewer units and are left out of means, slices and correlations.",
                evidence="summary.statuses",
            )
        )
    if said.seconds.n:
        lines.append(
            Sentence(
                text=f"A complete trial took {duration(said.seconds.median)} of its population's "
                f"time in the median (n = {said.seconds.n}); {said.units:,} units were trained.",
                evidence="summary.seconds",
            )
        )
    lines += [_run(run, i) for i, run in enumerate(found.runs)]
    return lines


def directions(found: Analysis) -> list[Sentence]:
    """What can be told of the parameters, and what can't."""
    if not found.associations:
        return []
    clear = [a for a in found.associations if a.verdict == "associated"]
    unclear = [a for a in found.associations if a.verdict == "not identifiable"]
    untested = [a for a in found.associations if a.verdict == "not tested"]
    lines = []
    for a in clear:
        if a.ordered and a.rho_independent is not None:
            better = (a.rho_independent > 0) is found.summary.maximize
            text = (
                f"{found.summary.objective} tends to be better for "
                f"{'larger' if better else 'smaller'} {a.parameter}: Spearman's rho "
                f"{a.rho_independent:+.2f}, q = {a.q:.2g}, over {a.independent} trials chosen "
                "without looking at results."
            )
        else:
            text = (
                f"{found.summary.objective} differs between the values of {a.parameter}: epsilon "
                f"squared {a.rho_independent:.2f}, q = {a.q:.2g}, over {a.independent} trials "
                "chosen without looking at results."
            )
        lines.append(Sentence(text=text, evidence=f"associations.{a.parameter}"))
    if unclear:
        names = ", ".join(a.parameter for a in unclear)
        lines.append(
            Sentence(
                text=f"Not identifiable from these trials (q above {RATE}, which is not to say "
                f"unimportant): {names}.",
                evidence="associations",
            )
        )
    if untested:
        names = ", ".join(f"{a.parameter} ({a.reason})" for a in untested)
        lines.append(Sentence(text=f"Not tested: {names}.", evidence="associations"))
    lines.append(
        Sentence(
            text="P-values are from trials of the exploring phase only, corrected over all "
            f"parameters (Benjamini and Hochberg); below {FEWEST} such trials nothing is tested. "
            "Only a steady rise or fall shows: a best value in the middle does not.",
            evidence="associations",
        )
    )
    return lines


def _run(run: Any, place: int) -> Sentence:
    began = datetime.datetime.fromtimestamp(run.started, datetime.UTC).strftime("%Y-%m-%d %H:%M")
    how = "is running, or was killed" if run.how is None else f"ended {run.how}"
    took = "" if run.seconds is None else f" after {duration(run.seconds)}"
    versions = {k: v for k, v in run.info.get("versions", {}).items() if v}
    devices = run.info.get("devices") or {}
    where = f"{devices['count']} x {devices['kind']}" if devices else "an unknown device"
    software = ", ".join(f"{k} {v}" for k, v in versions.items()) or "unknown versions"
    return Sentence(
        text=f"The run of {began} UTC {how}{took}, on {where} with {software}.",
        evidence=f"runs.{place}",
    )


def _trials(count: int, kind: str = "") -> str:
    kind = f"{kind} " if kind else ""
    return f"{count:,} {kind}trial{'' if count == 1 else 's'}"
