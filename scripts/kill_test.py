"""Kills a study again and again; it must end as if nobody had.

    python scripts/kill_test.py --kills=50 --out=scripts/results/kills.json

A search of the digits is run from the command line, once left alone and once killed at random
moments and started again with the same command, each time on another number of (host) devices.
Three kinds of moments take turns: soon after something was recorded, while a checkpoint is written,
and at any time from the start of the process on. Some of the kills are SIGTERM, which a study may
answer by stopping in order; the others are SIGKILL.

In the end both must have exported the same tables, byte for byte, and recorded the same digest of
trials and sampler. Exit status 0 if so and the study was killed as often as asked, else 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEVICES = (1, 2, 4)
ANY, RECORD, CHECKPOINT = "any moment", "after a record", "in a checkpoint"
FLAGS = (
    *("--max_epochs=6", "--batch=8", "--lookahead=16", "--scheduler=median"),
    *("--checkpoint_seconds=0.05", "--noreport"),
)
_TRIALS = 16  # a kill: about as many as end before it
_LATEST = 30.0  # seconds after the start
_TERM = 10  # of so many kills, one is SIGTERM
_PATIENCE = 300.0  # seconds for anything to happen


class Run:
    """A study in a process of its own.

    Args:
        workdir: the study's. trials: how many it is to have. devices: how many it finds.
    """

    def __init__(self, workdir: Path, trials: int, devices: int) -> None:
        self.began = time.monotonic()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  as long-lived as the process
        flags = f"--xla_force_host_platform_device_count={devices}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "experiments.digits"),
                *(f"--workdir={workdir}", f"--trials={trials}", "--seed=0", *FLAGS),
            ],
            cwd=ROOT,
            env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
            stdout=self._said,
            stderr=subprocess.STDOUT,
        )

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def finish(self) -> None:
        """Waits for its end.

        Raises:
            RuntimeError: if it failed, with what it said.
        """
        if self._process.wait(timeout=10 * _PATIENCE) != 0:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace")
            raise RuntimeError(f"the study failed with {self._process.returncode}:\n{said}")

    def kill(self, how: signal.Signals) -> None:
        """Ends it; a process that was told to terminate may take its time."""
        self._process.send_signal(how)
        self._process.wait(timeout=_PATIENCE)
        self._said.close()


# -- what is there ---------------------------------------------------------------------------------


def recorded(workdir: Path) -> int:
    """How many trials have ended."""
    from jaxhpo.store.records import open_records

    try:
        with open_records(workdir, read_only=True) as records:
            return sum(trial.status.ended for trial in records.trials())
    except OSError:  # nothing there yet
        return 0


def exported(workdir: Path) -> dict[str, bytes]:
    """The study's tables, but for those that hold times."""
    from jaxhpo.store.export import export
    from jaxhpo.store.records import open_records

    with open_records(workdir, read_only=True) as records:
        files = export(records, workdir / "export")
    return {f.name: f.read_bytes() for f in files if not f.name.startswith("timings")}


def digest(workdir: Path) -> str | None:
    """What a finished study recorded of its trials and its sampler, as one number."""
    from jaxhpo.store.records import open_records

    with open_records(workdir, read_only=True) as records:
        return records.facts().get("digest")


def checkpoint(workdir: Path) -> int | None:
    """How many trials had ended when the newest checkpoint was taken, or None without one.

    Warnings are errors here: a kill at any moment must leave no checkpoint that is skipped.
    """
    from jaxhpo.store.checkpoints import newest

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = newest(workdir / "checkpoints")
    return None if found is None else found.step


def in_checkpoint(workdir: Path) -> bool:
    """Whether a checkpoint is being written, or was when a process was killed."""
    return any((workdir / "checkpoints").glob(".checkpoint-*.part"))


# -- the test --------------------------------------------------------------------------------------


