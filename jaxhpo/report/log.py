"""The report as plain text, whole: every sentence with its evidence, every row of every table."""

from __future__ import annotations

from jaxhpo.report.parts import Code, Figure, Part, Steps, Table, Tile
from jaxhpo.report.report import Report


def log(report: Report) -> str:
    """What `full.log` holds."""
    lines = [report.title, f"{report.goal}, made {report.stamp}"]
    lines += [f"command: {report.command}"] if report.command else []
    for section in report.sections:
        lines += ["", f"== {section.title} =="]
        for part in section.parts:
            lines += ["", *_lines(part)]
    return "\n".join(" ".join(line.splitlines()) for line in lines) + "\n"


def _lines(part: Part) -> list[str]:
    if isinstance(part, Figure):
        return [f"[figure {part.name}] {part.title}. {part.caption}", *(p.alt for p in part.plots)]
    if isinstance(part, Steps):
        return [part.title, *(f"{one.text}  [{one.evidence}]" for one in part.sentences)]
    if isinstance(part, Code):
        return [part.title, *part.text.splitlines()]
    if isinstance(part, Table):
        return _table(part)
    return [
        f"{one.name}: {one.value} ({one.note})"
        if isinstance(one, Tile)
        else f"{one.text}  [{one.evidence}]"
        for one in part
    ]


def _table(table: Table) -> list[str]:
    whole = [["" if v is None else str(v) for v in row] for row in table.rows]
    rows = [[column.name for column in table.columns], *whole]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    shown = [
        "  ".join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        ).rstrip()
        for row in rows
    ]
    note = [table.note] if table.note else []
    return [f"[table {table.name}] {table.title}", *note, *shown]
