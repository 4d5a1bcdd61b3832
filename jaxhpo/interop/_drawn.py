"""Tables that are too long to be held: rows drawn at random while the file is read once.

Reservoir sampling (Vitter 1985, algorithm R): every row is as likely to be drawn as any other, and
no more than `rows` of them are held at a time. The ten lowest and the ten highest values of the
objective are kept besides, so that the best of all rows is among them.
"""

from __future__ import annotations

import csv
import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxhpo.interop._cells import separator

MOST = 1_000_000  # rows, beyond which a table is drawn from
ROWS = 100_000
_ENDS = 10


class Drawn(NamedTuple):
    """rows: places and cells, in the order of the file. of: how many rows the file has."""

    rows: list[tuple[int, Sequence[Any]]]
    of: int


def drawn(
    lines: Iterable[Sequence[Any]], value: Callable[[Sequence[Any]], float | None], rows: int
) -> Drawn:
    """Some of the lines; `value` reads the objective of one, None where it has none."""
    place, kept = random.Random(0), []
    low: list[tuple[float, int, Sequence[Any]]] = []
    high: list[tuple[float, int, Sequence[Any]]] = []
    n = 0
    for n, line in enumerate(lines, 1):
        if n <= rows:
            kept.append((n - 1, line))
        elif (at := int(place.random() * n)) < rows:
            kept[at] = (n - 1, line)
        found = value(line)
        if found is None or not math.isfinite(found):
            continue
        for heap, key in ((low, -found), (high, found)):
            if len(heap) < _ENDS:
                heapq.heappush(heap, (key, -n, line))
            elif key > heap[0][0]:
                heapq.heapreplace(heap, (key, -n, line))
    ends = [(-after - 1, line) for heap in (low, high) for _, after, line in heap]
    whole = {at: line for at, line in [*kept, *ends]}
    return Drawn(rows=sorted(whole.items(), key=lambda pair: pair[0]), of=n)


def many(path: Path, most: int) -> bool:
    """Whether a text file has more lines than that; looks no further."""
    lines = 0
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            lines += block.count(b"\n")
            if lines > most + 1:
                return True
    return False


def of_text(path: Path, objective: Callable[[Sequence[str]], str], rows: int) -> tuple[Any, int]:
    """A CSV or TSV file's rows, some of them, as a table of text with the column ``number``, and
    how many there are. `objective` says which of the columns it is."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, delimiter=separator(path))
        header = next(line for line in lines if line)
        at = header.index(objective(header))
        found = drawn((line for line in lines if line), lambda line: _number(line, at), rows)
    wide = [[*line, *[""] * len(header)][: len(header)] for _, line in found.rows]
    cells = np.array(wide, object).reshape(len(wide), len(header))
    table = pd.DataFrame(cells, columns=pd.Index(header))
    return _numbered(table, [place for place, _ in found.rows]), found.of


def of_parquet(path: Path, objective: Callable[[Sequence[str]], str], rows: int) -> tuple[Any, int]:
    """The same of a Parquet file, a group of rows at a time."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    header = list(file.schema_arrow.names)
    at = header.index(objective(header))

    def lines() -> Iterator[Sequence[Any]]:
        for batch in file.iter_batches(batch_size=65_536):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    found = drawn(lines(), lambda line: line[at], rows)
    columns = {name: [line[i] for _, line in found.rows] for i, name in enumerate(header)}
    return _numbered(pd.DataFrame(columns), [place for place, _ in found.rows]), found.of


def of_frame(table: pd.DataFrame, objective: str, rows: int) -> pd.DataFrame:
    """The same of a table that is held already."""
    values = np.asarray(pd.to_numeric(table[objective], errors="coerce"), dtype=float)
    chosen = np.random.default_rng(0).choice(len(table), rows, replace=False)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    places = np.unique(np.concatenate([chosen, order[:_ENDS], order[-_ENDS:]]))
    return _numbered(table.iloc[places].reset_index(drop=True), places.tolist())


def parquet_rows(path: Path) -> int:
    """How many rows a Parquet file has."""
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(path).metadata.num_rows)


def _number(line: Sequence[str], at: int) -> float | None:
    try:
        return float(line[at])
    except (ValueError, IndexError):
        return None


def _numbered(table: pd.DataFrame, places: Sequence[int]) -> pd.DataFrame:
    """With the rows' places as their numbers, unless the table numbers them."""
    return table if "number" in table.columns else table.assign(number=list(places))
