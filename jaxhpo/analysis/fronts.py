"""Several objectives and constraints: who is in the front, who is feasible, and what that hides.

With several objectives there is no best trial, only a front of trials that no other beats in all of
them at once. Which of those to take depends on what one objective is worth in units of another; a
study does not know that, so nothing here claims to. The trial nearest to the best of everything is
named as what it is: a convention (the utopia point of Miettinen 1999, "Nonlinear Multiobjective
Optimization", section 2.4, objectives scaled by the front's own range).
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from jaxhpo.analysis.shown import Short
from jaxhpo.goals import Goals
from jaxhpo.pareto import front, hypervolume
from jaxhpo.trial import Status

_MARGIN = 0.1  # how far behind the front the reference lies, as a share of its extent
_CHECKED = {2: 60, 3: 40, 4: 12}  # after how many trials the volume is taken, by objectives
_LARGEST = {2: 100_000, 3: 2000, 4: 300}  # trials in a front beyond which it is not


@dataclasses.dataclass(frozen=True, kw_only=True)
class Goal:
    """One objective: its metric, whether more is better, and the trial of the front that is best in
    it (the earlier of equals) with its value."""

    name: str
    maximize: bool
    number: int | None
    value: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One constraint: its metric, what it may be at most, how many of n complete trials keep it,
    the share that does not, and the lowest and median value of the metric."""

    name: str
    bound: float
    kept: int
    n: int
    infeasible: float | None
    lowest: float | None
    median: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """A trial of the front; `values` are its objectives', in the user's direction."""

    number: int
    values: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """A complete trial. feasible: whether it keeps every constraint. front: whether it is in it."""

    number: int
    values: tuple[float, ...]
    phase: str
    feasible: bool
    front: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Volume:
    """The share of the box between the front's best and `Fronts.reference` that the first n
    feasible complete trials dominate, up to trial `number`."""

    number: int
    n: int
    share: float


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Fronts(Short):
    """Attributes:
    objectives: each of several, the first one first; empty where there is one.
    constraints: each; empty where there is none.
    n: complete trials. feasible: how many of them keep every constraint.
    front: trials that no other feasible complete trial beats, by the first objective.
    compromise: the number of the trial nearest to the best of every objective, which are scaled by
        the front's range; None for a front of less than three.
    reference: what the volume is counted from: a tenth of the front's range behind it.
    volume: how it grew; empty where it would take too long (`reason` says so).
    half: the share that was dominated after half of the feasible trials.
    points: complete trials for drawing, in number order; all of them, or the front and some that
        were drawn at random.
    """

    objectives: tuple[Goal, ...]
    constraints: tuple[Rule, ...]
    n: int
    feasible: int
    front: tuple[Member, ...]
    compromise: int | None
    reference: tuple[float, ...]
    volume: tuple[Volume, ...]
    half: float | None
    reason: str
    points: tuple[Point, ...]


def feasible(table: pd.DataFrame, goals: Goals) -> np.ndarray:
    """bool [n], which rows of a trial table keep every constraint."""
    found = np.ones(len(table), bool)
    for name, bound in goals.constraints:
        value = _metric(table, name)
        found &= np.isfinite(value) & (value <= bound)
    return found


def front_of_table(table: pd.DataFrame, goals: Goals) -> np.ndarray:
    """bool [n], which rows of a trial table (`jaxhpo.table.trials_table`) are in the front:
    complete and feasible trials that no other such trial beats in every objective."""
    at = (table["status"].to_numpy() == Status.COMPLETE.value) & feasible(table, goals)
    found = np.zeros(len(table), bool)
    found[at] = front(metric_values(table, goals)[at] * goals.signs[None])
    return found


def fronts(table: pd.DataFrame, goals: Goals, *, rows: int = 10_000, seed: int = 0) -> Fronts:
    """Of a whole trial table (`jaxhpo.analysis.given`).

    Args:
        rows: at most about so many points are kept for drawing. seed: of which.
    """
    complete = table["status"].to_numpy() == Status.COMPLETE.value
    part = table[complete].sort_index()
    part = part[np.isfinite(metric_values(part, goals)).all(axis=1)]
    values, kept = metric_values(part, goals), feasible(part, goals)
    number = part.index.to_numpy()
    losses = values * goals.signs[None]
    inside = front_of_table(part, goals) if goals.several else np.zeros(len(part), bool)
    members = np.flatnonzero(inside)
    members = members[np.lexsort((number[members], losses[members, 0]))]
    volume, reference, reason = _volume(goals, losses, number, kept, inside)
    growth = [one.share for one in volume if one.n <= int(kept.sum()) / 2]
    return Fronts(
        objectives=tuple(_goals(goals, values, losses, number, members)) if goals.several else (),
        constraints=tuple(_rules(goals, part)),
        n=len(part),
        feasible=int(kept.sum()),
        front=tuple(
            Member(number=int(number[i]), values=tuple(values[i].tolist())) for i in members
        ),
        compromise=_compromise(losses[members], number[members]),
        reference=reference,
        volume=volume,
        half=growth[-1] if growth else None,
        reason=reason,
        points=_points(part, values, kept, inside, rows, seed) if not goals.plain else (),
    )


