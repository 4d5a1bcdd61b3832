"""A study as CSV and Parquet files, for other tools.

``trials`` and ``curves`` hold only what is a function of the study's identity: two runs of one
study, however they were interrupted, give the same bytes. When things happened stands in
``timings``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from jaxhpo.goals import stated
from jaxhpo.space import Space
from jaxhpo.table import TIMING, curve_table, ended, trials_table
from jaxhpo.trial import Trial


def export(records: Any, out: str | Path) -> list[Path]:
    """Writes trials, curves and timings of all trials that have ended, in number order.

    Columns of whole numbers and booleans keep their type where a parameter was not active; other
    choices are text. Where a parameter was not active, its field is empty.

    Args:
        records: open records.
        out: a directory; made if need be, files of these names are replaced.

    Returns:
        The files: ``trials``, ``curves`` and ``timings`` as CSV, the first two as Parquet too.

    Raises:
        ImportError: if pyarrow is not installed. The CSV files have been written then.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tables = _tables(records)
    written = [
        _replaced(out / f"{name}.csv", lambda path, table=table: _write_csv(table, path))
        for name, table in tables.items()
    ]
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        names = ", ".join(path.name for path in written)
        raise ImportError(
            f'{error}; Parquet files need: pip install "jaxhpo[store]" ({names} are in {out})'
        ) from error
    del tables["timings"]
    return written + [
        _replaced(out / f"{name}.parquet", lambda path, table=table: _write_parquet(table, path))
        for name, table in tables.items()
    ]


def _tables(records: Any) -> dict[str, pd.DataFrame]:
    identity, trials = records.identity, ended(records.trials())
    space, task = Space.from_dict(identity["space"]), identity["task"]
    table = trials_table(
        trials,
        space=space,
        objective=task["objective"],
        maximize=task["maximize"],
        goals=stated(task),
    )
    for name in space.parameters:
        if table[f"param.{name}"].dtype == object:
            table[f"param.{name}"] = _typed(trials, name)
    for name in ("status", "phase", "error"):
        table[name] = pd.array([_text(value) for value in table[name]], "string")
    table = table.reset_index()
    times = list(TIMING)
    return {
        "trials": table.drop(columns=times),
        "curves": curve_table(trials),
        "timings": table.loc[:, ["number", *times]],
    }


def _typed(trials: Sequence[Trial], name: str) -> Any:
    """A parameter's column that can hold "not active" beside whole numbers, booleans or text."""
    active = [name in trial.config for trial in trials]
    values = [trial.config.get(name) for trial in trials]
    kinds = {type(value) for value, on in zip(values, active, strict=True) if on}
    if kinds == {bool}:
        return pd.array(values, "boolean")
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return pd.array(values, "Int64")
    texts = [_text(str(value)) if on else None for value, on in zip(values, active, strict=True)]
    return pd.array(texts, "string")


def _text(value: str | None) -> str | None:
    """Text that can be written: a half of a character as its number."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode("utf-8")


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Without what pandas would add about itself: the bytes are the content's alone."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = {}
    for name in table.columns:
        text = isinstance(table[name].dtype, pd.StringDtype)
        columns[name] = pa.array(
            table[name].to_numpy(object, na_value=None) if text else table[name],
            type=pa.string() if text else None,
            from_pandas=True,  # NaN is nothing
        )
    parquet.write_table(pa.table(columns), path)


def _replaced(path: Path, write: Callable[[Path], None]) -> Path:
    """Writes beside `path` and then takes its place, so that no half-written file is ever seen."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path
