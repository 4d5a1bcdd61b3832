"""A study as CSV and Parquet files, for other tools.

``trials`` and ``curves`` hold only what is a function of the study's identity: two runs of one
study, however they were interrupted, give the same bytes. When things happened stands in
``timings``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from jaxhpo.space import Space
from jaxhpo.table import TIMING, curve_table, ended, trials_table


def export(records: Any, out: str | Path) -> list[Path]:
    """Writes trials, curves and timings of all trials that have ended.

    Args:
        records: open records. out: a directory; made if need be, files of these names are replaced.

    Returns:
        The files: CSV, and Parquet where pyarrow is installed.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    identity = records.identity
    trials = ended(records.trials())
    table = trials_table(
        trials,
        space=Space.from_dict(identity["space"]),
        objective=identity["task"]["objective"],
        maximize=identity["task"]["maximize"],
    ).reset_index()
    times = list(TIMING)
    tables = {
        "trials": table.drop(columns=times),
        "curves": curve_table(trials),
        "timings": table[["number", *times]],
    }
    written = []
    for name, found in tables.items():
        found = _plain(found)
        written.append(_replaced(out / f"{name}.csv", lambda p, t=found: t.to_csv(p, index=False)))
        if name != "timings" and _has_arrow():
            path = out / f"{name}.parquet"
            written.append(_replaced(path, lambda p, t=found: t.to_parquet(p, index=False)))
    return written


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of anything but numbers as text, so that every file has the same types."""
    return table.assign(
        **{
            name: pd.Series(
                [None if value is None else str(value) for value in table[name]],
                dtype="string",
                index=table.index,
            )
            for name in table.columns
            if not pd.api.types.is_numeric_dtype(table[name])
        }
    )


def _replaced(path: Path, write: Any) -> Path:
    """Writes beside `path` and then takes its place, so that no half-written file is ever seen."""
    part = path.with_name(f".{path.name}.part")
    write(part)
    os.replace(part, path)
    return path


def _has_arrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True
