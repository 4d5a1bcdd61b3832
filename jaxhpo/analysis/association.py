"""Which parameters go with the objective, and whether that can be told at all.

For a parameter with an order, Spearman's rank correlation rho (-1 to 1). For one without, the
correlation ratio of the ranks, eta = sqrt(H / (n - 1)) with H of Kruskal and Wallis 1952 (0 to 1):
for two values it is the absolute value of rho, but the more values there are, the larger it is by
chance alone, about sqrt((k - 1) / (n - 1)) for k of them; so the two are never ranked together.

P-values come only from complete trials whose configuration was chosen without looking at results:
trials of an adaptive sampler are not independent, and what is computed from them describes them, no
more. Spearman's p-value is that of Student's t, Kruskal-Wallis' that of chi squared. The false
discovery rate over all tested parameters is controlled after Benjamini and Hochberg 1995.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportReturnType=false

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis.activity import PREFIX, active, coordinates, labels
from jaxhpo.cube import Kind
from jaxhpo.space import Bool, Choice, Space

FEWEST = 25  # independent trials, below which nothing is tested
_RATE = 0.05  # false discovery rate
_ORDER = ("associated", "not identifiable", "not tested")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """One value of a choice: over how many trials the median of the objective is taken."""

    label: str
    n: int
    median: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """How strongly a parameter goes with the objective over n complete trials in which it was
    active; `strength` is rho or eta, None if it can't be computed."""

    n: int
    strength: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Association:
    """One parameter and the objective.

    Attributes:
        parameter: its name.
        measure: "rho" (of a parameter with an order; it has a sign) or "eta".
        every: over all complete trials: descriptive where any was chosen adaptively.
        independent: over those that were chosen without looking at results.
        chance: the strength that a parameter which does nothing stays below with 95 % chance in as
            many independent trials: 1.96 / sqrt(n - 1) for rho, sqrt(c / (n - 1)) for eta with c
            the 95th percentile of chi squared; None where it is not tested.
        p: of `independent`, two-sided; q: p after Benjamini and Hochberg over all that are tested;
            None where it is not tested.
        verdict: "associated" (q at most 0.05; within an `jaxhpo.analysis.result.Analysis` only if
            the parameter also matters), "not identifiable", or "not tested".
        reason: why it is not tested, or "".
        groups: the values of a choice, over the independent trials.
    """

    parameter: str
    measure: str
    every: Measured
    independent: Measured
    chance: float | None
    p: float | None
    q: float | None
    verdict: str
    reason: str
    groups: tuple[Group, ...]


def associations(
    table: pd.DataFrame, space: Space, tested: pd.DataFrame | None = None
) -> tuple[Association, ...]:
    """Every searched parameter: by verdict, then measure, then strength in what was tested. The
    trials chosen without looking at results are those of the table `tested`, if it is given."""
    complete = _complete(table)
    independent = complete if tested is None or tested is table else _complete(tested)
    independent = independent[independent["phase"].to_numpy() == "explore"]
    found = [_association(complete, independent, space, name) for name in space.names]
    made = [a.p for a in found if a.p is not None]
    adjusted = iter(stats.false_discovery_control(made)) if made else iter(())
    judged = [a if a.p is None else _judged(a, float(next(adjusted))) for a in found]
    return ranked(judged)


def ranked(found: Iterable[Association]) -> tuple[Association, ...]:
    """By verdict, then measure, then strength in what was tested."""
    return tuple(sorted(found, key=_rank))


def _judged(one: Association, q: float) -> Association:
    return dataclasses.replace(one, q=q, verdict=_ORDER[0] if q <= _RATE else _ORDER[1])


def _rank(one: Association) -> tuple[int, bool, float]:
    strength = one.independent.strength if one.q is not None else one.every.strength
    return _ORDER.index(one.verdict), one.measure == "eta", -abs(strength or 0.0)


def _complete(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["status"] == "complete") & table["value"].notna()]


def _association(
    complete: pd.DataFrame, independent: pd.DataFrame, space: Space, name: str
) -> Association:
    domain = space.parameters[name]
    ordered = space.layout.kinds[space.names.index(name)] is not Kind.CATEGORY
    all_x, all_y = _pairs(complete, space, name)
    x, y = _pairs(independent, space, name)
    strength, p = _measured(x, y, ordered)
    reason = _reason(x, y)
    texts = labels(domain) if isinstance(domain, Bool | Choice) else ()
    return Association(
        parameter=name,
        measure="rho" if ordered else "eta",
        every=Measured(n=len(all_x), strength=_measured(all_x, all_y, ordered)[0]),
        independent=Measured(n=len(x), strength=strength),
        chance=None if reason else _chance(x, ordered),
        p=None if reason else p,
        q=None,
        verdict=_ORDER[2],
        reason=reason,
        groups=tuple(_group(text, y[x == i]) for i, text in enumerate(texts)),
    )


def _pairs(table: pd.DataFrame, space: Space, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the parameter stands, and the objective, over the trials in which it was active."""
    rows = table[active(table, space, name)]
    return coordinates(space.parameters[name], rows[PREFIX + name]), rows["value"].to_numpy(float)


def _reason(x: np.ndarray, y: np.ndarray) -> str:
    """Why nothing is tested, or an empty string."""
    if len(x) < FEWEST:
        return f"n = {len(x)} trials chosen without looking at results; {FEWEST} are needed"
    if len(np.unique(y)) < 2:
        return f"all n = {len(y)} values of the objective are equal"
    return f"it has one value in all n = {len(x)} trials" if len(np.unique(x)) < 2 else ""


def _chance(x: np.ndarray, ordered: bool) -> float:
    squared = stats.chi2.ppf(0.95, 1 if ordered else len(np.unique(x)) - 1)
    return math.sqrt(float(squared) / (len(x) - 1))


def _group(label: str, values: np.ndarray) -> Group:
    median = float(np.median(values)) if len(values) else None
    return Group(label=label, n=len(values), median=median)


def _measured(
    x: np.ndarray, y: np.ndarray, ordered: bool
) -> tuple[float, float] | tuple[None, None]:
    """Strength and p-value, or None where there is nothing to compare."""
    if len(x) < 3 or len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return None, None
    if ordered:
        rho, p = stats.spearmanr(x, y)
        return float(rho), float(p)
    h, p = stats.kruskal(*(y[x == level] for level in np.unique(x)))
    return math.sqrt(max(float(h), 0.0) / (len(y) - 1)), float(p)
