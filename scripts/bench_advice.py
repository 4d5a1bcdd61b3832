"""Whether a second search does better in the space that the first one's report advises.

    python scripts/bench_advice.py --out scripts/results/advice.json

For every problem and seed a first search of N trials is made and analysed as a report does it. Then
N more trials are spent in one of four ways, from the same seed:

    original      a second search of the same space
    longer        the first search goes on, to 2 N trials: its sampler knows what it has seen
    conservative  a second search of next_space_conservative.yaml
    aggressive    a second search of next_space_aggressive.yaml

What counts is the true value (without noise) of the trial that looks best among all 2 N; the
results are differences from *original* in standard deviations of the true value over random trials,
paired by seed, above 0 better, with Student's 95 % interval over seeds.

Problems: the searches of seeds 001, 002 and 003 as `seed_studies.py` re-creates them (formulas with
noise), the table of trained networks on seed 000's data with its three parameters, a wider table on
the same data in place of seed 004's slow experiment, generated problems with conditions
(`bench_problems.py`), and three whose best lies beyond a bound. With ``--chunks FILE`` a killed run
goes on where it was.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
import bench_problems
import seed_studies
from calibrate import hardware

from jaxhpo.analysis import Options, analysed_table
from jaxhpo.contracts import REPLICATE
from jaxhpo.registry import get
from jaxhpo.space import Choice, Constant, Float, Int, Space

BATCH = 10
ARMS = ("longer", "conservative", "aggressive")
Config = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """Something to minimise: what is searched, true losses of configurations [n], and the standard
    deviation of what an observation adds."""

    name: str
    space: Space
    fn: Callable[[Sequence[Config]], np.ndarray]
    noise: float


def problems() -> tuple[Problem, ...]:
    """All of them."""
    tables = bench_problems.problems()
    return (
        *(_stand_in(name) for name in ("001", "002", "003")),
        _of_table("000", tables["digits"], 0.004),
        _of_table("004", tables["digits_wide"], 0.004),
        *(_generated(tables[f"mixed{i}"]) for i in (1, 2, 3)),
        *(_beyond(i) for i in (1, 2, 3)),
    )


def _stand_in(name: str) -> Problem:
    """A seed's formula at the end of training."""
    task = seed_studies.SEEDS[name].task(None)
    space = task.space
    fill = {n: _first(d) for n, d in space.parameters.items()}

    def fn(configs: Sequence[Config]) -> np.ndarray:
        """All that agree in what is no number at once."""
        known = [{**fill, **c} for c in configs]
        names = [n for n in fill if isinstance(known[0][n], str)]
        keys = [tuple(c[n] for n in names) for c in known]
        found = np.zeros(len(known))
        for key in set(keys):
            rows = [i for i, k in enumerate(keys) if k == key]
            hp: dict[Any, Any] = {
                n: known[rows[0]][n] if n in names else np.array([float(known[i][n]) for i in rows])
                for n in fill
            }
            state = {"unit": 1e6, "luck": 0.0}
            found[rows] = -np.asarray(
                task.evaluate({**hp, REPLICATE: 1}, state, ())[task.objective]
            )
        return found

    return Problem(name=f"seed {name}", space=space, fn=fn, noise=0.012)


def _choices(domain: Any) -> Sequence[Any]:
    return tuple(domain.choices) if isinstance(domain, Choice) else ()


def _first(domain: Any) -> Any:
    if isinstance(domain, Constant):
        return domain.value
    if isinstance(domain, Float | Int):
        return domain.low
    return _choices(domain)[0] if isinstance(domain, Choice) else False


def _of_table(seed: str, table: bench_problems.Problem, noise: float) -> Problem:
    """The levels of numbers as numbers, looked up at the nearest; nothing lies beyond the table."""
    levels: dict[str, np.ndarray] = {}
    domains: dict[str, Any] = {}
    for name, domain in table.space.parameters.items():
        values: list[Any] = [*_choices(domain)]
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        if numeric and len(values) > 3 and min(values) > 0 and domain.when is None:
            levels[name] = np.log(np.array(values, float))
            whole = all(isinstance(v, int) for v in values)
            kind = Int if whole else Float
            domains[name] = kind(min(values), max(values), log=True, natural="both")
        else:
            domains[name] = domain

    def fn(configs: Sequence[Config]) -> np.ndarray:
        snapped = []
        for config in configs:
            found = dict(config)
            for name, logs in levels.items():
                at = int(np.abs(logs - np.log(float(config[name]))).argmin())
                found[name] = _choices(table.space.parameters[name])[at]
            snapped.append(found)
        return table.fn(snapped)

    return Problem(name=f"seed {seed} (table)", space=Space(domains), fn=fn, noise=noise)


