"""Trial records as tables: what the analysis reads and what is exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.goals import Goals
from jaxhpo.leaders import front_of
from jaxhpo.space import Bool, Choice, Constant, Domain, Float, Int, Space
from jaxhpo.trial import Status, Trial

TIMING = ("attempts", "started", "finished", "seconds")


def trials_table(
    trials: Sequence[Trial],
    *,
    space: Space,
    objective: str,
    maximize: bool,
    goals: Goals | None = None,
) -> pd.DataFrame:
    """One row a trial, indexed by its number.

    Columns: status, phase, known, value (the objective in the user's direction, NaN if the trial
    has none), loss (lower is better), budget, units; ``param.<name>`` for every parameter of the
    space; ``metric.<name>`` for every metric, and for the objective if no trial has one yet;
    attempts, started, finished, seconds, error. Where `goals` has constraints, feasible (whether a
    trial that has ended keeps them all); where it has several objectives, front (whether the trial
    is complete and feasible and no other such trial beats it in every one).

    A Float's column is float64, NaN where it was not active. A column of whole numbers, or of
    booleans, is int64 or bool where it always was active; else, and for all other choices, it
    holds the Python values, None where not active.
    """
    goals = goals or Goals(((objective, maximize),))
    losses = np.array([_number(trial.loss) for trial in trials], float) + 0.0  # no -0.0
    columns: dict[str, Any] = {
        "status": _objects([trial.status.value for trial in trials]),
        "phase": _objects([trial.phase.value for trial in trials]),
        "known": np.array([trial.known for trial in trials], np.int64),
        "value": -losses + 0.0 if maximize else losses,
        "loss": losses,
        "budget": np.array([trial.budget for trial in trials], np.int64),
        "units": np.array([trial.units for trial in trials], np.int64),
    }
    for name, domain in space.parameters.items():
        columns[f"param.{name}"] = _parameter(domain, [trial.config.get(name) for trial in trials])
    if goals.constraints:
        columns["feasible"] = np.array([t.status.ended and goals.feasible(t) for t in trials], bool)
    if goals.several:
        numbers = {trial.number for trial in front_of(goals, trials)}
        columns["front"] = np.array([trial.number in numbers for trial in trials], bool)
    expected = {*goals.names, *(name for name, _ in goals.constraints)}
    for name in sorted({name for trial in trials for name in trial.metrics} | expected):
        found = [trial.metrics.get(name, np.nan) for trial in trials]
        columns[f"metric.{name}"] = np.array(found, float)
    for name in TIMING:
        dtype = np.int64 if name == "attempts" else float
        columns[name] = np.array([_number(getattr(trial, name)) for trial in trials], dtype)
    columns["error"] = _objects([trial.error for trial in trials])
    index = pd.Index(np.array([trial.number for trial in trials], np.int64), name="number")
    return pd.DataFrame(columns).set_axis(index)


def curve_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """The curves of all trials that have ended, one row a trial and unit.

    Columns: number, unit (from 1), and float32 a metric, NaN where the trial has no such value.
    """
    trials = [trial for trial in trials if trial.curves and trial.status.ended]
    units = [max(len(curve) for curve in trial.curves.values()) for trial in trials]
    counted = [np.arange(1, u + 1, dtype=np.int64) for u in units]
    columns = {
        "number": np.repeat(np.array([trial.number for trial in trials], np.int64), units),
        "unit": np.concatenate([np.zeros(0, np.int64), *counted]),
    }
    for name in sorted({name for trial in trials for name in trial.curves}):
        curves = [trial.curves.get(name, ()) for trial in trials]
        columns[name] = np.concatenate([_padded(c, u) for c, u in zip(curves, units, strict=True)])
    return pd.DataFrame(columns)


def ended(trials: Sequence[Trial]) -> list[Trial]:
    """Those that have ended."""
    return [trial for trial in trials if trial.status.ended]


def count(trials: Sequence[Trial]) -> dict[Status, int]:
    """How many trials stand where; every status has an entry."""
    return {status: sum(trial.status is status for trial in trials) for status in Status}


def _parameter(domain: Domain, values: list[Any]) -> np.ndarray | pd.Series:
    """A column whose dtype depends on the domain, and beyond that on None alone."""
    kinds = _kinds(domain)
    if float in kinds and kinds <= {int, float}:
        return np.array([_number(value) for value in values], float)
    if None in values:
        return _objects(values)
    if kinds == {bool}:
        return np.array(values, bool)
    if kinds == {int}:
        return _whole(values)
    return _objects(values)


def _kinds(domain: Domain) -> set[type]:
    if isinstance(domain, Choice):
        return {type(value) for value in domain.choices}
    if isinstance(domain, Constant):
        return {type(domain.value)}
    return {Float: {float}, Int: {int}, Bool: {bool}}[type(domain)]


def _whole(values: list[int]) -> np.ndarray | pd.Series:
    try:
        return np.array(values, np.int64)
    except OverflowError:  # a choice may be any number
        return _objects(values)


def _objects(values: Sequence[object]) -> pd.Series:
    column = np.empty(len(values), object)
    for place, value in enumerate(values):  # one by one, so that a tuple stays one value
        column[place] = value
    return pd.Series(column, dtype=object)  # a bare array of strings pandas would convert


def _padded(curve: Any, units: int) -> np.ndarray:
    found = np.full(units, np.nan, np.float32)
    found[: len(curve)] = curve
    return found


def _number(value: float | None) -> float:
    return np.nan if value is None else value
