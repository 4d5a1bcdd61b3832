"""What looks wrong with a study: each finding with its numbers, and nothing that is only likely.

Findings are descriptive, but for drift and collinearity, which are tested on trials that were
chosen without looking at results, at p below 0.001 so that they are rare where nothing is wrong.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis.association import FEWEST
from jaxhpo.analysis.diverged import Diverged
from jaxhpo.analysis.elites import LEAST
from jaxhpo.analysis.estimate import deviation
from jaxhpo.analysis.given import LARGEST
from jaxhpo.analysis.sample import Sample
from jaxhpo.trial import Status

_SURE = 0.001
_TIES, _FAR, _NEAR, _GAP = 0.05, 5.0, 0.8, 0.05
_LISTED = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One finding.

    Attributes:
        kind: "ties" (many trials have exactly the best value), "perfect" (a metric is at its limit:
            leaked labels, data that are too easy, or evaluation on training data), "outliers" (more
            than five MADs from the median on the bad side), "duplicates" (equal configurations with
            equal values: seeds that do nothing), "drift" (the objective changes with time though
            nothing was learnt), "collinear" (two parameters moved together), "starved" (a branch or
            choice with fewer than ten trials), "diverging" (a tenth of the trials or more ended
            without a value), "region" (where they diverge), "gap" (validation and test differ),
            "never adaptive" (a sampler that learns never did), "budget" (numbers that do not add
            up), "beyond" (values too large to reckon with).
        n: how many trials it is about, `of` how many that were looked at.
        value: the size of it: a share, a correlation, a gap; None where n says all.
        parameters: which are involved. numbers: trials, twenty at most.
        text: in words.
    """

    kind: str
    n: int
    of: int
    value: float | None
    parameters: tuple[str, ...]
    numbers: tuple[int, ...]
    text: str


def anomalies(
    table: pd.DataFrame,
    made: Sample,
    *,
    objective: str,
    lost: Diverged,
    test: Mapping[str, float | None] | None = None,
    sampler: str | None = None,
    beyond: int = 0,
) -> tuple[Anomaly, ...]:
    """Of a whole table, its complete trials, where trials diverged, the test score and the
    sampler's name. beyond: how many trials were taken for diverged for their size
    (`jaxhpo.analysis.given`)."""
    found = [
        *_beyond(table, beyond),
        *_ties(made),
        *_perfect(made),
        *_outliers(made),
        *_duplicates(made),
        *_drift(made),
        *_together(made),
        *_starved(made),
        *_diverging(table, lost),
        *_gap(made, objective, test),
        *_never_adaptive(made, sampler),
        *_budget(table),
    ]
    return tuple(found)


def _finding(kind: str, n: int, of: int, text: str, **more: object) -> Anomaly:
    fields: dict = {"value": None, "parameters": (), "numbers": (), **more}
    fields["numbers"] = tuple(int(i) for i in fields["numbers"])[:_LISTED]
    return Anomaly(kind=kind, n=n, of=of, text=text, **fields)


def _beyond(table: pd.DataFrame, n: int) -> list[Anomaly]:
    if not n:
        return []
    text = (
        f"{n} of {len(table)} trials ended complete with a value that is not finite, or beyond "
        f"{LARGEST:g} in size: they count as diverged"
    )
    return [_finding("beyond", n, len(table), text)]


def _ties(made: Sample) -> list[Anomaly]:
    if len(made) < 2:
        return []
    top = made.loss == made.loss.min()
    n = int(top.sum())
    if n < 3 or n / len(made) < _TIES:
        return []
    text = f"{n} of {len(made)} complete trials have exactly the best value"
    share = n / len(made)
    return [_finding("ties", n, len(made), text, value=share, numbers=made.number[top])]


