"""The configuration to go on with: the one that did best when it was trained again, where the best
ones were; else the best trial's.

The best trial of a search was chosen for one value, in which there is luck. Where the best few were
trained again from fresh seeds (`jaxhpo.study.confirm`), the one with the best mean of these is
chosen. That it leads the search's best by more than chance is another question, which `ahead`
answers, and as it has the best of several means, these flatter it a little; metrics on test data,
by which nothing was chosen, do not.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from jaxhpo.analysis.baseline import welch
from jaxhpo.analysis.confirmation import Confirmation
from jaxhpo.analysis.estimate import UNKNOWN, Estimate
from jaxhpo.analysis.summary import Row, Setting, Summary, rows, settings
from jaxhpo.space import Space


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """Attributes:
    row: the trial whose configuration it is, as it was in the search. settings: its parameters.
    by: "search" (the best value) or "confirm" (the best mean of fresh values).
    of: of how many that were trained again; 0 for "search".
    fresh: the mean of its n fresh values with Student's 95 % interval; unknown for "search".
    test: name to the mean of the fresh ones' test metrics, likewise; empty for "search".
    ahead: by how much the mean of its fresh values is better than that of the search's best trial,
        in units of the objective, with Welch's (1947) 95 % interval; unknown if these are one
        trial, or not both were trained again.
    """

    row: Row
    settings: tuple[Setting, ...]
    by: str
    of: int
    n: int
    fresh: Estimate
    test: Mapping[str, Estimate]
    ahead: Estimate


def chosen(table: pd.DataFrame, space: Space, said: Summary, again: Confirmation) -> Chosen | None:
    """Of the whole trial table, its summary and what training the best again showed; None where no
    trial is complete."""
    best = said.best
    if best is None:
        return None
    winner = next((c for c in again.others if c.number == again.winner), None)
    if winner is None or again.source != "confirm" or winner.number not in table.index:
        return Chosen(
            row=best,
            settings=said.settings,
            by="search",
            of=0,
            n=0,
            fresh=UNKNOWN,
            test={},
            ahead=UNKNOWN,
        )
    row = rows(table.loc[[winner.number]], space)[0]
    first = next((c for c in again.others if c.number == best.number), None)
    ahead = UNKNOWN
    if first is not None and first.number != winner.number and first.fresh:
        sign = 1.0 if said.maximize else -1.0
        ahead = welch(sign * np.array(first.fresh), sign * np.array(winner.fresh))
    return Chosen(
        row=row,
        settings=settings(row, space),
        by="confirm",
        of=len(again.others),
        n=len(winner.fresh),
        fresh=winner.mean,
        test=winner.test,
        ahead=ahead,
    )
