"""How good samplers are, and how fast.

    python scripts/bench_sampler.py run --samplers="auto;tpe" --batch=64 --trials=512 --seeds=5
    python scripts/bench_sampler.py speed --samplers="tpe;gp"
    python scripts/bench_sampler.py table --out=scripts/results/sampler.json

`run` appends one line a search to a file of JSON lines (--runs) and leaves out what is there
already: a run that was cut goes on, and --seeds may be raised later. `table` reads all files that
--runs names (a pattern; files may be packed by gzip), and keeps settings of --out of which these
have fewer searches. The searches behind the committed result, from when they were first kept:
`scripts/results/sampler_runs.jsonl.gz`. Peers need their package in the same Python (see
`bench_contenders.py`).

The score of a search is (m - f) / (m - o): f the true loss of the configuration that looked best, o
the optimum, m the median of what random search finds with as many trials, from 50,000 random points
resampled. 1 is the optimum, 0 is random search. Below -1 it counts as -1. Two samplers are compared
search by search, those of the same problem and seed; the interval is of the mean difference over
problems, by the bootstrap over problems and seeds within them (`bench_sampler_scores.py`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from scripts.bench_contenders import search
from scripts.bench_problems import Problem, problems
from scripts.bench_sampler_scores import table
from scripts.bench_sampler_speed import speed

PEERS = "optuna-tpe,optuna-gp,optuna-cmaes,nevergrad"
README = "batch 64, 512 trials;batch 1, 256 trials"
COLUMNS = ("sampler", "problem", "batch", "trials", "seed")


def searched(name: str, problem: Problem, *, seed: int, batch: int, trials: int) -> dict[str, Any]:
    """One search: the true loss of what looked best after 64, 128, ... trials and at the end."""
    contender = search(name, problem.space, seed, batch=batch, trials=trials)
    # An observation's noise depends on problem, seed and trial number alone.
    rng = np.random.default_rng([seed, 17])
    seen, true = np.zeros(0), np.zeros(0)
    began = time.process_time()
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
    what = dict(zip(COLUMNS, (name, problem.name, batch, trials, seed), strict=True))
    return {**what, "found": found, "cpu_seconds": round(time.process_time() - began, 2)}


def done(runs: Path) -> set[tuple[Any, ...]]:
    """Which searches a file holds; a last line that was cut short is taken away."""
    if not runs.exists():
        return set()
    lines = runs.read_text("utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        runs.write_text("".join(lines[:-1]), "utf-8")
        lines = lines[:-1]
    return {tuple(json.loads(line)[c] for c in COLUMNS) for line in lines}


def run(options: argparse.Namespace) -> None:
    """Searches, one after another, problem by problem, those of one layout together: a layout's
    programs are compiled once."""
    every, runs = problems(), Path(options.runs)
    names = options.problems.split(",") if options.problems else list(every)
    layouts = [every[name].space.layout for name in names]
    names = [name for _, name in sorted(zip(map(layouts.index, layouts), names, strict=True))]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    known = done(runs)
    last = None
    with runs.open("a", encoding="utf-8") as out:
        for name in names:
            if every[name].space.layout != last:
                jax.clear_caches()
            last = every[name].space.layout
            wanted = [
                cell
                for cell in itertools.product(options.samplers.split(";"), seeds)
                if (cell[0], name, options.batch, options.trials, cell[1]) not in known
            ]
            for sampler, seed in wanted:
                line = searched(
                    sampler, every[name], seed=seed, batch=options.batch, trials=options.trials
                )
                print(json.dumps(line), file=out, flush=True)


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
    parser.add_argument("--cap", type=int, default=120, help="seconds for a speed, at most")
    parser.add_argument("--runs", default="runs_sampler.jsonl", help="where searches are written")
    parser.add_argument("--against", default=PEERS, help="for the table")
    parser.add_argument("--out", default="")
    parser.add_argument("--readme", default=README, help="settings shown in the README")
    parser.add_argument("--docs", default="", help="settings shown in docs/samplers.md")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    {"run": run, "table": table, "speed": speed}[options.what](options)


if __name__ == "__main__":
    main()
