"""The order of a report, for the page and for Markdown alike."""

from __future__ import annotations

import dataclasses

from jaxhpo.analysis.study import Analysis
from jaxhpo.report.figures import Figure, figures
from jaxhpo.report.sentences import Sentence, sentences
from jaxhpo.report.tables import Table, tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with its parts, in the order in which they are shown."""

    title: str
    parts: tuple[list[Sentence] | Figure | Table, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """All that there is to render: one study's analysis, what is said of it, and the stamp."""

    found: Analysis
    stamp: str
    said: dict[str, list[Sentence]]
    figures: dict[str, Figure]
    tables: dict[str, Table]
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """The task and its objective."""
        return f"{self.found.name}: {self.found.summary.objective}"


_PARAMETERS = ("table associations", "table groups")
# Names of figures, sentences and tables, as they come.
_LAYOUT = (
    ("The best", ("said headline", "table best")),
    ("How the search went", ("figure progress", "said course", "table top")),
    ("Parameters", ("figure slices", "figure associations", "said directions", *_PARAMETERS)),
    ("Training", ("figure learning", "said training")),
    ("All trials", ("said trials", "table counts")),
    ("The study", ("said runs", "table space", "table study")),
)


def report(found: Analysis, stamp: str) -> Report:
    """Draws and writes everything."""
    said, drawn, made = sentences(found), figures(found), tables(found)
    known = {
        **{f"said {name}": part for name, part in said.items() if part},
        **{f"figure {name}": part for name, part in drawn.items()},
        **{f"table {name}": part for name, part in made.items()},
    }
    sections = [
        Section(title=title, parts=tuple(known[name] for name in names if name in known))
        for title, names in _LAYOUT
    ]
    return Report(
        found=found,
        stamp=stamp,
        said=said,
        figures=drawn,
        tables=made,
        sections=tuple(s for s in sections if s.parts),
    )
