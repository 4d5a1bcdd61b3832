"""The report as one HTML page that needs nothing else: no network, no script.

Text is escaped where it enters the page (`_text`), and nowhere else is text put in.
"""

from __future__ import annotations

import html

from jaxhpo.analysis.study import Analysis
from jaxhpo.report import words
from jaxhpo.report.drawing import Drawing
from jaxhpo.report.figures import Figure
from jaxhpo.report.panels import LEGEND
from jaxhpo.report.sections import Report, Section
from jaxhpo.report.sentences import Sentence
from jaxhpo.report.style import sheet
from jaxhpo.report.tables import Table
from jaxhpo.trial import Status

_text = html.escape
_DOT = '<circle cx="5" cy="5" r="3.6" class="{phase}"/>'
_DIAMOND = '<path d="M5 1 9 5 5 9 1 5z" class="{phase}"/>'
_STAR = (
    '<path fill="var(--best)" d="M5 .2 6.2 3.6 9.8 3.7 6.9 5.8 8 9.3 5 7.2 2 9.3 3.1 5.8 .2 3.7 '
    '3.8 3.6z"/>'
)
_LINE = '<path stroke="var(--ink)" stroke-width="1.8" d="M0 5H10"/>'


def page(report: Report) -> str:
    """The whole page."""
    found = report.found
    goal = "higher is better" if found.summary.maximize else "lower is better"
    setting = [
        goal,
        *(f"{k} {found.identity[k]}" for k in ("sampler", "seed") if k in found.identity),
    ]
    sections = "\n".join(
        _section(section, _tiles(found) if place == 0 else "")
        for place, section in enumerate(report.sections)
    )
    title = _text(report.title)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{sheet()}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="stamp">{_text(" · ".join(setting))} · made {_text(report.stamp)}</p>
{sections}
</main>
</body>
</html>
"""


def _section(section: Section, first: str) -> str:
    parts = "\n".join(_part(part) for part in section.parts)
    return f"<section>\n<h2>{_text(section.title)}</h2>\n{first}{parts}\n</section>"


def _part(part: list[Sentence] | Figure | Table) -> str:
    if isinstance(part, Table):
        return _table(part)
    return _figure(part) if isinstance(part, Figure) else _list(part)


def _tiles(found: Analysis) -> str:
    said, best, test = found.summary, found.summary.best, found.test
    shown = []
    if best is not None:
        shown.append((f"best {said.objective}", words.number(best.value), f"trial {best.number}"))
    if test is not None and said.objective in test.metrics:
        value = words.number(test.metrics[said.objective])
        shown.append((f"test {said.objective}", value, f"trial {test.number}, never searched on"))
    complete = said.count(Status.COMPLETE)
    others = [f"{words.count(c.n)} {c.status}" for c in said.counts if c.status != "complete"]
    small = ", ".join(others) if others else f"of {words.trials(said.trials)}"
    shown.append(("complete trials", words.count(complete), small))
    seconds = [run.seconds for run in found.runs if run.seconds is not None]
    if seconds:
        runs = f"in {len(seconds)} run{'' if len(seconds) == 1 else 's'}"
        shown.append(("time", words.duration(sum(seconds)), runs))
    tiles = "".join(
        f'<div class="tile{" first" if place == 0 and best else ""}"><dt>{_text(name)}</dt>'
        f"<dd>{_text(value)}<small>{_text(small)}</small></dd></div>"
        for place, (name, value, small) in enumerate(shown)
    )
    return f'<dl class="tiles">{tiles}</dl>\n'


def _list(found: list[Sentence]) -> str:
    items = "".join(f'<li data-evidence="{_text(s.evidence)}">{_text(s.text)}</li>' for s in found)
    return f"<ul>{items}</ul>"


def _table(table: Table) -> str:
    css = [' class="n"' if column.right else "" for column in table.columns]
    head = "".join(
        f'<th scope="col"{c}>{_text(column.name)}</th>'
        for column, c in zip(table.columns, css, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(f"<td{c}>{_text(v)}</td>" for v, c in zip(row, css, strict=True)) + "</tr>"
        for row in table.shown()
    )
    title = _text(table.title)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><table>'
        f"<caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _figure(figure: Figure) -> str:
    drawn = "\n".join(_drawing(d) for d in figure.drawings)
    css = "panels" if any(d.kind == "panel" for d in figure.drawings) else "both"
    return (
        f"<figure><figcaption><h3>{_text(figure.title)}</h3><p>{_text(figure.caption)}</p>"
        f'</figcaption>{_key(figure)}<div class="{css}">{drawn}</div></figure>'
    )


def _drawing(one: Drawing) -> str:
    return f'<div class="{one.kind}" role="img" aria-label="{_text(one.alt)}">{one.svg}</div>'


def _key(figure: Figure) -> str:
    """What the marks mean, for panels that have no room to say it."""
    if not figure.phases:
        return ""
    marks = [
        (LEGEND[p], (_DIAMOND if p == "given" else _DOT).format(phase=p)) for p in figure.phases
    ]
    marks += [("best", _STAR), ("median", _LINE)]
    items = "".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true">{mark}</svg>{_text(name)}</li>'
        for name, mark in marks
    )
    return f'<ul class="key">{items}</ul>'
