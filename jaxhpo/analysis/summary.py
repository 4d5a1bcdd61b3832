"""How many trials ended how, which was best, how the objective is spread, how long it took."""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

_PARAMETER, _METRIC = "param.", "metric."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One trial, as it is shown.

    value: the objective in the user's direction. config: active parameters and constants.
    """

    number: int
    value: float
    units: int
    phase: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """A sample of n values: mean, sample standard deviation (n - 1), and quantiles.

    Everything but n is None where n is too small for it (sd: below 2).
    """

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    quarter: float | None
    median: float | None
    three_quarters: float | None
    high: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """The study at a glance.

    Attributes:
        objective: the metric searched on. maximize: whether more of it is better.
        trials: rows of the table. statuses, phases: name to how many, in the order of frequency.
        best: the best *complete* trial, the earlier of equals, or None.
        top: the ten best complete trials.
        ties: how many complete trials have exactly the best value.
        spread: of the objective over complete trials. Stopped trials are left out: their value was
            reached with fewer units.
        seconds: of a complete trial's share of its population's time.
        units: trained in all, by trials that have ended.
    """

    objective: str
    maximize: bool
    trials: int
    statuses: Mapping[str, int]
    phases: Mapping[str, int]
    best: Row | None
    top: tuple[Row, ...]
    ties: int
    spread: Spread
    seconds: Spread
    units: int


def summary(table: pd.DataFrame, *, objective: str, maximize: bool) -> Summary:
    """The study at a glance, of a trial table."""
    complete = table[(table["status"] == "complete") & table["value"].notna()]
    ranked = ordered(complete, maximize=maximize)
    top = tuple(_row(number, row) for number, row in ranked.head(10).iterrows())
    best = top[0] if top else None
    return Summary(
        objective=objective,
        maximize=maximize,
        trials=len(table),
        statuses=_counts(table["status"]),
        phases=_counts(table["phase"]),
        best=best,
        top=top,
        ties=int((complete["value"] == best.value).sum()) if best else 0,
        spread=spread(complete["value"]),
        seconds=spread(complete["seconds"].dropna()),
        units=int(table["units"].sum()),
    )


def ordered(table: pd.DataFrame, *, maximize: bool) -> pd.DataFrame:
    """Rows from best to worst, the earlier of equals first."""
    sign = -1.0 if maximize else 1.0
    return table.iloc[np.lexsort((table.index.to_numpy(), sign * table["value"].to_numpy(float)))]


def spread(values: pd.Series) -> Spread:
    """Mean, sd and quantiles of some values."""
    found = values.to_numpy(float)
    n = len(found)
    quantiles = np.quantile(found, [0, 0.25, 0.5, 0.75, 1]).tolist() if n else [None] * 5
    names = ("low", "quarter", "median", "three_quarters", "high")
    return Spread(
        n=n,
        mean=float(found.mean()) if n else None,
        sd=float(found.std(ddof=1)) if n > 1 else None,
        **dict(zip(names, quantiles, strict=True)),
    )


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in column.value_counts(sort=True).items()}


def _row(number: Any, row: pd.Series) -> Row:
    config = {
        name.removeprefix(_PARAMETER): _plain(value)
        for name, value in row.items()
        if str(name).startswith(_PARAMETER) and _present(value)
    }
    metrics = {
        name.removeprefix(_METRIC): float(value)
        for name, value in row.items()
        if str(name).startswith(_METRIC)
    }
    return Row(
        number=int(number),
        value=float(row["value"]),
        units=int(row["units"]),
        phase=str(row["phase"]),
        config=config,
        metrics=metrics,
    )


def _present(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and np.isnan(value))


def _plain(value: Any) -> Any:
    """A NumPy scalar as a Python value."""
    return value.item() if isinstance(value, np.generic) else value