def killed(workdir: Path, trials: int, kills: int, seed: int) -> Iterator[dict[str, Any]]:
    """Runs the study and kills it; yields what is known of each kill. The study may end before."""
    draws, start_up = random.Random(seed), math.inf
    for number in range(kills):
        devices = draws.choice(DEVICES)
        kind = (RECORD, CHECKPOINT, ANY)[number % 3]
        if kind == CHECKPOINT and not recorded(workdir):
            kind = RECORD
        before = recorded(workdir)
        run = Run(workdir, trials, devices)
        if kind == ANY:
            _until(_later(draws.uniform(0.0, min(start_up, _LATEST))), run)
        elif kind == RECORD:
            _until(lambda before=before: recorded(workdir) > before, run)
            start_up = min(start_up, time.monotonic() - run.began)
            time.sleep(draws.uniform(0.0, 0.15))
        else:
            _until(lambda: not in_checkpoint(workdir), run)  # what the last kill left
            _until(lambda: in_checkpoint(workdir), run)
            time.sleep(draws.uniform(0.0, 0.02))
        if run.ended:
            run.finish()  # with an error, if it failed
            return
        how = signal.SIGTERM if number % _TERM == _TERM - 1 else signal.SIGKILL
        run.kill(how)
        yield {
            "kill": number + 1,
            "moment": kind,
            "signal": how.name,
            "devices": devices,
            "seconds": round(time.monotonic() - run.began, 2),
            "ended": recorded(workdir),
            "checkpoint": checkpoint(workdir),
        }


def _later(seconds: float) -> Callable[[], bool]:
    """Whether so much time has passed since this was called."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _until(happened: Callable[[], bool], run: Run) -> None:
    """Returns when it has happened, or the process has ended, or at the end of our patience."""
    deadline = time.monotonic() + _PATIENCE
    while not happened() and not run.ended and time.monotonic() < deadline:
        time.sleep(0.005)


def compared(whole: Path, other: Path) -> dict[str, Any]:
    """What is the same in two finished studies; every value is True where all is well."""
    one, two = exported(whole), exported(other)
    found: dict[str, Any] = {name: one[name] == two.get(name) for name in sorted(one)}
    found["no other table"] = set(two) <= set(one)
    found["digest"] = digest(whole) is not None and digest(whole) == digest(other)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Runs the test from the command line; 0 if all is the same and as many kills hit, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="how often (50)")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments and devices (0)")
    parser.add_argument("--trials", type=int, help=f"of the study ({_TRIALS} a kill)")
    parser.add_argument("--out", help="a JSON file for the result")
    given = parser.parse_args(arguments)
    trials = given.trials or max(96, _TRIALS * given.kills)
    with tempfile.TemporaryDirectory(prefix="jaxhpo-kills-") as name:
        whole, other = Path(name) / "whole", Path(name) / "killed"
        began = time.monotonic()
        Run(whole, trials, DEVICES[-1]).finish()
        alone = time.monotonic() - began
        print(f"{trials} trials, left alone: {alone:.1f} s", flush=True)
        print(
            f"{'kill':>4}  {'moment':<15}  {'signal':<7}  {'devices':>7}  {'seconds':>7}  "
            f"{'ended':>5}  checkpoint"
        )
        rows = []
        for row in killed(other, trials, given.kills, given.seed):
            rows.append(row)
            print(
                f"{row['kill']:>4}  {row['moment']:<15}  {row['signal']:<7}  {row['devices']:>7}  "
                f"{row['seconds']:>7.2f}  {row['ended']:>5}  {row['checkpoint'] or ''}",
                flush=True,
            )
        Run(other, trials, DEVICES[0]).finish()
        same = compared(whole, other)
        last = digest(other)
    for what, equal in same.items():
        print(f"{what}: {'the same' if equal else 'NOT THE SAME'}")
    counts = [row["ended"] for row in rows]
    lost = any(late < early for early, late in itertools.pairwise(counts))
    print(f"{len(rows)} kills; recorded trials were {'LOST' if lost else 'never lost'}")
    good = all(same.values()) and not lost and len(rows) == given.kills
    if given.out:
        _write(given, trials, rows, same, last, good)
    return 0 if good else 1


def _write(given: argparse.Namespace, trials: int, rows: Any, same: Any, last: Any, good: bool):
    from jaxhpo.store.environment import describe

    result = {
        "environment": describe(),
        "trials": trials,
        "asked": given.kills,
        "seed": given.seed,
        "good": good,
        "same": same,
        "digest": last,
        "kills": rows,
    }
    Path(given.out).write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
