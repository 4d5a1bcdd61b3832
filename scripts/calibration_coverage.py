"""The cells of `scripts/calibrate.py` that ask how often a 95 % interval holds the true value, for
the kinds of intervals that a report prints.

Not here are the bands of directions and the intervals of predicted gains: they say how a forest's
prediction moves when trials are drawn again, not how far it is from the truth. Of gains it is asked
instead how often a parameter that the rule *fix* fixes was worth more than it says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from calibration_core import Cell, rate, rates, search
from scipy import stats

from jaxhpo.analysis import Options, analysed_table
from jaxhpo.analysis.baseline import welch
from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.confirmation import confirmation, student
from jaxhpo.analysis.early import spearman
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.replicates import replicates
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.shares import shares
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.analysis.two_samples import least, superior
from jaxhpo.space import Float, Space

ADDITIVE = Space(x0=Float(0.0, 1.0), x1=Float(0.0, 1.0), x2=Float(0.0, 1.0), x3=Float(0.0, 1.0))
WEIGHTS = np.array([3.0, 2.0, 1.0, 0.0])
_BETTER = float(stats.norm.cdf(0.3 / math.sqrt(2)))
_RHO = 6 / math.pi * math.asin(0.25)  # of normal pairs with correlation 0.5 (Pearson 1907)
_Seen = dict[str, tuple[Estimate, float]]


def _shares(n: int, noise: float) -> Cell:
    """Shares of the variance of 3 x0 + 2 x1 + x2 and noise."""
    whole = float((WEIGHTS**2).sum() / 12 + noise**2)
    true = dict(zip(ADDITIVE.names, (WEIGHTS**2 / 12 / whole).tolist(), strict=True))

    def value(block: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return block @ WEIGHTS + noise * rng.normal(size=len(block))

    def tally(seed: int, options: Options) -> Counter[str]:
        table = search(ADDITIVE, "random", n).table(value, seed)
        made = sample(table, ADDITIVE, maximize=False)
        one = surrogate(made, branches(ADDITIVE)[0], "independent", options)
        counts: Counter[str] = Counter({"trusted": int(one.trusted)})
        for name, (alone, total) in zip(
            one.names, shares(one) if one.trusted else (), strict=False
        ):
            share = true[name]
            held = (alone.low or 0.0) <= share <= (alone.high or 0.0)
            counts[f"alone, {name} ({share:.3f})"] = int(held)
            counts[f"total at least, {name} ({share:.3f})"] = int((total.low or 0.0) <= share)
        return counts

    def row(sums: Mapping[str, int], m: int) -> dict[str, Any]:
        trusted = sums["trusted"]
        hits = {key: hits for key, hits in sorted(sums.items()) if key != "trusted"}
        return {"trusted": rate(trusted, m), "covers": rates(hits, trusted) if trusted else {}}

    about = {"interval": "shares of the objective's variance", "trials": n, "noise": noise}
    return Cell("coverage", about, tally, row)


def _spread() -> Cell:
    """The spread of replicates."""

    def tally(seed: int, options: Options) -> Counter[str]:
        once = search(ADDITIVE, "random", 10).table(lambda b, rng: np.zeros(len(b)), seed)
        table = pd.concat([once] * 3, ignore_index=True).rename_axis("number")
        table["value"] = 0.5 * np.random.default_rng(seed).normal(size=len(table))
        sd = replicates(sample(table, ADDITIVE, maximize=False)).sd
        low, high = sd.low or 0.0, sd.high or 0.0
        return Counter({"0.5": int(low <= 0.5 <= high)})

    about = {"interval": "spread of replicates, chi squared", "trials": 30}
    return Cell("coverage", about, tally, lambda sums, m: {"covers": rates(sums, m)})


def _covers(about: Mapping[str, Any], drawn: Callable[[np.random.Generator], _Seen]) -> Cell:
    """drawn: ``(rng)`` to name to an interval and the true value."""

    def tally(seed: int, options: Options) -> Counter[str]:
        seen = drawn(np.random.default_rng([seed, 3]))
        return Counter({name: int(_holds(found, true)) for name, (found, true) in seen.items()})

    return Cell("coverage", about, tally, lambda sums, m: {"covers": rates(sums, m)})


def _holds(found: Estimate, true: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= true <= found.high


def _two_samples(n: int) -> Cell:
    """Two searches of n random trials, the second of a space that is better by 0.3 sd."""

    def drawn(rng: np.random.Generator) -> _Seen:
        x, y = rng.normal(size=n), rng.normal(size=n) - 0.3
        return {
            "difference of means": (welch(x, y), -0.3),
            "chance that one beats the other": (superior(x, y, rng), _BETTER),
            "difference of expected bests": (least(x, y, n // 4), -0.3),
        }

    return _covers({"interval": "two searches compared", "trials": n}, drawn)


def _mean_of_fresh(n: int) -> Cell:
    """The mean of n fresh values."""

    def drawn(rng: np.random.Generator) -> _Seen:
        return {"0": (student(rng.normal(size=n)), 0.0)}

    return _covers({"interval": "mean of fresh values, Student", "trials": n}, drawn)


def _rank(n: int) -> Cell:
    """A rank correlation of normal pairs."""

    def drawn(rng: np.random.Generator) -> _Seen:
        x, noise = rng.normal(size=(2, n))
        return {"rho 0.48": (spearman(x, 0.5 * x + math.sqrt(0.75) * noise), _RHO)}

    return _covers({"interval": "rank correlation, Fisher", "trials": n}, drawn)


def _shrunk(n: int, noise: float) -> Cell:
    """What the best of n random trials is worth, by shrinkage: its configuration's true value. A
    quarter of the configurations was trained three times."""

    def drawn(rng: np.random.Generator) -> _Seen:
        seed = int(rng.integers(2**31))
        once = search(ADDITIVE, "random", n).table(lambda b, r: np.zeros(len(b)), seed)
        worth = rng.normal(size=n)
        again = np.concatenate([np.arange(n), *[np.arange(n // 4)] * 2])
        table = once.iloc[again].reset_index(drop=True).rename_axis("number")
        table["value"] = worth[again] + noise * rng.normal(size=len(again))
        made = sample(table, ADDITIVE, maximize=False)
        best = int(again[int(np.argmin(made.value))])
        return {"the best one's worth": (confirmation(made, replicates(made)).fair, worth[best])}

    return _covers({"interval": "shrunk best value", "trials": n, "noise": noise}, drawn)


def _fixed(n: int, noise: float) -> Cell:
    """Of 3 x0 + 2 x1 + x2 and noise, every configuration trained twice: how often the rule *fix*
    fixes a parameter, and how often changing that would have gained a replicate sd or more."""

    def value(block: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return block @ WEIGHTS + noise * rng.normal(size=len(block))

    def tally(seed: int, options: Options) -> Counter[str]:
        once = search(ADDITIVE, "random", n).table(value, seed)
        table = pd.concat([once] * 2, ignore_index=True).rename_axis("number")
        rng = np.random.default_rng([seed, 4])
        points = table[[f"param.{name}" for name in ADDITIVE.names]].to_numpy(float)
        table["value"] = value(points, rng)
        found = analysed_table(table, ADDITIVE, objective="loss", maximize=False, options=options)
        counts: Counter[str] = Counter()
        for at, one in enumerate(found.advice):
            if one.action == "fix":
                counts["fixed"] += 1
                counts["wrongly"] += int(WEIGHTS[at] * one.value >= noise)
        return counts

    def row(sums: Mapping[str, int], m: int) -> dict[str, Any]:
        fixed = sums.get("fixed", 0)
        wrong = {"wrongly": rate(sums.get("wrongly", 0), fixed)} if fixed else {}
        return {"fixed a study": round(fixed / m, 2), **wrong}

    return Cell("coverage", {"rule": "fix", "trials": 2 * n, "noise": noise}, tally, row)


def cells() -> tuple[Cell, ...]:
    """All of them."""
    return (
        *(_shares(n, noise) for n in (50, 100, 400) for noise in (0.3, 1.0)),
        _spread(),
        *(_two_samples(n) for n in (20, 100)),
        *(_mean_of_fresh(n) for n in (3, 10)),
        *(_rank(n) for n in (20, 100)),
        *(_shrunk(n, noise) for n in (40, 200) for noise in (0.5, 1.0)),
        *(_fixed(n, noise) for n in (50, 100) for noise in (0.3, 1.0)),
    )
