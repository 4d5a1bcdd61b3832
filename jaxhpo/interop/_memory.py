"""What an Optuna study's trials say, kept up to date from one proposal to the next.

Optuna's objective names its parameters as it goes, so the search space is read off the trials: the
parameters that complete trials asked for, with the distribution that each was last given, and the
conditions that explain who was asked for when (`jaxhpo.interop._presence`).
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from jaxhpo.cube import Kind
from jaxhpo.interop._columns import Column
from jaxhpo.interop._presence import explained

Whens = dict[str, dict[str, frozenset[int]]]


class Ended(NamedTuple):
    """A trial that has ended: its number, parameters, value and violation of constraints.

    `values` are the objectives', lower is better, or None if it has none; `broken` is what each
    constraint that it breaks is above 0.
    """

    number: int
    params: dict[str, Any]
    values: tuple[float, ...] | None
    broken: dict[str, float]


class Memory:
    """One study's trials.

    Attributes:
        ended: those that have ended, in the order of their numbers.
        open: those that have not, by number; what they are known to try.
        columns: the column of each parameter, by name.
    """

    def __init__(self, signs: Sequence[float]) -> None:
        self.ended: list[Ended] = []
        self.open: dict[int, dict[str, Any]] = {}
        self.columns: dict[str, Column] = {}
        self._signs = tuple(signs)
        self._next = 0  # all trials below have ended and are known
        self._known: set[int] = set()
        self._rows: list[dict[str, Any]] = []  # parameters of trials that got far enough
        self._complete: list[bool] = []  # which of them are complete
        self._seen: dict[str, set[int]] = {}
        self._whens: dict[str, dict[str, frozenset[int]] | None] | None = {}
        self._sorted = True

    def read(self, trials: Sequence[FrozenTrial]) -> None:
        """Takes in what is new. `trials` are the study's, in the order of their numbers, of which
        some may be left out, always the same."""
        self.open = {}
        start = bisect.bisect_left(trials, self._next, key=lambda trial: trial.number)
        for trial in trials[start:]:
            if trial.number in self._known:
                continue
            if trial.state.is_finished():
                self._end(trial)
            else:
                given = trial.system_attrs.get("fixed_params", {})  # Study.enqueue_trial
                self.open[trial.number] = {**given, **trial.params}
        while self._next in self._known:
            self._known.discard(self._next)
            self._next += 1
        if not self._sorted:
            self.ended.sort(key=lambda trial: trial.number)
            self._sorted = True

    def _end(self, trial: FrozenTrial) -> None:
        self._known.add(trial.number)
        if self.ended and self.ended[-1].number > trial.number:
            self._sorted = False
        values = reached(trial)
        if values is not None and len(values) != len(self._signs):
            values = None
        if values is not None:
            values = tuple(sign * v for sign, v in zip(self._signs, values, strict=True))
        self.ended.append(Ended(trial.number, trial.params, values, broken(trial)))
        for name, distribution in trial.distributions.items():
            self._place(name, distribution)
        complete = trial.state == TrialState.COMPLETE
        if complete or (trial.state == TrialState.PRUNED and trial.intermediate_values):
            self._rows.append(trial.params)
            self._complete.append(complete)
            self._check(trial.params)

    def _place(self, name: str, distribution: BaseDistribution) -> None:
        """The last distribution that a parameter was given is the one that counts."""
        column = self.columns.get(name)
        if column is None or column.distribution != distribution:
            self.columns[name] = Column(distribution)
            self._seen.pop(name, None)
            self._whens = None

    def _check(self, params: dict[str, Any]) -> None:
        """Whether what was found about the conditions holds for one more trial."""
        for name, value in params.items():
            level = self._level(name, value)
            seen = self._seen.setdefault(name, set())
            if level is not None and level not in seen:
                seen.add(level)
                self._whens = None
        for name, when in (self._whens or {}).items():
            if when is not None and (name in params) != self._holds(when, params):
                self._whens = None
                return

    def _holds(self, when: dict[str, frozenset[int]], params: dict[str, Any]) -> bool:
        return all(p in params and self._level(p, params[p]) in ks for p, ks in when.items())

    def _level(self, name: str, value: Any) -> int | None:
        """The level of a value, None where the parameter has none, -1 for one out of its range."""
        column = self.columns[name]
        if not column.shape.positions:
            return None
        return -1 if column.encode(value) is None else column.level(value)

    @property
    def whens(self) -> Whens:
        """The conditions of the parameters that can be proposed together, by name; of a parameter
        that all complete trials have there are none. Other parameters are left out."""
        if self._whens is None:
            self._whens = self._explained()
        return {name: when for name, when in self._whens.items() if when is not None}

    def _explained(self) -> dict[str, dict[str, frozenset[int]] | None]:
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        present = np.array([[name in row for name in names] for row in self._rows], bool)
        if present.all():
            return {name: {} for name in names}
        levels = np.array(
            [[self._level(n, row[n]) or 0 if n in row else 0 for n in names] for row in self._rows]
        )
        shapes = [self.columns[name].shape for name in names]
        found = explained(
            present,
            levels,
            [len(shape.positions) for shape in shapes],
            [shape.kind == Kind.GRID for shape in shapes],
            np.array(self._complete, bool),
        )
        return {
            name: None if when is None else {names[p]: ks - {-1} for p, ks in when.items()}
            for name, when in zip(names, found, strict=True)
        }


def reached(trial: FrozenTrial) -> Sequence[float] | None:
    """The values of a complete trial, the last report of a pruned one, None where there is none."""
    if trial.state == TrialState.COMPLETE:
        return trial.values
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        last = trial.intermediate_values[max(trial.intermediate_values)]
        return None if np.isnan(last) else [float(last)]
    return None


def broken(trial: FrozenTrial) -> dict[str, float]:
    """What each constraint that a trial breaks is above 0."""
    return {name: v for name, v in constraints(trial.system_attrs).items() if not v <= 0}


def constraints(attributes: dict[str, Any]) -> dict[str, float]:
    """A trial's constraints from its system attributes, by name; in both forms Optuna knows."""
    found = dict(enumerate(attributes.get("constraints") or ()))
    named = {str(name): float(value) for name, value in found.items()}
    prefix = "constraints:"
    for key, value in attributes.items():
        if key.startswith(prefix):
            named[key[len(prefix) :]] = float(value)
    return named


