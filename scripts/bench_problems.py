"""What samplers are compared on: functions whose optimum is known, and tables of real training.

Every function has shifts, rotations and offsets of our own, drawn from a fixed seed, so that no
sampler finds an optimum by preferring the middle, a corner or an axis:

    classic      Branin, Hartmann, Ackley, Levy, Rosenbrock, Michalewicz, Styblinski-Tang
    rotated      families like those of BBOB (Hansen et al. 2009), on [-5, 5]^d
    noisy        some of these with noise; what counts is the true value of what looked best
    mixed        categories, integers, logarithmic scales, parameters that are active only sometimes
    tuning       losses of networks trained beforehand (`bench_tables.py`), looked up
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.space.domains import tupled

Config = Mapping[str, Any]
TABLES = Path(__file__).resolve().parent / "results" / "tuning_tables.npz"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """Something to minimise.

    Attributes:
        family: see the module.
        fn: configurations to their true losses, float64 [n].
        optimum: the least loss that there is.
        noise: the standard deviation of what an observation adds.
    """

    name: str
    family: str
    space: Space
    fn: Callable[[Sequence[Config]], np.ndarray]
    optimum: float
    noise: float = 0.0


@functools.cache
def problems() -> dict[str, Problem]:
    """All of them, by name."""
    every = [*_classic(), *_rotated(), *_noisy(), *_mixed(), *_tuning()]
    return {problem.name: problem for problem in every}


def _seeded(name: str) -> np.random.Generator:
    return np.random.default_rng([20261121, zlib.crc32(name.encode())])


@functools.cache
def _unit(d: int) -> Space:
    """[0, 1]^d; one object, so that samplers compile for it once."""
    return Space({f"x{i}": Float(0.0, 1.0) for i in range(d)})


def _cube(name: str, family: str, d: int, fn: Callable[[np.ndarray], np.ndarray], least: float):
    """A problem on [0, 1]^d from a function of float64 [n, d]."""
    space = _unit(d)

    def of(configs: Sequence[Config]) -> np.ndarray:
        return fn(np.array([[c[f"x{i}"] for i in range(d)] for c in configs], np.float64))

    return Problem(name=name, family=family, space=space, fn=of, optimum=least)


# -- classic ---------------------------------------------------------------------------------------

_H6 = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14]])
_H6 = np.array([*_H6, [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
_P6 = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_H3 = np.array([[3.0, 10, 30], [0.1, 10, 35], [3.0, 10, 30], [0.1, 10, 35]])
_P3 = 1e-4 * np.array(
    [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]
)
_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def _branin(u: np.ndarray) -> np.ndarray:
    x, y = 15 * u[:, 0] - 5, 15 * u[:, 1]
    curve = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return curve**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


def _hartmann(u: np.ndarray, a: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -(_ALPHA * np.exp(-(a * (u[:, None] - p) ** 2).sum(axis=2))).sum(axis=1)


def _ackley(z: np.ndarray) -> np.ndarray:
    root = np.sqrt((z**2).mean(axis=1))
    waves = np.cos(2 * np.pi * z).mean(axis=1)
    return 20 - 20 * np.exp(-0.2 * root) + np.e - np.exp(waves)


def _levy(z: np.ndarray) -> np.ndarray:
    w = 1 + z / 4
    inner = (w[:, :-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:, :-1] + 1) ** 2)
    last = (w[:, -1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[:, -1]) ** 2)
    return np.sin(np.pi * w[:, 0]) ** 2 + inner.sum(axis=1) + last


def _rosenbrock(z: np.ndarray) -> np.ndarray:
    return (100 * (z[:, 1:] - z[:, :-1] ** 2) ** 2 + (1 - z[:, :-1]) ** 2).sum(axis=1)


def _michalewicz(x: np.ndarray) -> np.ndarray:
    i = np.arange(1, x.shape[1] + 1)
    return -(np.sin(x) * np.sin(i * x**2 / np.pi) ** 20).sum(axis=1)


def _styblinski(x: np.ndarray) -> np.ndarray:
    return 0.5 * (x**4 - 16 * x**2 + 5 * x).sum(axis=1)


def _shifted(name: str, fn: Callable, d: int, width: float, at: float = 0.0) -> Problem:
    """A function whose minimum, 0, is at `at` in every coordinate, moved to anywhere in the box."""
    place = _seeded(name).uniform(0.15, 0.85, d)
    return _cube(name, "classic", d, lambda u: fn(width * (u - place) + at), 0.0)


def _classic() -> list[Problem]:
    grid = np.linspace(0, np.pi, 200_001)[:, None]
    parts = [
        -(np.sin(grid) * np.sin(i * grid**2 / np.pi) ** 20).max() for i in range(1, 7)
    ]  # it is a sum of functions of one coordinate each
    tang = _styblinski(np.linspace(-5, 5, 1_000_001)[:, None]).min()
    return [
        _cube("branin", "classic", 2, _branin, 0.39788736),
        _cube("hartmann3", "classic", 3, lambda u: _hartmann(u, _H3, _P3), -3.86278215),
        _cube("hartmann6", "classic", 6, lambda u: _hartmann(u, _H6, _P6), -3.32236801),
        _shifted("ackley6", _ackley, 6, 30.0),
        _shifted("ackley10", _ackley, 10, 30.0),
        _shifted("levy3", _levy, 3, 20.0),
        _shifted("levy10", _levy, 10, 20.0),
        _shifted("rosenbrock3", _rosenbrock, 3, 5.0, 1.0),
        _shifted("rosenbrock10", _rosenbrock, 10, 5.0, 1.0),
        _cube("michalewicz6", "classic", 6, lambda u: _michalewicz(np.pi * u), float(sum(parts))),
        _cube("styblinski6", "classic", 6, lambda u: _styblinski(10 * u - 5), float(6 * tang)),
    ]


# -- rotated ---------------------------------------------------------------------------------------


def _powers_of(d: int, most: float) -> np.ndarray:
    return most ** (np.arange(d) / max(d - 1, 1))


def _sector(z: np.ndarray) -> np.ndarray:
    return ((np.where(z > 0, 10.0, 1.0) * z) ** 2).sum(axis=1) ** 0.9


def _ridge(z: np.ndarray) -> np.ndarray:
    return z[:, 0] ** 2 + 30 * np.sqrt((z[:, 1:] ** 2).sum(axis=1))


def _different_powers(z: np.ndarray) -> np.ndarray:
    d = z.shape[1]
    return np.sqrt((np.abs(z) ** (2 + 4 * np.arange(d) / (d - 1))).sum(axis=1))


def _schaffers(z: np.ndarray) -> np.ndarray:
    s = np.sqrt(z[:, :-1] ** 2 + z[:, 1:] ** 2)
    return (np.sqrt(s) * (1 + np.sin(50 * s**0.2) ** 2)).mean(axis=1) ** 2


def _griewank_rosenbrock(z: np.ndarray) -> np.ndarray:
    z = z * max(1.0, np.sqrt(z.shape[1]) / 8) + 1
    s = 100 * (z[:, :-1] ** 2 - z[:, 1:]) ** 2 + (z[:, :-1] - 1) ** 2
    return 10 * (s / 4000 - np.cos(s)).mean(axis=1) + 10


def _rastrigin(z: np.ndarray) -> np.ndarray:
    return (z**2).sum(axis=1) + 3 * (1 - np.cos(2 * np.pi * z / 2)).sum(axis=1)


def _step(z: np.ndarray) -> np.ndarray:
    flat = np.round(z * 2) / 2
    return (_powers_of(z.shape[1], 100.0) * flat**2).sum(axis=1) + 1e-3 * (z**2).sum(axis=1)


def _ellipsoid(z: np.ndarray) -> np.ndarray:
    return (_powers_of(z.shape[1], 1e4) * z**2).sum(axis=1)


def _saturated(z: np.ndarray) -> np.ndarray:
    """A bowl that is flat far away, like a loss that can't get worse than chance."""
    return 1 - np.exp(-(_powers_of(z.shape[1], 30.0) * z**2).sum(axis=1) / (2 * z.shape[1]))


