"""The README's table of samplers, from the committed result of `bench_sampler.py`.

python scripts/bench_sampler_table.py      writes it into README.md
"""

from __future__ import annotations

import json
from typing import Any

from bench_table import ROOT, put

RESULT = "scripts/results/sampler.json"
_WHAT = {
    "auto": "`auto`, the default of `minimize`",
    "gp": "`gp` (what `auto` picks here)",
    "tpe": "`tpe`",
    "sobol": "`sobol`",
    "optuna-tpe": "Optuna's TPE",
    "optuna-gp": "Optuna's GP",
    "optuna-cmaes": "Optuna's CMA-ES",
}


def samplers(result: dict[str, Any]) -> str:
    """The tables and what they were measured with, as Markdown."""
    lines = []
    for setting in result["readme"]:
        found = result["settings"][setting]
        names = [name for name in _WHAT if name in found]
        lines += [
            f"| {setting} | score | above Optuna's TPE, 95 % interval | seeds |",
            "| --- | ---: | ---: | ---: |",
            *(_line(name, found[name]) for name in names),
            "",
        ]
        count = max(len(found[name]["problems"]) for name in names)
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines += [
        f"The mean over {count} functions (classic, rotated, noisy, mixed and conditional; "
        "`scripts/bench_problems.py`): 1 is the optimum, 0 what random search finds with as many "
        "trials. Intervals are over problems and seeds. Few seeds: take differences for what their "
        f"intervals say. {versions}, {result['date']}: `python scripts/bench_sampler.py run`, then "
        "`table`.",
        "",
    ]
    return "\n".join(lines)


def _line(name: str, entry: dict[str, Any]) -> str:
    gain = entry.get("difference")
    text = ""
    if gain is not None:
        low, high = gain["interval"]
        text = f"{gain['mean']:+.2f} ({low:+.2f} to {high:+.2f})"
    return f"| {_WHAT[name]} | {entry['score']:.2f} | {text} | {entry['seeds']} |"


def main() -> None:
    """Writes the tables of samplers into the README."""
    put("samplers", samplers(json.loads((ROOT / RESULT).read_text("utf-8"))))


if __name__ == "__main__":
    main()
