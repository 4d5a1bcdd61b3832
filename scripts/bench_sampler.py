"""How good samplers are, and how fast.

    python scripts/bench_sampler.py run --samplers=auto,tpe,sobol --batch=64 --trials=512 --seeds=5
    python scripts/bench_sampler.py speed --samplers=tpe,gp
    python scripts/bench_sampler.py table --out=scripts/results/sampler.json

`run` appends one line a search to a file of JSON lines (--runs); `table` reads it. Peers whose name
starts with "optuna-" need Optuna (its GP also torch, its CMA-ES also cmaes) in the same Python.

The score of a search is (m - f) / (m - o): f the true loss of the configuration that looked best, o
the optimum, m the median of what random search finds with as many trials, from 50,000 random points
resampled. 1 is the optimum, 0 is random search. Below -1 it counts as -1. Two samplers are compared
problem by problem; the interval is of the mean difference over problems, by the bootstrap over
problems and seeds within them.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import importlib.metadata
import itertools
import json
import os
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from scripts.bench_contenders import search
from scripts.bench_problems import Problem, problems

_RANDOM = 50_000


def searched(name: str, problem: Problem, *, seed: int, batch: int, trials: int) -> dict[str, Any]:
    """One search: the true loss of what looked best after 64, 128, ... trials and at the end."""
    contender = search(name, problem.space, seed)
    rng = np.random.default_rng([seed, 17])
    seen, true = np.zeros(0), np.zeros(0)
    began = time.perf_counter()
    while len(seen) < trials:
        configs = contender.ask(min(batch, trials - len(seen)))
        if not configs:
            break
        losses = problem.fn(configs)
        noisy = losses + problem.noise * rng.normal(size=len(losses))
        contender.tell(noisy)
        seen, true = np.append(seen, noisy), np.append(true, losses)
    budgets = [n for n in 2 ** np.arange(6, 13) if n < trials] + [trials]
    found = {str(n): float(true[np.nanargmin(seen[:n])]) for n in map(int, budgets)}
    seconds = time.perf_counter() - began
    return {
        "sampler": name,
        "problem": problem.name,
        "batch": batch,
        "trials": trials,
        "seed": seed,
        "found": found,
        "seconds": round(seconds, 2),
    }


@functools.cache
def _random_losses(name: str) -> np.ndarray:
    problem = problems()[name]
    points = np.random.default_rng(99).random((_RANDOM, len(problem.space))).astype(np.float32)
    return problem.fn(problem.space.decode(points))


@functools.cache
def random_median(name: str, trials: int) -> float:
    """The median of what random search finds with so many trials."""
    rng = np.random.default_rng(7)
    losses, noise = _random_losses(name), problems()[name].noise
    found = []
    for _ in range(999):
        which = rng.integers(0, len(losses), trials)
        seen = losses[which] + noise * rng.normal(size=trials)
        found.append(losses[which[np.nanargmin(seen)]])
    return float(np.median(found))


def score(name: str, found: float, trials: int) -> float:
    """1: the optimum; 0: what random search finds."""
    middle, least = random_median(name, trials), problems()[name].optimum
    return max(-1.0, (middle - found) / max(middle - least, 1e-12))


def run(options: argparse.Namespace) -> None:
    """Searches, one after another, problem by problem: a problem's programs are compiled once."""
    every = problems()
    names = options.problems.split(",") if options.problems else list(every)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    with Path(options.runs).open("a", encoding="utf-8") as out:
        for name in names:
            for sampler, seed in itertools.product(options.samplers.split(";"), seeds):
                line = searched(
                    sampler, every[name], seed=seed, batch=options.batch, trials=options.trials
                )
                print(json.dumps(line), file=out, flush=True)
            jax.clear_caches()  # no other problem has its layout


def scores(runs: Path) -> dict[tuple[int, int], dict[str, dict[str, dict[int, float]]]]:
    """(batch, budget) to sampler to problem to seed to score."""
    found: Any = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    known = problems()
    for text in runs.read_text("utf-8").splitlines():
        line = json.loads(text)
        if line["problem"] not in known:
            continue
        for budget, loss in line["found"].items():
            setting = found[line["batch"], int(budget)][line["sampler"]]
            setting[line["problem"]][line["seed"]] = score(line["problem"], loss, int(budget))
    return found


