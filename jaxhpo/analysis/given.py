"""A trial table from anywhere, brought into the form of `jaxhpo.table.trials_table`.

What must be there: the objective (`value`, or `loss`, lower is better) and a column
``param.<name>`` for every parameter. What else is missing is unknown, and never taken for what
would allow more: without a `phase`, every trial counts as chosen by results, so that nothing is
tested. A complete trial whose value is not finite, or beyond `LARGEST` in size, of which no square
can be taken, counts as diverged.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.activity import PREFIX
from jaxhpo.space import Constant, Space
from jaxhpo.trial import Phase, Status

LARGEST = 1e150


def given(table: pd.DataFrame, space: Space, *, maximize: bool) -> pd.DataFrame:
    """The table with every column that the analysis reads.

    Raises:
        ValueError: naming the column that is missing, or the statuses and phases that are unknown.
    """
    missing = [name for name in space.names if PREFIX + name not in table]
    if missing:
        raise ValueError(
            f"analysed_table(table=...) must have a column for every parameter of the space, but "
            f"{', '.join(map(repr, missing))} have none; name the columns param.<name>"
        )
    if "value" not in table and "loss" not in table:
        raise ValueError(
            "analysed_table(table=...) must have the objective as 'value' (or 'loss', lower is "
            f"better), got the columns {', '.join(map(str, table.columns))}"
        )
    n, added = len(table), {}
    if "value" not in table:
        loss = table["loss"].to_numpy(float)
        added["value"] = -loss + 0.0 if maximize else loss
    value = np.asarray(added["value"] if "value" in added else table["value"], float)
    finite = np.where(np.isfinite(value), Status.COMPLETE.value, Status.FAILED.value)
    rest: dict[str, Any] = {
        "status": finite.astype(object),
        "phase": np.full(n, Phase.MODEL.value, object),
        "loss": -value + 0.0 if maximize else value,
        "budget": np.ones(n, np.int64),
        "units": np.ones(n, np.int64),
        "seconds": np.full(n, np.nan),
        "started": np.full(n, np.nan),
        "finished": np.full(n, np.nan),
        "error": np.full(n, None, object),
    }
    for name, domain in space.parameters.items():
        if isinstance(domain, Constant):
            rest[PREFIX + name] = [domain.value] * n
    for name, column in rest.items():
        if name not in table:
            added[name] = pd.Series(column, index=table.index)
    whole = table.assign(**added) if added else table
    _known(whole, "status", {s.value for s in Status})
    _known(whole, "phase", {p.value for p in Phase})
    if not whole.index.is_unique:
        raise ValueError(
            "analysed_table(table=...) must have one row a trial; its index holds a number twice; "
            "use table.reset_index(drop=True)"
        )
    return _within(whole)


def _within(table: pd.DataFrame) -> pd.DataFrame:
    """Without values that nothing can be reckoned with."""
    changed: dict[str, Any] = {}
    for name in table:
        if name in ("value", "loss") or str(name).startswith("metric."):
            column = np.asarray(table[name], float)
            wild = ~(np.abs(column) <= LARGEST) & ~np.isnan(column)
            if wild.any():
                changed[str(name)] = np.where(wild, np.nan, column)
    status = table["status"].to_numpy()
    value = np.asarray(changed.get("value", table["value"]), float)
    lost = (status == Status.COMPLETE.value) & np.isnan(value)
    if lost.any():
        changed["status"] = np.where(lost, Status.DIVERGED.value, status).astype(object)
    return table.assign(**changed) if changed else table


def _known(table: pd.DataFrame, column: str, known: set[str]) -> None:
    strange = sorted({str(v) for v in table[column].unique()} - known)
    if strange:
        raise ValueError(
            f"analysed_table(table=...) must have in {column!r} only {', '.join(sorted(known))}, "
            f"got {', '.join(map(repr, strange))}"
        )
