"""Where the trials lie that diverged, and what the failed ones said.

Diverged trials are compared with those that were trained without diverging (complete or stopped):
a parameter with an order by the probability that a diverged trial has the larger value (Mann and
Whitney 1947, with their correction for ties), a listed value by how often trials diverge at it and
elsewhere (Fisher's exact test, two sided). As in `jaxhpo.analysis.association`, p-values come only
from trials chosen without looking at results, corrected over all comparisons after Benjamini and
Hochberg 1995: a search that learns keeps away from where trials diverge, so that the trials it
chose say little of where that is.
"""

# pandas and scipy type what they return as anything it may be.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis.activity import PREFIX, active, coordinates, labels
from jaxhpo.analysis.association import FEWEST
from jaxhpo.analysis.budget import LOST
from jaxhpo.analysis.shown import Short
from jaxhpo.cube import Kind
from jaxhpo.space import Space
from jaxhpo.trial import Phase, Status

_FEWEST_DIVERGED = 3  # among independent trials, below which nothing is tested
_TRAINED = (Status.COMPLETE.value, Status.STOPPED.value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rates:
    """Of a set of trials in which a parameter was active: n, how many of them diverged, and

    share: with an order, the probability that a diverged trial has the larger value than one that
        did not diverge, ties counting half; for a listed value, the share of the trials at it that
        diverged.
    elsewhere: 0.5; or the share of the trials at other values that diverged. Both None where there
        is nothing to compare.
    """

    n: int
    diverged: int
    share: float | None
    elsewhere: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """One parameter, or one of its listed values, in diverged trials and in others.

    Attributes:
        parameter: its name. value: the listed value as text; None for a parameter with an order.
        low, high: the smallest and the largest value among diverged trials; None if it is listed.
        every: over all trials: descriptive where any was chosen adaptively.
        independent: over those that were chosen without looking at results.
        p: of `independent`; q: p after Benjamini and Hochberg over all comparisons; None where it
            is not tested.
        verdict: "associated" (q at most the rate, by default 0.01), "not identifiable", or "not
            tested".
        reason: why it is not tested, or "".
    """

    parameter: str
    value: str | None
    low: float | None
    high: float | None
    every: Rates
    independent: Rates
    p: float | None
    q: float | None
    verdict: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Error:
    """What failed trials said: the text, how many said it, and the first that did."""

    text: str
    n: int
    first: int


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Diverged(Short):
    """Trials that ended without a value.

    Attributes:
        n: how many diverged, of `ended` trials that have ended. numbers: which.
        where: every searched parameter that differs among these trials, the clearest first (by q,
            then by share); empty if none or all diverged. Of a choice of two values the one at
            which more trials diverged stands for both.
        errors: of failed trials, the most frequent first.
    """

    n: int
    ended: int
    numbers: tuple[int, ...]
    where: tuple[Where, ...]
    errors: tuple[Error, ...]


def diverged(table: pd.DataFrame, space: Space, *, rate: float = LOST) -> Diverged:
    """Of a trial table (`jaxhpo.table.trials_table`). rate: the largest q of what is said."""
    status = table["status"].to_numpy()
    lost = status == Status.DIVERGED.value
    trained = np.isin(status, _TRAINED)
    failed = table[status == Status.FAILED.value].sort_index()
    rows = table[lost | trained]
    found = [w for name in space.names for w in _parameter(rows, space, name)]
    return Diverged(
        n=int(lost.sum()),
        ended=int(lost.sum() + trained.sum() + len(failed)),
        numbers=tuple(sorted(int(i) for i in table.index.to_numpy()[lost])),
        where=_corrected(found, rate),
        errors=_errors(failed),
    )


def _parameter(rows: pd.DataFrame, space: Space, name: str) -> list[Where]:
    domain, held = space.parameters[name], rows[active(rows, space, name)]
    x = coordinates(domain, held[PREFIX + name])
    lost = held["status"].to_numpy() == Status.DIVERGED.value
    free = held["phase"].to_numpy() == Phase.EXPLORE.value
    if not lost.any() or lost.all() or len(np.unique(x)) < 2:
        return []
    if space.layout.kinds[space.names.index(name)] is not Kind.CATEGORY:
        return [_ordered(name, x, lost, free)]
    named = labels(domain)
    found = [_listed(name, named[int(at)], x == at, lost, free) for at in np.unique(x)]
    return [max(found, key=lambda w: w.every.share or 0.0)] if len(found) == 2 else found


def _ordered(name: str, x: np.ndarray, lost: np.ndarray, free: np.ndarray) -> Where:
    reason = _reason(x[free], lost[free])
    p = None
    if not reason:
        a, b = x[free & lost], x[free & ~lost]
        p = float(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)
    return Where(
        parameter=name,
        value=None,
        low=float(x[lost].min()),
        high=float(x[lost].max()),
        every=_larger(x, lost),
        independent=_larger(x[free], lost[free]),
        p=p,
        q=None,
        verdict="not tested",
        reason=reason,
    )


def _listed(name: str, value: str, at: np.ndarray, lost: np.ndarray, free: np.ndarray) -> Where:
    reason = _reason(at[free], lost[free])
    p = None
    if not reason:
        here, there = lost[free & at], lost[free & ~at]
        counts = [[int(g.sum()), int((~g).sum())] for g in (here, there)]
        p = float(stats.fisher_exact(counts).pvalue)
    return Where(
        parameter=name,
        value=value,
        low=None,
        high=None,
        every=_rate(at, lost),
        independent=_rate(at[free], lost[free]),
        p=p,
        q=None,
        verdict="not tested",
        reason=reason,
    )


def _reason(x: np.ndarray, lost: np.ndarray) -> str:
    """Why nothing is tested, or an empty string."""
    if len(x) < FEWEST:
        return f"n = {len(x)} trials chosen without looking at results; {FEWEST} are needed"
    if lost.sum() < _FEWEST_DIVERGED:
        return f"{lost.sum()} of these n = {len(x)} trials diverged; {_FEWEST_DIVERGED} are needed"
    if lost.all():
        return f"all of these n = {len(x)} trials diverged"
    return f"it has one value in all n = {len(x)} trials" if len(np.unique(x)) < 2 else ""


def _larger(x: np.ndarray, lost: np.ndarray) -> Rates:
    """With U / (n1 n2), the area under the receiver operating characteristic."""
    n, n1 = len(x), int(lost.sum())
    if n1 in (0, n):
        return Rates(n=n, diverged=n1, share=None, elsewhere=None)
    u = float(stats.rankdata(x)[lost].sum()) - n1 * (n1 + 1) / 2
    return Rates(n=n, diverged=n1, share=u / (n1 * (n - n1)), elsewhere=0.5)


def _rate(at: np.ndarray, lost: np.ndarray) -> Rates:
    return Rates(
        n=len(at),
        diverged=int(lost.sum()),
        share=float(lost[at].mean()) if at.any() else None,
        elsewhere=float(lost[~at].mean()) if not at.all() else None,
    )


def _corrected(found: list[Where], rate: float) -> tuple[Where, ...]:
    tested = [w.p for w in found if w.p is not None]
    adjusted = iter(stats.false_discovery_control(tested)) if tested else iter(())
    judged = [w if w.p is None else _judged(w, float(next(adjusted)), rate) for w in found]
    return tuple(sorted(judged, key=_rank))


def _judged(one: Where, q: float, rate: float) -> Where:
    verdict = "associated" if q <= rate else "not identifiable"
    return dataclasses.replace(one, q=q, verdict=verdict)


def _rank(one: Where) -> tuple[float, float]:
    """Tested before untested, then by how far from what would be expected."""
    by = one.every if one.q is None else one.independent
    return 2.0 if one.q is None else one.q, -abs((by.share or 0.0) - (by.elsewhere or 0.0))


def _errors(failed: pd.DataFrame) -> tuple[Error, ...]:
    said: dict[str, list[int]] = {}
    for number, text in zip(failed.index.to_numpy(), failed["error"], strict=True):
        said.setdefault(text if isinstance(text, str) else "no message", []).append(int(number))
    found = [Error(text=text, n=len(numbers), first=numbers[0]) for text, numbers in said.items()]
    return tuple(sorted(found, key=lambda e: (-e.n, e.first)))
