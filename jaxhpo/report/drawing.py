"""From a drawing function to SVG for the page and to a file.

For the page, colours are written as tokens that the page's style sheet gives a value, so that one
drawing serves light and dark, and each dot of a trial carries the trial's number. matplotlib's
global state and the user's settings are left alone.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

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
FORMATS = ("png", "svg", "pdf")
DPI = 160
PIXELS = 110  # an inch, of dots that are pixels on the page
_STYLE: Mapping = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
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
_NOTHING: Mapping[str, dict[str, Any]] = {  # of the program and the time, so that bytes are equal
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
Draw = Callable[[Canvas], None]


def saved(name: str, size: tuple[float, float], draw: Draw, *, form: str) -> bytes:
    """A file's bytes, on white; `size` in inches, `form` one of `FORMATS`."""
    to = io.BytesIO()
    metadata = dict(_NOTHING[form])
    _save(to, name, size, draw, format=form, dpi=DPI, facecolor="white", metadata=metadata)
    return to.getvalue()


def for_page(name: str, size: tuple[float, float], draw: Draw) -> str:
    """An SVG with the page's own colours and ids that no other has; `size` in inches."""
    to = io.BytesIO()
    metadata = dict(_NOTHING["svg"])
    _save(to, name, size, draw, format="svg", dpi=PIXELS, transparent=True, metadata=metadata)
    return _adapted(to.getvalue().decode(), name)


def trials_id(numbers: Any) -> str:
    """The id for a collection of dots that says which trial each of them is."""
    return "trials:" + ",".join(map(str, numbers))


def _save(to: io.BytesIO, name: str, size: tuple[float, float], draw: Draw, **options: Any) -> None:
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": name})
        canvas = Canvas(figsize=size, layout="constrained")
        with warnings.catch_warnings():  # names may be in scripts for which there is no font
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            draw(canvas)
            canvas.savefig(to, **options)


def _adapted(text: str, name: str) -> str:
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for token, colour in PAPER.items():
        svg = svg.replace(colour, f"var(--{token})")
    svg = re.sub(r'<g id="trials:([\d,]*)">(.*?</g>)', _numbered, svg, flags=re.DOTALL)
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


def _numbered(match: re.Match[str]) -> str:
    """Dots that were drawn in the order of the numbers in their group's id."""
    numbers = iter(match[1].split(","))
    head, mark, dots = match[2].rpartition("</defs>")
    return f"<g>{head}{mark}" + re.sub(
        r"<use ", lambda m: f'<use data-t="{next(numbers, "")}" ', dots
    )


def _rounded(match: re.Match[str]) -> str:
    short = re.sub(r"(-?\d+\.\d)\d+", r"\1", match[2])
    return f' {match[1]}="{short}"'
