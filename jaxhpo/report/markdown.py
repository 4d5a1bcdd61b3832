"""The report as Markdown. The evidence of a statement stands behind it in a comment."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jaxhpo.report.parts import Code, Figure, Part, Sentence, Steps, Table, Tile
from jaxhpo.report.report import Report

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def markdown(report: Report, pictures: str = "png") -> str:
    """The whole report; `pictures` is the format of the figures that it shows."""
    parts = [f"# {escaped(report.title)}", f"{escaped(report.goal)} · made {escaped(report.stamp)}"]
    for section in report.sections:
        parts += [f"## {section.title}", *(_part(part, pictures) for part in section.parts)]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown, and HTML inside it, leaves as it is."""
    return _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;")).replace("\n", " ")


def _part(part: Part, pictures: str) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Figure):
        return _figure(part, pictures)
    if isinstance(part, Steps):
        lines = [f"{i}. {_item(one)}" for i, one in enumerate(part.sentences, start=1)]
        return f"**{escaped(part.title)}**\n\n" + "\n".join(lines)
    return _code(part) if isinstance(part, Code) else _list(part)


def _list(found: Sequence[Sentence | Tile]) -> str:
    return "\n".join(f"- {_item(one)}" for one in found)


def _item(one: Sentence | Tile) -> str:
    if isinstance(one, Sentence):
        return f"{escaped(one.text)} <!-- {one.evidence} -->"
    return f"**{escaped(one.name)}: {escaped(one.value)}** ({escaped(one.note)})"


def _table(table: Table) -> str:
    if not table.shown():
        return f"{escaped(table.title)}: {escaped(table.rest)}"
    rule = "| " + " | ".join("---:" if c.right else "---" for c in table.heads) + " |"
    rows = [_row([c.name for c in table.heads]), rule, *(_row(row) for row in table.shown())]
    rest = f"\n\n{escaped(table.rest)}" if table.rest else ""
    note = f"\n\n{escaped(table.note)}" if table.note else ""
    return f"**{escaped(table.title)}**{note}\n\n" + "\n".join(rows) + rest


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _figure(figure: Figure, pictures: str) -> str:
    images = [f"![{escaped(p.alt)}](figures/{p.name}.{pictures})" for p in figure.plots]
    caption = f"**{escaped(figure.title)}.** {escaped(figure.caption)}"
    return "\n\n".join([*images, caption])


def _code(code: Code) -> str:
    longest = max((len(run) for run in re.findall(r"`+", code.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"**{escaped(code.title)}**\n\n{fence}{code.language}\n{code.text.rstrip()}\n{fence}"
