"""Whether a second study, on a space refined after a first one, did better, and whether the advice
that it was refined by proved right.

What a space is worth shows in trials that were drawn without looking at results: the mean of the
objective over them (Welch's interval), the chance that one of the second study beats one of the
first (Mann and Whitney, ties half), and the expected best of as many random trials of each (Tang et
al. 2020), both with bootstrap intervals over trials. Best values alone compare two maxima, each
optimistic, of unequal numbers of trials. Configurations that both studies trained are compared in
pairs: they tell whether the two studies measure the same thing. With constraints all of this is of
trials that keep them, with several objectives of the first one; `jaxhpo.analysis.contrast` says the
rest.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.analysis.baseline import welch
from jaxhpo.analysis.confirmation import student
from jaxhpo.analysis.contrast import Front, Kept, Objective, common, fronts_of, kept, objectives
from jaxhpo.analysis.estimate import UNKNOWN, Estimate
from jaxhpo.analysis.fronts import feasible
from jaxhpo.analysis.given import given
from jaxhpo.analysis.options import Options
from jaxhpo.analysis.outcomes import Outcome, outcomes
from jaxhpo.analysis.pairs import paired
from jaxhpo.analysis.result import Analysis
from jaxhpo.analysis.sample import Sample, sample
from jaxhpo.analysis.study import analysed, analysed_table
from jaxhpo.analysis.two_samples import least, superior
from jaxhpo.goals import Goals, stated
from jaxhpo.space import Space
from jaxhpo.table import trials_table

_FEWEST = 10


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One of the two studies: its name, what was searched, its trials, its analysis, and its
    objectives and constraints (None: one objective)."""

    name: str
    space: Space
    table: pd.DataFrame
    maximize: bool
    objective: str
    analysis: Analysis
    goals: Goals | None = None

    @property
    def asked(self) -> Goals:
        """The objectives and constraints."""
        return self.goals or Goals(((self.objective, self.maximize),))

    @property
    def whole(self) -> pd.DataFrame:
        """The table, in the form that the analysis reads."""
        return given(self.table, self.space, maximize=self.maximize)

    def sample(self, goals: Goals) -> Sample:
        """The complete trials that keep the constraints."""
        whole = self.whole
        if goals.constraints:
            broken = ~feasible(whole, goals)
            whole = whole.assign(value=whole["value"].mask(broken))
        return sample(whole, self.space, maximize=self.maximize)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """The second study (b) against the first (a); differences are b - a in units of the objective.

    Attributes:
        a, b: names. objective, maximize: of both, the first one of several. constraints: what both
            were judged by, metrics and what each may be at most. n_a, n_b: complete trials that
            keep these. random_a, random_b: of these, drawn without looking at results.
        best: of the two best values; no interval, for both are optimistic.
        mean: of the random trials' means, Welch's interval. superiority: the chance that a random
            trial of b beats one of a.
        k: a quarter of the smaller of random_a and random_b: of more, trials say too little.
            expected: of the expected best of k random trials.
        confirmed: of the means of fresh trials of the two chosen configurations; unknown without.
        shared: configurations in both. shared_difference: the mean of b - a over them, with the
            paired Student interval: where it excludes nought, the studies measure different things.
        test: of the test scores, None where either has none.
        verdict: whether the refined *space* is "better" or "worse" (the interval of `expected`, or
            of `mean` with `expected` on the same side, excludes nought; of several objectives, that
            of the front's volume), "not told apart", or "unknown" (fewer than ten random trials in
            either); reason: in words.
        kept: how many keep the constraints, None without. objectives: each of several, and front:
            of all of them together; empty and None where there is one.
        outcomes: of each piece of a's advice but keep.
    """

    a: str
    b: str
    objective: str
    maximize: bool
    constraints: Mapping[str, float]
    n_a: int
    n_b: int
    random_a: int
    random_b: int
    best: float | None
    mean: Estimate
    superiority: Estimate
    k: int
    expected: Estimate
    confirmed: Estimate
    shared: int
    shared_difference: Estimate
    test: float | None
    verdict: str
    reason: str
    kept: Kept | None
    objectives: tuple[Objective, ...]
    front: Front | None
    outcomes: tuple[Outcome, ...]


def side(records: Any, name: str, options: Options | None = None) -> Side:
    """A study, of its open records."""
    identity = records.identity
    space, task = Space.from_dict(identity["space"]), identity["task"]
    objective, maximize = task["objective"], task["maximize"]
    asked = stated(task)
    table = trials_table(
        records.trials(), space=space, objective=objective, maximize=maximize, goals=asked
    )
    return Side(
        name=name,
        space=space,
        table=table,
        maximize=maximize,
        objective=objective,
        analysis=analysed(records, options),
        goals=asked,
    )


