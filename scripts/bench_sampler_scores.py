"""What `bench_sampler.py` found, as scores, differences and their intervals."""

from __future__ import annotations

import argparse
import datetime
import functools
import glob
import gzip
import importlib.metadata
import json
import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench_problems import problems

_RANDOM = 50_000
_PACKAGES = ("jax", "numpy", "optuna", "cmaes", "torch", "nevergrad")
Scores = dict[str, dict[int, float]]
"""Problem to seed to score."""


@functools.cache
def _random_losses(name: str) -> np.ndarray:
    problem = problems()[name]
    points = np.random.default_rng(99).random((_RANDOM, len(problem.space))).astype(np.float32)
    return problem.fn(problem.space.decode(points))


@functools.cache
def random_median(name: str, trials: int) -> float:
    """The median of what random search finds with so many trials."""
    rng = np.random.default_rng(7)
    losses, noise = _random_losses(name), problems()[name].noise
    found = []
    for _ in range(999):
        which = rng.integers(0, len(losses), trials)
        seen = losses[which] + noise * rng.normal(size=trials)
        found.append(losses[which[np.nanargmin(seen)]])
    return float(np.median(found))


def score(name: str, found: float, trials: int) -> float | None:
    """1: the optimum; 0: what random search finds; None where that is the optimum itself."""
    middle, least = random_median(name, trials), problems()[name].optimum
    if middle - least <= 1e-9 * max(abs(middle), abs(least)):
        return None
    return max(-1.0, (middle - found) / (middle - least))


def scores(lines: Iterable[str]) -> dict[tuple[int, int], dict[str, Scores]]:
    """(batch, budget) to sampler to scores.

    Of searches that had more trials, what they had found by then counts too; a search that was
    given just this budget comes first.
    """
    found: Any = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    known = problems()
    read = [json.loads(line) for line in lines]
    for line in sorted(read, key=lambda line: -line["trials"]):
        if line["problem"] not in known:
            continue
        for budget, loss in line["found"].items():
            value = score(line["problem"], loss, int(budget))
            if value is not None:
                setting = found[line["batch"], int(budget)][line["sampler"]]
                setting[line["problem"]][line["seed"]] = value
    return found