def _perfect(made: Sample) -> list[Anomaly]:
    if not len(made):
        return []
    limit = 1.0 if made.maximize else 0.0
    top = made.value == limit
    outside = (made.value > 1.0) if made.maximize else (made.value < 0.0)
    if not top.any() or outside.any():  # then 1 (or 0) is no limit of this metric
        return []
    text = (
        f"{int(top.sum())} of {len(made)} complete trials score exactly {limit:g}: check for "
        "leaked labels, evaluation on training data, and data that are too easy to compare on"
    )
    numbers = made.number[top]
    return [_finding("perfect", int(top.sum()), len(made), text, value=limit, numbers=numbers)]


def _outliers(made: Sample) -> list[Anomaly]:
    if len(made) < LEAST:
        return []
    middle = float(np.median(made.loss))
    mad = 1.4826 * float(np.median(np.abs(made.loss - middle)))
    far = made.loss > middle + _FAR * mad
    if mad == 0 or not far.any():
        return []
    text = (
        f"{int(far.sum())} of {len(made)} complete trials are worse than the median by more than "
        f"{_FAR:g} MADs: means and standard deviations say little of the others"
    )
    return [_finding("outliers", int(far.sum()), len(made), text, numbers=made.number[far])]


def _duplicates(made: Sample) -> list[Anomaly]:
    pairs = pd.DataFrame({"group": made.group, "value": made.value})
    again = pairs.duplicated(keep=False).to_numpy()
    if not again.any():
        return []
    n = int(again.sum())
    text = (
        f"{n} of {len(made)} complete trials have the configuration and exactly the value of "
        "another one: either nothing is random in them, or their seeds do nothing"
    )
    return [_finding("duplicates", n, len(made), text, numbers=made.number[again])]


def _drift(made: Sample) -> list[Anomaly]:
    free = made.independent()
    if len(free) < FEWEST or len(np.unique(free.value)) < 2:
        return []
    rho, p = (float(x) for x in stats.spearmanr(free.number, free.value))
    if p >= _SURE:
        return []
    text = (
        f"over n = {len(free)} trials chosen without looking at results, the objective changes "
        f"with the trial's number (rho = {rho:.2f}, p = {p:.1g}): something else than the "
        "parameters changed"
    )
    return [_finding("drift", len(free), len(free), text, value=rho)]


def _together(made: Sample) -> list[Anomaly]:
    """Over all trials, and over those that p-values are from: a Sobol sequence of many columns has
    pairs that go together in its first points."""
    found = _collinear(made)
    if made.free.all():
        return found
    known = {one.parameters for one in found}
    free = _collinear(made.independent(), " chosen without looking at results")
    return found + [one for one in free if one.parameters not in known]


def _collinear(made: Sample, chosen: str = "") -> list[Anomaly]:
    found = []
    for i, j, rho, n in _correlated(made):
        names = made.names[i], made.names[j]
        text = (
            f"{names[0]} and {names[1]} moved together (rank correlation {rho:.2f}, "
            f"n = {n}{chosen}): what one does can't be told from what the other does"
        )
        found.append(_finding("collinear", n, n, text, value=rho, parameters=names))
    return found


def _correlated(made: Sample) -> list[tuple[int, int, float, int]]:
    """Pairs of ordered parameters with a rank correlation of 0.8 or more over the n trials in which
    both were active: i, j, the correlation, n. Columns that were active in the same trials are
    ranked together."""
    groups: dict[bytes, list[int]] = {}
    active = ~np.isnan(made.units)
    for i in range(made.d):
        if made.ordered(made.names[i]):
            groups.setdefault(active[:, i].tobytes(), []).append(i)
    found = []
    for a, b in itertools.combinations_with_replacement(groups.values(), 2):
        both = active[:, a[0]] & active[:, b[0]]
        n = int(both.sum())
        if n < LEAST:
            continue
        rho = _scores(made.units[both][:, a]).T @ _scores(made.units[both][:, b])
        for x, y in np.argwhere(np.abs(rho) >= _NEAR).tolist():
            i, j = sorted((a[x], b[y]))
            if i != j and (a is not b or x < y):
                found.append((i, j, float(rho[x, y]), n))
    return sorted(found)


