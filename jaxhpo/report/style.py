"""The style sheet of the page: light and dark, from a phone's width up, and on paper."""

from __future__ import annotations

from jaxhpo.report.drawing import PAPER

DARK = {
    "ink": "#e8ebf1",
    "faint": "#9aa4b5",
    "rule": "#2f3642",
    "explore": "#98a2b5",
    "model": "#58b4ee",
    "given": "#c79bf0",
    "best": "#ff9a52",
    "band": "#2c6f9c",
    "surface": "#161a21",
}
_SHEET = """
:root { color-scheme: light dark; LIGHT --page: #f4f5f8; --raised: #f4f6f9; }
@media (prefers-color-scheme: dark) { :root { DARK --page: #0f1216; --raised: #1d222b; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 0 0 .8rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
.stamp { color: var(--faint); font-size: .9rem; margin: 0 0 1.3rem; overflow-wrap: anywhere; }
section { background: var(--surface); border: 1px solid var(--rule); border-radius: .8rem;
  padding: 1.3rem 1.4rem; margin: 1.1rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem;
  margin: 0 0 1.1rem; }
.tile { background: var(--raised); border-radius: .6rem; padding: .7rem .9rem; }
.tile dt { color: var(--faint); font-size: .85rem; overflow-wrap: anywhere; }
.tile dd { margin: 0; font-size: 1.6rem; line-height: 1.3; font-weight: 650;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile small { font-size: .82rem; font-weight: 400; color: var(--faint); display: block; }
.tile.first dd { color: var(--best); }
ul { margin: .6rem 0 .9rem; padding-left: 1.15rem; }
li { margin: .3rem 0; overflow-wrap: anywhere; }
figure { margin: 1.4rem 0; }
figure:first-of-type { margin-top: 0; }
figcaption { margin-bottom: .7rem; }
figcaption p { color: var(--faint); font-size: .88rem; margin: .15rem 0 0;
  overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; }
svg text { font-family: inherit !important; }
.explore { fill: var(--explore); fill-opacity: .6; }
.model { fill: var(--model); fill-opacity: .6; }
.given { fill: var(--given); fill-opacity: .6; }
.narrow { display: none; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(max(13rem, 30%), 1fr));
  gap: 1rem .8rem; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .88rem; margin: 0 0 .7rem;
  padding: 0; list-style: none; }
.key li { margin: 0; }
.key svg { display: inline-block; width: .85em; vertical-align: -.06em; margin-right: .4em; }
.scroll { overflow-x: auto; margin: 1.2rem 0; }
.scroll:focus-visible { outline: 2px solid var(--model); outline-offset: 2px; }
table { border-collapse: collapse; width: max-content; min-width: min(100%, 34rem);
  font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; font-weight: 600; }
th, td { padding: .32rem 1.1rem .32rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { color: var(--faint); font-weight: 500; white-space: nowrap; }
td { max-width: 24rem; overflow-wrap: break-word; }
.n { text-align: right; white-space: nowrap; }
tbody tr:hover { background: var(--raised); }
@media (max-width: 40rem) {
  main { padding: 1.2rem .6rem 3rem; }
  section { padding: 1rem .85rem; }
  h1 { font-size: 1.45rem; }
  .tile dd { font-size: 1.35rem; }
  .both .wide { display: none; }
  .both .narrow { display: block; }
}
@media print { body { background: none; } section { border: 0; padding: 0; }
  figure, tr { break-inside: avoid; } }
"""


def sheet() -> str:
    """The style sheet."""
    light = " ".join(f"--{name}: {colour};" for name, colour in PAPER.items())
    dark = " ".join(f"--{name}: {colour};" for name, colour in DARK.items())
    return _SHEET.replace("LIGHT", light).replace("DARK", dark)
