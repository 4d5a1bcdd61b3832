"""How often the analysis is wrong, and how often it finds what is there, by simulation.

    python scripts/calibrate.py --out=scripts/results/calibration.json
    python scripts/calibrate.py --parts noise --studies=1000      # more of one part

noise: studies whose objective is pure noise. How many name any parameter, recommend to fix, narrow
    or drop anything, or say anything else of a parameter?
power: one of ten parameters explains a share of the objective's variance. How often is it found,
    and how often is another one named?
coverage: how often 95 % intervals hold the true value.

After random search, and after TPE with a start-up of max(25, a fifth) trials that are drawn without
looking at results. With ``--chunks FILE`` every chunk of studies that is done is written there, a
line each, and what is there already is not done again: a run that was killed goes on where it was,
and several may be run one after the other, on different cores.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from calibration_core import Cell
from calibration_studies import cells

from jaxhpo.analysis import Options

STUDIES = {"noise": 1000, "power": 60, "coverage": 200}
CHUNK = 20


def done(chunks: Path | None) -> list[dict[str, Any]]:
    """The chunks that were written, the first of equals."""
    if chunks is None or not chunks.exists():
        return []
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for line in chunks.read_text("utf-8").splitlines():
        chunk = json.loads(line)
        found.setdefault((chunk["cell"], chunk["first"]), chunk)
    return list(found.values())


def run(
    wanted: Sequence[Cell], studies: int, known: Sequence[dict[str, Any]], options: Options
) -> Iterator[dict[str, Any]]:
    """The chunks that are missing, of every cell in turn."""
    there = {(chunk["cell"], chunk["first"]) for chunk in known}
    for first in range(0, studies, CHUNK):
        for cell in wanted:
            if (cell.name, first) in there:
                continue
            sums: Counter[str] = Counter()
            size, started = min(CHUNK, studies - first), time.process_time()
            for seed in range(first, first + size):
                sums.update(cell.tally(seed, options))
            yield {
                "cell": cell.name,
                "first": first,
                "studies": size,
                "seconds": round(time.process_time() - started, 1),
                "sums": dict(sums),
            }


def rows(wanted: Sequence[Cell], chunks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One of each cell that has any studies."""
    found = []
    for cell in wanted:
        ours = [chunk for chunk in chunks if chunk["cell"] == cell.name]
        sums: Counter[str] = Counter()
        for chunk in ours:
            sums.update(chunk["sums"])
        if ours:
            found.append({**cell.about, **cell.row(sums, sum(c["studies"] for c in ours))})
    return found


def hardware() -> dict[str, Any]:
    """What it ran on."""
    cpu = platform.processor() or "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else ():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpu": cpu, "system": platform.platform(), "cores_used": 1}


def main() -> None:
    """Runs the parts and writes each where it is done."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--parts", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    asked.add_argument("--studies", type=int, help="simulated studies of each cell")
    asked.add_argument("--resamples", type=int, default=40, help="behind each interval")
    asked.add_argument("--chunks", type=Path, help="a file of chunks to go on from")
    asked.add_argument("--out", type=Path, help="a JSON file; parts that it has are replaced")
    asked.add_argument("--note", default="", help="what else is to be said of the machine")
    given = asked.parse_args()
    options = Options(resamples=given.resamples, most=500)
    for part in given.parts:
        wanted = [cell for cell in cells() if cell.part == part]
        studies, held = given.studies or STUDIES[part], done(given.chunks)
        for chunk in run(wanted, studies, held, options):
            held.append(chunk)
            print(chunk["cell"], chunk["first"], chunk["seconds"], flush=True)
            if given.chunks is not None:
                with given.chunks.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(chunk) + "\n")
        ours = [c for c in held if c["cell"] in {cell.name for cell in wanted}]
        found = rows(wanted, ours)
        print(json.dumps(found))
        if given.out is None:
            continue
        known = json.loads(given.out.read_text()) if given.out.exists() else {}
        known[part] = {
            "command": "python scripts/calibrate.py " + " ".join(sys.argv[1:]),
            "date": datetime.date.today().isoformat(),
            "hardware": {**hardware(), **({"note": given.note} if given.note else {})},
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
            "seconds": round(sum(c["seconds"] for c in ours)),
            "studies": studies,
            "options": {"resamples": options.resamples, "most": options.most},
            "rows": found,
        }
        given.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
