"""Two ways of `tpe` with constraints, compared: feasible trials first, or ratios of densities.

    python scripts/bench_constraints.py --seeds=20 --out=scripts/results/constraints.json

Searches of 256 trials in batches of 16 on eight constrained problems: textbook ones (Gardner et al.
2014; Gramacy et al. 2016; Coello 2000), and functions of `bench_problems.py` with constraints that
leave a tenth to a twentieth of the space. Counts the least loss of a feasible trial, as a share of
the way from the median of random search to the least that any search found; -1 where none is
feasible, and at least. Differences are paired, with 95 % intervals by the bootstrap over problems
and over seeds within them.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from jaxhpo import registry
from jaxhpo.space import Float, Space
from scripts.bench_problems import problems
from scripts.bench_sampler_scores import difference, versions

TRIALS, BATCH = 256, 16
WAYS = {"first": {"constraints": "first"}, "ratios": {"constraints": "ratios"}}
Values = tuple[np.ndarray, np.ndarray]


class Bounded(NamedTuple):
    """space; fn: configurations to losses [n] and constraints [n, c], kept where at most 0."""

    space: Space
    fn: Callable[[list[dict[str, Any]]], Values]


@functools.cache
def _unit(d: int) -> Space:
    """[0, 1]^d; one object, so that samplers compile for it once."""
    return Space({f"x{i}": Float(0.0, 1.0) for i in range(d)})


def _of_box(bounds: Iterable[tuple[float, float]], fn: Callable[[np.ndarray], Values]) -> Bounded:
    low, high = np.array(list(bounds)).T
    space = _unit(len(low))

    def of(configs: list[dict[str, Any]]) -> Values:
        unit = np.array([[c[f"x{i}"] for i in range(len(space))] for c in configs])
        return fn(low + unit * (high - low))

    return Bounded(space, of)


def _gardner(x: np.ndarray) -> Values:
    a, b = x.T
    loss = np.cos(2 * a) * np.cos(b) + np.sin(a)
    return loss, (np.cos(a) * np.cos(b) - np.sin(a) * np.sin(b) + 0.5)[:, None]


def _gramacy(x: np.ndarray) -> Values:
    a, b = x.T
    wave = 1.5 - a - 2 * b - 0.5 * np.sin(2 * np.pi * (a**2 - 2 * b))
    return a + b, np.stack([wave, a**2 + b**2 - 1.5], axis=1)


def _spring(x: np.ndarray) -> Values:
    d, c, n = x.T
    shear = (4 * c**2 - d * c) / (12566 * (c * d**3 - d**4)) + 1 / (5108 * d**2) - 1
    broken = [1 - c**3 * n / (71785 * d**4), shear, 1 - 140.45 * d / (c**2 * n), (c + d) / 1.5 - 1]
    return (n + 2) * c * d**2, np.stack(broken, axis=1)


def _vessel(x: np.ndarray) -> Values:
    shell, head, r, length = x.T
    loss = 0.6224 * shell * r * length + 1.7781 * head * r**2
    loss = loss + 3.1661 * shell**2 * length + 19.84 * shell**2 * r
    volume = 1_296_000 - np.pi * r**2 * length - 4 / 3 * np.pi * r**3
    return loss, np.stack([0.0193 * r - shell, 0.00954 * r - head, volume], axis=1)


def _beam(x: np.ndarray) -> Values:
    h, length, t, b = x.T
    loss = 1.10471 * h**2 * length + 0.04811 * t * b * (14 + length)
    first = 6000 / (np.sqrt(2) * h * length)
    radius = np.sqrt(length**2 / 4 + ((h + t) / 2) ** 2)
    inertia = 2 * np.sqrt(2) * h * length * (length**2 / 12 + ((h + t) / 2) ** 2)
    second = 6000 * (14 + length / 2) * radius / inertia
    shear = np.sqrt(first**2 + first * second * length / radius + second**2)
    stress, bend = 504_000 / (b * t**2), 2.1952 / (t**3 * b)
    buckling = 4.013 * 30e6 * np.sqrt(t**2 * b**6 / 36) / 196
    buckling = buckling * (1 - t / 28 * np.sqrt(30e6 / (4 * 12e6)))
    return loss, np.stack(
        [shear - 13_600, stress - 30_000, h - b, bend - 0.25, 6000 - buckling], axis=1
    )


def _cut(name: str, shares: tuple[float, ...]) -> Bounded:
    """A problem of `bench_problems.py` with random quadratic constraints, each of which that share
    of the space keeps."""
    problem = problems()[name]
    rng = np.random.default_rng([7, len(name), len(problem.space)])
    centers = rng.uniform(0.2, 0.8, (len(shares), len(problem.space)))
    weights = rng.exponential(1.0, (len(shares), len(problem.space)))
    layout = problem.space.layout
    some = rng.random((20_000, layout.d)).astype(np.float32)
    snapped = np.asarray(layout.snap(jnp.asarray(some)), np.float64)

    def far(points: np.ndarray) -> np.ndarray:
        return (weights[None] * (points[:, None] - centers[None]) ** 2).sum(axis=2)

    limits = [np.quantile(column, q) for column, q in zip(far(snapped).T, shares, strict=True)]

    def fn(configs: list[dict[str, Any]]) -> Values:
        points = problem.space.encode(configs).astype(np.float64)
        return problem.fn(configs), far(points) - np.array(limits)

    return Bounded(problem.space, fn)


def bounded() -> dict[str, Bounded]:
    """The problems by name."""
    thick = (0.0625, 6.1875)
    return {
        "gardner": _of_box([(0, 6), (0, 6)], _gardner),
        "gramacy": _of_box([(0, 1), (0, 1)], _gramacy),
        "spring": _of_box([(0.05, 2), (0.25, 1.3), (2, 15)], _spring),
        "vessel": _of_box([thick, thick, (10, 200), (10, 200)], _vessel),
        "beam": _of_box([(0.1, 2), (0.1, 10), (0.1, 10), (0.1, 2)], _beam),
        "hartmann6": _cut("hartmann6", (0.1,)),
        "ackley6": _cut("ackley6", (0.05,)),
        "mixed2": _cut("mixed2", (0.2, 0.5)),
    }


def searched(problem: Bounded, options: dict[str, Any], seed: int) -> float:
    """The least loss of a feasible trial; infinite without one."""
    layout = problem.space.layout
    sampler = registry.get("samplers", "tpe")(layout, **options)
    state, none = sampler.init(jax.random.key(seed)), jnp.zeros((0, layout.d))
    best = np.inf
    for first in range(0, TRIALS, BATCH):
        points = sampler.ask(state, first, none, BATCH).points
        losses, broken = problem.fn(problem.space.decode(np.asarray(points)))
        losses = np.where(np.isfinite(losses), losses, np.nan)
        over = jnp.asarray(np.nan_to_num(np.maximum(broken, 0.0), nan=np.inf), jnp.float32)
        told = jnp.asarray(losses, jnp.float32)
        state = sampler.tell(state, points, told, jnp.isfinite(told), over)
        kept = (broken <= 0).all(axis=1) & np.isfinite(losses)
        best = min(best, losses[kept].min(initial=np.inf))
    return float(best)


def by_chance(problem: Bounded) -> float:
    """The median of random searches, from 20,000 points resampled; the worst feasible loss where
    most of them find nothing."""
    layout, rng = problem.space.layout, np.random.default_rng(5)
    points = layout.snap(jnp.asarray(rng.random((20_000, layout.d)), jnp.float32))
    losses, broken = problem.fn(problem.space.decode(np.asarray(points)))
    kept = (broken <= 0).all(axis=1) & np.isfinite(losses)
    losses = np.where(kept, losses, np.inf)
    found = np.median([losses[rng.integers(0, 20_000, TRIALS)].min() for _ in range(999)])
    return float(found if np.isfinite(found) else losses[kept].max(initial=np.nan))


def main() -> None:
    """Searches, then says and writes who was better."""
    parser = argparse.ArgumentParser(description="Constraints in tpe, two ways.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--problems", default="", help="separated by commas; all by default")
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    names = options.problems.split(",") if options.problems else list(bounded())
    out = Path(options.out) if options.out else None
    table: dict[str, Any] = {}
    if out is not None and out.exists():  # of as many seeds: what is there is left out
        before = json.loads(out.read_text("utf-8"))
        table = before["problems"] if before["seeds"] == options.seeds else {}
    for name in names:
        if name in table:
            continue
        problem = bounded()[name]
        found = {
            way: [searched(problem, given, seed) for seed in range(options.seeds)]
            for way, given in WAYS.items()
        }
        table[name] = entry(found, by_chance(problem))
        print(json.dumps({name: table[name]}), flush=True)
        scores = {
            way: {n: dict(enumerate(e[way]["scores"])) for n, e in table.items()} for way in WAYS
        }
        gain = difference(scores["ratios"], scores["first"])
        print("ratios - first", gain, flush=True)
        if out is not None:
            command = f"python scripts/bench_constraints.py --seeds={options.seeds}"
            result = {"problems": table, "ratios - first": gain, "seeds": options.seeds}
            result |= {"trials": TRIALS, "batch": BATCH, "command": command, "versions": versions()}
            out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def entry(found: dict[str, list[float]], chance: float) -> dict[str, Any]:
    """One problem's part of the table, from the losses of each way's searches."""
    least = min(map(min, found.values()))
    extent = max(chance - least, 1e-12)
    made: dict[str, Any] = {"random": round(chance, 5)}
    for way, losses in found.items():
        each = [round(max(-1.0, (chance - loss) / extent), 4) for loss in losses]
        made[way] = {
            "score": round(float(np.mean(each)), 3),
            "feasible": round(float(np.mean(np.isfinite(losses))), 2),
            "scores": each,
        }
    return made


if __name__ == "__main__":
    main()
