"""What `scripts/calibrate.py` simulates: cells, each a kind of study, drawn as often as asked.

A cell draws the study of a seed, analyses it as a report does, and tallies what the analysis says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import calibration_coverage
import numpy as np
import pandas as pd
from calibration_core import Cell, Value, rates, search
from scipy import stats

from jaxhpo.analysis import Analysis, Options, analysed_table
from jaxhpo.analysis.budget import VALUES
from jaxhpo.analysis.targets import Target
from jaxhpo.goals import Goals
from jaxhpo.space import Bool, Choice, Float, Int, Space

SPACE = Space(
    x0=Float(0.0, 1.0),
    x1=Float(0.0, 1.0),
    x2=Float(1e-4, 1.0, log=True),
    x3=Float(1e-6, 1e-2, log=True),
    n0=Int(1, 6),
    n1=Int(8, 256, log=True),
    k0=Choice(["a", "b", "c"]),
    k1=Choice(["a", "b", "c", "d"]),
    b0=Bool(),
    b1=Bool(),
)
CUTS = ("fix", "narrow", "move", "drop")
ANY = "any of important, matters, fix, narrow or drop"
ALL = "anything at all"


def analysis(
    table: pd.DataFrame, space: Space, options: Options, goals: Goals | None = None
) -> Analysis:
    """As a report has it."""
    return analysed_table(
        table, space, objective="loss", maximize=False, goals=goals, options=options
    )


def named(found: Analysis) -> dict[str, set[str]]:
    """Which parameters each part of the analysis names."""
    actions = {a.parameter: a.action for a in found.advice}
    return {
        "important": {
            p.parameter for b in found.importance for p in b.parameters if p.verdict == "important"
        },
        "matters": {e.parameter for e in found.evidence if e.verdict == "matters"},
        "associated": {a.parameter for a in found.associations if a.verdict == "associated"},
        "fix, narrow or drop": {n for n, action in actions.items() if action in CUTS},
        "widen": {n for n, action in actions.items() if action in ("widen", "move")},
        "a value rarer or more frequent among the elite": {
            p.parameter
            for p in found.elites_independent.parameters
            for v in p.values
            if v.q_over is not None and min(v.q_over, v.q_under or 1.0) <= VALUES
        },
        "interacting": {
            name
            for b in found.interactions
            for p in b.pairs
            if p.verdict == "interacting"
            for name in p.parameters
        },
        "a direction": {
            d.parameter
            for d in found.directions
            if d.shape not in ("flat", "unclear", "unknown") and d.basis == "independent"
        },
        "where trials diverge": {
            w.parameter for w in found.diverged.where if w.verdict == "associated"
        },
        "of a further objective or a constraint": {
            name for target in found.targets.others for name in _of_target(target)
        },
        "where a constraint is broken": {
            w.parameter for w in found.targets.where if w.verdict == "associated"
        },
    }


def _of_target(target: Target) -> set[str]:
    """The parameters that anything is said of."""
    said = {e.parameter for e in target.evidence if e.verdict == "matters"}
    said |= {a.parameter for a in target.associations if a.verdict == "associated"}
    important = (p for one in target.importance for p in one.parameters)
    return said | {p.parameter for p in important if p.verdict == "important"}


def _counted(said: Mapping[str, set[str]]) -> Counter[str]:
    claims = said["important"] | said["matters"] | said["fix, narrow or drop"]
    found = {ANY: bool(claims), **{key: bool(names) for key, names in said.items()}}
    found[ALL] = any(found.values())
    return Counter({key: int(value) for key, value in found.items()})


def _noise(sampler: str, n: int) -> Cell:
    """Nothing matters: whatever is named is wrong."""

    def tally(seed: int, options: Options) -> Counter[str]:
        table = search(SPACE, sampler, n).table(lambda b, rng: rng.normal(size=len(b)), seed)
        return _counted(named(analysis(table, SPACE, options)))

    about = {"sampler": sampler, "trials": n}
    return Cell("noise", about, tally, lambda sums, m: {"names any": rates(sums, m)})


def _replicated_noise() -> Cell:
    """Forty configurations, three trials each: here the rule *fix* has a noise to compare with."""

    def tally(seed: int, options: Options) -> Counter[str]:
        once = search(SPACE, "random", 40).table(lambda b, rng: rng.normal(size=len(b)), seed)
        table = pd.concat([once] * 3, ignore_index=True).rename_axis("number")
        table["value"] = np.random.default_rng(seed).normal(size=len(table))
        return _counted(named(analysis(table, SPACE, options)))

    about = {"sampler": "random, 3 replicates each", "trials": 120}
    return Cell("noise", about, tally, lambda sums, m: {"names any": rates(sums, m)})


def _noise_lost() -> Cell:
    """Noise, of which a tenth of the trials diverged, wherever."""

    def tally(seed: int, options: Options) -> Counter[str]:
        table = search(SPACE, "random", 200).table(lambda b, rng: rng.normal(size=len(b)), seed)
        lost = np.random.default_rng([seed, 1]).random(len(table)) < 0.1
        table.loc[lost, ["value", "loss"]] = np.nan
        table.loc[lost, "status"] = "diverged"
        return _counted(named(analysis(table, SPACE, options)))

    about = {"sampler": "random, a tenth diverged", "trials": 200}
    return Cell("noise", about, tally, lambda sums, m: {"names any": rates(sums, m)})


def _noise_of_many(objectives: int, constraints: int) -> Cell:
    """Noise in every objective and in every constraint's metric; each constraint is kept by seven
    trials of ten."""
    names = [f"m{i}" for i in range(objectives - 1)]
    rules = [f"c{i}" for i in range(constraints)]
    bound = float(stats.norm.ppf(0.7))
    goals = Goals(
        (("loss", False), *((name, True) for name in names)),
        tuple((name, bound) for name in rules),
    )

    def tally(seed: int, options: Options) -> Counter[str]:
        table = search(SPACE, "random", 200).table(lambda b, rng: rng.normal(size=len(b)), seed)
        rng = np.random.default_rng([seed, 2])
        for name in (*names, *rules):
            table[f"metric.{name}"] = rng.normal(size=len(table))
        return _counted(named(analysis(table, SPACE, options, goals)))

    said = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in
            ((objectives, "objective"), (constraints, "constraint")) if n]  # fmt: skip
    about = {"sampler": f"random, {', '.join(said)}", "trials": 200}
    return Cell("noise", about, tally, lambda sums, m: {"names any": rates(sums, m)})


def _effect(shape: str, share: float) -> Value:
    """x0 explains `share` of the variance, rising or with its best in the middle."""

    def value(block: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        x = block[:, 0].astype(float)
        effect = (x - 0.5) * math.sqrt(12)
        if shape != "rising":
            effect = ((x - 0.5) ** 2 - 1 / 12) * math.sqrt(180)
        return math.sqrt(share) * effect + math.sqrt(1 - share) * rng.normal(size=len(x))

    return value


def _power(sampler: str, n: int, shape: str, share: float) -> Cell:
    value = _effect(shape, share)

    def tally(seed: int, options: Options) -> Counter[str]:
        table = search(SPACE, sampler, n).table(value, 10_000 + seed)
        said = named(analysis(table, SPACE, options))
        found: Counter[str] = Counter()
        for key, names in said.items():
            found[f"finds {key}"] = int("x0" in names)
            found[f"other {key}"] = int(bool(names - {"x0"}))
        return found

    def row(sums: Mapping[str, int], m: int) -> dict[str, Any]:
        more = {"names another": rates(sums, m, "other ")}
        return {"finds it": rates(sums, m, "finds "), **more}

    about = {"sampler": sampler, "trials": n, "effect": shape, "share of variance": share}
    return Cell("power", about, tally, row)


def cells() -> tuple[Cell, ...]:
    """All of them."""
    both = ("random", "tpe")
    return (
        *(_noise(sampler, n) for sampler in both for n in (50, 200)),
        _replicated_noise(),
        _noise_lost(),
        _noise_of_many(3, 0),
        _noise_of_many(1, 2),
        *(
            _power(sampler, n, shape, share)
            for sampler in both
            for n in (20, 50, 200, 1000)
            for shape in ("rising", "inner optimum")
            for share in (0.1, 0.4)
        ),
        *calibration_coverage.cells(),
    )
