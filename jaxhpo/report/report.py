"""A whole report as a value: what Markdown, the page, the log and the files are made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from jaxhpo.analysis.study import Analysis
from jaxhpo.report.parts import Figure, Section, Table
from jaxhpo.report.sections import sections


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """One study's analysis, the sections, the time stamp, the command that makes it again (or an
    empty string)."""

    found: Analysis
    stamp: str
    sections: tuple[Section, ...]
    command: str = ""

    @property
    def title(self) -> str:
        """The task and its objective."""
        return f"{self.found.name}: {self.found.summary.objective}"

    @property
    def goal(self) -> str:
        """The direction, and what the study is a function of, in a few words."""
        known = self.found.identity
        goal = "higher is better" if self.found.summary.maximize else "lower is better"
        return " · ".join([goal, *(f"{k} {known[k]}" for k in ("sampler", "seed") if k in known)])

    @property
    def tables(self) -> list[Table]:
        """Of all sections."""
        return [p for s in self.sections for p in s.parts if isinstance(p, Table)]

    @property
    def figures(self) -> list[Figure]:
        """Of all sections."""
        return [p for s in self.sections for p in s.parts if isinstance(p, Figure)]


def report(
    found: Analysis, stamp: str, *, wanted: Sequence[str] | None = None, command: str = ""
) -> Report:
    """Everything that is to be shown, or the sections that are `wanted`."""
    made = sections(found, wanted)
    return Report(found=found, stamp=stamp, sections=made, command=command)