def _bbob(name: str, fn: Callable[[np.ndarray], np.ndarray], d: int) -> Problem:
    rng = _seeded(name)
    place = rng.uniform(-4, 4, d)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return _cube(name, "rotated", d, lambda u: fn((10 * u - 5 - place) @ turn), 0.0)


def _gallagher(d: int, peaks: int) -> Problem:
    name = f"gallagher{d}"
    rng = _seeded(name)
    places = rng.uniform(-4, 4, (peaks, d))
    heights = np.concatenate([[10.0], np.linspace(1.1, 9.1, peaks - 1)])
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    widths = np.array([rng.permutation(_powers_of(d, 30.0)) for _ in range(peaks)]) / 30**0.5

    def fn(u: np.ndarray) -> np.ndarray:
        z = (10 * u[:, None] - 5 - places) @ turn
        return 10 - (heights * np.exp(-(widths * z**2).sum(axis=2) / (2 * d))).max(axis=1)

    return _cube(name, "rotated", d, fn, 0.0)


def _rotated() -> list[Problem]:
    return [
        _bbob("sphere20", lambda z: (z**2).sum(axis=1), 20),
        _bbob("ellipsoid6", _ellipsoid, 6),
        _bbob("sector10", _sector, 10),
        _bbob("ridge6", _ridge, 6),
        _bbob("powers10", _different_powers, 10),
        _bbob("schaffers6", _schaffers, 6),
        _bbob("griewank6", _griewank_rosenbrock, 6),
        _bbob("rastrigin3", _rastrigin, 3),
        _bbob("rastrigin10", _rastrigin, 10),
        _bbob("step10", _step, 10),
        _bbob("saturated6", _saturated, 6),
        _gallagher(3, 40),
        _gallagher(6, 20),
    ]


