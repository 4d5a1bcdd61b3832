"""The configuration that a study set out from, beside the best that it found.

The baseline is the one that the reader names, or the first complete trial whose configuration the
user named. Its replicates are the trials of the same configuration.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis.activity import PREFIX, active, original, same
from jaxhpo.analysis.estimate import Estimate, deviation
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.sample import Sample
from jaxhpo.space import Space
from jaxhpo.trial import Phase

_METRIC = "metric."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
    """One quantity of both: a metric, or "seconds" or "units" of training.

    Attributes:
        name: of the quantity. baseline, best: means over the trials of each. n_baseline, n_best:
            how many trials.
        difference: best - baseline, with Welch's 95 % interval where both have two trials or more.
        relative: difference / |baseline|, None where that is nought.
    """

    name: str
    baseline: float
    best: float
    n_baseline: int
    n_best: int
    difference: Estimate
    relative: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """Attributes:
    config: the baseline's, or None if there is none. numbers: the complete trials that have it.
    best_numbers: those that have the best trial's configuration.
    compared: everything that both have; empty where no trial has the baseline's configuration.
    changed: parameters in which the two differ.
    optimistic: whether the best was chosen for its value among others on these same trials, so that
        the difference is larger than a fresh comparison would show.
    reason: why nothing is compared, or "".
    """

    config: Mapping[str, Any] | None
    numbers: tuple[int, ...]
    best_numbers: tuple[int, ...]
    compared: tuple[Compared, ...]
    changed: tuple[str, ...]
    optimistic: bool
    reason: str


def baseline_config(table: pd.DataFrame, space: Space, options: Options) -> dict[str, Any] | None:
    """The baseline's active parameters and constants, or None."""
    if options.baseline is not None:
        return dict(options.baseline)
    named = table[(table["phase"] == Phase.GIVEN.value) & (table["status"] == "complete")]
    named = named[named["value"].notna()].sort_index().head(1)
    if not len(named):
        return None
    return {
        name: original(domain, named[PREFIX + name].iloc[0])
        for name, domain in space.parameters.items()
        if PREFIX + name in named and active(named, space, name)[0]
    }


def baseline(
    table: pd.DataFrame, made: Sample, config: Mapping[str, Any] | None, best: Mapping[str, Any]
) -> Baseline:
    """Of a table, its complete trials, the baseline (or None) and the best configuration."""
    if config is None or not len(made):
        reason = "none was named (--baseline)" if config is None else "there is no complete trial"
        return _nothing(config, reason)
    space = made.space
    searched = [{k: v for k, v in c.items() if k in space.names} for c in (config, best)]
    points = space.encode(searched).astype(float)
    ours, theirs = (_same_configuration(made, p, c) for p, c in zip(points, searched, strict=True))
    changed = [
        n
        for n in space.names
        if (n in config) != (n in best) or (n in config and not same(config[n], best[n]))
    ]
    if not ours.any():
        return dataclasses.replace(
            _nothing(config, "no complete trial has the baseline's configuration"),
            changed=tuple(changed),
            best_numbers=tuple(made.number[theirs].tolist()),
        )
    rows = table.loc[made.number[ours]], table.loc[made.number[theirs]]
    columns = [c for c in table.columns if str(c).startswith(_METRIC)]
    columns = [c for c in [*columns, "seconds", "units"] if c in table.columns]
    compared = [_compared(str(c), rows[0][c], rows[1][c]) for c in columns]
    return Baseline(
        config=config,
        numbers=tuple(made.number[ours].tolist()),
        best_numbers=tuple(made.number[theirs].tolist()),
        compared=tuple(c for c in compared if c is not None),
        changed=tuple(changed),
        optimistic=len(made) > 2,
        reason="",
    )


def _nothing(config: Mapping[str, Any] | None, reason: str) -> Baseline:
    return Baseline(
        config=config,
        numbers=(),
        best_numbers=(),
        compared=(),
        changed=(),
        optimistic=False,
        reason=reason,
    )


def _same_configuration(made: Sample, point: np.ndarray, config: Mapping[str, Any]) -> np.ndarray:
    found = np.ones(len(made), bool)
    for at, name in enumerate(made.names):
        units = made.units[:, at]
        near = np.abs(units - point[at]) < 1e-6
        found &= near if name in config else np.isnan(units)
    return found


def _compared(column: str, ours: pd.Series, theirs: pd.Series) -> Compared | None:
    a, b = (s.to_numpy(float)[np.isfinite(s.to_numpy(float))] for s in (ours, theirs))
    if not len(a) or not len(b):
        return None
    return Compared(
        name=column.removeprefix(_METRIC),
        baseline=float(a.mean()),
        best=float(b.mean()),
        n_baseline=len(a),
        n_best=len(b),
        difference=welch(a, b),
        relative=float((b.mean() - a.mean()) / abs(a.mean())) if a.mean() else None,
    )


def welch(a: np.ndarray, b: np.ndarray) -> Estimate:
    """mean(b) - mean(a), with Welch's (1947) 95 % interval where both have two values or more."""
    difference = float(b.mean() - a.mean())
    spread = np.array([deviation(part) if len(part) > 1 else 0.0 for part in (a, b)])
    most, n = float(spread.max()), np.array([len(a), len(b)])
    if n.min() < 2 or most == 0:
        return Estimate(value=difference)
    parts = (spread / most) ** 2 / n
    freedom = parts.sum() ** 2 / (parts**2 / (n - 1)).sum()
    half = most * float(stats.t.ppf(0.975, freedom) * np.sqrt(parts.sum()))
    return Estimate(value=difference, low=difference - half, high=difference + half)
