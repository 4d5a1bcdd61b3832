"""What an Optuna study's trials say, kept up to date from one proposal to the next.

Optuna's objective names its parameters as it goes, so the search space is read off the trials: the
parameters that complete trials asked for, with the distribution that each was last given, and the
conditions that explain who was asked for when (`jaxhpo.interop._presence`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from jaxhpo.cube import Kind
from jaxhpo.interop._columns import Column
from jaxhpo.interop._pareto import order
from jaxhpo.interop._presence import conditions

Whens = dict[str, dict[str, frozenset[int]]]


class Ended(NamedTuple):
    """A trial that has ended: its number, parameters, value and violation of constraints.

    `values` are the objectives', lower is better, or None if it has none; `violation` is the sum of
    what constraints are above 0.
    """

    number: int
    params: dict[str, Any]
    values: tuple[float, ...] | None
    violation: float


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
        self._rows: list[dict[str, Any]] = []  # parameters of the complete trials
        self._seen: dict[str, set[int]] = {}
        self._whens: dict[str, dict[str, frozenset[int]] | None] | None = {}
        self._sorted = True

    def read(self, trials: Sequence[FrozenTrial]) -> None:
        """Takes in what is new. `trials` are all of the study's, in the order of their numbers."""
        self.open = {}
        for trial in trials[self._next :]:
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
        self.ended.append(Ended(trial.number, trial.params, values, violation(trial)))
        for name, distribution in trial.distributions.items():
            self._place(name, distribution)
        if trial.state == TrialState.COMPLETE:
            self._rows.append(trial.params)
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
        found = conditions(
            present,
            levels,
            [len(shape.positions) for shape in shapes],
            [shape.kind == Kind.GRID for shape in shapes],
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


def violation(trial: FrozenTrial) -> float:
    """The sum of what a trial's constraints are above 0; 0 if it satisfies them or has none."""
    return sum(max(0.0, value) for value in constraints(trial.system_attrs).values())


def constraints(attributes: dict[str, Any]) -> dict[str, float]:
    """A trial's constraints from its system attributes, by name; in both forms Optuna knows."""
    found = dict(enumerate(attributes.get("constraints") or ()))
    named = {str(name): float(value) for name, value in found.items()}
    prefix = "constraints:"
    for key, value in attributes.items():
        if key.startswith(prefix):
            named[key[len(prefix) :]] = float(value)
    return named


def losses(ended: Iterable[Ended]) -> tuple[np.ndarray, np.ndarray]:
    """What a sampler is told.

    Of several objectives it is told the order of the trials (`jaxhpo.interop._pareto`). A trial
    that violates a constraint has no loss; but as long as none satisfies all, the loss is the
    violation, so that the search first looks for where they can be satisfied. Losses are
    differences to the first one, and no larger than float32 can hold.

    Returns:
        float32 [n], the losses; bool [n], whether a trial has one.
    """
    rows = list(ended)
    values, wrong = _values(rows), np.array([r.violation for r in rows], float)
    valid = (values < np.inf).all(axis=1)  # neither infinite nor NaN
    kept = valid & (wrong <= 0)
    if (wrong > 0).any() and not kept.any():
        value, valid = wrong, valid & np.isfinite(wrong)
    elif values.shape[1] > 1:
        value, valid = np.full(len(rows), np.nan), kept
        value[kept] = order(values[kept])
    else:
        value, valid = values[:, 0], kept
    # Differences to the first: float32 would not tell 1e9 from 1e9 + 1.
    finite = np.flatnonzero(valid & np.isfinite(value))
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = value - (value[finite[0]] if len(finite) else 0.0)
    largest = float(np.finfo(np.float32).max) / 4
    return np.clip(np.where(valid, shifted, np.nan), -largest, largest).astype(np.float32), valid


def _values(rows: Sequence[Ended]) -> np.ndarray:
    """[n, m], NaN where a trial has none."""
    several = max((len(row.values) for row in rows if row.values is not None), default=1)
    return np.array([row.values or (np.nan,) * several for row in rows], float).reshape(-1, several)
