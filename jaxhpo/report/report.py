"""A whole report as a value: what Markdown, the page, the log and the files are made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from jaxhpo.analysis.result import Analysis
from jaxhpo.report import words
from jaxhpo.report.parts import Code, Figure, Section, Sentence, Table
from jaxhpo.report.script import NO_TRIALS, trial_data
from jaxhpo.report.sections import sections


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What is shown, and the results that it was made from.

    Attributes:
        found: the results, a frozen dataclass, which every sentence's evidence points into.
        title, goal: what it is about, and which way is better.
        stamp: the time. command: what makes it again, or an empty string.
        notes: what had to be assumed to read the source.
        trials: what the page can tell of single trials, as JSON that may stand in a script.
    """

    found: Any
    title: str
    goal: str
    stamp: str
    sections: tuple[Section, ...]
    command: str = ""
    trials: str = NO_TRIALS
    notes: tuple[str, ...] = ()

    @property
    def tables(self) -> list[Table]:
        """Of all sections."""
        return [p for s in self.sections for p in s.parts if isinstance(p, Table)]

    @property
    def figures(self) -> list[Figure]:
        """Of all sections."""
        return [p for s in self.sections for p in s.parts if isinstance(p, Figure)]


def report(
    found: Analysis,
    stamp: str,
    *,
    wanted: Sequence[str] | None = None,
    command: str = "",
    notes: Sequence[str] = (),
) -> Report:
    """Everything that is to be shown of a study, or the sections that are `wanted`."""
    known = found.identity
    setting = [f"{k} {known[k]}" for k in ("sampler", "seed") if known.get(k) is not None]
    return Report(
        found=found,
        title=f"{found.name}: {_objectives(found)}",
        goal=" · ".join([_goal(found), *setting]),
        stamp=stamp,
        sections=tuple(
            _with_notes(with_command(s, command), notes) for s in sections(found, wanted)
        ),
        command=command,
        trials=trial_data(found),
        notes=tuple(notes),
    )


def _objectives(found: Analysis) -> str:
    return words.listed(
        [goal.name for goal in found.fronts.objectives] or [found.summary.objective]
    )


def _goal(found: Analysis) -> str:
    """Which way is better, in every objective, and what must be kept."""
    said = [
        f"{goal.name} {'higher' if goal.maximize else 'lower'} is better"
        for goal in found.fronts.objectives
    ] or [direction(maximize=found.summary.maximize)]
    rules = [f"{rule.name} at most {rule.bound:g}" for rule in found.fronts.constraints]
    return ", ".join([*said, *rules])


def direction(*, maximize: bool) -> str:
    """Which way is better."""
    return "higher is better" if maximize else "lower is better"


def with_command(section: Section, command: str) -> Section:
    """The section on the study also says how the report is made again."""
    if section.name != "study" or not command:
        return section
    again = Code(title="This report again", language="sh", text=command)
    return dataclasses.replace(section, parts=(*section.parts, again))


def _with_notes(section: Section, notes: Sequence[str]) -> Section:
    """What to be wary of also holds what was assumed."""
    if section.name != "anomalies" or not notes:
        return section
    said = [
        Sentence(text=f"Assumed: {note}.", evidence=f"/notes/{place}")
        for place, note in enumerate(notes)
    ]
    return dataclasses.replace(section, parts=(*section.parts[:1], said, *section.parts[1:]))
