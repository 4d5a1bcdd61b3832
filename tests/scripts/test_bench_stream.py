"""The benchmark of blocks runs, and refuses rows that would fit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts/bench_stream.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_a_quick_run_leaves_a_result_and_a_table(tmp_path):
    out = tmp_path / "r.json"
    done = run("--rows=1600", "--limit=0.5", "--members=2", "--rounds=1", f"--out={out}")
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text("utf-8"))
    assert result["megabytes"] > 2 * result["limit_megabytes"]
    assert result["block_rows"] * 788 * 2 <= 0.5e6
    row = result["members"]["2"]
    assert set(row) == {"whole", "kept", "memory", "file"}
    assert row["whole"]["times_whole"] == row["kept"]["times_kept"] == 1
    assert all(found["seconds"] > 0 for found in row.values())
    assert "| 2 | " in done.stdout


@pytest.mark.slow
def test_rows_below_the_limit_measure_nothing():
    done = run("--rows=600", "--limit=8")
    assert done.returncode != 0
    assert "below the limit" in done.stderr
