"""The spectral search on two cores: jaxhpo against the best loop that one would write by hand.

    python scripts/bench_spectral.py --trials=2048 --out=scripts/results/spectral.json

Both train the same configurations, drawn by the random sampler from the seed's grid of 1,492,992,
where structure, activation, batch size and number of epochs all differ; both start with no compiled
program; imports and the making of the films are left out.

    jaxhpo  one process, one study, a driver a core, records in memory
    loop    `bench_spectral_loop.py`: a jitted loop a trial, numbers traced, activation and
            normalisation as branches, compiled once for each pair of widths and batch size, one
            process a core, each with half of the structures

The loop compiles every structure; of each it trains `--sample` trials, and the others are taken to
last as long on the average (`--whole` trains all). Its total is the mean of its processes' totals,
as if its work were divided perfectly. Beside the seconds stand those that cores were busy, which
say more where others use the machine.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_population import hardware

HERE = Path(__file__).resolve().parent
QUICK = {"trials": 2, "epochs": (2, 4)}


def ours(given: Mapping[str, Any]) -> None:
    """Runs in a process of its own: the study; prints one line of JSON."""
    from experiments.spectral import experiment
    from experiments.spectral.options import Options
    from jaxhpo import Study

    task = experiment.build(Options(**given["options"]))
    began, busy = time.perf_counter(), time.process_time()
    with Study(
        task, trials=given["trials"], sampler="random", seed=given["seed"], drivers=given["drivers"]
    ) as study:
        ready = time.perf_counter()
        study.run()
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        trials, summary = study.trials, study.records.facts()["summary"]
        result = {
            "seconds": seconds,
            "cpu_seconds": busy,
            "programs": summary["traces"],
            "useful": summary["useful"],
            "steps_per_second": summary["steps_per_second"],
            "configs": [dict(trial.config) for trial in trials],
            "epochs": [trial.units for trial in trials],
            "scores": [trial.metrics.get("score") for trial in trials],
            "plan": study.identity["plan"],
            "width": study.identity["width"],
            "plan_seconds": ready - began,
            "patience": bool(task.fixed["patience"]),
        }
    print(json.dumps(result))


def shared(structures: Sequence[dict[str, Any]], shares: int) -> list[list[dict[str, Any]]]:
    """The structures in as many parts, as equal in work as their sizes let one guess."""
    parts: list[list[dict[str, Any]]] = [[] for _ in range(shares)]
    loads = [0.0] * shares

    def work(job: Mapping[str, Any]) -> float:
        weights = sum(a * b for a, b in zip((5, *job["widths"]), (*job["widths"], 36), strict=True))
        steps = sum(c["epochs"] for c in job["all"]) / job["batch_size"]
        return 1.0 + steps * (1.0 + weights / 10_000) * 1e-3

    for job in sorted(structures, key=work, reverse=True):
        least = loads.index(min(loads))
        parts[least].append(job)
        loads[least] += work(job)
    return parts


def structures(configs: Sequence[Mapping[str, Any]], sample: int | None) -> list[dict[str, Any]]:
    """A job for each pair of widths and batch size: all its configurations, those to train."""
    found: dict[tuple[Any, int], list[dict[str, Any]]] = {}
    for config in configs:
        key = tuple(config["widths"]), config["batch_size"]
        found.setdefault(key, []).append(dict(config))
    return [
        {"widths": widths, "batch_size": size, "all": whole, "configs": whole[:sample]}
        for (widths, size), whole in found.items()
    ]


def loop(ran: Mapping[str, Any], given: argparse.Namespace, cores: list[int]) -> dict[str, Any]:
    """The loop on the configurations that the study drew."""
    jobs = structures(ran["configs"], None if given.whole else given.sample)
    parts = [part for part in shared(jobs, len(cores)) if part]
    rows: list[list[dict[str, Any]]] = [[] for _ in parts]

    def work(i: int) -> None:
        told = [{k: job[k] for k in ("widths", "batch_size", "configs")} for job in parts[i]]
        text = {"options": given.options, "patience": ran["patience"], "structures": told}
        answer = process("bench_spectral_loop.py", [], [cores[i]], json.dumps(text))
        rows[i] = [json.loads(line) for line in answer.splitlines()]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = []
    for part, answers in zip(parts, rows, strict=True):
        for job, row in zip(part, answers, strict=True):
            done.append(
                {
                    "widths": job["widths"],
                    "batch_size": job["batch_size"],
                    "trials": len(job["all"]),
                    "trained": len(row["scores"]),
                    "compile_seconds": row["compile_seconds"],
                    "train_seconds": _whole(job, row, "seconds"),
                    "cpu_seconds": row["compile_cpu_seconds"] + _whole(job, row, "cpu_seconds"),
                    "scores": row["scores"],
                    "epochs": row["epochs"],
                }
            )
    compiling, training = (
        sum(row[name] for row in done) for name in ("compile_seconds", "train_seconds")
    )
    return {
        "seconds": (compiling + training) / len(cores),
        "cpu_seconds": sum(row["cpu_seconds"] for row in done),
        "programs": len(done),
        "compile_seconds": compiling,
        "train_seconds": training,
        "trained": sum(row["trained"] for row in done),
        "measured": "whole" if given.whole else "a sample of each structure's trials",
        "structures": [{k: v for k, v in row.items() if k != "scores"} for row in done],
        "scores": [score for row in done for score in row["scores"]],
    }


def _whole(job: Mapping[str, Any], row: Mapping[str, Any], name: str) -> float:
    """Seconds that all trials of a structure take, of those that some took."""
    return row[name] * len(job["all"]) / len(row["epochs"])


def process(script: str, arguments: list[str], cores: list[int], told: str) -> str:
    """Standard output of a script on some cores, with nothing compiled beforehand."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "JAX_PLATFORMS": "cpu"}
    for name in ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        input=told,
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if done.returncode:
        raise RuntimeError(f"{script} failed:\n{done.stderr}")
    return done.stdout