def _noisy() -> list[Problem]:
    def noisy(problem: Problem, name: str, noise: float) -> Problem:
        return dataclasses.replace(problem, name=name, family="noisy", noise=noise)

    return [
        noisy(_cube("", "", 6, lambda u: _hartmann(u, _H6, _P6), -3.32236801), "hartmann6n", 0.2),
        noisy(_bbob("spheren", lambda z: (z**2).sum(axis=1), 6), "sphere6n", 4.0),
        noisy(_bbob("saturatedn", _saturated, 6), "saturated6n", 0.05),
        noisy(_shifted("levyn", _levy, 6, 20.0), "levy6n", 2.0),
    ]


# -- mixed -----------------------------------------------------------------------------------------


def _generated_space(
    rng: np.random.Generator, numbers: int, choices: Sequence[int], depths: int
) -> Space:
    domains: dict[str, Any] = {}
    for i in range(numbers):
        if i % 3 == 2:
            domains[f"x{i}"] = Int(1, int(rng.integers(6, 200)), log=bool(i % 2))
        else:
            domains[f"x{i}"] = Float(1e-4, 10.0, log=True) if i % 2 else Float(-3.0, 7.0)
    for i, k in enumerate(choices):
        domains[f"c{i}"] = Choice([f"v{j}" for j in range(k)])
    for i in range(depths):
        some = [f"v{j}" for j in range(max(1, choices[i % len(choices)] // 2))]
        domains[f"y{i}"] = Float(0.0, 1.0, when={f"c{i % len(choices)}": some})
    return Space(domains)


def _generated(seed: int, *, numbers: int, choices: Sequence[int], depths: int) -> Problem:
    """A tuning problem in outline: what a category adds, and where it wants the numbers to be.

    Numbers x0.. (every second logarithmic, every third whole), categories c0.., and parameters
    y0.. that are active only for some levels of a category. The loss is a sum over numbers, and
    saturates; its optimum is found by going through all combinations of categories.
    """
    name = f"mixed{seed}"
    rng = _seeded(name)
    space = _generated_space(rng, numbers, choices, depths)
    offset = [rng.exponential(0.5, k) * rng.permutation(np.arange(k) > 0) for k in choices]
    pair = rng.exponential(0.15, (choices[0], choices[-1]))
    wanted = rng.uniform(0.1, 0.9, (choices[0], numbers))
    wanted = 0.7 * wanted[:1] + 0.3 * wanted  # much the same for all levels
    weight = rng.exponential(1.0, numbers) * 3 + 0.3
    child = rng.uniform(0.1, 0.9, max(depths, 1))
    columns = [space.layout.names.index(f"x{i}") for i in range(numbers)]

    def of_number(i: int, u: np.ndarray, level: np.ndarray) -> np.ndarray:
        return weight[i] * np.abs(u - wanted[level, i]) ** (1 + i % 2)

    def fn(configs: Sequence[Config]) -> np.ndarray:
        u = space.encode(configs)[:, columns].astype(np.float64)
        level = np.array([[int(c[f"c{i}"][1:]) for i in range(len(choices))] for c in configs])
        loss = sum(offset[i][level[:, i]] for i in range(len(choices)))
        loss = loss + pair[level[:, 0], level[:, -1]]
        loss = loss + sum(of_number(i, u[:, i], level[:, 0]) for i in range(numbers))
        for i in range(depths):
            y = np.array([c.get(f"y{i}", np.nan) for c in configs])
            loss = loss + np.where(np.isnan(y), 0.15, 2 * np.nan_to_num(y - child[i]) ** 2)
        return 1 - np.exp(-loss / 2)

    def least_at(levels: Sequence[int]) -> float:
        loss = sum(offset[i][level] for i, level in enumerate(levels)) + pair[levels[0], levels[-1]]
        for i in range(numbers):
            places = space.layout.positions[columns[i]]
            u = np.array(places) if places else wanted[levels[0], i : i + 1]
            loss += of_number(i, u, np.full(len(u), levels[0])).min()
        for i in range(depths):
            k = choices[i % len(choices)]
            loss += 0.0 if levels[i % len(choices)] < max(1, k // 2) else 0.15
        return float(loss)

    best = min(map(least_at, itertools.product(*map(range, choices))))
    least = 1 - np.exp(-best / 2)
    return Problem(name=name, family="mixed", space=space, fn=fn, optimum=float(least))


def _mixed() -> list[Problem]:
    return [
        _generated(1, numbers=3, choices=[3], depths=1),
        _generated(2, numbers=5, choices=[4, 3], depths=2),
        _generated(3, numbers=6, choices=[2, 2, 5], depths=3),
        _generated(4, numbers=8, choices=[6, 4], depths=0),
        _generated(5, numbers=4, choices=[8, 3, 3], depths=4),
        _generated(6, numbers=10, choices=[3, 3], depths=2),
    ]


# -- tuning ----------------------------------------------------------------------------------------


def _tuning() -> list[Problem]:
    """Tables: every combination of the levels of a space, trained once."""
    if not TABLES.exists():
        return []
    with np.load(TABLES) as found:
        described = json.loads(str(found["described"]))
        return [table_problem(name, given, found[name]) for name, given in described.items()]


def table_problem(name: str, described: Mapping[str, Any], losses: np.ndarray) -> Problem:
    """Args: described: name to what `bench_tables.Axis` holds, in the order of the table's axes.

    Where training diverged, the loss is the worst of the table: so every sampler is told the same.
    """
    domains, places = {}, []
    for key, axis in described.items():
        levels = [tupled(level) for level in axis["levels"]]
        when = axis["when"] and {k: [tupled(v) for v in vs] for k, vs in axis["when"].items()}
        domains[key] = Choice(levels, ordered=axis["ordered"], when=when)
        places.append({level: i for i, level in enumerate(levels)})
    space = Space(domains)
    table = losses.astype(np.float64)
    table = np.where(np.isnan(table), np.nanmax(table), table)

    def fn(configs: Sequence[Config]) -> np.ndarray:
        # What is inactive has the same entry at all its levels.
        index = [
            [at[c[key]] if key in c else 0 for key, at in zip(described, places, strict=True)]
            for c in configs
        ]
        return table[tuple(np.array(index).T)]

    return Problem(name=name, family="tuning", space=space, fn=fn, optimum=float(table.min()))
