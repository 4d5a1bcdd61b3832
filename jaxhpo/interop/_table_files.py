"""Files of text or Parquet as tables."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from jaxhpo.interop import _drawn
from jaxhpo.interop._cells import separator, with_point
from jaxhpo.interop._table_columns import objective_of


def read(path: str | Path, objective: str | None = None) -> pd.DataFrame:
    """A file as a table: CSV and TSV with every field as text, "" where it is empty, or Parquet.

    Of one with more than a million rows, 100,000 are drawn at random while it is read, and
    ``attrs["of"]`` of the table says of how many (`jaxhpo.interop._drawn`).

    Raises:
        ValueError: for a file without a header, with a line that is too long, or a column twice.
        ImportError: for Parquet if pyarrow is not installed.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        try:
            if _drawn.parquet_rows(path) > _drawn.MOST:
                return _part(_drawn.of_parquet(path, _named(objective), _drawn.ROWS))
            return pd.read_parquet(path)
        except ImportError as error:
            raise ImportError(f'{error}; Parquet needs: pip install "jaxhpo[store]"') from error
    try:
        if _drawn.many(path, _drawn.MOST):
            return _part(_drawn.of_text(path, _named(objective), _drawn.ROWS))
        return _text_file(path)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"load(source={str(path)!r}) must be text in UTF-8, got the byte "
            f"{error.object[error.start]:#04x} at {error.start}; save it as CSV in UTF-8"
        ) from error


def _text_file(path: Path) -> pd.DataFrame:
    mark = separator(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in csv.reader(file, delimiter=mark) if line]
    if mark == ";":
        lines = [[with_point(cell) for cell in line] for line in lines]
    if not lines:
        raise ValueError(f"load(source={str(path)!r}) must have a header and rows, got none")
    header, *rows = lines
    header = [name.strip() for name in header]
    for place, row in enumerate(rows, 2):
        if len(row) > len(header):
            raise ValueError(
                f"load(source={str(path)!r}): every row must have at most {len(header)} fields, "
                f"got {len(row)} in row {place}; quote fields that hold a separator"
            )
    padded = [row + [""] * (len(header) - len(row)) for row in rows]
    table = pd.DataFrame(np.array(padded, object).reshape(len(rows), len(header)))
    table.columns = header
    return table


def _named(objective: str | None) -> Callable[[Sequence[str]], str]:
    return lambda columns: objective_of(columns, objective)


def _part(found: tuple[pd.DataFrame, int]) -> pd.DataFrame:
    table, of = found
    table.attrs["of"] = of
    return table
