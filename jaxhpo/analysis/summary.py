"""How many trials ended how, which was best, how the objective is spread, how long it took."""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.activity import PREFIX, active, choices, fraction, original, place
from jaxhpo.analysis.estimate import deviation
from jaxhpo.space import Bool, Choice, Space
from jaxhpo.trial import Phase, Status

_METRIC = "metric."
_TOP = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One trial, as it is shown.

    value: the objective in the user's direction. config: active parameters and constants.
    metrics: every metric, None where it is not finite.
    """

    number: int
    value: float
    units: int
    phase: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One parameter of the best configuration.

    fraction: how far a number lies from its lower bound (0) to its upper (1), on the scale that is
    searched. nth, of: of a choice, which value it is (from 1) of how many. None otherwise.
    """

    parameter: str
    value: Any
    fraction: float | None
    nth: int | None
    of: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count:
    """How many trials stand at `status`: n in all, and of each phase."""

    status: str
    n: int
    phases: Mapping[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """A sample of n values: mean, sample standard deviation (n - 1), and quantiles.

    Quantiles interpolate linearly. What n is too small for is None (sd: below 2).
    """

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    five: float | None
    quarter: float | None
    median: float | None
    three_quarters: float | None
    ninety_five: float | None
    high: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """The study at a glance.

    Attributes:
        objective: the metric searched on. maximize: whether more of it is better.
        trials: rows of the table. counts: of them, by status and phase, without those at nought.
        best: the best *complete* trial, the earlier of equals, or None. settings: its parameters.
        top: the ten best complete trials.
        ties: how many complete trials have exactly the best value.
        spread: of the objective over complete trials. Stopped trials are left out: their value was
            reached with fewer units.
        seconds: of a complete trial's share of its population's time.
        units: trained by all trials together, also those that stopped or diverged.
    """

    objective: str
    maximize: bool
    trials: int
    counts: tuple[Count, ...]
    best: Row | None
    settings: tuple[Setting, ...]
    top: tuple[Row, ...]
    ties: int
    spread: Spread
    seconds: Spread
    units: int

    def count(self, status: Status) -> int:
        """How many trials stand there."""
        return sum(c.n for c in self.counts if c.status == status)


def summary(table: pd.DataFrame, space: Space, *, objective: str, maximize: bool) -> Summary:
    """The study at a glance, of a trial table."""
    complete = table[(table["status"] == "complete") & table["value"].notna()]
    top = rows(ranked(complete, maximize=maximize).head(_TOP), space)
    best = top[0] if top else None
    return Summary(
        objective=objective,
        maximize=maximize,
        trials=len(table),
        counts=_counts(table),
        best=best,
        settings=settings(best, space) if best else (),
        top=top,
        ties=int((complete["value"] == best.value).sum()) if best else 0,
        spread=spread(complete["value"]),
        seconds=spread(complete["seconds"].dropna()),
        units=int(table["units"].sum()),
    )


def ranked(table: pd.DataFrame, *, maximize: bool) -> pd.DataFrame:
    """Rows from best to worst, the earlier of equals first."""
    sign = -1.0 if maximize else 1.0
    return table.iloc[np.lexsort((table.index.to_numpy(), sign * table["value"].to_numpy(float)))]


def spread(values: pd.Series) -> Spread:
    """Mean, sd and quantiles of some values."""
    found = values.to_numpy(float)
    n = len(found)
    quantiles = (
        np.quantile(found, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist() if n else [None] * 7
    )
    names = ("low", "five", "quarter", "median", "three_quarters", "ninety_five", "high")
    return Spread(
        n=n,
        mean=float(found.mean()) if n else None,
        sd=deviation(found) if n > 1 else None,
        **dict(zip(names, quantiles, strict=True)),
    )


def _counts(table: pd.DataFrame) -> tuple[Count, ...]:
    status, phase = table["status"].to_numpy(), table["phase"].to_numpy()
    found = []
    for s in Status:
        at = status == s.value
        if at.any():
            phases = {p.value: int((at & (phase == p.value)).sum()) for p in Phase}
            found.append(Count(status=s.value, n=int(at.sum()), phases=phases))
    return tuple(found)


def rows(table: pd.DataFrame, space: Space) -> tuple[Row, ...]:
    """Every row of a trial table, as it is shown."""
    activity = {name: active(table, space, name) for name in space.parameters}
    return tuple(
        Row(
            number=int(number),
            value=float(row["value"]),
            units=int(row["units"]),
            phase=str(row["phase"]),
            config={
                name: original(domain, row[PREFIX + name])
                for name, domain in space.parameters.items()
                if activity[name][i]
            },
            metrics={
                str(name).removeprefix(_METRIC): float(value) if np.isfinite(value) else None
                for name, value in row.items()
                if str(name).startswith(_METRIC)
            },
        )
        for i, (number, row) in enumerate(table.iterrows())
    )


def settings(best: Row, space: Space) -> tuple[Setting, ...]:
    """Every parameter of a trial's configuration, and where it lies in its range."""
    found = []
    for name, value in best.config.items():
        domain, nth, of = space.parameters[name], None, None
        if isinstance(domain, Bool | Choice):
            options = choices(domain)
            nth, of = place(options, value) + 1, len(options)
        at = fraction(domain, value)
        found.append(Setting(parameter=name, value=value, fraction=at, nth=nth, of=of))
    return tuple(found)
