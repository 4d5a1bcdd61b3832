"""The report as Markdown."""

from __future__ import annotations

import re

from jaxhpo.report.figures import Figure
from jaxhpo.report.sections import Report
from jaxhpo.report.sentences import Sentence
from jaxhpo.report.tables import Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def markdown(report: Report) -> str:
    """The whole report."""
    parts = [f"# {escaped(report.title)}", f"Made {escaped(report.stamp)}."]
    for section in report.sections:
        parts += [f"## {section.title}", *(_part(part) for part in section.parts)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown, and HTML inside it, leaves as it is."""
    return _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;")).replace("\n", " ")


def _part(part: list[Sentence] | Figure | Table) -> str:
    if isinstance(part, Table):
        return _table(part)
    return _figure(part) if isinstance(part, Figure) else _list(part)


def _list(found: list[Sentence]) -> str:
    return "\n".join(f"- {escaped(line.text)}" for line in found)


def _table(table: Table) -> str:
    rule = "| " + " | ".join("---:" if c.right else "---" for c in table.columns) + " |"
    rows = [_row([c.name for c in table.columns]), rule, *(_row(row) for row in table.shown())]
    return f"**{escaped(table.title)}**\n\n" + "\n".join(rows)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _figure(figure: Figure) -> str:
    images = [f"![{escaped(p.alt)}](figures/{p.name}.png)" for p in figure.pictures]
    caption = f"**{escaped(figure.title)}.** {escaped(figure.caption)}"
    return "\n\n".join([*images, caption])
