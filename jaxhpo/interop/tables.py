"""A table of trials from anywhere (CSV, TSV, Parquet, a DataFrame) as records for the analysis.

One row is a trial, one column a parameter or a measurement. The tables that ``jaxhpo export``
writes and those of Optuna's ``Study.trials_dataframe()`` are understood as they are. A file of text
is read as text, and each field as the search space says, so that nothing is guessed: ``1e-3`` is a
number for a Float, ``1e-3`` the string for a Choice of strings.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from jaxhpo.interop import _drawn
from jaxhpo.interop._branched import branched, config_of
from jaxhpo.interop._cells import guessed
from jaxhpo.interop._foreign import Row, records
from jaxhpo.interop._names import cleaned
from jaxhpo.interop._table_columns import (
    MEASURED,
    OWN,
    check_scores,
    columns_of,
    guessed_parameters,
    objective_of,
    searched,
)
from jaxhpo.interop._table_files import read
from jaxhpo.interop._table_rows import rows_of, values_of
from jaxhpo.space import Constant, Space
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.trial import Phase, Status

__all__ = ["read", "records_of"]


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

    Columns of parameters are named as in the space, or with a prefix of other tools before it
    (``param.``, ``params_``, ``config/``, ``hp.``). If there are columns of these names, they
    count: ``number`` (else the row's place, from 0), ``status`` or ``state`` (else complete),
    ``phase``, ``error``, ``seconds``. All other columns of numbers are metrics. A trial whose
    objective is NaN or infinite diverged; one whose field is empty failed.

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
    notes: list[str] = []
    target = objective_of(columns_of(table), objective)
    check_scores(table, target)
    of = table.attrs.get("of", len(table))
    table = _thinned(table, target, of, notes)
    columns = columns_of(table)
    if maximize is None:
        maximize = False
        notes.append(
            f"{target!r} is taken to be better if lower (else maximize=True; --direction maximize)"
        )
    if space is None:
        domains, where = _tried(table, columns, target, notes)
    else:
        domains, where = dict(space.parameters), searched(columns, space)
    values, unread = values_of(table, domains, where)
    rows = rows_of(table, columns, values, target, set(where.values()), startup)
    notes += unread
    space, configs = _configured(space, domains, rows, notes)
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


def _thinned(table: pd.DataFrame, target: str, of: int, notes: list[str]) -> pd.DataFrame:
    """The table, or as many of its rows, drawn at random, as a report can be made of."""
    if len(table) > _drawn.MOST:
        table = _drawn.of_frame(table, target, _drawn.ROWS)
        table.attrs["of"] = of
    if len(table) < of:
        notes.append(
            f"the table has {of:,} rows: {len(table):,} of them were drawn at random and are all "
            "that this report knows, but for the ten lowest and the ten highest values, which are "
            "among them; counts of trials and units are of those"
        )
    return table


def _tried(
    table: pd.DataFrame, columns: Sequence[str], target: str, notes: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Without a space: the domains of what was tried, and the column of each."""
    found = guessed_parameters(columns, target)
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
    left = [c for c in columns if c != target and c not in found.values()]
    left = [c for c in left if c not in OWN and not c.startswith(MEASURED)]
    if left:
        some = ", ".join(map(repr, left[:20])) + (" and others" if len(left) > 20 else "")
        prefixed = next((c for p, c in found.items() if p != c), None)
        why = "by their names" if prefixed is None else f"they have no prefix as {prefixed!r} has"
        said += f"; taken for no parameters ({why}): {some}"
    warnings.warn(said, UserWarning, stacklevel=3)
    notes.insert(0, said)
    return domains, where


def _configured(
    space: Space | None, domains: Mapping[str, Any], rows: Sequence[Row], notes: list[str]
) -> tuple[Space, Sequence[dict[str, Any] | None]]:
    """The space, found from the rows if there is none, and each row's configuration in it."""
    if space is None:
        complete = [row.status in (Status.COMPLETE, Status.DIVERGED) for row in rows]
        whole = [c or row.status is Status.STOPPED for c, row in zip(complete, rows, strict=True)]
        made = branched(domains, [row.params for row in rows], whole, complete)
        notes += made.notes
        return made.space, made.configs
    configs = [config_of(space, row.params) for row in rows]
    extra = sum(
        c is not None and len(row.params.keys() - c.keys()) > 0
        for row, c in zip(rows, configs, strict=True)
    )
    if extra:
        notes.append(f"{extra} rows have values of parameters that are not active: not used")
    return space, configs


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(map(repr, list(names)[:20]))
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