def difference(
    ours: dict[str, dict[int, float]], theirs: dict[str, dict[int, float]]
) -> dict[str, Any]:
    """Mean difference of scores over the problems that both have, with a 95 % interval."""
    shared = sorted(set(ours) & set(theirs))
    a = [np.array(list(ours[p].values())) for p in shared]
    b = [np.array(list(theirs[p].values())) for p in shared]
    rng = np.random.default_rng(3)
    means = []
    for _ in range(2000):
        total = 0.0
        for i in rng.integers(0, len(shared), len(shared)):
            total += rng.choice(a[i], len(a[i])).mean() - rng.choice(b[i], len(b[i])).mean()
        means.append(total / len(shared))
    low, high = np.quantile(means, [0.025, 0.975])
    each = [float(x.mean() - y.mean()) for x, y in zip(a, b, strict=True)]
    return {
        "mean": round(float(np.mean(each)), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "problems": len(shared),
        "better_on": int(np.sum(np.array(each) > 0)),
    }


def table(options: argparse.Namespace) -> None:
    """Scores by setting, written as JSON and printed."""
    found = scores(Path(options.runs))
    families = {name: problem.family for name, problem in problems().items()}
    result: dict[str, Any] = {"settings": {}}
    for (batch, budget), samplers in sorted(found.items()):
        setting: dict[str, Any] = {}
        for name, of_problem in samplers.items():
            mean = {p: float(np.mean(list(s.values()))) for p, s in of_problem.items()}
            by_family: dict[str, list[float]] = defaultdict(list)
            for p, value in mean.items():
                by_family[families[p]].append(value)
            entry = {
                "score": round(float(np.mean(list(mean.values()))), 3),
                "families": {k: round(float(np.mean(v)), 3) for k, v in by_family.items()},
                "problems": {k: round(v, 3) for k, v in mean.items()},
                "seeds": min(len(s) for s in of_problem.values()),
            }
            if options.against in samplers and name != options.against:
                entry["difference"] = difference(of_problem, samplers[options.against])
            setting[name] = entry
        result["settings"][f"batch {batch}, {budget} trials"] = setting
        print(f"batch {batch}, {budget} trials")
        for name, entry in sorted(setting.items(), key=lambda kv: -kv[1]["score"]):
            print(f"  {name:40s} {entry['score']:6.3f}  seeds {entry['seeds']}", end=" ")
            print(entry["families"], entry.get("difference", ""))
            if options.verbose:
                print("    ", entry["problems"])
    if options.out:
        result["against"] = options.against
        result["readme"] = options.readme.split(";")
        speeds = Path(options.runs).with_suffix(".speed.json")
        if speeds.exists():
            result["speed"] = json.loads(speeds.read_text("utf-8"))
        result["date"] = datetime.date.today().isoformat()
        result["versions"] = _versions()
        Path(options.out).write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("jax", "numpy", "optuna", "cmaes", "torch"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def speed(options: argparse.Namespace) -> None:
    """Configurations a second, by the number of trials told, after compilation."""
    from jaxhpo.space import Choice, Float, Int, Space

    space = Space(
        **{f"x{i}": Float(0.0, 1.0) for i in range(6)},
        n=Int(1, 64, log=True),
        kind=Choice(["a", "b", "c"]),
        momentum=Float(0.0, 1.0, when={"kind": "a"}),
    )
    rng = np.random.default_rng(0)
    result: dict[str, Any] = {"batch": options.batch, "cores": len(os.sched_getaffinity(0))}
    for name in options.samplers.split(";"):
        result[name] = {}
        for told in map(int, options.told.split(",")):
            contender: Any = search(name, space, 0)
            points = rng.random((told, len(space))).astype(np.float32)
            losses = rng.random(told)
            _tell_many(contender, space, points, losses)
            times = []
            for _ in range(2 if name.startswith("optuna") else 4):
                began = time.perf_counter()
                contender.ask(options.batch)
                times.append(time.perf_counter() - began)
            rate = options.batch / float(np.median(times[1:]))
            result[name][told] = round(rate, 1)
            print(name, told, round(rate, 1), "a second", flush=True)
    path = Path(options.runs).with_suffix(".speed.json")
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**kept, **result}), "utf-8")


def _tell_many(contender: Any, space: Any, points: np.ndarray, losses: np.ndarray) -> None:
    if hasattr(contender, "study"):
        import optuna

        study = contender.study
        # Distributions are learnt from one suggested trial of every kind.
        known: dict[str, Any] = {}
        for _ in range(50):
            trial = study.ask()
            contender._suggested(trial)
            known.update(trial.distributions)
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params=config, distributions={k: known[k] for k in config}, value=float(loss)
                )
                for config, loss in zip(space.decode(points), losses, strict=True)
            ]
        )
        return
    contender.points = space.layout.snap(jax.numpy.asarray(points))
    contender.first = len(points)
    contender.tell(losses)


def main() -> None:
    """Runs what the command line says."""
    parser = argparse.ArgumentParser(description="How good samplers are, and how fast.")
    parser.add_argument("what", choices=["run", "table", "speed"])
    parser.add_argument("--samplers", default="auto;tpe;sobol", help="separated by semicolons")
    parser.add_argument("--problems", default="", help="separated by commas; all by default")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--trials", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--told", default="100,1000,10000,100000", help="histories, for speed")
    parser.add_argument("--runs", default="runs_sampler.jsonl", help="where searches are written")
    parser.add_argument("--against", default="optuna-tpe")
    parser.add_argument("--out", default="")
    parser.add_argument("--readme", default="batch 64, 512 trials", help="settings in the README")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    {"run": run, "table": table, "speed": speed}[options.what](options)


if __name__ == "__main__":
    main()
