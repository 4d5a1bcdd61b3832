"""The rows of a table as trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from jaxhpo.interop._cells import Unreadable, is_missing, number, reader
from jaxhpo.interop._foreign import Row
from jaxhpo.interop._table_columns import METRICS, OWN, PREFIXES
from jaxhpo.space import Constant
from jaxhpo.trial import Phase, Status

_STATUS = {
    **{status.value: status for status in Status},
    "completed": Status.COMPLETE,
    "finished": Status.COMPLETE,
    "terminated": Status.COMPLETE,
    "ok": Status.COMPLETE,
    "success": Status.COMPLETE,
    "pruned": Status.STOPPED,
    "fail": Status.FAILED,
    "error": Status.FAILED,
    "crashed": Status.FAILED,
    "pending": Status.WAITING,
}


def values_of(
    table: pd.DataFrame, domains: Mapping[str, Any], where: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The parameters of each row; about fields that can't be read: those are left out."""
    rows: list[dict[str, Any]] = [{} for _ in range(len(table))]
    notes = []
    for name, column in where.items():
        if isinstance(domains[name], Constant):
            continue
        read_cell = reader(domains[name])
        bad: list[tuple[int, Any]] = []
        for place, cell in enumerate(table[column].tolist()):
            try:
                value = read_cell(cell)
            except Unreadable:
                bad.append((place, cell))
                continue
            if value is not Unreadable:
                rows[place][name] = value
        if bad:
            place, cell = bad[0]
            notes.append(
                f"{len(bad)} fields of {name!r} can't be read as the space says, the first is "
                f"{cell!r} in row {place}"
            )
    return rows, notes


def rows_of(
    table: pd.DataFrame,
    columns: Sequence[str],
    values: Sequence[dict[str, Any]],
    objective: str,
    used: set[str],
    startup: int | None,
) -> list[Row]:
    """The trials, in number order. A field that is empty is none.

    Args:
        values: the parameters of each row. objective: the column that is searched on.
        used: columns of parameters. startup: as `jaxhpo.interop.tables.records_of`.
    """
    numbers = _numbers(table, columns)
    status = _text(table, columns, "status") or _text(table, columns, "state")
    phases = _text(table, columns, "phase")
    errors = _text(table, columns, "error")
    seconds = [number(c) for c in table["seconds"].tolist()] if "seconds" in columns else None
    skipped = {*OWN, *used, objective, "value"} - ({"loss"} - {*used, objective})
    if "value" in columns:  # as in our own export, where the loss is the value, perhaps negated
        skipped.add("loss")
    others = {
        c: [number(cell) for cell in table[c].tolist()]
        for c in columns
        if c not in skipped and not c.startswith((*PREFIXES, "system_attrs_"))
    }
    metrics = {
        _metric(c): found for c, found in others.items() if any(v is not None for v in found)
    }
    rows = []
    for place, cell in enumerate(table[objective].tolist()):
        value = number(cell)
        stands = _status(status[place] if status else "", cell, value)
        at = phases[place] if phases else ""
        phase = Phase(at) if at in set(Phase) else Phase.MODEL
        first = numbers[place] if "of" in table.attrs else place
        if not at and first < (startup or 0):
            phase = Phase.EXPLORE
        rows.append(
            Row(
                number=numbers[place],
                params=values[place],
                status=stands,
                phase=phase,
                value=value if value is not None and math.isfinite(value) else None,
                metrics={
                    name: v for name, found in metrics.items() if (v := found[place]) is not None
                },
                seconds=None if seconds is None else seconds[place],
                error=(errors[place] or None) if errors else None,
            )
        )
    return sorted(rows, key=lambda row: row.number)


def _status(text: str, cell: Any, value: float | None) -> Status:
    stands = _STATUS.get(text.lower().rpartition(".")[2], Status.COMPLETE)
    if not stands.scored:
        return stands
    if value is None:
        return Status.FAILED if is_missing(cell) else Status.DIVERGED
    return stands if math.isfinite(value) else Status.DIVERGED


def _numbers(table: pd.DataFrame, columns: Sequence[str]) -> list[int]:
    """The trials' numbers if there is such a column and it is sound, else the rows' places."""
    if "number" in columns:
        found = [number(cell) for cell in table["number"].tolist()]
        sound = all(v is not None and v >= 0 and v == int(v) for v in found)
        if sound and len(set(found)) == len(found):
            return [int(v) for v in found if v is not None]
    return list(range(len(table)))


def _text(table: pd.DataFrame, columns: Sequence[str], name: str) -> list[str]:
    if name not in columns:
        return []
    return ["" if is_missing(cell) else str(cell) for cell in table[name].tolist()]


def _metric(column: str) -> str:
    for prefix in METRICS:
        if column.startswith(prefix):
            return column[len(prefix) :]
    return column
