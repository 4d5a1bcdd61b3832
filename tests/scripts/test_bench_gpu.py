"""The benchmark for accelerators runs where nothing but the JAX stack is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAN = """
import runpy, sys
for name in ("sqlalchemy", "plotly", "matplotlib", "sklearn", "pyarrow", "torch"):
    sys.modules[name] = None
script = sys.argv[1]
sys.argv = sys.argv[1:]
runpy.run_path(script, run_name="__main__")
"""


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", LEAN, str(ROOT / "scripts/bench_gpu.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.slow
def test_a_smoke_run_measures_every_lowering_and_leaves_a_result_and_a_trace(tmp_path):
    out, traces = tmp_path / "deep" / "r.json", tmp_path / "traces"
    done = run("--smoke", "--workloads=A,C", f"--out={out}", f"--profile={traces}")
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text("utf-8"))
    assert result["device"]["platform"] == "cpu"
    assert result["copy_gigabytes_per_second"] > 0.1
    found = {(row["workload"], row["how"]): row for row in result["results"]}
    assert list(found) == [("A", "dense"), ("C", "direct"), ("C", "matmul"), ("C", "map")]
    dense = found["A", "dense"]
    assert dense["parameters"] == 5 * 64 + 64 + 64 * 128 + 128 + 128 * 64 + 64 + 64 * 36 + 36
    bandwidth = result["copy_gigabytes_per_second"] * 1e9
    limit = dense["limit_member_steps_per_second"]
    assert limit == pytest.approx(bandwidth / (36 * dense["parameters"]))
    for row in found.values():
        (one,) = row["widths"]
        assert one["member_steps_per_second"] > 0
        assert one["share_of_limit"] == pytest.approx(
            one["member_steps_per_second"] / row["limit_member_steps_per_second"]
        )
        name = f"{row['workload']}-{row['how']}-{one['width']}"
        assert list((traces / name).rglob("*.xplane.pb"))
        assert f"{row['workload']:3}{row['how']:<8}" in done.stdout


def test_a_workload_that_there_is_not_is_refused():
    done = run("--workloads=A,D")
    assert done.returncode == 2
    assert "got A,D" in done.stderr
