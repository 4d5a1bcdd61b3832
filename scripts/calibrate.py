"""How often the analysis is wrong, and how often it finds what is there, by simulation.

    python scripts/calibrate.py --out=scripts/results/calibration.json
    python scripts/calibrate.py --parts noise --studies=1000      # more of one part

noise: studies whose objective is pure noise. How many name any parameter, or recommend to fix,
    narrow or drop anything?
power: one of ten parameters explains a share of the objective's variance. How often is it found,
    and how often is another one named?
coverage: how often 95 % intervals hold the true value.

After random search, and after TPE with a start-up of max(25, a fifth) trials that are drawn without
looking at results. The default numbers are meant for ten minutes of one idle core.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis import Analysis, Options, analysed_table
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
BATCH = 10
CUTS = ("fix", "narrow", "move", "drop")
ADDITIVE = Space(x0=Float(0.0, 1.0), x1=Float(0.0, 1.0), x2=Float(0.0, 1.0), x3=Float(0.0, 1.0))


class Search:
    """Trials of one sampler on one space; compiled once, used for many studies."""

    def __init__(self, space: Space, sampler: str, n: int) -> None:
        self.space, self.n = space, n
        more = {"startup": max(25, n // 5)} if sampler == "tpe" else {}
        self.sampler = get("samplers", sampler)(space.layout, **more)

    def table(
        self, value: Callable[[np.ndarray, np.random.Generator], np.ndarray], seed: int
    ) -> pd.DataFrame:
        """A trial table; `value` is lower is better, of unit-cube points [m, d]."""
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


def analysis(table: pd.DataFrame, space: Space, options: Options) -> Analysis:
    return analysed_table(table, space, objective="loss", maximize=False, options=options)


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
    }


def rate(hits: int, n: int) -> dict[str, Any]:
    """A share with its 95 % interval (Clopper and Pearson)."""
    interval = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    hits, ends = int(hits), [round(float(end), 4) for end in interval]
    return {"studies": n, "hits": hits, "share": round(hits / n, 4), "interval": ends}


def noise(studies: int, options: Options) -> Iterator[dict[str, Any]]:
    """Nothing matters: whatever is named is wrong."""
    for sampler in ("random", "tpe"):
        for n in (50, 200):
            search = Search(SPACE, sampler, n)
            seen: Counter[str] = Counter()
            for seed in range(studies):
                table = search.table(lambda block, rng: rng.normal(size=len(block)), seed)
                said = named(analysis(table, SPACE, options))
                seen.update(key for key, names in said.items() if names)
                seen["any of important, matters, fix, narrow or drop"] += bool(
                    said["important"] | said["matters"] | said["fix, narrow or drop"]
                )
            keys = ["any of important, matters, fix, narrow or drop", *said]
            shares = {key: rate(seen[key], studies) for key in keys}
            yield {"sampler": sampler, "trials": n, "names any": shares}
    yield _replicated_noise(studies // 2, options)


def _replicated_noise(studies: int, options: Options) -> dict[str, Any]:
    """Forty configurations, three trials each: here the rule *fix* has a noise to compare with."""
    search, seen = Search(SPACE, "random", 40), Counter()
    for seed in range(studies):
        once = search.table(lambda block, rng: rng.normal(size=len(block)), seed)
        table = pd.concat([once] * 3, ignore_index=True).rename_axis("number")
        table["value"] = np.random.default_rng(seed).normal(size=len(table))
        said = named(analysis(table, SPACE, options))
        seen.update(key for key, names in said.items() if names)
    shares = {key: rate(seen[key], studies) for key in said}
    return {"sampler": "random, 3 replicates each", "trials": 120, "names any": shares}


def power(studies: int, options: Options) -> Iterator[dict[str, Any]]:
    """x0 explains `share` of the variance, rising or with its best in the middle."""
    for sampler in ("random", "tpe"):
        for n in (20, 50, 200, 1000):
            search = Search(SPACE, sampler, n)
            few = max(8, studies // 3) if n == 1000 else studies
            for shape in ("rising", "inner optimum"):
                for share in (0.1, 0.4):
                    yield _power(search, sampler, shape, share, few, options)


def _power(
    search: Search, sampler: str, shape: str, share: float, studies: int, options: Options
) -> dict[str, Any]:
    def value(block: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        x = block[:, 0].astype(float)
        effect = (x - 0.5) * math.sqrt(12) if shape == "rising" else 0.0
        if shape != "rising":
            effect = ((x - 0.5) ** 2 - 1 / 12) * math.sqrt(180)
        spread = math.sqrt(1 - share) * rng.normal(size=len(x))
        return math.sqrt(share) * effect + spread

    found: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for seed in range(studies):
        said = named(analysis(search.table(value, 10_000 + seed), SPACE, options))
        found.update(key for key, names in said.items() if "x0" in names)
        wrong.update(key for key, names in said.items() if names - {"x0"})
    return {
        "sampler": sampler,
        "trials": search.n,
        "effect": shape,
        "share of variance": share,
        "finds it": {key: rate(found[key], studies) for key in said},
        "names another": {key: rate(wrong[key], studies) for key in said},
    }


def coverage(studies: int, options: Options) -> Iterator[dict[str, Any]]:
    """Sobol indices of 3 x0 + 2 x1 + x2 and noise, and the spread of replicates."""
    weights = np.array([3.0, 2.0, 1.0, 0.0])
    true = dict(zip(ADDITIVE.names, weights**2 / (weights**2).sum(), strict=True))
    for n in (100, 400):
        search = Search(ADDITIVE, "random", n)
        inside: Counter[str] = Counter()
        trusted = 0
        for seed in range(studies):
            table = search.table(
                lambda block, rng: block @ weights + 0.3 * rng.normal(size=len(block)), seed
            )
            (found,) = analysis(table, ADDITIVE, options).importance
            trusted += found.quality.r2 is not None and not found.quality.reason
            for p in found.parameters:
                for name, seen in (("first", p.first), ("total", p.total)):
                    if seen.low is not None and seen.high is not None:
                        hit = seen.low <= true[p.parameter] <= seen.high
                        inside[f"{name} of {p.parameter} ({true[p.parameter]:.3f})"] += hit
        yield {
            "interval": "Sobol indices of the forest, bootstrap percentiles",
            "trials": n,
            "covers": {key: rate(hits, trusted) for key, hits in sorted(inside.items())},
        }
    yield _replicate_coverage(studies)


def _replicate_coverage(studies: int) -> dict[str, Any]:
    from jaxhpo.analysis.replicates import replicates
    from jaxhpo.analysis.sample import sample

    search, hits = Search(ADDITIVE, "random", 10), 0
    for seed in range(10 * studies):
        once = search.table(lambda block, rng: np.zeros(len(block)), seed)
        table = pd.concat([once] * 3, ignore_index=True).rename_axis("number")
        table["value"] = 0.5 * np.random.default_rng(seed).normal(size=len(table))
        sd = replicates(sample(table, ADDITIVE, maximize=False)).sd
        hits += sd.low is not None and sd.high is not None and sd.low <= 0.5 <= sd.high
    covers = {"0.5": rate(hits, 10 * studies)}
    return {"interval": "spread of replicates, chi squared", "trials": 30, "covers": covers}


PARTS = {"noise": (noise, 120), "power": (power, 12), "coverage": (coverage, 20)}


def hardware() -> dict[str, Any]:
    """What it ran on."""
    cpu = platform.processor() or "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else ():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpu": cpu, "system": platform.platform(), "cores_used": 1}


def main() -> None:
    """Runs the parts and writes each where it is done."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    asked.add_argument("--studies", type=int, help="simulated studies of each kind")
    asked.add_argument("--resamples", type=int, default=40, help="behind each interval")
    asked.add_argument("--out", type=Path, help="a JSON file; parts that it has are replaced")
    given = asked.parse_args()
    options = Options(resamples=given.resamples, most=500)
    for part in given.parts:
        run, usual = PARTS[part]
        started, rows = time.time(), []
        for row in run(given.studies or usual, options):
            rows.append(row)
            print(json.dumps(row), flush=True)
        if given.out is None:
            continue
        known = json.loads(given.out.read_text()) if given.out.exists() else {}
        known[part] = {
            "command": "python scripts/calibrate.py " + " ".join(sys.argv[1:]),
            "date": datetime.date.today().isoformat(),
            "hardware": hardware(),
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
            "seconds": round(time.time() - started),
            "studies": given.studies or usual,
            "options": {"resamples": options.resamples, "most": options.most},
            "rows": rows,
        }
        given.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