def _scores(x: np.ndarray) -> np.ndarray:
    """float [n, k]: ranks within each column, centred, of length 1; nought where all are equal."""
    ranks = stats.rankdata(x, axis=0)
    away = ranks - ranks.mean(axis=0, keepdims=True)
    size = np.sqrt((away**2).sum(axis=0, keepdims=True))
    return away / np.where(size > 0, size, 1.0)


def _starved(made: Sample) -> list[Anomaly]:
    found = []
    for name in made.names:
        if made.ordered(name) or len(made) < 5 * LEAST:
            continue
        level, positions = made.level(name), made.layout.positions[made.column(name)]
        n = int((level >= 0).sum())
        few = [k for k in range(len(positions)) if (level == k).sum() < LEAST]
        if few and n >= 2 * LEAST * len(positions):
            counts = [int((level == k).sum()) for k in few]
            text = (
                f"{len(few)} of the {len(positions)} values of {name} have fewer than {LEAST} of "
                f"n = {n} trials: too few to judge them by"
            )
            found.append(
                _finding("starved", sum(counts), n, text, parameters=(name,), value=float(len(few)))
            )
    return found


def _diverging(table: pd.DataFrame, lost: Diverged) -> list[Anomaly]:
    found = []
    failed = int((table["status"].to_numpy() == Status.FAILED.value).sum())
    n = lost.n + failed
    if lost.ended and n / lost.ended >= 0.1:
        text = (
            f"{n} of {lost.ended} ended trials have no value ({lost.n} diverged, {failed} failed)"
        )
        share = n / lost.ended
        found.append(_finding("diverging", n, lost.ended, text, value=share, numbers=lost.numbers))
    for where in lost.where:
        if where.verdict == "associated":
            at = f"at {where.value}" if where.value is not None else "at some of its values"
            text = (
                f"trials diverge more often {at} of {where.parameter} (q = {where.q:.2g}, "
                f"n = {where.independent.n})"
            )
            found.append(
                _finding(
                    "region",
                    where.independent.diverged,
                    where.independent.n,
                    text,
                    value=where.independent.share,
                    parameters=(where.parameter,),
                )
            )
    return found


def _gap(made: Sample, objective: str, test: Mapping[str, float | None] | None) -> list[Anomaly]:
    score = (test or {}).get(objective)
    if score is None or not len(made):
        return []
    best = float(made.value[int(np.argmin(made.loss))])
    gap = (best - score) * (1.0 if made.maximize else -1.0)
    spread = deviation(made.value) if len(made) > 1 else 0.0
    if gap <= max(_GAP * abs(best), spread, 0.0):
        return []
    text = (
        f"the chosen configuration scores {score:.4g} on test data and {best:.4g} on the data that "
        "it was chosen by"
    )
    return [_finding("gap", 1, len(made), text, value=gap)]


def _never_adaptive(made: Sample, sampler: str | None) -> list[Anomaly]:
    learns = sampler in ("tpe", "gp", "cmaes", "auto")
    if not learns or len(made) < LEAST or not made.free.all():
        return []
    text = (
        f"the sampler {sampler} learns from results, but all n = {len(made)} complete trials were "
        "chosen without looking at any"
    )
    return [_finding("never adaptive", len(made), len(made), text)]


def _budget(table: pd.DataFrame) -> list[Anomaly]:
    units, budget = table["units"].to_numpy(float), table["budget"].to_numpy(float)
    wrong = units > budget  # a trial may finish before its time, by its task's patience
    if not wrong.any():
        return []
    n = int(wrong.sum())
    text = f"{n} of {len(table)} trials have trained for more units than their budget"
    return [_finding("budget", n, len(table), text, numbers=table.index.to_numpy()[wrong])]
