"""What `scripts/calibrate.py` simulates: cells, each a kind of study, drawn as often as asked.

A cell draws the study of a seed, analyses it as a report does, and tallies what the analysis says.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis import Analysis, Options, analysed_table
from jaxhpo.analysis.branches import branches
from jaxhpo.analysis.budget import VALUES
from jaxhpo.analysis.replicates import replicates
from jaxhpo.analysis.sample import sample
from jaxhpo.analysis.shares import shares
from jaxhpo.analysis.surrogate import surrogate
from jaxhpo.analysis.targets import Target
from jaxhpo.goals import Goals
from jaxhpo.registry import get
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
ADDITIVE = Space(x0=Float(0.0, 1.0), x1=Float(0.0, 1.0), x2=Float(0.0, 1.0), x3=Float(0.0, 1.0))
WEIGHTS = np.array([3.0, 2.0, 1.0, 0.0])
BATCH = 10
CUTS = ("fix", "narrow", "move", "drop")
ANY = "any of important, matters, fix, narrow or drop"
ALL = "anything at all"

Value = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Points of the unit cube [m, d] to losses [m]; lower is better."""


class Cell(NamedTuple):
    """One row of the result.

    part: of the result. about: what the row says of the studies. tally: ``(seed, options)`` to
    what is counted of one study. row: from the sums of the tallies and the number of studies.
    """

    part: str
    about: Mapping[str, Any]
    tally: Callable[[int, Options], Counter[str]]
    row: Callable[[Mapping[str, int], int], dict[str, Any]]

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return ", ".join([self.part, *(f"{k} {v}" for k, v in self.about.items())])


class Search:
    """Trials of one sampler on one space; compiled once, used for many studies."""

    def __init__(self, space: Space, sampler: str, n: int) -> None:
        self.space, self.n = space, n
        more = {"startup": max(25, n // 5)} if sampler == "tpe" else {}
        self.sampler = get("samplers", sampler)(space.layout, **more)

    def table(self, value: Value, seed: int) -> pd.DataFrame:
        """A trial table."""
        rng = np.random.default_rng([seed, self.n])
        state = self.sampler.init(jax.random.key(seed))
        points, losses, model = [], [], []
        pending = np.zeros((0, len(self.space)), np.float32)
        for first in range(0, self.n, BATCH):
            asked = self.sampler.ask(state, first, pending, BATCH)
            block = np.asarray(asked.points)
            loss = value(block, rng)
            told = loss.astype(np.float32), np.ones(BATCH, bool)
            state = self.sampler.tell(state, block, *told)
            points.append(block)
            losses.append(loss)
            model.append(np.asarray(asked.model))
        phases = np.where(np.concatenate(model), "model", "explore").astype(object)
        return _table(self.space, np.concatenate(points), np.concatenate(losses), phases, self.n)


search = functools.cache(Search)


def _table(
    space: Space, points: np.ndarray, losses: np.ndarray, phases: np.ndarray, n: int
) -> pd.DataFrame:
    configs = space.decode(points[:n])
    columns: dict[str, Any] = {
        "status": np.full(n, "complete", object),
        "phase": phases[:n],
        "value": losses[:n],
        "loss": losses[:n],
        "units": np.ones(n, np.int64),
        "budget": np.ones(n, np.int64),
        "seconds": np.ones(n),
    }
    for name in space.names:
        columns[f"param.{name}"] = pd.Series([c[name] for c in configs])
    return pd.DataFrame(columns).rename_axis("number")


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


def rate(hits: int, n: int) -> dict[str, Any]:
    """A share with its 95 % interval (Clopper and Pearson)."""
    interval = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    hits, ends = int(hits), [round(float(end), 4) for end in interval]
    return {"studies": n, "hits": hits, "share": round(hits / n, 4), "interval": ends}


def _rates(sums: Mapping[str, int], n: int, before: str = "") -> dict[str, Any]:
    keys = [key for key in sums if key.startswith(before)]
    return {key.removeprefix(before): rate(sums[key], n) for key in keys}


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
    return Cell("noise", about, tally, lambda sums, m: {"names any": _rates(sums, m)})


def _replicated_noise() -> Cell:
    """Forty configurations, three trials each: here the rule *fix* has a noise to compare with."""

    def tally(seed: int, options: Options) -> Counter[str]:
        once = search(SPACE, "random", 40).table(lambda b, rng: rng.normal(size=len(b)), seed)
        table = pd.concat([once] * 3, ignore_index=True).rename_axis("number")
        table["value"] = np.random.default_rng(seed).normal(size=len(table))
        return _counted(named(analysis(table, SPACE, options)))

    about = {"sampler": "random, 3 replicates each", "trials": 120}
    return Cell("noise", about, tally, lambda sums, m: {"names any": _rates(sums, m)})


def _noise_lost() -> Cell:
    """Noise, of which a tenth of the trials diverged, wherever."""

    def tally(seed: int, options: Options) -> Counter[str]:
        table = search(SPACE, "random", 200).table(lambda b, rng: rng.normal(size=len(b)), seed)
        lost = np.random.default_rng([seed, 1]).random(len(table)) < 0.1
        table.loc[lost, ["value", "loss"]] = np.nan
        table.loc[lost, "status"] = "diverged"
        return _counted(named(analysis(table, SPACE, options)))

    about = {"sampler": "random, a tenth diverged", "trials": 200}
    return Cell("noise", about, tally, lambda sums, m: {"names any": _rates(sums, m)})


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
    return Cell("noise", about, tally, lambda sums, m: {"names any": _rates(sums, m)})


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
        more = {"names another": _rates(sums, m, "other ")}
        return {"finds it": _rates(sums, m, "finds "), **more}

    about = {"sampler": sampler, "trials": n, "effect": shape, "share of variance": share}
    return Cell("power", about, tally, row)


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
        return {"trusted": rate(trusted, m), "covers": _rates(hits, trusted) if trusted else {}}

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
    return Cell("coverage", about, tally, lambda sums, m: {"covers": _rates(sums, m)})


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
        *(_shares(n, noise) for n in (50, 100, 400) for noise in (0.3, 1.0)),
        _spread(),
    )
