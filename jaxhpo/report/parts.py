"""What a section is made of, as values: sentences, tables, figures, code.

Markdown, the page, the log and the linter all read these, so that they can't disagree. Drawings are
functions, drawn where they are wanted and in the format that is wanted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxhpo.report.drawing import Draw


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sentence:
    """A statement, and where in ``report.json`` the result lies that it was made from (a JSON
    pointer, RFC 6901)."""

    text: str
    evidence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tile:
    """One number that matters first: what it is, its text, what is to be known of it."""

    name: str
    value: str
    note: str
    first: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """`name` is its head, `show` makes text of a value, `right` sets it on the right. wide: whether
    it holds sentences, which need room. shown: whether it is shown, or only in the file."""

    name: str
    show: Callable[[Any], str] = str
    right: bool = False
    wide: bool = False
    shown: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    name: its file's. title: what it shows and of which trials. note: how to read it. folded:
    whether the page shows it only when asked. A cell that is None has nothing to show; a column of
    only such cells is left out. Of more than `most` rows only so many are shown. The file has
    everything.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    most: int | None = None
    note: str = ""
    folded: bool = False

    def shown(self) -> list[list[str]]:
        """The rows that are shown, as text, of `heads`."""
        return [
            ["" if row[i] is None else self.columns[i].show(row[i]) for i in self._filled]
            for row in self.rows[: self.most]
        ]

    @property
    def heads(self) -> list[Column]:
        """The columns that are shown: those that hold something in any row."""
        return [self.columns[i] for i in self._filled]

    def whole(self) -> list[list[Any]]:
        """The values behind `shown`."""
        return [[row[i] for i in self._filled] for row in self.rows[: self.most]]

    @property
    def _filled(self) -> list[int]:
        rows = self.rows
        return [
            i
            for i in range(len(self.columns))
            if self.columns[i].shown and (i == 0 or any(r[i] not in (None, "") for r in rows))
        ]

    @property
    def rest(self) -> str:
        """What must be said of rows that are not shown."""
        left = len(self.rows) - len(self.rows[: self.most])
        more = " more" if left < len(self.rows) else ""
        are = "row is" if left == 1 else "rows are"
        return f"{left:,}{more} {are} in tables/{self.name}.csv." if left else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plot:
    """One drawing: its name (of its file too), what it shows in words, how it is drawn. size: width
    and height in inches."""

    name: str
    alt: str
    size: tuple[float, float]
    draw: Draw


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """Drawings under one title. The caption says n and which trials.

    plots: what becomes files, and what the page shows unless it has panels.
    panels: small drawings for the page, which stand side by side where there is room.
    folded: panels that the page shows only when asked; rest: what they are.
    phases: those of its dots, where a key must say what they are.
    """

    name: str
    title: str
    caption: str
    plots: tuple[Plot, ...]
    panels: tuple[Plot, ...] = ()
    folded: tuple[Plot, ...] = ()
    rest: str = ""
    phases: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code:
    """Text to be copied as it is: a command, or a file's content. language: "sh", "yaml" or
    "python". folded: whether the page shows it only when asked."""

    title: str
    language: str
    text: str
    folded: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steps:
    """What to do, in this order: sentences that are numbered, and stand out."""

    title: str
    sentences: tuple[Sentence, ...]


Part = list[Sentence] | list[Tile] | Table | Figure | Code | Steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with its parts, in the order in which they are shown. `name` is its file's in
    `jaxhpo.report.sections`."""

    name: str
    title: str
    parts: tuple[Part, ...]

    @property
    def sentences(self) -> list[Sentence]:
        """All that is said in it."""
        found: list[Sentence] = []
        for part in self.parts:
            held = part.sentences if isinstance(part, Steps) else part
            if isinstance(held, list | tuple):
                found += [one for one in held if isinstance(one, Sentence)]
        return found