def measured(given: argparse.Namespace, cores: list[int]) -> dict[str, Any]:
    """Both, one after the other."""
    told = {
        "options": given.options,
        "trials": given.trials,
        "seed": given.seed,
        "drivers": len(cores),
    }
    print(f"jaxhpo: {given.trials} trials", flush=True)
    ran = json.loads(process("bench_spectral.py", ["--worker"], cores, json.dumps(told)))
    print(f"  {ran['seconds']:.1f} s\nloop", flush=True)
    theirs = loop(ran, given, cores)
    print(f"  {theirs['seconds']:.1f} s")
    result = {}
    for name, found in (("jaxhpo", ran), ("loop", theirs)):
        scores = [score for score in found.pop("scores") if score is not None and score == score]
        result[name] = {
            **{k: v for k, v in found.items() if k not in ("configs", "epochs")},
            "trials_per_second": given.trials / found["seconds"],
            "median_score": statistics.median(scores) if scores else None,
            "best_score": min(scores, default=None),
        }
    for name, key in (("loop_over_jaxhpo", "seconds"), ("loop_over_jaxhpo_cpu", "cpu_seconds")):
        result[name] = theirs[key] / ran[key]
    return result


def table(found: Mapping[str, Any]) -> str:
    """The result as text."""
    heads = ("programs", "seconds", "core-s", "trials/s", "median score")
    lines = [f"{'':<8}" + "".join(f"{head:>14}" for head in heads)]
    for name in ("jaxhpo", "loop"):
        row = found[name]
        score = "" if row["median_score"] is None else f"{row['median_score']:.4f}"
        lines.append(
            f"{name:<8}{row['programs']:>14}{row['seconds']:>14.1f}{row['cpu_seconds']:>14.1f}"
            f"{row['trials_per_second']:>14.2f}{score:>14}"
        )
    cpu = f"{found['loop_over_jaxhpo_cpu']:.2f}x by the time that cores were busy"
    return "\n".join([*lines, f"jaxhpo is faster by {found['loop_over_jaxhpo']:.2f}x, {cpu}"])


def main() -> None:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=2048, help="how many [2048]")
    parser.add_argument("--seed", type=int, default=0, help="of the study [0]")
    parser.add_argument("--cores", default="", help="which cores [the first two of this process]")
    parser.add_argument("--sample", type=int, default=8, help="trials a structure, loop [8]")
    parser.add_argument("--whole", action="store_true", help="the loop trains all trials")
    parser.add_argument("--out", metavar="FILE", help="where the result goes, as JSON")
    parser.add_argument("--quick", action="store_true", help="a few trials, to see that it works")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        ours(json.load(sys.stdin))
        return
    allowed = sorted(os.sched_getaffinity(0))
    cores = [int(core) for core in given.cores.split(",")] if given.cores else allowed[:2]
    if not set(cores) <= set(allowed):
        parser.error(f"--cores must be among {allowed}, got {cores}")
    if given.trials < 1 or given.sample < 1:
        parser.error(f"--trials and --sample must be at least 1, got {given.trials, given.sample}")
    given.options = {}
    if given.quick:
        given.trials, given.options = QUICK["trials"], {"epochs": QUICK["epochs"]}
    found = measured(given, cores)
    print(f"\n{table(found)}")
    if given.out:
        versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "flax")}
        whole = {
            "command": " ".join(["python", "scripts/bench_spectral.py", *sys.argv[1:]]),
            "date": datetime.date.today().isoformat(),
            "hardware": hardware(),
            "cores_used": len(cores),
            "load_before": os.getloadavg()[0],
            "versions": {"python": platform.python_version(), **versions},
            "trials": given.trials,
            **found,
        }
        Path(given.out).parent.mkdir(parents=True, exist_ok=True)
        Path(given.out).write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
