"""What the study cost: time, units of training, and which good trials were cheap.

A trial's `seconds` are its share of its population's time. The wall clock is from the first trial's
start to the last one's end, pauses between runs included.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from jaxhpo.analysis.early import spearman
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.summary import Spread, spread
from jaxhpo.trial import Status

_FRONT = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cheap:
    """A trial that no other complete trial beats in both the objective and seconds."""

    number: int
    value: float
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatusCost:
    """What trials of one status cost: n of them, seconds (None where unknown) and units."""

    status: str
    n: int
    seconds: float | None
    units: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """Attributes:
    n: trials with a known time. seconds: of all of them together; None where none is known.
    wall: from first start to last end, in seconds. parallel: seconds / wall, how many trials were
        in training at once on average.
    per_trial: of complete trials. per_unit: of a unit (an epoch, say) of complete trials.
    by_status: what each status cost. wasted: the share of all units that went into diverged and
        failed trials.
    rho: rank correlation of seconds with the objective over the complete trials, with Fisher's
        interval (descriptive).
    front: complete trials that nothing beats in both objective and seconds, the best value first,
        twenty at most.
    missing: what the records do not hold, so that it is not known.
    """

    n: int
    seconds: float | None
    wall: float | None
    parallel: float | None
    per_trial: Spread
    per_unit: Spread
    by_status: tuple[StatusCost, ...]
    wasted: float | None
    rho: Estimate
    front: tuple[Cheap, ...]
    missing: tuple[str, ...]


def cost(table: pd.DataFrame, *, maximize: bool) -> Cost:
    """Of a whole trial table (`jaxhpo.analysis.given`)."""
    seconds = table["seconds"].to_numpy(float)
    known = np.isfinite(seconds)
    complete = (table["status"].to_numpy() == Status.COMPLETE.value) & known
    complete &= np.isfinite(table["value"].to_numpy(float))
    units = table["units"].to_numpy(float)
    total = float(seconds[known].sum()) if known.any() else None
    wall = _wall(table)
    value = table["value"].to_numpy(float)[complete]
    lost = np.isin(table["status"], [Status.DIVERGED.value, Status.FAILED.value])
    each = seconds[complete] / np.maximum(units[complete], 1)
    loss = -value if maximize else value
    return Cost(
        n=int(known.sum()),
        seconds=total,
        wall=wall,
        parallel=total / wall if total is not None and wall else None,
        per_trial=spread(pd.Series(seconds[complete])),
        per_unit=spread(pd.Series(each)),
        by_status=_by_status(table, seconds),
        wasted=float(units[lost].sum() / units.sum()) if units.sum() > 0 else None,
        rho=spearman(seconds[complete], value),
        front=_front(table.index.to_numpy()[complete], loss, value, seconds[complete]),
        missing=("peak memory", "size of the model")
        if "metric.parameters" not in table
        else ("peak memory",),
    )


def _wall(table: pd.DataFrame) -> float | None:
    started, finished = (table[c].to_numpy(float) for c in ("started", "finished"))
    if not np.isfinite(started).any() or not np.isfinite(finished).any():
        return None
    return float(np.nanmax(finished) - np.nanmin(started))


def _by_status(table: pd.DataFrame, seconds: np.ndarray) -> tuple[StatusCost, ...]:
    found = []
    for status in Status:
        at = table["status"].to_numpy() == status.value
        if at.any():
            known = seconds[at & np.isfinite(seconds)]
            found.append(
                StatusCost(
                    status=status.value,
                    n=int(at.sum()),
                    seconds=float(known.sum()) if len(known) else None,
                    units=int(table["units"].to_numpy()[at].sum()),
                )
            )
    return tuple(found)


def _front(
    number: np.ndarray, loss: np.ndarray, value: np.ndarray, seconds: np.ndarray
) -> tuple[Cheap, ...]:
    found, least = [], np.inf
    for i in np.lexsort((number, seconds, loss)):
        if seconds[i] < least:
            least = seconds[i]
            found.append(Cheap(number=int(number[i]), value=float(value[i]), seconds=float(least)))
    return tuple(found[:_FRONT])
