"""Two studies with several objectives or constraints: what is judged, and what the better one is.

Constraints: both studies are judged by the same ones, those of the second, and those of the first
that the second has not; what breaks one is no result. How often the trials of each study keep them
is compared apart (interval of Newcombe 1998, method 10), for a space in which more is feasible is
worth something too.

Several objectives: there is no best trial, but a front; what a study is worth is the volume that
its front dominates (`jaxhpo.pareto.hypervolume`), as a share of one box for both studies, from the
best of both together to a tenth of their fronts' range behind the worst of them. Of as many random
trials of each, with a bootstrap interval over trials; and of each objective alone, the difference
of difference of the means.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis.baseline import welch
from jaxhpo.analysis.estimate import UNKNOWN, Estimate, percentiles
from jaxhpo.analysis.fronts import feasible, metric_values
from jaxhpo.goals import Goals
from jaxhpo.pareto import front, hypervolume
from jaxhpo.trial import Phase, Status

_MARGIN = 0.1
_COPIES, _DRAWS, _MOST = 200, 4, 200  # bootstrap copies, draws behind each, random trials of a draw
_LARGEST = 4  # objectives, beyond which a volume takes too long
_FEWEST = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """How many keep every constraint. n_a, n_b: complete trials that were drawn without looking at
    results; kept_a, kept_b: those that keep all. difference: of the two shares, b - a."""

    n_a: int
    kept_a: int
    n_b: int
    kept_b: int
    difference: Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """One of several objectives: of feasible complete trials the best of each study (both chosen
    for being the best), and of the random ones among them the means, b - a, with Welch's
    interval; unknown below ten random trials in either."""

    name: str
    maximize: bool
    best_a: float | None
    best_b: float | None
    mean: Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Front:
    """Attributes:
    a, b: trials in the fronts of the two studies; only_a, only_b: those of them that are in the
        front of both studies together.
    volume_a, volume_b: the share of the common box that each front dominates, of all complete
        trials: of unequal numbers, and optimistic. k: random trials of a draw. volume: of what k
        random trials dominate, b - a.
    reason: why there is no volume, or "".
    """

    a: int
    b: int
    only_a: int
    only_b: int
    volume_a: float | None
    volume_b: float | None
    k: int
    volume: Estimate
    reason: str


def common(a: Goals, b: Goals, tables: Sequence[pd.DataFrame]) -> Goals:
    """What both studies are judged by.

    Raises:
        ValueError: if they have not the same objectives and directions, or if a study knows
            nothing of the other's constraint.
    """
    if a.objectives != b.objectives:
        said = [Goals(goals.objectives).words() for goals in (a, b)]
        raise ValueError(
            "compared(a=..., b=...) must have the same objectives, in one order and direction, got "
            f"{said[0]} and {said[1]}; read both with one objective that they share (--objective, "
            "--direction), or search again for the same"
        )
    rules = {**dict(a.constraints), **dict(b.constraints)}
    for side, table in zip(("a", "b"), tables, strict=True):
        unknown = [name for name in rules if f"metric.{name}" not in table]
        if unknown and len(table):
            raise ValueError(
                f"compared({side}=...) must know the metric of every constraint of the other "
                f"study, and has no {', '.join(map(repr, unknown))}; compare studies that record "
                "it, or leave the constraint out of the other one"
            )
    return Goals(a.objectives, tuple(sorted(rules.items())))


def kept(one: pd.DataFrame, two: pd.DataFrame, goals: Goals) -> Kept | None:
    """Of both whole trial tables; None without constraints."""
    if not goals.constraints:
        return None
    counts = []
    for table in (one, two):
        rows = table[_random(table)]
        counts.append((len(rows), int(feasible(rows, goals).sum())))
    (n, x), (m, y) = counts
    found = _newcombe(x, n, y, m) if n and m else UNKNOWN
    return Kept(n_a=n, kept_a=x, n_b=m, kept_b=y, difference=found)


def objectives(one: pd.DataFrame, two: pd.DataFrame, goals: Goals) -> tuple[Objective, ...]:
    """Each of several, in the users' direction; empty where there is one alone."""
    if not goals.several:
        return ()
    parts = [_losses(table, goals) for table in (one, two)]
    found = []
    for column, (name, maximize) in enumerate(goals.objectives):
        sign = float(goals.signs[column])
        (x, free_x), (y, free_y) = [(losses[:, column], free) for losses, free in parts]
        enough = min(free_x.sum(), free_y.sum()) >= _FEWEST
        found.append(
            Objective(
                name=name,
                maximize=maximize,
                best_a=sign * float(x.min()) if len(x) else None,
                best_b=sign * float(y.min()) if len(y) else None,
                mean=welch(sign * x[free_x], sign * y[free_y]) if enough else UNKNOWN,
            )
        )
    return tuple(found)