def _metric(table: pd.DataFrame, name: str) -> np.ndarray:
    column = f"metric.{name}"
    return table[column].to_numpy(float) if column in table else np.full(len(table), np.nan)


def metric_values(table: pd.DataFrame, goals: Goals) -> np.ndarray:
    """float64 [n, k], every objective of a trial table's rows, in the user's direction."""
    rest = [_metric(table, name) for name in goals.names[1:]]
    return np.stack([table["value"].to_numpy(float), *rest], axis=1)


def _goals(
    goals: Goals, values: np.ndarray, losses: np.ndarray, number: np.ndarray, members: np.ndarray
) -> list[Goal]:
    found = []
    for column, (name, maximize) in enumerate(goals.objectives):
        order = np.lexsort((number[members], losses[members, column]))
        best = members[order[0]] if len(members) else None
        found.append(
            Goal(
                name=name,
                maximize=maximize,
                number=None if best is None else int(number[best]),
                value=None if best is None else float(values[best, column]),
            )
        )
    return found


def _rules(goals: Goals, part: pd.DataFrame) -> list[Rule]:
    found = []
    for name, bound in goals.constraints:
        value = _metric(part, name)
        known = value[np.isfinite(value)]
        kept = int((known <= bound).sum())
        found.append(
            Rule(
                name=name,
                bound=bound,
                kept=kept,
                n=len(part),
                infeasible=1 - kept / len(part) if len(part) else None,
                lowest=float(known.min()) if len(known) else None,
                median=float(np.median(known)) if len(known) else None,
            )
        )
    return found


def _compromise(losses: np.ndarray, number: np.ndarray) -> int | None:
    if len(losses) < 3:
        return None
    low, extent = losses.min(axis=0), np.ptp(losses, axis=0)
    far = np.sqrt((((losses - low) / np.where(extent > 0, extent, 1.0)) ** 2).sum(axis=1))
    return int(number[np.lexsort((number, far))[0]])


def _volume(
    goals: Goals, losses: np.ndarray, number: np.ndarray, kept: np.ndarray, inside: np.ndarray
) -> tuple[tuple[Volume, ...], tuple[float, ...], str]:
    """How the dominated volume grew, the reference in the user's direction, why there is none."""
    k, size = losses.shape[1], int(inside.sum())
    if size < 2:
        return (), (), "the front has fewer than two trials" if goals.several else ""
    low, high = losses[inside].min(axis=0), losses[inside].max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    reference = high + _MARGIN * extent
    turned = tuple((reference * goals.signs + 0.0).tolist())
    if size > _LARGEST.get(k, 0):
        return (), turned, f"the front has {size} trials in {k} objectives, which takes too long"
    order = np.flatnonzero(kept)
    ends = np.unique(np.linspace(1, len(order), _CHECKED[k]).round().astype(int))
    box = float(np.prod((reference - low) / extent))
    found, ahead, begin = [], np.zeros((0, k)), 0
    for end in ends.tolist():
        ahead = np.concatenate([ahead, losses[order[begin:end]]])
        ahead, begin = ahead[front(ahead)], end
        share = hypervolume((ahead - low) / extent, (reference - low) / extent) / box
        found.append(Volume(number=int(number[order[end - 1]]), n=end, share=share))
    return tuple(found), turned, ""


def _points(
    part: pd.DataFrame,
    values: np.ndarray,
    kept: np.ndarray,
    inside: np.ndarray,
    rows: int,
    seed: int,
) -> tuple[Point, ...]:
    places = np.arange(len(part))
    if len(part) > rows:
        some = np.random.default_rng([seed, 11]).choice(len(part), rows, replace=False)
        places = np.union1d(some, np.flatnonzero(inside))
    number, phase = part.index.to_numpy(), part["phase"].to_numpy()
    return tuple(
        Point(
            number=int(number[i]),
            values=tuple(values[i].tolist()),
            phase=str(phase[i]),
            feasible=bool(kept[i]),
            front=bool(inside[i]),
        )
        for i in places
    )
