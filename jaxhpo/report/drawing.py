"""From a drawing function to SVG for the page and PNG for a file.

For the page, colours are written as tokens that the page's style sheet gives a value, so that one
drawing serves light and dark. matplotlib's global state and the user's settings are left alone.
"""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Mapping

import matplotlib
from matplotlib.figure import Figure as Canvas

# What a drawing is made of, on paper; colours that colour-blind readers can tell apart. The page
# has values of its own for dark. Each is a colour that nothing else has, so that the SVG's can be
# found.
PAPER = {
    "ink": "#1f2430",
    "faint": "#6b7483",
    "rule": "#dfe3ea",
    "explore": "#7d8798",
    "model": "#0b74b8",
    "given": "#8f5fbf",
    "best": "#d1570c",
    "band": "#9cc7e4",
    "surface": "#fefefe",
}
WIDE, NARROW, PANEL = 8.2, 4.3, 2.9  # inches
DPI = 160
PIXELS = 110  # an inch, of dots that are pixels on the page
_STYLE: Mapping = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.fonttype": "none",
    "text.color": PAPER["ink"],
    "axes.labelcolor": PAPER["ink"],
    "axes.edgecolor": PAPER["rule"],
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PAPER["rule"],
    "grid.linewidth": 0.8,
    "xtick.color": PAPER["rule"],
    "ytick.color": PAPER["rule"],
    "xtick.labelcolor": PAPER["ink"],
    "ytick.labelcolor": PAPER["ink"],
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.markerscale": 1.8,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
}
Draw = Callable[[Canvas], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG file: its name, what it shows in words, its bytes."""

    name: str
    alt: str
    png: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing:
    """A drawing for the page. kind: "wide" and "narrow" are one drawing for two widths of the
    page; a "panel" stands beside others. `alt` says in words what it shows."""

    kind: str
    alt: str
    svg: str


def picture(name: str, alt: str, size: tuple[float, float], draw: Draw) -> Picture:
    """A PNG on white, `size` in inches."""
    data = io.BytesIO()
    _save(data, name, size, draw, format="png", dpi=DPI, facecolor="white", metadata=_NO_SOFTWARE)
    return Picture(name=name, alt=alt, png=data.getvalue())


def drawing(kind: str, name: str, alt: str, size: tuple[float, float], draw: Draw) -> Drawing:
    """An SVG with the page's own colours and ids that no other has; `size` in inches."""
    text = io.StringIO()
    _save(
        text, name, size, draw, format="svg", dpi=PIXELS, transparent=True, metadata={"Date": None}
    )
    return Drawing(kind=kind, alt=alt, svg=_for_page(text.getvalue(), name))


_NO_SOFTWARE = {"Software": None}


def _save(
    to: io.BytesIO | io.StringIO, name: str, size: tuple[float, float], draw: Draw, **options
) -> None:
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": name})
        canvas = Canvas(figsize=size, layout="constrained")
        draw(canvas)
        canvas.savefig(to, **options)


def _for_page(text: str, name: str) -> str:
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for token, colour in PAPER.items():
        svg = svg.replace(colour, f"var(--{token})")
    # Ids must be unique on a page of several drawings; those that nothing refers to can go.
    wanted = set(re.findall(r'xlink:href="#([^"]+)"|url\(#([^)]+)\)', svg))
    used = {a or b for a, b in wanted}
    short = {old: f"{name}-{i}" for i, old in enumerate(sorted(used))}
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{short[m[1]]}"' if m[1] in used else "", svg)
    svg = re.sub(r'xlink:href="#([^"]+)"', lambda m: f'href="#{short[m[1]]}"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{short[m[1]]})", svg)
    svg = re.sub(r' (x|y|d|points)="([^"]*)"', _rounded, svg)
    # Thousands of dots share a few styles, which the page's style sheet names.
    svg = re.sub(
        r' style="fill: var\(--(explore|model|given)\); fill-opacity: 0\.6"', r' class="\1"', svg
    )
    svg = re.sub(r"\n\s*", "\n", svg)
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)


def _rounded(match: re.Match[str]) -> str:
    short = re.sub(r"(-?\d+\.\d)\d+", r"\1", match[2])
    return f' {match[1]}="{short}"'
