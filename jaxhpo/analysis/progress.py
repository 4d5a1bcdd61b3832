"""How the best value grew, and how the trials' values moved while it did."""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from jaxhpo.analysis.shown import Short


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Progress(Short):
    """Values in the order of proposal.

    Attributes:
        number, value, phase: of the n complete trials.
        best: the best value up to and with each of them.
        average: the mean of each value and those before it, over `window` trials; None before there
            are as many.
        window: max(5, n / 20) trials.
        found: the number of the trial that has the best value (the first of equals).
        since: how many complete trials came after it.
    """

    number: tuple[int, ...]
    value: tuple[float, ...]
    phase: tuple[str, ...]
    best: tuple[float, ...]
    average: tuple[float | None, ...]
    window: int
    found: int | None
    since: int | None


def progress(table: pd.DataFrame, *, maximize: bool) -> Progress:
    """The course of a study, of its trial table. Trials that are not complete are left out."""
    complete = table[(table["status"] == "complete") & table["value"].notna()].sort_index()
    value = complete["value"].to_numpy(float)
    n = len(value)
    window = max(5, round(n / 20))
    best = np.maximum.accumulate(value) if maximize else np.minimum.accumulate(value)
    mean = pd.Series(value).rolling(window).mean()
    place = None if n == 0 else int(np.argmax(value) if maximize else np.argmin(value))
    number = [int(i) for i in complete.index]
    return Progress(
        number=tuple(number),
        value=tuple(value.tolist()),
        phase=tuple(complete["phase"].astype(str)),
        best=tuple(best.tolist()),
        average=tuple(None if np.isnan(m) else float(m) for m in mean),
        window=window,
        found=None if place is None else number[place],
        since=None if place is None else n - 1 - place,
    )
