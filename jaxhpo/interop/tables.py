"""A table of trials from anywhere (CSV, TSV, Parquet, a DataFrame) as records for the analysis.

One row is a trial, one column a parameter or a measurement. The tables that ``jaxhpo export``
writes and those of Optuna's ``Study.trials_dataframe()`` are understood as they are. A file of text
is read as text, and each field as the search space says, so that nothing is guessed: ``1e-3`` is a
number for a Float, ``1e-3`` the string for a Choice of strings.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.interop import _drawn
from jaxhpo.interop._branched import branched, config_of
from jaxhpo.interop._cells import (
    Unreadable,
    guessed,
    is_missing,
    number,
    reader,
    separator,
    with_point,
)
from jaxhpo.interop._foreign import Row, records
from jaxhpo.interop._names import cleaned
from jaxhpo.space import Constant, Space
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.trial import Phase, Status

PREFIXES = ("param.", "params_", "params.", "config/", "config.", "hp.")
METRICS = ("metric.", "user_attrs_", "metrics.")
_OURS = ("number", "status", "state", "phase", "known", "loss", "budget", "units", "attempts",
         "started", "finished", "seconds", "error", "datetime_start", "datetime_complete",
         "duration")  # fmt: skip
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
    return lambda columns: _objective(columns, objective)


def _part(found: tuple[pd.DataFrame, int]) -> pd.DataFrame:
    table, of = found
    table.attrs["of"] = of
    return table


def records_of(
    table: pd.DataFrame,
    space: Space | None = None,
    *,
    name: str = "table",
    objective: str | None = None,
    maximize: bool | None = None,
    startup: int | None = None,
) -> MemoryRecords:
    """The records of a table.

    Columns of parameters are named as in the space, or with one of `PREFIXES` before it. If there
    are columns of these names, they count: ``number`` (else the row's place, from 0), ``status`` or
    ``state`` (else complete), ``phase``, ``error``, ``seconds``. All other columns of numbers are
    metrics. A trial whose objective is NaN or infinite diverged; one whose field is empty failed.

    Args:
        table: the trials.
        space: what was searched. None: taken from the table, with a warning, because ranges that
            were searched are wider than those that were tried.
        name: what to call the study.
        objective: the column; may be left out if it is called "value", "objective" or "loss".
        maximize: whether more of it is better; None: it is not, with a note.
        startup: how many of the first trials were drawn without looking at results, unless a column
            ``phase`` says so.

    Raises:
        ValueError: for a column that is missing, comes twice or can't be read, naming it.
    """
    columns = _columns(table)
    notes: list[str] = []
    target = _objective(columns, objective)
    _scores(table, target)
    of = table.attrs.get("of", len(table))
    if len(table) > _drawn.MOST:
        table = _drawn.of_frame(table, target, _drawn.ROWS)
        table.attrs["of"] = of
        columns = _columns(table)
    if len(table) < of:
        notes.append(
            f"the table has {of:,} rows: {len(table):,} of them were drawn at random and are all "
            "that this report knows, but for the ten lowest and the ten highest values, which are "
            "among them; counts of trials and units are of those"
        )
    if maximize is None:
        maximize = False
        notes.append(
            f"{target!r} is taken to be better if lower (else maximize=True; --direction maximize)"
        )
    if space is None:
        found = _parameters(columns, target)
        ours = cleaned(found, notes)
        domains = {ours[p]: guessed(ours[p], table[c].tolist(), notes) for p, c in found.items()}
        domains = {p: d for p, d in domains.items() if d is not None}
        where = {ours[p]: c for p, c in found.items() if ours[p] in domains}
        if all(isinstance(domain, Constant) for domain in domains.values()):
            raise ValueError(
                f"load(source=...) must have a column that differs from row to row beside "
                f"{target!r}, got {len(table)} rows and {_listed(domains) or 'no such column'}; "
                "give what was searched as a space file (space=...; --space FILE), or more rows"
            )
        said = (
            f"the search space is taken from the table ({_listed(domains)}): each range is what "
            f"was tried, which may be less than what was searched; a space file says it "
            "(space=...; --space FILE)"
        )
        warnings.warn(said, UserWarning, stacklevel=2)
        notes.insert(0, said)
    else:
        domains = dict(space.parameters)
        where = _found(columns, space)
    values, unread = _values(table, domains, where)
    rows = _rows(table, columns, values, target, set(where.values()), startup)
    if unread:
        notes += unread
    if space is None:
        complete = [row.status in (Status.COMPLETE, Status.DIVERGED) for row in rows]
        whole = [c or row.status is Status.STOPPED for c, row in zip(complete, rows, strict=True)]
        made = branched(domains, [row.params for row in rows], whole, complete)
        space, configs = made.space, made.configs
        notes += made.notes
    else:
        configs = [config_of(space, row.params) for row in rows]
        extra = sum(
            c is not None and len(row.params.keys() - c.keys()) > 0
            for row, c in zip(rows, configs, strict=True)
        )
        if extra:
            notes.append(f"{extra} rows have values of parameters that are not active: not used")
    blind = sum(row.phase is Phase.EXPLORE for row in rows)
    if blind < len(rows):
        notes.append(
            f"{blind} of {len(rows)} trials are known to have been chosen without looking at "
            "results; nothing is tested on the others (startup=N, or --startup N, says that the "
            'first N were, a column phase with "explore" or "model" says it of each)'
        )
    return records(
        rows,
        configs,
        space,
        name=name,
        objective=target,
        maximize=maximize,
        origin={"source": f"a table of {of} rows, read by jaxhpo"},
        notes=notes,
    )


# -- columns ---------------------------------------------------------------------------------------


def _columns(table: pd.DataFrame) -> list[str]:
    if not len(table):
        raise ValueError("load(source=...) must have rows, got a table without any")
    names = [str(column) for column in table.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            f"load(source=...) must have every column once, got "
            f"{', '.join(f'{name!r} {names.count(name)} times' for name in twice)}; rename them"
        )
    for name in names:  # as other tools write them: State, Status
        low = name.lower()
        if low in ("state", "status") and low not in names:
            names[names.index(name)] = low
    table.columns = names
    return names


def _objective(columns: Sequence[str], objective: str | None) -> str:
    options = [objective] if objective is not None else ["value", "objective", "loss"]
    for option in options:
        for name in (option, *(prefix + option for prefix in METRICS)):
            if name in columns:
                return name
    several = [name for name in columns if name.startswith("values_")]
    said = f"objective={objective!r}" if objective is not None else "no column called 'value'"
    raise ValueError(
        f"load(objective=...) must name a column, got {said}; "
        f"there are: {', '.join(map(repr, several or columns[:60]))}"
    )


def _scores(table: pd.DataFrame, objective: str) -> None:
    cells = [cell for cell in table[objective].tolist() if not is_missing(cell)]
    if cells and all(number(cell) is None for cell in cells):
        raise ValueError(
            f"load(objective={objective!r}) must be a column of numbers, got {cells[0]!r} and no "
            f"number in {len(cells)} fields; there are: "
            f"{', '.join(repr(name) for name in table.columns[:60])}"
        )


def _found(columns: Sequence[str], space: Space) -> dict[str, str]:
    """The column of each parameter."""
    found = {}
    for name, domain in space.parameters.items():
        options = [p + name for p in ("", *PREFIXES) if p + name in columns]
        if len(options) > 1:
            raise ValueError(
                f"load(source=...) must have one column for the parameter {name!r}, got "
                f"{', '.join(map(repr, options))}; drop all but one"
            )
        if options:
            found[name] = options[0]
        elif not isinstance(domain, Constant):
            raise ValueError(
                f"load(source=...) must have a column for every parameter of the space, got none "
                f"for {name!r}; there are: {', '.join(map(repr, columns[:60]))}"
            )
    return found


def _parameters(columns: Sequence[str], objective: str) -> dict[str, str]:
    """Without a space: the parameters, and their columns."""
    for prefix in PREFIXES:
        found = {c[len(prefix) :]: c for c in columns if c.startswith(prefix) and c != objective}
        if found:
            return found
    skipped = {*_OURS, objective, ""}
    metrics = (*METRICS, "values_", "system_attrs_")
    return {c: c for c in columns if c not in skipped and not c.startswith(metrics)}


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(map(repr, list(names)[:20]))
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


# -- rows ------------------------------------------------------------------------------------------


def _values(
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


def _rows(
    table: pd.DataFrame,
    columns: Sequence[str],
    values: Sequence[dict[str, Any]],
    objective: str,
    used: set[str],
    startup: int | None,
) -> list[Row]:
    numbers = _numbers(table, columns)
    status = _text(table, columns, "status") or _text(table, columns, "state")
    phases = _text(table, columns, "phase")
    errors = _text(table, columns, "error")
    seconds = [number(c) for c in table["seconds"].tolist()] if "seconds" in columns else None
    skipped = {*_OURS, *used, objective, "value"} - ({"loss"} - {*used, objective})
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
