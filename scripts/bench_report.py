"""How long a report of many trials takes, from the trial table to the last file.

    taskset -c 2,3 python scripts/bench_report.py --out scripts/results/report.json

Ten parameters of all kinds, two of which decide the objective; half of the trials count as chosen
without looking at results. `seconds` is by the clock and depends on what else the machine does;
`processor seconds` is what all threads together used, which the clock can't exceed on idle cores.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from calibrate import hardware
from calibration_studies import SPACE

from jaxhpo.analysis import analysed_table
from jaxhpo.report.bundle import write_report


def table(n: int) -> pd.DataFrame:
    """n random configurations and what they score."""
    rng = np.random.default_rng(n)
    points = rng.random((n, len(SPACE))).astype(np.float32)
    configs = SPACE.decode(np.asarray(SPACE.layout.snap(jnp.asarray(points))))
    value = 3 * points[:, 0] + np.abs(points[:, 3] - 0.4) + 0.3 * rng.normal(size=n)
    columns: dict[str, Any] = {
        "status": np.full(n, "complete", object),
        "phase": np.where(np.arange(n) < n // 2, "explore", "model").astype(object),
        "value": value,
        "seconds": rng.exponential(2.0, n),
    }
    for name in SPACE.names:
        columns[f"param.{name}"] = pd.Series([c[name] for c in configs])
    return pd.DataFrame(columns).rename_axis("number")


def measured(n: int) -> dict[str, Any]:
    """One report."""
    made = table(n)
    clock, used = time.perf_counter(), time.process_time()
    found = analysed_table(made, SPACE, objective="loss", maximize=False)
    analysed = time.perf_counter() - clock
    with tempfile.TemporaryDirectory() as home:
        files = write_report(found, home)
        size = sum(path.stat().st_size for path in files)
        page = (Path(home) / "report.html").stat().st_size
    return {
        "trials": n,
        "seconds": round(time.perf_counter() - clock, 1),
        "of these for the analysis": round(analysed, 1),
        "processor seconds": round(time.process_time() - used, 1),
        "files": len(files),
        "megabytes": round(size / 1e6, 2),
        "megabytes of the page": round(page / 1e6, 2),
    }


def main() -> None:
    """Measures each size once."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--trials", type=int, nargs="+", default=[1000, 100_000])
    asked.add_argument("--out", type=Path, help="a JSON file")
    asked.add_argument("--note", default="", help="what else is to be said of the machine")
    given = asked.parse_args()
    rows = []
    for n in given.trials:
        rows.append(measured(n))
        print(rows[-1], flush=True)
    if given.out is not None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        machine = {**hardware(), "cores_used": cores, "load": round(os.getloadavg()[0], 1)}
        result = {
            "command": "python scripts/bench_report.py " + " ".join(sys.argv[1:]),
            "date": datetime.date.today().isoformat(),
            "hardware": {**machine, **({"note": given.note} if given.note else {})},
            "rows": rows,
        }
        given.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
