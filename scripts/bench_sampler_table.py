"""The tables of samplers in README.md and docs/samplers.md, from the committed result of
`bench_sampler.py`.

python scripts/bench_sampler_table.py      writes them
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bench_table import ROOT, put

RESULT = "scripts/results/sampler.json"
_WHAT = {
    "auto": "`auto`, the default",
    "gp": "`gp`",
    "tpe": "`tpe`",
    "cmaes": "`cmaes`",
    "sobol": "`sobol`",
    "optuna-tpe": "Optuna's TPE",
    "optuna-gp": "Optuna's GP",
    "optuna-cmaes": "Optuna's CMA-ES",
    "nevergrad": "nevergrad's NGOpt",
}
_PEERS = ("optuna-tpe", "optuna-gp")
_ALL_PEERS = (*_PEERS, "optuna-cmaes", "nevergrad")
_FASTEST = ("auto", "tpe", "optuna-tpe")  # whose speeds are in the README
_FEWEST = 4  # problems; what was run on fewer is in the result file alone


def samplers(result: dict[str, Any]) -> str:
    """The README's tables and what they were measured with, as Markdown."""
    lines: list[str] = []
    for setting in result["readme"]:
        lines += [*_scores(setting, result["settings"][setting], _PEERS), ""]
    lines += [
        "Scores: 1 is the optimum, 0 what random search finds with as many trials; means over "
        "classic, rotated, noisy, mixed and conditional functions (`scripts/bench_problems.py`) "
        "and tables of trained networks (`scripts/bench_tables.py`). Differences are of searches "
        "of the same problem and seed, 95 % intervals by the bootstrap over problems and seeds. "
        "Where rows are over different numbers of problems, compare differences and not scores. "
        "Other batches and budgets: `docs/samplers.md`.",
        "",
    ]
    setting, rates = next(iter(result.get("speed", {}).items()), ("", {}))
    shown = {name: rates[name] for name in _FASTEST if name in rates}
    lines += [*_speeds(setting, shown), ""] if shown else []
    return "\n".join([*lines, _made_with(result, result["readme"]), ""])


def all_samplers(result: dict[str, Any]) -> str:
    """The tables that docs/samplers.md has: all settings but the README's, all speeds."""
    lines: list[str] = []
    for setting in result["docs"]:
        lines += [*_scores(setting, result["settings"][setting], _ALL_PEERS), ""]
    for setting, rates in result.get("speed", {}).items():
        lines += [*_speeds(setting, rates), ""]
    return "\n".join([*lines, _made_with(result, result["docs"]), ""])


def _made_with(result: dict[str, Any], shown: Iterable[str]) -> str:
    """By what these settings, and the speeds, were measured."""
    older: dict[str, list[str]] = {}
    for name in (*shown, "speeds"):
        if name in result["older"]:
            older.setdefault(_machine(result["older"][name]), []).append(name)
    told = [f"{_machine(result)}: `python scripts/bench_sampler.py run`, `speed`, then `table`."]
    told += [f"Earlier, with {machine}: {'; '.join(names)}." for machine, names in older.items()]
    return " ".join(told)


def _machine(made: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    return f"{made['hardware']['cpu']}, {versions}, {made['date']}"


def _scores(setting: str, found: dict[str, Any], against: tuple[str, ...]) -> list[str]:
    peers = [peer for peer in against if peer in found]
    above = [f"above {_WHAT[peer]}" for peer in peers]
    heads = [setting, "score", *above, "problems", "seeds"]
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    enough = {name for name in found if len(found[name]["problems"]) >= _FEWEST}
    for name in [name for name in _WHAT if name in enough]:
        entry = found[name]
        gains = [_gain(entry["differences"].get(peer)) for peer in peers]
        least, most = entry["seeds"], entry["most_seeds"]
        seeds = str(least) if least == most else f"{least} to {most}"
        cells = [_WHAT[name], f"{entry['score']:.2f}", *gains, str(len(entry["problems"])), seeds]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _gain(gain: dict[str, Any] | None) -> str:
    if gain is None:
        return ""
    low, high = gain["interval"]
    return f"{gain['mean']:+.2f} ({low:+.2f} to {high:+.2f})"


def _speeds(setting: str, rates: dict[str, Any]) -> list[str]:
    told = sorted({int(n) for of in rates.values() for n in of})
    heads = [f"proposals a second of one core, {setting}", *(f"{n:,} trials known" for n in told)]
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * len(told)]
    for name in [name for name in _WHAT if name in rates]:
        cells = [_WHAT[name], *(_rate(rates[name].get(str(n), "")) for n in told)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _rate(rate: Any) -> str:
    if rate is None:
        return "not tried"
    if isinstance(rate, dict):
        return f"below {rate['less_than']:.2g}"
    return f"{rate:,.0f}" if rate != "" and rate >= 10 else str(rate)


def main() -> None:
    """Writes the tables of samplers."""
    result = json.loads((ROOT / RESULT).read_text("utf-8"))
    put("samplers", samplers(result))
    put("all samplers", all_samplers(result), "docs/samplers.md")


if __name__ == "__main__":
    main()