def _generated(problem: bench_problems.Problem) -> Problem:
    """With natural limits, for it is not known beyond its bounds."""
    domains = {
        name: dataclasses.replace(d, natural="both") if isinstance(d, Float | Int) else d
        for name, d in problem.space.parameters.items()
    }
    return Problem(name=problem.name, space=Space(domains), fn=problem.fn, noise=0.03)


def _beyond(which: int) -> Problem:
    """Six parameters; the best of the first lies beyond its upper bound, that of the second inside,
    the third wants to be small and is not negative; the rest do little or nothing."""
    rng = np.random.default_rng([20261121, which])
    best, inside, weight = rng.uniform(0.3, 1.0), rng.uniform(-4, -2), rng.uniform(0.5, 2.0, 4)
    space = Space(
        rate=Float(1e-4, 1e-1, log=True),
        width=Int(8, 64, log=True),
        drop=Float(0.0, 0.5, natural="low"),
        kind=Choice(["a", "b", "c"]),
        idle=Float(-1.0, 1.0),
        decay=Float(1e-6, 1e-2, log=True),
    )

    def fn(configs: Sequence[Config]) -> np.ndarray:
        found = []
        for c in configs:
            wide = np.log2(c["width"]) - 6 - best
            rate = np.log10(c["rate"]) - inside
            kind = {"a": 0.0, "b": 0.4, "c": 0.8}[c["kind"]]
            found.append(
                weight[0] * wide**2 / 4
                + weight[1] * rate**2 / 2
                + weight[2] * c["drop"]
                + weight[3] * kind
            )
        return np.array(found)

    return Problem(name=f"beyond {which}", space=space, fn=fn, noise=0.1)


