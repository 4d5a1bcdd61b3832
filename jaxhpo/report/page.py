"""The report as one HTML page that needs nothing else: no network, no file beside it.

Text is escaped where it enters the page (`_text`), and nowhere else is text put in. The page's
policy lets no address be fetched and no script run but the one that stands in it.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from typing import Any

from jaxhpo.report import words
from jaxhpo.report.drawing import NARROW, for_page
from jaxhpo.report.parts import (
    Code,
    Column,
    Figure,
    Part,
    Plot,
    Section,
    Sentence,
    Steps,
    Table,
    Tile,
)
from jaxhpo.report.report import Report
from jaxhpo.report.script import SCRIPT
from jaxhpo.report.style import sheet

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
    title = _text(report.title)
    links = "".join(f'<li><a href="#{s.name}">{_text(s.title)}</a></li>' for s in report.sections)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    policy += f"script-src 'sha256-{digest}'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{sheet()}</style>
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header>
<h1>{title}</h1>
<p class="stamp">{_text(report.goal)} · made {_text(report.stamp)}</p>
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main id="main" tabindex="-1">
{"".join(_section(section) for section in report.sections)}</main>
<script type="application/json" id="trial-data">{report.trials}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _section(section: Section) -> str:
    parts = "\n".join(_part(part, section.name) for part in section.parts)
    head = f'<h2 id="{section.name}-head">{_text(section.title)}</h2>'
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-head">\n{head}\n{parts}\n'
        "</section>\n"
    )


def _part(part: Part, section: str) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Figure):
        return _figure(part)
    if isinstance(part, Steps):
        return _steps(part)
    return _code(part) if isinstance(part, Code) else _list(part)


def _steps(part: Steps) -> str:
    items = "".join(_item(one) for one in part.sentences)
    return f'<div class="steps"><h3>{_text(part.title)}</h3><ol>{items}</ol></div>'


def _item(one: Sentence) -> str:
    return f'<li data-evidence="{_text(one.evidence)}">{_text(one.text)}</li>'


def _list(found: Sequence[Sentence | Tile]) -> str:
    said = [one for one in found if isinstance(one, Sentence)]
    items = "".join(_item(one) for one in said)
    tiles = "".join(_tile(one) for one in found if isinstance(one, Tile))
    shown = f'<dl class="tiles">{tiles}</dl>' if tiles else ""
    return shown + (f"<ul>{items}</ul>" if items else "")


def _tile(one: Tile) -> str:
    return (
        f'<div class="tile{" first" if one.first else ""}"><dt>{_text(one.name)}</dt>'
        f"<dd>{_text(one.value)}<small>{_text(one.note)}</small></dd></div>"
    )


def _table(table: Table) -> str:
    css = [_css(column) for column in table.heads]
    full = ' class="full"' if any(column.wide for column in table.heads) else ""
    head = "".join(
        f'<th scope="col"{c}>{_text(column.name)}</th>'
        for column, c in zip(table.heads, css, strict=True)
    )
    rows = "".join(
        _row(shown, whole, css) for shown, whole in zip(table.shown(), table.whole(), strict=True)
    )
    if not table.shown():
        return ""  # a file alone: Markdown and the log name it
    place = f"table-{table.name}"
    rest = f'<p class="rest">{_text(table.rest)}</p>' if table.rest else ""
    note = f'<p class="note">{_text(table.note)}</p>' if table.note else ""
    inner = (
        f'{note}<div class="scroll" tabindex="0" role="region" aria-labelledby="{place}">'
        f'<table aria-labelledby="{place}"{full}><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody>"
        f"</table></div>{rest}"
    )
    title = f'<b id="{place}">{_text(table.title)}</b>'
    if table.folded:
        n = f"<small>{len(table.rows):,} rows</small>" if len(table.rows) > 1 else ""
        return f"<details><summary>{title} {n}</summary>{inner}</details>"
    return f'<figure class="table"><figcaption>{title}</figcaption>{inner}</figure>'


def _css(column: Column) -> str:
    name = "n" if column.right else "t" if column.wide else ""
    return f' class="{name}"' if name else ""


def _row(shown: list[str], whole: Sequence[Any], css: list[str]) -> str:
    cells = [f'<th scope="row"{css[0]}{_sort(whole[0])}>{_text(shown[0])}</th>']
    cells += [
        f"<td{c}{_sort(value)}>{_text(text)}</td>"
        for text, value, c in zip(shown[1:], whole[1:], css[1:], strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _sort(value: Any) -> str:
    """What the page sorts a cell by, where its text is not that."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return f' data-v="{value!r}"' if plain else ""


def _figure(figure: Figure) -> str:
    small = bool(figure.panels or figure.folded)
    if small:
        drawn = "".join(_drawing(p, "panel", p.name, p.size) for p in figure.panels)
    else:
        drawn = "".join(
            _drawing(p, "wide", f"{p.name}-w", p.size)
            + _drawing(p, "narrow", f"{p.name}-n", (NARROW, p.size[1]))
            for p in figure.plots
        )
    css = "panels" if small else "both"
    more = "".join(_drawing(p, "panel", p.name, p.size) for p in figure.folded)
    if more:
        head = f"<summary><b>{_text(figure.rest)}</b></summary>"
        more = f'<details>{head}<div class="panels">{more}</div></details>'
    shown = f'<div class="{css}">{drawn}</div>' if drawn else ""
    return (
        f"<figure><figcaption><h3>{_text(figure.title)}</h3><p>{_text(figure.caption)}</p>"
        f"</figcaption>{_key(figure)}{shown}{more}</figure>"
    )


def _drawing(one: Plot, kind: str, name: str, size: tuple[float, float]) -> str:
    svg = for_page(name, size, one.draw)
    return f'<div class="{kind}" role="img" aria-label="{_text(one.alt)}">{svg}</div>\n'


def _key(figure: Figure) -> str:
    """What the marks mean, for panels that have no room to say it."""
    if not figure.phases:
        return ""
    marks = [
        (words.PHASES[p], (_DIAMOND if p == "given" else _DOT).format(phase=p))
        for p in figure.phases
    ]
    marks += [("best", _STAR), ("median", _LINE)]
    items = "".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true">{mark}</svg>{_text(name)}</li>'
        for name, mark in marks
    )
    return f'<ul class="key">{items}</ul>'


def _code(code: Code) -> str:
    title = _text(code.title)
    text = f'<pre tabindex="0" aria-label="{title}"><code>{_text(code.text.rstrip())}</code></pre>'
    if code.folded:
        return f'<details class="code"><summary><b>{title}</b></summary>{text}</details>'
    return f'<figure class="code"><figcaption>{title}</figcaption>{text}</figure>'
