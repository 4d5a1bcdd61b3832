"""The report as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

import html
import re

from jaxhpo.analysis.study import Analysis
from jaxhpo.report import sentences
from jaxhpo.report.figures import PAPER, Figure
from jaxhpo.report.tables import Table

_DARK = {
    "ink": "#e8ebf1",
    "faint": "#8d96a6",
    "rule": "#2f3642",
    "explore": "#98a2b5",
    "model": "#58b4ee",
    "best": "#ff9a52",
    "band": "#2c6f9c",
    "surface": "#161a21",
}
_STYLE = """
:root { color-scheme: light dark; LIGHT --page: #f6f7f9; }
@media (prefers-color-scheme: dark) { :root { DARK --page: #0f1216; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .7rem; }
.stamp { color: var(--faint); font-size: .85rem; margin: 0 0 1.2rem; }
section { background: var(--surface); border: 1px solid var(--rule); border-radius: .7rem;
  padding: 1.2rem 1.3rem; margin: 1rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .8rem;
  margin: 0 0 1rem; }
.tile { border: 1px solid var(--rule); border-radius: .6rem; padding: .6rem .8rem; margin: 0; }
.tile dt { color: var(--faint); font-size: .8rem; }
.tile dd { margin: 0; font-size: 1.45rem; font-weight: 650; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }
.tile dd small { font-size: .8rem; font-weight: 400; color: var(--faint); display: block; }
ul { margin: .4rem 0 .8rem; padding-left: 1.15rem; }
li { margin: .2rem 0; overflow-wrap: anywhere; }
figure { margin: 1.1rem 0; }
figure svg { width: 100%; height: auto; display: block; }
figure svg text { font-family: inherit !important; }
figcaption, caption { color: var(--faint); font-size: .85rem; text-align: left; }
figcaption b { color: var(--ink); display: block; font-size: .95rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
.wide:focus-visible { outline: 2px solid var(--model); }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .4rem; font-weight: 600; color: var(--ink); }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { color: var(--faint); font-weight: 500; white-space: nowrap; }
.n { text-align: right; white-space: nowrap; }
@media (max-width: 34rem) { section { padding: 1rem .8rem; } main { padding: 1rem .6rem 3rem; }
  figure { overflow-x: auto; } figure svg { min-width: 34rem; } }
@media print { body { background: none; } section { break-inside: avoid; border: 0; } }
"""


def page(found: Analysis, tables: list[Table], figures: list[Figure], stamp: str) -> str:
    """The whole page."""
    by_name = {table.name: table for table in tables}
    said, title = found.summary, f"{found.name}: {found.summary.objective}"
    parts = [
        _section(
            "The best", _tiles(found), _list(sentences.headline(found)), _table(by_name, "best")
        ),
        _section(
            "How the search went",
            _figures(figures, "progress"),
            _list(sentences.course(found)),
            _table(by_name, "top"),
        ),
        _section(
            "Parameters",
            _figures(figures, "slices"),
            _figures(figures, "associations"),
            _list(sentences.directions(found)),
            _table(by_name, "associations"),
        ),
        _section("Training", _figures(figures, "learning")),
        _section("All trials", _list(sentences.trials(found)), _table(by_name, "counts")),
    ]
    light = " ".join(f"--{name}: {colour};" for name, colour in PAPER.items())
    dark = " ".join(f"--{name}: {colour};" for name, colour in _DARK.items())
    style = _STYLE.replace("LIGHT", light).replace("DARK", dark)
    goal = "more is better" if said.maximize else "less is better"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{html.escape(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{html.escape(title)}</h1>\n"
        f'<p class="stamp">{goal} &middot; seed {html.escape(str(found.identity.get("seed")))} '
        f"&middot; sampler {html.escape(str(found.identity.get('sampler')))} &middot; made "
        f"{html.escape(stamp)}</p>\n"
        + "\n".join(p for p in parts if p)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, *parts: str) -> str:
    body = "\n".join(part for part in parts if part)
    if not body:
        return ""
    return f"<section>\n<h2>{html.escape(title)}</h2>\n{body}\n</section>"


def _tiles(found: Analysis) -> str:
    said, best = found.summary, found.summary.best
    shown = []
    if best is not None:
        small = f"trial {best.number}, validation"
        shown.append((f"best {said.objective}", sentences.number(best.value), small))
    if found.test is not None and said.objective in found.test.metrics:
        value = sentences.number(found.test.metrics[said.objective])
        shown.append((f"test {said.objective}", value, "seen once, at the end"))
    complete = said.statuses.get("complete", 0)
    others = ", ".join(f"{n:,} {s}" for s, n in said.statuses.items() if s != "complete")
    shown.append(("complete trials", f"{complete:,}", others or "no others"))
    seconds = [run.seconds for run in found.runs if run.seconds is not None]
    if seconds:
        runs = f"{len(found.runs)} run{'s' if len(found.runs) > 1 else ''}"
        shown.append(("time", sentences.duration(sum(seconds)), runs))
    tiles = "".join(
        f'<div class="tile"><dt>{html.escape(name)}</dt><dd>{html.escape(value)}'
        f"<small>{html.escape(small)}</small></dd></div>"
        for name, value, small in shown
    )
    return f'<dl class="tiles">{tiles}</dl>'


def _list(found: list[sentences.Sentence]) -> str:
    if not found:
        return ""
    items = "".join(
        f'<li data-evidence="{html.escape(s.evidence)}">{html.escape(s.text)}</li>' for s in found
    )
    return f"<ul>{items}</ul>"


def _table(tables: dict[str, Table], name: str) -> str:
    table = tables.get(name)
    if table is None:
        return ""
    css = ['class="n"' if right else "" for right in table.numeric]
    head = "".join(
        f'<th scope="col" {c}>{html.escape(text)}</th>'
        for text, c in zip(table.columns, css, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td {c}>{html.escape(v)}</td>" for v, c in zip(row, css, strict=True))
        + "</tr>"
        for row in table.rows
    )
    label = html.escape(table.title)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<caption>{label}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _figures(figures: list[Figure], name: str) -> str:
    return "\n".join(_figure(f) for f in figures if f.name.startswith(name))


def _figure(figure: Figure) -> str:
    svg = figure.svg
    for token, colour in PAPER.items():
        svg = svg.replace(colour, f"var(--{token})")
    # Ids must be unique on a page that holds several drawings.
    svg = re.sub(r'id="([^"]+)"', rf'id="{figure.name}-\1"', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{figure.name}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    label = html.escape(figure.alt)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return (
        f"<figure>{svg}<figcaption><b>{html.escape(figure.title)}</b>"
        f"{html.escape(figure.caption)}</figcaption></figure>"
    )