def search(
    problem: Problem, space: Space, sampler: str, n: int, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """A search of `space`: its trial table, and the true losses [n]."""
    rng = np.random.default_rng([seed, 7])
    more = {"startup": max(25, n // 5)} if sampler == "tpe" else {}
    chosen = get("samplers", sampler)(space.layout, **more)
    state, pending = chosen.init(jax.random.key(seed)), np.zeros((0, len(space)), np.float32)
    configs: list[Config] = []
    true, seen, model = [], [], []
    for first in range(0, n, BATCH):
        asked = chosen.ask(state, first, pending, BATCH)
        points = np.asarray(asked.points)
        block = space.decode(points)
        losses = problem.fn(block)
        noisy = losses + problem.noise * rng.normal(size=BATCH)
        state = chosen.tell(state, points, noisy.astype(np.float32), np.ones(BATCH, bool))
        configs += block
        true.append(losses)
        seen.append(noisy)
        model.append(np.asarray(asked.model))
    columns: dict[str, Any] = {
        "status": np.full(n, "complete", object),
        "phase": np.where(np.concatenate(model), "model", "explore").astype(object)[:n],
        "value": np.concatenate(seen)[:n],
    }
    for name in space.names:
        columns[f"param.{name}"] = pd.Series([c.get(name) for c in configs[:n]])
    table = pd.DataFrame(columns).rename_axis("number")
    return table, np.concatenate(true)[:n]


def one(problem: Problem, sampler: str, n: int, seed: int) -> dict[str, Any]:
    """One seed: the true loss of what looks best after 2 N trials, each way, and the advice."""
    seen, true = search(problem, problem.space, sampler, n, seed)
    found = analysed_table(
        seen,
        problem.space,
        objective="loss",
        maximize=False,
        options=Options(resamples=40, most=500),
    )
    conservative, aggressive = (Space.from_yaml(s.yaml) for s in found.next_spaces)
    again = search(problem, problem.space, sampler, n, 1000 + seed)
    ways = {"original": again, "longer": search(problem, problem.space, sampler, 2 * n, seed)}
    for name, space in (("conservative", conservative), ("aggressive", aggressive)):
        same = space.to_dict() == problem.space.to_dict()
        ways[name] = again if same else search(problem, space, sampler, n, 1000 + seed)
    losses = {}
    for name, (table, values) in ways.items():
        both = [(seen, true)] if name != "longer" else []
        told = np.concatenate([t["value"].to_numpy(float) for t, _ in [*both, (table, values)]])
        truly = np.concatenate([v for _, v in [*both, (table, values)]])
        losses[name] = float(truly[np.argmin(told)])
    rules = sorted({r for a in found.advice for r in a.rules if r != "keep"})
    volume = [float(s.volume) if s.volume is not None else None for s in found.next_spaces]
    return {"losses": losses, "rules": rules, "shrinks": volume}


@functools.cache
def spread(problem: Problem) -> float:
    """The standard deviation of the true value over random trials."""
    return float(search(problem, problem.space, "random", 500, 99)[1].std())


def rows(chunks: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of each problem, sampler and N, and of all problems together."""
    keys = list(dict.fromkeys((c["sampler"], c["trials"]) for c in chunks))
    for sampler, n in keys:
        ours = [c for c in chunks if (c["sampler"], c["trials"]) == (sampler, n)]
        names = list(dict.fromkeys(c["problem"] for c in ours))
        for name in [*names, "all"]:
            part = [c for c in ours if name in (c["problem"], "all")]
            row = {"problem": name, "sampler": sampler, "trials": n, "seeds": len(part)}
            for arm in ARMS:
                gains = [(c["losses"]["original"] - c["losses"][arm]) / c["sd"] for c in part]
                row[arm] = _interval(gains)
            row["advised nothing"] = sum(not c["rules"] for c in part)
            yield row


def _interval(gains: Sequence[float]) -> dict[str, Any]:
    x = np.array(gains)
    half = 0.0
    if len(x) > 1:
        half = float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    ends = [round(float(x.mean()) + s * half, 3) for s in (-1, 1)]
    return {
        "mean": round(float(x.mean()), 3),
        "interval": ends,
        "better": int((x > 0).sum()),
        "worse": int((x < 0).sum()),
    }


def main() -> None:
    """Runs what is missing, and writes the result."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--seeds", type=int, default=10)
    asked.add_argument("--trials", type=int, nargs="+", default=[100])
    asked.add_argument("--samplers", nargs="+", default=["random", "tpe"])
    asked.add_argument("--problems", help="only those whose name holds this")
    asked.add_argument("--part", default="0/1", help="i/k: every k-th seed from the i-th")
    asked.add_argument("--chunks", type=Path, help="a file to go on from")
    asked.add_argument("--out", type=Path, help="a JSON file")
    asked.add_argument("--note", default="", help="what else is to be said of the machine")
    given = asked.parse_args()
    held = []
    if given.chunks is not None and given.chunks.exists():
        held = [json.loads(line) for line in given.chunks.read_text("utf-8").splitlines()]
    there = {(c["problem"], c["sampler"], c["trials"], c["seed"]) for c in held}
    i, k = map(int, given.part.split("/"))
    every = problems()
    for seed in range(i, given.seeds, k):
        for problem in every:
            if given.problems and given.problems not in problem.name:
                continue
            for sampler in given.samplers:
                for n in given.trials:
                    if (problem.name, sampler, n, seed) in there:
                        continue
                    began = time.process_time()
                    found = one(problem, sampler, n, seed)
                    chunk = {
                        "problem": problem.name,
                        "sampler": sampler,
                        "trials": n,
                        "seed": seed,
                        **found,
                        "sd": spread(problem),
                        "seconds": round(time.process_time() - began, 1),
                    }
                    held.append(chunk)
                    print(json.dumps(chunk), flush=True)
                    if given.chunks is not None:
                        with given.chunks.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(chunk) + "\n")
    if given.out is not None:
        result = {
            "command": "python scripts/bench_advice.py " + " ".join(sys.argv[1:]),
            "date": datetime.date.today().isoformat(),
            "hardware": {**hardware(), **({"note": given.note} if given.note else {})},
            "seconds": round(sum(c["seconds"] for c in held)),
            "unit": "standard deviations of the true value over random trials; above 0 is better "
            "than a second search of the same space",
            "rows": list(rows(held)),
        }
        given.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