def difference(ours: Scores, theirs: Scores, *, draws: int = 2000) -> dict[str, Any] | None:
    """Mean difference of scores over problems, by pairs of one problem and seed, with a 95 %
    interval by the bootstrap over problems and over pairs within them; None without pairs."""
    pairs = []
    for problem in sorted(set(ours) & set(theirs)):
        seeds = sorted(set(ours[problem]) & set(theirs[problem]))
        if seeds:
            pairs.append(np.array([ours[problem][s] - theirs[problem][s] for s in seeds]))
    if not pairs:
        return None
    rng = np.random.default_rng(3)
    means = np.zeros(draws)
    which = rng.integers(0, len(pairs), (draws, len(pairs)))
    for column in which.T:
        # For each draw, the mean of as many pairs as its problem has, drawn anew.
        for i, differences in enumerate(pairs):
            rows = np.flatnonzero(column == i)
            again = rng.integers(0, len(differences), (len(rows), len(differences)))
            means[rows] += differences[again].mean(axis=1)
    low, high = np.quantile(means / len(pairs), [0.025, 0.975])
    each = np.array([p.mean() for p in pairs])
    return {
        "mean": round(float(each.mean()), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "problems": len(pairs),
        "pairs": sum(map(len, pairs)),
        "better_on": int((each > 0).sum()),
    }


def entry(name: str, setting: dict[str, Scores], against: Iterable[str]) -> dict[str, Any]:
    """One sampler in one setting."""
    families = {name: problem.family for name, problem in problems().items()}
    mean = {p: float(np.mean(list(s.values()))) for p, s in setting[name].items()}
    by_family: dict[str, list[float]] = defaultdict(list)
    for problem, value in mean.items():
        by_family[families[problem]].append(value)
    counts = [len(s) for s in setting[name].values()]
    return {
        "score": round(float(np.mean(list(mean.values()))), 3),
        "families": {k: round(float(np.mean(v)), 3) for k, v in by_family.items()},
        "problems": {k: round(v, 3) for k, v in mean.items()},
        "seeds": min(counts),
        "most_seeds": max(counts),
        "differences": {
            peer: difference(setting[name], setting[peer])
            for peer in against
            if peer in setting and peer != name
        },
    }


def table(options: argparse.Namespace) -> None:
    """Scores by setting, written as JSON and printed."""
    against = options.against.split(",")
    result: dict[str, Any] = {"settings": {}}
    for (batch, budget), setting in sorted(scores(searches(options.runs)).items()):
        entries = {name: entry(name, setting, against) for name in setting}
        result["settings"][f"batch {batch}, {budget} trials"] = entries
        _print(f"batch {batch}, {budget} trials", entries, options.verbose)
    if options.out:
        _write(options, result)


def searches(pattern: str) -> list[str]:
    """The lines of all files that a pattern names, those that end in .gz unpacked."""
    found = []
    for file in map(Path, sorted(glob.glob(pattern))):
        held = file.read_bytes()
        text = gzip.decompress(held) if file.suffix == ".gz" else held
        found += text.decode("utf-8").splitlines()
    return found


def joined(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A result with what it lacks from an older one: speeds, and settings that it has not, or has
    of fewer searches.

    A setting comes whole from one of the two, since differences are of searches in pairs. What is
    older is named under "older", with what it was measured on.
    """
    made = {name: old.get(name) for name in ("date", "hardware", "versions")}
    settings, older = dict(new["settings"]), {}
    for name, entries in old.get("settings", {}).items():
        if _count(entries) > _count(settings.get(name, {})):
            settings[name] = entries
            older[name] = old.get("older", {}).get(name, made)
    speed = new.get("speed")
    if speed is None:
        speed = old.get("speed", {})
        older["speeds"] = old.get("older", {}).get("speeds", made)
    return {
        **new,
        "settings": {name: settings[name] for name in sorted(settings, key=_numbers)},
        "speed": {name: speed[name] for name in sorted(speed, key=_numbers)},
        "older": older,
    }


def _numbers(setting: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", setting)]


def _count(entries: Mapping[str, Any]) -> int:
    """How many searches, at least, a setting is of."""
    return sum(found["seeds"] * len(found["problems"]) for found in entries.values())


def _print(setting: str, entries: dict[str, Any], verbose: bool) -> None:
    print(setting)
    for name, found in sorted(entries.items(), key=lambda kv: -kv[1]["score"]):
        print(
            f"  {name:28s} {found['score']:6.3f}  {len(found['problems'])} problems, "
            f"{found['seeds']} to {found['most_seeds']} seeds {found['families']}"
        )
        for peer, gain in found["differences"].items():
            if gain is not None:
                print(
                    f"      against {peer}: {gain['mean']:+.3f} {gain['interval']}, better on "
                    f"{gain['better_on']} of {gain['problems']}, {gain['pairs']} pairs"
                )
        if verbose:
            print("     ", found["problems"])


def _write(options: argparse.Namespace, result: dict[str, Any]) -> None:
    from scripts.bench_sampler_speed import path

    speeds, out = path(options.runs), Path(options.out)
    before = json.loads(out.read_text("utf-8")) if out.exists() else {}
    if speeds.exists():
        result["speed"] = json.loads(speeds.read_text("utf-8"))
    result["readme"] = options.readme.split(";")
    result["docs"] = options.docs.split(";") if options.docs else before.get("docs", [])
    result["commands"] = [
        "python scripts/bench_sampler.py run --samplers=... --batch=B --trials=N --seeds=S",
        "python scripts/bench_sampler.py speed --samplers=...",
        "python scripts/bench_sampler.py table --out=scripts/results/sampler.json",
    ]
    result["date"] = datetime.date.today().isoformat()
    result["hardware"] = {"cpu": _cpu(), "cores": os.cpu_count()}
    result["versions"] = versions()
    out.write_text(json.dumps(joined(result, before), indent=1) + "\n", "utf-8")


def versions() -> dict[str, str]:
    """Of Python and of the packages that are compared."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
        return next(x.split(":")[1].strip() for x in text.splitlines() if "model name" in x)
    except (OSError, StopIteration):
        return platform.processor()
