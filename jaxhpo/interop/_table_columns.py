"""What the columns of a table are: parameters, the objective, other measurements, times."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from jaxhpo.interop._cells import is_missing, number
from jaxhpo.space import Constant, Space

PREFIXES = ("param.", "params_", "params.", "config/", "config.", "hp.")
METRICS = ("metric.", "user_attrs_", "metrics.")
OWN = ("number", "status", "state", "phase", "known", "loss", "budget", "units", "attempts",
       "started", "finished", "seconds", "error", "datetime_start", "datetime_complete",
       "duration")  # fmt: skip
"""Columns that say something of a trial itself; of ours and of Optuna."""


def columns_of(table: pd.DataFrame) -> list[str]:
    """The names of the columns, as text, which they then are in the table too.

    Raises:
        ValueError: for a table without rows, or a name that comes twice.
    """
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


def objective_of(columns: Sequence[str], objective: str | None) -> str:
    """The column that is searched on: the one that is named, or one of the usual names.

    Raises:
        ValueError: if there is none; the message lists the columns.
    """
    options = [objective] if objective is not None else ["value", "objective", "loss"]
    for option in options:
        for name in (option, *(prefix + option for prefix in METRICS)):
            if name in columns:
                return name
    several = [name for name in columns if name.startswith("values_")]
    said = f"objective={objective!r}" if objective is not None else "no column called 'value'"
    close = difflib.get_close_matches(options[0], columns, n=1)
    raise ValueError(
        f"load(objective=...) must name a column, got {said}; "
        + (f"did you mean {close[0]!r}? " if close else "")
        + f"there are: {', '.join(map(repr, several or columns[:60]))}"
    )


def check_scores(table: pd.DataFrame, objective: str) -> None:
    """Refuses a column of text for the objective.

    Raises:
        ValueError: if no field of it is a number, and some are not empty.
    """
    cells = [cell for cell in table[objective].tolist() if not is_missing(cell)]
    if cells and all(number(cell) is None for cell in cells):
        raise ValueError(
            f"load(objective={objective!r}) must be a column of numbers, got {cells[0]!r} and no "
            f"number in {len(cells)} fields; there are: "
            f"{', '.join(repr(name) for name in table.columns[:60])}"
        )


def searched(columns: Sequence[str], space: Space) -> dict[str, str]:
    """The column of each parameter of a space.

    Raises:
        ValueError: if one has none, or several.
    """
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


def guessed_parameters(columns: Sequence[str], objective: str) -> dict[str, str]:
    """Without a space: the parameters, and their columns."""
    for prefix in PREFIXES:
        found = {c[len(prefix) :]: c for c in columns if c.startswith(prefix) and c != objective}
        if found:
            return found
    skipped = {*OWN, objective, ""}
    metrics = (*METRICS, "values_", "system_attrs_")
    return {c: c for c in columns if c not in skipped and not c.startswith(metrics)}
