"""Trials a second on two cores: jaxhpo against what a user would otherwise run.

    python scripts/bench_population.py --out=scripts/results/population.json

Contestants (see `bench_contestants.py`), on the two workloads of the design, A (MLP 5-64-128-64-36,
67 rows, batch 16, 300 epochs, dropout) and B (digits, MLP 64-128-128-10, batch 64, 20 epochs):

    jaxhpo     one process, one study, random search, two drivers
    scan       a jitted scan over all epochs per trial, numbers traced; one process a core
    recompile  the same with numbers as constants, compiled for every trial; one process a core
    torch      eager PyTorch, one thread, one process a core (where it is installed; --torch=PYTHON
               names an interpreter that has it)

All processes are started and warmed up first; then rounds are interleaved, so that a slow moment of
the machine hits all of them. Reported are medians over rounds and the ratio to jaxhpo in the same
round. Compilation is left out of these except for `recompile`; how long it took from the start of a
process to the end of its first trial, imports and compilation included, is reported beside them.
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
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TRIALS = {  # trials a round and process, so that every round takes a few seconds
    "A": {"jaxhpo": 256, "scan": 64, "recompile": 2, "torch": 4},
    "B": {"jaxhpo": 384, "scan": 128, "recompile": 4, "torch": 12},
}
QUICK = {"jaxhpo": 8, "scan": 2, "recompile": 1, "torch": 1}


class Contestant:
    """The processes of one contestant, pinned to cores, waiting for numbers of trials."""

    def __init__(self, name: str, workload: str, python: str, cores: list[int]) -> None:
        self.name = name
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  as long-lived as the processes
        began = time.perf_counter()
        pins = [cores] if name == "jaxhpo" else [[core] for core in cores]
        self._processes = [self._started(name, workload, python, pin) for pin in pins]
        self.ready = all(p.stdout.readline().strip() == "ready" for p in self._processes)  # type: ignore[union-attr]
        self.first_trial_after = time.perf_counter() - began

    def why_not(self) -> str:
        """The last line that its processes wrote to standard error."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._said.seek(0)
        return (self._said.read().strip().splitlines() or ["it says nothing"])[-1]

    def _started(self, name: str, workload: str, python: str, cores: list[int]) -> Any:
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "JAX_PLATFORMS": "cpu"}
        environment.pop("XLA_FLAGS", None)
        return subprocess.Popen(
            [python, str(HERE / "bench_contestants.py"), name, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    def round(self, trials: int) -> tuple[float, list[float]]:
        """Trials a second of all processes together, and their scores."""
        answers: list[dict[str, Any]] = [{}] * len(self._processes)

        def ask(i: int, process: Any) -> None:
            process.stdin.write(f"{trials}\n")
            process.stdin.flush()
            answers[i] = json.loads(process.stdout.readline())

        threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(self._processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        speed = sum(trials / answer["seconds"] for answer in answers)
        return speed, [score for answer in answers for score in answer["scores"]]

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.kill()
            process.communicate()
        self._said.close()


def measured(workload: str, given: argparse.Namespace) -> dict[str, Any]:
    """One workload: speeds, ratios and scores of every contestant."""
    contestants = []
    for name in TRIALS[workload]:
        python = given.torch if name == "torch" and given.torch else sys.executable
        made = Contestant(name, workload, python, given.cores)
        if made.ready:
            contestants.append(made)
        else:
            print(f"  {name} is left out: {made.why_not()}", file=sys.stderr)
            made.close()
    speeds: dict[str, list[float]] = {made.name: [] for made in contestants}
    scores: dict[str, list[float]] = {made.name: [] for made in contestants}
    first_after = {made.name: made.first_trial_after for made in contestants}
    for number in range(given.rounds):
        order = contestants if number % 2 == 0 else contestants[::-1]
        for made in order:
            trials = (QUICK if given.quick else TRIALS[workload])[made.name]
            speed, found = made.round(trials)
            speeds[made.name].append(speed)
            scores[made.name] += found
        print(f"  round {number + 1}: " + ", ".join(f"{k} {v[-1]:.2f}" for k, v in speeds.items()))
    for made in contestants:
        made.close()
    return {
        name: {
            "trials_per_second": statistics.median(found),
            "rounds": found,
            "jaxhpo_is_faster_by": statistics.median(
                ours / theirs for ours, theirs in zip(speeds["jaxhpo"], found, strict=True)
            ),
            "median_score": statistics.median(scores[name]),
            "trials": len(scores[name]),
            "seconds_to_first_trial": first_after[name],
        }
        for name, found in speeds.items()
    }


def hardware() -> dict[str, Any]:
    """What it ran on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text("utf-8").splitlines() if "model name" in line]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"cpu": model, "cores_of_the_machine": os.cpu_count(), "system": platform.platform()}


def main() -> None:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--workloads", default="A,B", help="which ones [A,B]")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds [7]")
    parser.add_argument("--cores", default="", help="which cores [the first two of this process]")
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter that has PyTorch")
    parser.add_argument("--out", metavar="FILE", help="where the result goes, as JSON")
    parser.add_argument("--quick", action="store_true", help="a few trials, to see that it works")
    given = parser.parse_args()
    allowed = sorted(os.sched_getaffinity(0))
    given.cores = [int(core) for core in given.cores.split(",")] if given.cores else allowed[:2]
    if not set(given.cores) <= set(allowed):
        parser.error(f"--cores must be among {allowed}, got {given.cores}")
    if given.quick:
        given.rounds = 1
    results = {}
    for workload in given.workloads.split(","):
        print(f"workload {workload}")
        results[workload] = measured(workload, given)
    print(f"\n{'workload':<10}{'contestant':<12}{'trials/s':>10}{'jaxhpo is':>12}{'score':>10}")
    for workload, found in results.items():
        for name, row in found.items():
            ratio = "" if name == "jaxhpo" else f"{row['jaxhpo_is_faster_by']:.2f}x"
            print(
                f"{workload:<10}{name:<12}{row['trials_per_second']:>10.2f}{ratio:>12}"
                f"{row['median_score']:>10.4f}"
            )
    if given.out:
        versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "flax")}
        whole = {
            "command": " ".join(["python", "scripts/bench_population.py", *sys.argv[1:]]),
            "date": datetime.date.today().isoformat(),
            "hardware": hardware(),
            "cores_used": len(given.cores),
            "versions": {"python": platform.python_version(), **versions},
            "rounds": given.rounds,
            "workloads": results,
        }
        Path(given.out).parent.mkdir(parents=True, exist_ok=True)
        Path(given.out).write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
