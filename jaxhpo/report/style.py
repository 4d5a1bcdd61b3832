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
:root { color-scheme: light dark; LIGHT --page: #f4f5f8; --raised: #f4f6f9; --shade: #0002; }
@media (prefers-color-scheme: dark) { :root { DARK --page: #0f1216; --raised: #1d222b;
  --shade: #fff2; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 62rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
main { padding-bottom: 5rem; outline: none; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; }
a { color: var(--model); }
nav ul { display: flex; flex-wrap: wrap; gap: .35rem 1.2rem; margin: 0 0 .8rem; padding: 0;
  list-style: none; font-size: .92rem; }
nav li { margin: 0; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--model); outline-offset: 2px; }
button { font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--rule);
  border-radius: .4rem; padding: .15rem .6rem; cursor: pointer; }
button:hover { border-color: var(--faint); }
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
.steps { border-left: .25rem solid var(--best); padding: .1rem 0 .1rem .95rem; margin: 0 0 1.1rem; }
.steps ol { margin: .3rem 0 0; padding-left: 1.2rem; }
ul { margin: .6rem 0 .9rem; padding-left: 1.15rem; }
li { margin: .3rem 0; overflow-wrap: anywhere; }
figure { margin: 1.4rem 0; }
section > figure:last-child, section > ul:last-child { margin-bottom: .2rem; }
h2 + figure, h2 + ul { margin-top: 0; }
section { scroll-margin-top: .6rem; }
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
figure.table b, summary b, figure.code figcaption { font-weight: 600; font-size: .9rem;
  margin-bottom: .4rem; overflow-wrap: anywhere; }
figure.table figcaption { margin-bottom: .3rem; }
.scroll { overflow-x: auto; background:
    linear-gradient(to right, var(--surface) 40%, transparent) left / 3rem 100%,
    linear-gradient(to left, var(--surface) 40%, transparent) right / 3rem 100%,
    linear-gradient(to right, var(--shade), transparent) left / .9rem 100%,
    linear-gradient(to left, var(--shade), transparent) right / .9rem 100%;
  background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; }
.note { color: var(--faint); font-size: .88rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
details { border-top: 1px solid var(--rule); margin: 0; }
details:not(:has(+ details)) { border-bottom: 1px solid var(--rule); }
details[open] { padding-bottom: 1rem; }
summary { cursor: pointer; padding: .5rem 0; }
summary b { display: inline; }
summary small { color: var(--faint); font-size: .82rem; white-space: nowrap; }
figure + details, ul + details, details + figure { margin-top: 1.2rem; }
.rest { color: var(--faint); font-size: .88rem; margin: .4rem 0 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: max-content; min-width: min(100%, 34rem);
  font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem 1.1rem .32rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  vertical-align: top; font-weight: 400; }
thead th { color: var(--faint); font-weight: 500; white-space: nowrap; }
table.full { width: 100%; }
table.full :is(th, td) { overflow-wrap: break-word; }
table.full td:not(.n, .t) { min-width: 4.6rem; }
th, td { max-width: 36rem; overflow-wrap: anywhere; }
td { min-width: 3.2rem; }
.n { text-align: right; white-space: nowrap; }
.t { min-width: 15rem; }
.sort { border: 0; background: none; padding: 0; }
.sort:hover { color: var(--ink); text-decoration: underline; }
[aria-sort] .sort { color: var(--ink); }
[aria-sort="ascending"] .sort::after { content: " \\2191"; }
[aria-sort="descending"] .sort::after { content: " \\2193"; }
tbody tr:hover { background: var(--raised); }
.code { position: relative; }
pre { background: var(--raised); border-radius: .6rem; padding: .8rem .9rem; margin: 0;
  overflow-x: auto; font-size: .84rem; line-height: 1.45; }
.copy { display: block; margin: .4rem 0 0 auto; font-size: .82rem; }
tbody th { background: var(--surface); }
[data-t] { cursor: pointer; }
.on { fill: var(--best); fill-opacity: 1; stroke: var(--ink); stroke-width: 1.2; }
.look { font-size: .88rem; margin-bottom: .3rem; }
.trial { position: fixed; left: 0; right: 0; bottom: 0; background: var(--surface);
  border-top: 2px solid var(--best); padding: .5rem 1rem .6rem; max-height: 40vh; overflow-y: auto;
  font-size: .88rem; }
.trial > * { max-width: 60rem; margin: 0 auto; }
.trial .head { display: flex; justify-content: space-between; align-items: center; }
.trial input { font: inherit; width: 6.5rem; color: inherit; background: var(--raised);
  border: 1px solid var(--rule); border-radius: .4rem; padding: .1rem .4rem; }
.trial dl { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin-top: .3rem; }
.trial dt { color: var(--faint); }
.trial dd { margin: 0 .2rem 0 -.75rem; font-variant-numeric: tabular-nums; }
.trial dd:first-child { margin-left: 0; }
@media (max-width: 40rem) {
  header, main { padding-left: .6rem; padding-right: .6rem; }
  header { padding-top: 1.2rem; }
  section { padding: 1rem .85rem; }
  h1 { font-size: 1.45rem; }
  .tile dd { font-size: 1.35rem; }
  .scroll tbody th { position: sticky; left: 0; padding-right: .6rem; max-width: 9rem; }
  .t { min-width: 12rem; }
  .both .wide { display: none; }
  .both .narrow { display: block; }
}
@media print { nav, .look, .copy, .trial { display: none; }
  body { background: none; } section { border: 0; padding: 0; }
  figure, tr { break-inside: avoid; } }
"""


def sheet() -> str:
    """The style sheet."""
    light = " ".join(f"--{name}: {colour};" for name, colour in PAPER.items())
    dark = " ".join(f"--{name}: {colour};" for name, colour in DARK.items())
    return _SHEET.replace("LIGHT", light).replace("DARK", dark)