def fronts_of(
    one: pd.DataFrame, two: pd.DataFrame, goals: Goals, rng: np.random.Generator
) -> Front | None:
    """Of both whole trial tables; None where there is one objective alone."""
    if not goals.several:
        return None
    (x, free_x), (y, free_y) = (_losses(table, goals) for table in (one, two))
    ahead_x, ahead_y = (rows[front(rows)] if len(rows) else rows for rows in (x, y))
    both = np.concatenate([ahead_x, ahead_y])
    last = front(both) if len(both) else np.zeros(0, bool)
    known = {
        "a": len(ahead_x),
        "b": len(ahead_y),
        "only_a": int(last[: len(ahead_x)].sum()),
        "only_b": int(last[len(ahead_x) :].sum()),
    }
    k = min(int(free_x.sum()), int(free_y.sum()), _MOST)
    reason = ""
    if len(goals.objectives) > _LARGEST:
        reason = f"{len(goals.objectives)} objectives: their volume takes too long"
    elif not len(x) or not len(y):
        reason = "a study has no feasible complete trial"
    if reason:
        nothing = {"volume_a": None, "volume_b": None, "k": 0, "volume": UNKNOWN}
        return Front(**known, **nothing, reason=reason)
    low, high = both.min(axis=0), both.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)

    def share(rows: np.ndarray) -> float:
        scaled = (rows - low) / extent
        ahead = scaled[front(scaled)]
        reference = np.full(scaled.shape[1], 1 + _MARGIN)
        return hypervolume(ahead, reference) / float(np.prod(reference))

    volume = UNKNOWN
    if k >= _FEWEST:
        volume = _volume(x[free_x], y[free_y], max(1, k // 2), share, rng)
    return Front(
        **known,
        volume_a=share(ahead_x),
        volume_b=share(ahead_y),
        k=max(1, k // 2) if k >= _FEWEST else 0,
        volume=volume,
        reason="" if k >= _FEWEST else f"{k} feasible random trials; {_FEWEST} are needed",
    )


def _volume(
    x: np.ndarray,
    y: np.ndarray,
    k: int,
    share: Callable[[np.ndarray], float],
    rng: np.random.Generator,
) -> Estimate:
    """Of what k of the rows dominate in the mean, of y less of x. k is half as many as there are at
    most, so that the bootstrap, which never sees beyond the sample, is not asked for an extreme."""

    def mean(rows: np.ndarray, draws: int) -> float:
        picks = (rng.choice(len(rows), k, replace=False) for _ in range(draws))
        return float(np.mean([share(rows[pick]) for pick in picks]))

    copies = [
        mean(rng.choice(y, len(y)), _DRAWS) - mean(rng.choice(x, len(x)), _DRAWS)
        for _ in range(_COPIES)
    ]
    return percentiles(mean(y, 10 * _DRAWS) - mean(x, 10 * _DRAWS), np.array(copies))


def _random(table: pd.DataFrame) -> np.ndarray:
    """bool [n], complete and drawn without looking at results."""
    complete = table["status"].to_numpy() == Status.COMPLETE.value
    return complete & (table["phase"].to_numpy() == Phase.EXPLORE.value)


def _losses(table: pd.DataFrame, goals: Goals) -> tuple[np.ndarray, np.ndarray]:
    """Losses [m, k] of the feasible complete trials, and bool [m], which of them are random."""
    values = metric_values(table, goals)
    at = (table["status"].to_numpy() == Status.COMPLETE.value) & feasible(table, goals)
    at &= np.isfinite(values).all(axis=1)
    return values[at] * goals.signs[None], _random(table)[at]


def _newcombe(x: int, n: int, y: int, m: int) -> Estimate:
    """Newcombe 1998, method 10: from the Wilson intervals of both shares, y / m less x / n."""
    p, q = x / n, y / m
    one, two = (
        stats.binomtest(k, of).proportion_ci(0.95, method="wilson") for k, of in ((x, n), (y, m))
    )
    value = q - p
    below = ((q - float(two.low)) ** 2 + (float(one.high) - p) ** 2) ** 0.5
    above = ((float(two.high) - q) ** 2 + (p - float(one.low)) ** 2) ** 0.5
    return Estimate(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))
