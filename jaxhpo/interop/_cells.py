"""Fields of a table as values of a domain, and domains from fields."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.space import Bool, Choice, Constant, Domain, Float, Int, Space, SpaceError

_NAMES = 10  # texts of which no two are alike, from where they are names of rows
MOST_CHOICES = 64  # different texts, beyond which a column is no choice but a remark
_TRUE, _FALSE = {"true", "t", "yes", "y", "1", "1.0"}, {"false", "f", "no", "n", "0", "0.0"}
_COMMA = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
_WIDE = 100.0  # highest by lowest, from where a range may be logarithmic


class Unreadable(Exception):
    """A field that is no value of its domain. The class itself stands for a field without one."""


def is_missing(cell: Any) -> bool:
    """Whether a field is empty: "", None or pandas' NA; NaN in a text is not."""
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, str) and not cell)


def number(cell: Any) -> float | None:
    """A field as a number (NaN and infinities too), None if it is none."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, bool | int | float):
        return float(cell)
    if not isinstance(cell, str):
        return None
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def separator(path: Path) -> str:
    """What a file of text has between its fields: tabs in a TSV, else what its header holds: a
    comma, or none and a semicolon or a tab."""
    if path.suffix == ".tsv":
        return "\t"
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = file.readline()
    return next((mark for mark in ",;\t" if mark in header), ",")


def with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point, as tables with semicolons have them;
    other fields as they are."""
    return cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell


def reader(domain: Domain) -> Callable[[Any], Any]:
    """Reads a field as a value of the domain.

    It returns `Unreadable` (the class) for a field without a value, and raises `Unreadable` for one
    that the domain does not hold.
    """
    if isinstance(domain, Choice):
        return _choice(domain)
    if isinstance(domain, Bool):
        return _bool

    whole = isinstance(domain, Int)

    def read(cell: Any) -> Any:
        found = number(cell)
        if is_missing(cell) or (found is not None and math.isnan(found)):
            return Unreadable
        if found is None or not math.isfinite(found) or (whole and found != int(found)):
            raise Unreadable
        return _whole(cell, found) if whole else found

    return read


def _whole(cell: Any, found: float) -> int:
    try:
        return int(cell)  # exact, where a float is not
    except ValueError:  # "3.0"
        return int(found)


def _bool(cell: Any) -> Any:
    if is_missing(cell) or (isinstance(cell, float) and math.isnan(cell)):
        return Unreadable
    text = str(cell).strip().lower()
    if text not in _TRUE | _FALSE:
        raise Unreadable
    return text in _TRUE


def _choice(domain: Choice) -> Callable[[Any], Any]:
    choices = list(domain.choices)
    texts = {str(value): value for value in reversed(choices)}

    def read(cell: Any) -> Any:
        if isinstance(cell, np.generic):
            cell = cell.item()
        cell = _tupled(cell)
        for value in choices:
            if value == cell and isinstance(value, bool) == isinstance(cell, bool):
                return value
        if str(cell) in texts:
            return texts[str(cell)]
        if is_missing(cell) or (isinstance(cell, float) and math.isnan(cell)):
            if None in choices:
                return None
            return Unreadable
        for value in choices:  # "[64, 32]" is (64, 32), "16.0" is 16, "true" is True
            if _says(cell, value):
                return value
        raise Unreadable

    return read


def _says(cell: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return str(cell).lower() in (_TRUE if value else _FALSE)
    if isinstance(value, int | float):
        return number(cell) == value
    if value is None:
        return str(cell).lower() in ("none", "null", "nan")
    if isinstance(value, tuple) and isinstance(cell, str):
        try:
            return _tupled(ast.literal_eval(cell)) == value
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return False
    return False


def _tupled(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return tuple(map(_tupled, value)) if isinstance(value, list | tuple) else value


def guessed(name: str, column: Sequence[Any], notes: list[str]) -> Domain | None:
    """The domain of a column of which nothing is known, None if it is none that can be searched.

    A column of truths is a Bool, one of numbers an Int or a Float over the range that was tried (on
    a logarithmic scale if that is positive and wide, and most values are small), any other a
    Choice.
    """
    cells = [c.item() if isinstance(c, np.generic) else c for c in column]
    cells = [_tupled(c) for c in cells if not is_missing(c)]
    cells = [c for c in cells if not (isinstance(c, float) and math.isnan(c))]
    if not cells:
        notes.append(f"{name!r} is left out: its column is empty")
        return None
    domain = _guess(cells)
    if isinstance(domain, str):
        notes.append(f"{name!r} is left out: {domain}")
        return None
    if isinstance(domain, Constant):
        return domain
    try:
        Space({name: domain})
    except SpaceError as error:
        notes.append(f"{name!r} is left out: {error}")
        return None
    return domain


def _guess(cells: list[Any]) -> Domain | str:
    texts = dict.fromkeys(str(cell) for cell in cells)
    if len(texts) == 1:
        return Constant(str(cells[0]) if not isinstance(cells[0], bool | int | float) else cells[0])
    if {text.lower() for text in texts} <= {"true", "false"}:
        return Bool()
    numbers = [number(cell) for cell in cells]
    if all(v is not None and math.isfinite(v) for v in numbers):
        found = [v for v in numbers if v is not None]
        low, high = min(found), max(found)
        if low == high:
            return Constant(low)
        # Uniform in logarithms, the median lies in the lowest tenth of such a range.
        middle = sorted(found)[len(found) // 2]
        log = low > 0 and high / low >= _WIDE and middle - low < 0.2 * (high - low)
        if all(v == int(v) for v in found) and not any("." in text for text in texts):
            return Int(int(low), int(high), log=log)
        return Float(low, high, log=log)
    if all(_DATE.fullmatch(text) for text in texts):
        return "it holds dates"
    if len(texts) == len(cells) >= _NAMES:
        return f"it has another text in each of {len(cells)} rows"
    if len(texts) > MOST_CHOICES:
        return f"it has {len(texts)} different texts"
    return Choice(sorted(texts))
