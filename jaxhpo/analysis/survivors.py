"""What may be tested where a scheduler stopped trials, or changed them in training.

The trials that are complete are then those that were let live for what they had scored, and so are
chosen by results, however their configurations were drawn: an effect that a parameter has on the
first units alone, say, appears among the survivors as an effect of another one. Nothing is tested
on their final values. But every trial has a curve up to where the first was stopped: at that unit
all of them can be compared, and tests are made there, on the configurations that they had then.
What such a test tells is about that unit, not about the end of training.

Trials whose budget is smaller are left out, which chooses by configuration and not by results; so
a parameter that decides the budget can't be tested: at one unit all have trained alike.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.activity import PREFIX, active, coordinates
from jaxhpo.analysis.association import Association
from jaxhpo.analysis.early import spearman
from jaxhpo.analysis.surrogate import Surrogate
from jaxhpo.analysis.top_region import TopRegion
from jaxhpo.cube import Kind
from jaxhpo.space import Space
from jaxhpo.trial import Phase, Status, Trial

_SAME = 1 - 1e-9
_FEW = 3  # trials of each value that a budget must be the same for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survivors:
    """Attributes:
    stopped: exploring trials that a scheduler stopped. changed: those whose configuration it
        changed in training. complete: exploring trials that are complete.
    basis: what is tested: "final" values (nothing was stopped or changed), values at a "unit" that
        all n trials reached, or "nothing".
    unit: which unit, or None. n: exploring trials that are tested there. left: exploring trials
        that diverged before it, or whose budget is smaller.
    budget: parameters that decide how many units a trial trains.
    reason: why nothing is tested on final values, or at all; "" for "final".
    """

    stopped: int
    changed: int
    complete: int
    basis: str
    unit: int | None
    n: int
    left: int
    budget: tuple[str, ...]
    reason: str


def survivors(
    table: pd.DataFrame, space: Space, trials: Sequence[Trial], *, objective: str
) -> tuple[Survivors, pd.DataFrame]:
    """What may be tested, and the table to test on: the same one, or with exploring trials as they
    were at the unit. `trials` hold the curves; without them nothing may be tested at a unit."""
    free = table["phase"].to_numpy() == Phase.EXPLORE.value
    status = table["status"].to_numpy()
    stopped = free & (status == Status.STOPPED.value)
    first = {t.number: t.history[0] for t in trials if t.history}
    number = table.index.to_numpy()
    changed = free & np.isin(number, list(first))
    complete = int((free & (status == Status.COMPLETE.value)).sum())
    counts = {
        "stopped": int(stopped.sum()),
        "changed": int(changed.sum()),
        "complete": complete,
        "budget": _budget(table, space),
    }
    if not stopped.any() and not changed.any():
        found = Survivors(basis="final", unit=None, n=complete, left=0, reason="", **counts)
        return found, table
    why = _why(counts["stopped"], counts["changed"])
    curves = {t.number: t.curves[objective] for t in trials if len(t.curves.get(objective, ()))}
    unit = _unit(table, stopped, changed, curves, first)
    if unit is None:
        reason = f"{why}, and there are no curves to compare them at a unit that all reached"
        found = Survivors(basis="nothing", unit=None, n=0, left=0, reason=reason, **counts)
        return found, table.assign(phase=np.where(free, Phase.MODEL.value, table["phase"]))
    at = _at(table, space, free, curves, first, unit)
    n = int((at["status"] == Status.COMPLETE.value).sum())
    left = int(np.isin(status[free], [s.value for s in Status if s.ended]).sum()) - n
    found = Survivors(basis="unit", unit=unit, n=n, left=left, reason=why, **counts)
    return found, at


def gated(
    living: Survivors, found: Sequence[Association], top: Sequence[TopRegion]
) -> tuple[tuple[Association, ...], tuple[TopRegion, ...]]:
    """The same tests without those that can't be made, and with the reason."""

    def why(name: str) -> str:
        if living.basis == "nothing":
            return living.reason
        if living.basis == "unit" and name in living.budget:
            return f"it decides how long a trial trains, and at unit {living.unit} all have alike"
        return ""

    def without(one: Any, **more: Any) -> Any:
        reason = why(one.parameter)
        return dataclasses.replace(one, p=None, reason=reason, **more) if reason else one

    tested = tuple(without(a, q=None, chance=None, verdict="not tested") for a in found)
    return tested, tuple(without(t, band=None) for t in top)


def withheld(living: Survivors, made: Surrogate) -> Surrogate:
    """A surrogate of the exploring trials; one that nothing is read from where nothing may be."""
    if living.basis != "nothing":
        return made
    quality = dataclasses.replace(made.quality, reason=living.reason)
    return dataclasses.replace(made, quality=quality)


def _why(stopped: int, changed: int) -> str:
    parts = [f"a scheduler stopped {stopped} of the exploring trials"] if stopped else []
    if changed:
        some = "of them" if stopped else "of the exploring trials"
        parts.append(f"{'it' if stopped else 'a scheduler'} changed {changed} {some} in training")
    return " and ".join(parts) + ", so that the complete ones were chosen by results"


def _unit(
    table: pd.DataFrame,
    stopped: np.ndarray,
    changed: np.ndarray,
    curves: Mapping[int, np.ndarray],
    first: Mapping[int, Mapping[str, Any]],
) -> int | None:
    """The last unit before any trial was stopped or changed; None without curves that far."""
    number = table.index.to_numpy()
    units = [len(curves.get(int(i), ())) for i in number[stopped]]
    units += [min(int(first[int(i)]["unit"]), len(curves.get(int(i), ()))) for i in number[changed]]
    return min(units) or None


def _at(
    table: pd.DataFrame,
    space: Space,
    free: np.ndarray,
    curves: Mapping[int, np.ndarray],
    first: Mapping[int, Mapping[str, Any]],
    unit: int,
) -> pd.DataFrame:
    """The exploring trials as they were at the unit: complete if they reached it."""
    found = table[free].copy()
    numbers = found.index.to_numpy()
    value = np.full(len(found), np.nan)
    for row, i in enumerate(numbers):
        curve = curves.get(int(i), ())
        if len(curve) >= unit:
            value[row] = curve[unit - 1]
    reached = np.isfinite(value)
    found["value"] = np.where(reached, value, np.nan)
    found["status"] = np.where(reached, Status.COMPLETE.value, Status.STOPPED.value).astype(object)
    for name in space.names:
        column = found[PREFIX + name].copy()
        for i in set(first) & set(numbers.tolist()):
            column.at[i] = first[i]["config"].get(name)
        found[PREFIX + name] = column
    return found


def _budget(table: pd.DataFrame, space: Space) -> tuple[str, ...]:
    """Parameters that the budget follows: it rises or falls with the number, or is one and the same
    for every value of a choice."""
    budget = table["budget"].to_numpy(float)
    if len(np.unique(budget)) < 2:
        return ()
    found = []
    for name in space.names:
        on = active(table, space, name)
        domain = space.parameters[name]
        if not on.all():
            continue
        x = coordinates(domain, table[PREFIX + name])
        if space.layout.kinds[space.names.index(name)] is not Kind.CATEGORY:
            follows = abs(spearman(x, budget).value or 0.0) > _SAME
        else:
            levels = [budget[x == k] for k in np.unique(x)]
            follows = len(x) >= _FEW * len(levels) and all(len(set(b)) == 1 for b in levels)
        if follows:
            found.append(name)
    return tuple(found)
