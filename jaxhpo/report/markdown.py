"""The report as Markdown."""

from __future__ import annotations

import re

from jaxhpo.analysis.study import Analysis
from jaxhpo.report import sentences
from jaxhpo.report.figures import Figure
from jaxhpo.report.tables import Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def markdown(found: Analysis, tables: list[Table], figures: list[Figure], stamp: str) -> str:
    """The whole report."""
    by_name = {table.name: table for table in tables}
    parts = [f"# {escaped(found.name)}: {escaped(found.summary.objective)}", f"Made {stamp}."]
    parts += [_said(sentences.headline(found)), _table(by_name.get("best"))]
    parts += ["## How the search went", _figures(figures, "progress")]
    parts += [_said(sentences.course(found)), _table(by_name.get("top"))]
    parts += ["## Parameters", _figures(figures, "slices"), _figures(figures, "associations")]
    parts += [_said(sentences.directions(found)), _table(by_name.get("associations"))]
    parts += ["## Training", _figures(figures, "learning")]
    parts += ["## All trials", _said(sentences.trials(found)), _table(by_name.get("counts"))]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown, and HTML inside it, leaves as it is."""
    return _SPECIAL.sub(r"\\\1", text).replace("\n", " ")


def _said(found: list[sentences.Sentence]) -> str:
    return "\n".join(f"- {escaped(line.text)}" for line in found)


def _table(table: Table | None) -> str:
    if table is None:
        return ""
    line = lambda cells: "| " + " | ".join(escaped(cell) for cell in cells) + " |"  # noqa: E731
    rule = "| " + " | ".join("---:" if right else "---" for right in table.numeric) + " |"
    rows = [line(table.columns), rule, *(line(row) for row in table.rows)]
    return f"**{escaped(table.title)}**\n\n" + "\n".join(rows)


def _figures(figures: list[Figure], name: str) -> str:
    return "\n\n".join(
        f"![{escaped(figure.alt)}](figures/{figure.name}.png)\n\n*{escaped(figure.caption)}*"
        for figure in figures
        if figure.name.startswith(name)
    )
