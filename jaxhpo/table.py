"""Trial records as tables: what the analysis reads and what is exported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from jaxhpo.space import Space
from jaxhpo.trial import Status, Trial

REPRODUCIBLE = ("status", "phase", "known", "value", "loss", "budget", "units")
TIMING = ("attempts", "started", "finished", "seconds")


def trials_table(
    trials: Sequence[Trial], *, space: Space, objective: str, maximize: bool
) -> pd.DataFrame:
    """One row a trial, indexed by its number.

    Columns: status, phase, known, value (the objective in the user's direction, NaN if the trial
    has none), loss (lower is better), budget, units; ``param.<name>`` for every parameter of the
    space (None where it was not active; NaN in a column of numbers); ``metric.<name>`` for every
    metric; attempts, started, finished, seconds, error.
    """
    columns: dict[str, list] = {name: [] for name in REPRODUCIBLE}
    sign = -1.0 if maximize else 1.0
    metrics = sorted({name for trial in trials for name in trial.metrics} | {objective})
    for trial in trials:
        loss = np.nan if trial.loss is None else trial.loss
        row = (trial.status.value, trial.phase.value, trial.known, sign * loss, loss)
        for name, value in zip(REPRODUCIBLE, (*row, trial.budget, trial.units), strict=True):
            columns[name].append(value)
    table = pd.DataFrame(columns, index=pd.Index([t.number for t in trials], name="number"))
    table = table.astype({"value": float, "loss": float})
    parts = {f"param.{name}": _parameter(trials, name) for name in space.parameters}
    for name in metrics:
        values = [trial.metrics.get(name, np.nan) for trial in trials]
        parts[f"metric.{name}"] = np.array(values, float)
    for name in TIMING:
        dtype = int if name == "attempts" else float
        parts[name] = np.array([_number(getattr(trial, name)) for trial in trials], dtype)
    parts["error"] = _objects([trial.error for trial in trials])
    return pd.concat([table, pd.DataFrame(parts, index=table.index)], axis=1)


def curve_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row a trial and unit: number, unit (from 1), and a column a metric."""
    names = sorted({name for trial in trials for name in trial.curves})
    rows = {"number": [np.zeros(0, int)], "unit": [np.zeros(0, int)]}
    values: dict[str, list[np.ndarray]] = {name: [np.zeros(0, np.float32)] for name in names}
    for trial in trials:
        if not trial.curves or not trial.status.ended:
            continue
        units = max(len(curve) for curve in trial.curves.values())
        rows["number"].append(np.full(units, trial.number))
        rows["unit"].append(np.arange(1, units + 1))
        for name in names:
            none = np.full(units, np.nan, np.float32)
            values[name].append(np.asarray(trial.curves.get(name, none), np.float32))
    return pd.DataFrame({k: np.concatenate(v) for k, v in {**rows, **values}.items()})


def ended(trials: Sequence[Trial]) -> list[Trial]:
    """Those that have ended."""
    return [trial for trial in trials if trial.status.ended]


def count(trials: Sequence[Trial]) -> dict[Status, int]:
    """How many trials stand where; every status has an entry."""
    return {status: sum(trial.status is status for trial in trials) for status in Status}


def _parameter(trials: Sequence[Trial], name: str) -> pd.Series | np.ndarray:
    values = [trial.config.get(name) for trial in trials]
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int} and None not in values:
        return np.array(values, int)
    if float in kinds and kinds <= {int, float}:
        return np.array([_number(value) for value in values], float)
    if kinds == {bool} and None not in values:
        return np.array(values, bool)
    return _objects(values)


def _objects(values: Sequence[object]) -> np.ndarray:
    column = np.empty(len(values), object)
    for place, value in enumerate(values):  # one by one, so that a tuple stays one value
        column[place] = value
    return column


def _number(value: float | None) -> float:
    return np.nan if value is None else value