class Told(NamedTuple):
    """What a sampler is told of n trials.

    losses: float32 [n], or [n, k] of several objectives. valid: bool [n], whether a trial has
    losses. violations: float32 [n, c], or None where no trial breaks a constraint.
    """

    losses: np.ndarray
    valid: np.ndarray
    violations: np.ndarray | None

    def start(self, n: int) -> Told:
        """The first n of them."""
        return Told(*(None if a is None else a[:n] for a in self))  # type: ignore[arg-type]

    def same(self, other: Told) -> bool:
        """Whether they are equal, NaN too."""
        return all(
            a is b or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True))
            for a, b in zip((*self[:1], *self[2:]), (*other[:1], *other[2:]), strict=True)
        ) and np.array_equal(self.valid, other.valid)


def told(ended: Iterable[Ended], objectives: int) -> Told:
    """What a sampler that takes several objectives and constraints is told.

    Losses are differences to the first trial's, and no larger than float32 can hold.
    """
    rows = list(ended)
    values = _values(rows, objectives)
    valid: np.ndarray = np.all(values < np.inf, axis=1)  # neither infinite nor NaN
    found = np.stack([_shifted(column, valid) for column in values.T], axis=1)
    names = list(dict.fromkeys(name for row in rows for name in row.broken))
    rules = np.array([[row.broken.get(name, 0.0) for name in names] for row in rows], float)
    with np.errstate(over="ignore"):
        rules = np.nan_to_num(rules, nan=np.inf, posinf=np.inf).astype(np.float32)
    return Told(
        losses=found if objectives > 1 else found[:, 0],
        valid=valid,
        violations=rules.reshape(len(rows), len(names)) if names else None,
    )


def losses(ended: Iterable[Ended]) -> tuple[np.ndarray, np.ndarray]:
    """What a sampler of one loss is told.

    A trial that violates a constraint has no loss; but as long as none satisfies all, the loss is
    the violation, so that the search first looks for where they can be satisfied. Of several
    objectives the first counts (for samplers that look at none).

    Returns:
        float32 [n], the losses; bool [n], whether a trial has one.
    """
    rows = list(ended)
    values = _values(rows, 1)
    wrong = np.array([sum(r.broken.values()) for r in rows], float)
    valid: np.ndarray = np.all(values < np.inf, axis=1)
    kept = valid & (wrong <= 0)
    if (wrong > 0).any() and not kept.any():
        value, valid = wrong, valid & np.isfinite(wrong)
    else:
        value, valid = values[:, 0], kept
    return _shifted(value, valid), valid


def _shifted(value: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Differences to the first: float32 would not tell 1e9 from 1e9 + 1."""
    finite = np.flatnonzero(valid & np.isfinite(value))
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = value - (value[finite[0]] if len(finite) else 0.0)
    largest = float(np.finfo(np.float32).max) / 4
    return np.clip(np.where(valid, shifted, np.nan), -largest, largest).astype(np.float32)


def _values(rows: Sequence[Ended], objectives: int) -> np.ndarray:
    """[n, k], NaN where a trial has none; the first k of them."""
    none = (np.nan,) * objectives
    found = [none if row.values is None else row.values[:objectives] for row in rows]
    return np.array(found, float).reshape(-1, objectives)
