"""The benchmark runs, and its contestants do the same work."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_contestants as contestants  # noqa: E402


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPTS / "bench_population.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_a_quick_run_leaves_a_result_with_hardware_and_ratios(tmp_path):
    done = run("--quick", "--workloads=B", f"--out={tmp_path / 'r.json'}")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert result["hardware"]["cpu"]
    assert result["command"].startswith("python scripts/bench_population.py --quick")
    assert result["cores_used"] == min(2, len(os.sched_getaffinity(0)))
    found = result["workloads"]["B"]
    assert {"jaxhpo", "scan", "recompile"} <= set(found)
    for name, row in found.items():
        assert row["trials_per_second"] > 0
        assert row["median_score"] > 0.9
        assert row["jaxhpo_is_faster_by"] == pytest.approx(
            found["jaxhpo"]["rounds"][0] / row["rounds"][0]
        )
        assert f"{name} " in done.stdout
    if "torch" not in found:
        assert "torch is left out: ModuleNotFoundError" in done.stderr


def test_cores_that_are_not_ours_are_refused():
    done = run("--cores=100000")
    assert done.returncode == 2
    assert "got [100000]" in done.stderr


@pytest.mark.slow
def test_contestants_reach_the_same_error(monkeypatch):
    """Both get one learning rate and dropout for 48 trials of workload A, shortened.

    Their streams of random numbers differ, so means are compared: at 4 standard errors of the
    difference a false failure has a chance below 1 in 10,000. The keys are fixed.
    """
    work = contestants.workload("A")._replace(epochs=30)
    monkeypatch.setattr(
        contestants, "settings", lambda seed: ((i, 2e-3, 0.1) for i in itertools.count())
    )
    theirs = np.array(contestants.scan(work)(48))

    import jaxhpo
    from jaxhpo import Float, Space

    fixed = Space(lr=2e-3, dropout=0.1, unused=Float(0.0, 1.0))
    monkeypatch.setattr(jaxhpo, "Space", lambda **_: fixed, raising=False)
    ours = np.array(contestants.jaxhpo(work)(48))
    error = np.sqrt((ours.var() + theirs.var()) / 48)
    assert abs(ours.mean() - theirs.mean()) < 4 * error
    assert ours.std() > 0
