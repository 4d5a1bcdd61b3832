"""A few kills, with the script that does fifty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "kill_test.py"
sys.path.insert(0, str(SCRIPT.parent))

import kill_test  # noqa: E402


@pytest.mark.slow
def test_a_study_that_is_killed_ends_as_if_it_had_not_been(tmp_path):
    out = tmp_path / "kills.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills=3", "--seed=3", f"--out={out}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(out.read_text("utf-8"))
    assert result["good"]
    assert {"trials.csv", "curves.csv", "digest"} <= set(result["same"])
    assert [row["kill"] for row in result["kills"]] == [1, 2, 3]
    assert len({row["devices"] for row in result["kills"]}) > 1
    assert result["kills"][-1]["ended"] > 0
    assert any(row["checkpoint"] is not None for row in result["kills"])
    assert "3 kills; recorded trials were never lost" in done.stdout


def test_a_difference_is_noticed(tmp_path, monkeypatch):
    tables = {"one": {"trials.csv": b"1"}, "two": {"trials.csv": b"2", "more.csv": b""}}
    monkeypatch.setattr(kill_test, "exported", lambda path: tables[path.name])
    monkeypatch.setattr(kill_test, "digest", lambda path: path.name)
    found = kill_test.compared(tmp_path / "one", tmp_path / "two")
    assert found == {"trials.csv": False, "no other table": False, "digest": False}
    assert all(kill_test.compared(tmp_path / "one", tmp_path / "one").values())