def side_of_table(
    table: pd.DataFrame,
    space: Space,
    *,
    name: str,
    objective: str,
    maximize: bool,
    goals: Goals | None = None,
    options: Options | None = None,
) -> Side:
    """A study, of a table of its trials; goals: where there are several objectives or constraints,
    whose values are the columns ``metric.<name>``."""
    found = analysed_table(
        table,
        space,
        objective=objective,
        maximize=maximize,
        name=name,
        goals=goals,
        options=options,
    )
    return Side(
        name=name,
        space=space,
        table=table,
        maximize=maximize,
        objective=objective,
        analysis=found,
        goals=goals,
    )


def compared(a: Side, b: Side, *, seed: int = 0) -> Comparison:
    """The first study and the one that came after it.

    Raises:
        ValueError: if they have not the same objectives and directions, or if one knows nothing of
            the other's constraint.
    """
    tables = a.whole, b.whole
    goals = common(a.asked, b.asked, tables)
    one, two = a.sample(goals), b.sample(goals)
    sign = -1.0 if a.maximize else 1.0
    x, y = one.loss[one.free], two.loss[two.free]
    rng = np.random.default_rng([seed, 9])
    fewest = min(len(x), len(y))
    k = max(1, fewest // 4)
    mean = expected = superiority = UNKNOWN
    if fewest >= _FEWEST:
        mean, superiority = _turned(welch(x, y), sign), superior(x, y, rng)
        expected = _turned(least(x, y, k), sign)
    both = paired(one, two)
    ahead = fronts_of(*tables, goals, rng)
    if ahead is None:
        verdict, reason = _verdict(mean, expected, fewest, sign)
    else:
        verdict, reason = _of_volume(ahead)
    tests = [s.analysis.test.metrics.get(s.objective) if s.analysis.test else None for s in (a, b)]
    return Comparison(
        a=a.name,
        b=b.name,
        objective=a.objective,
        maximize=a.maximize,
        constraints=dict(goals.constraints),
        n_a=len(one),
        n_b=len(two),
        random_a=len(x),
        random_b=len(y),
        best=sign * float(two.loss.min() - one.loss.min()) if len(one) and len(two) else None,
        mean=mean,
        superiority=superiority,
        k=k,
        expected=expected,
        confirmed=_confirmed(a, b),
        shared=len(both),
        shared_difference=student(both) if len(both) else UNKNOWN,
        test=None if tests[0] is None or tests[1] is None else tests[1] - tests[0],
        verdict=verdict,
        reason=reason,
        kept=kept(*tables, goals),
        objectives=objectives(*tables, goals),
        front=ahead,
        outcomes=outcomes(a.analysis.advice, a.space, b.space, two, b.analysis),
    )


def _turned(loss: Estimate, sign: float) -> Estimate:
    """From differences of losses to those of the objective."""
    if loss.value is None:
        return loss
    if loss.low is None or loss.high is None:
        return Estimate(value=sign * loss.value)
    ends = sorted((sign * loss.low, sign * loss.high))
    return Estimate(value=sign * loss.value, low=ends[0], high=ends[1])


def _verdict(mean: Estimate, expected: Estimate, k: int, sign: float) -> tuple[str, str]:
    if expected.low is None or expected.high is None or expected.value is None:
        return "unknown", (
            f"{k} random trials in the smaller study; {_FEWEST} are needed to compare the spaces"
        )
    for name, seen in (
        ("the expected best of random trials", expected),
        ("the mean of random trials", mean),
    ):
        if seen.low is None or seen.high is None or seen.value is None:
            continue
        if seen.low > 0 or seen.high < 0:
            up = (seen.value > 0) == (sign < 0)
            if (seen.value > 0) != (expected.value > 0):
                continue
            rest = ", that of their expected best does not" if seen is mean else ""
            return ("better" if up else "worse"), f"the interval of {name} excludes nought{rest}"
    return "not told apart", "both intervals hold nought"


def _of_volume(found: Front) -> tuple[str, str]:
    seen = found.volume
    if seen.value is None or seen.low is None or seen.high is None:
        return "unknown", found.reason
    if seen.low > 0 or seen.high < 0:
        told = "the interval of the volume that random trials dominate excludes nought"
        return ("better" if seen.low > 0 else "worse"), told
    return "not told apart", "the interval of the volume that random trials dominate holds nought"


def _confirmed(a: Side, b: Side) -> Estimate:
    values = []
    for each in (a, b):
        fresh = _fresh(each.analysis)
        if not fresh:
            return UNKNOWN
        values.append(np.array(fresh))
    return welch(values[0], values[1])


def _fresh(found: Analysis) -> tuple[float, ...]:
    """Those of the configuration that was chosen."""
    if found.chosen is not None and found.chosen.by == "confirm":
        number = found.chosen.row.number
        return next(c.fresh for c in found.confirmation.others if c.number == number)
    return found.confirmation.best.fresh if found.confirmation.best else ()
