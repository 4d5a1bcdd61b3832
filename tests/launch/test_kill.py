"""Killed at random moments and started again, a study ends in the same table."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import environment

from jaxhpo.store.export import export
from jaxhpo.store.records import open_records

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--trials=48",
    "--max_epochs=6",
    "--lookahead=16",
    "--batch=8",
    "--scheduler=median",
    "--scheduler_option=warmup=2",
    "--noreport",
]


def start(workdir: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "experiments.digits", f"--workdir={workdir}", *FLAGS]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def exported(workdir: Path) -> dict[str, bytes]:
    with open_records(workdir, read_only=True) as records:
        files = export(records, workdir / "export")
    return {f.name: f.read_bytes() for f in files if not f.name.startswith("timings")}


def ended(workdir: Path) -> int:
    try:
        with open_records(workdir, read_only=True) as records:
            return sum(t.status.ended for t in records.trials())
    except OSError:
        return 0


def finish(process: subprocess.Popen) -> None:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()


@pytest.mark.slow
def test_five_kills_end_in_the_same_table(tmp_path):
    finish(start(tmp_path / "whole"))
    place = random.Random(20261121)
    counts = []
    for kill in range(5):
        process = start(tmp_path / "killed")
        before = ended(tmp_path / "killed")
        deadline = time.monotonic() + 120
        # Half of the kills are soon after something was recorded, half at any moment of the start.
        while kill % 2 and ended(tmp_path / "killed") <= before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(place.uniform(0.0, 0.15 if kill % 2 else 4.0))
        process.send_signal(signal.SIGTERM if kill == 3 else signal.SIGKILL)
        process.communicate(timeout=60)
        counts.append(ended(tmp_path / "killed"))
    assert counts == sorted(counts)  # nothing that was recorded is lost
    assert counts[-1] > 0
    finish(start(tmp_path / "killed"))
    whole, killed = exported(tmp_path / "whole"), exported(tmp_path / "killed")
    assert {"trials.csv", "curves.csv"} <= set(whole)
    assert whole == killed
    statuses = whole["trials.csv"].decode()
    assert "stopped" in statuses
    assert len(statuses.splitlines()) == 49
