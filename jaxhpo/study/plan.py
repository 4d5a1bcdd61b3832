"""Which static hyperparameters are traced after all, and which make cohorts.

A cohort has a program of its own, compiled once. A task that takes a hyperparameter as an `Option`
can be trained by one program for all its values, which does some work in vain (padding,
micro-batches, activations that are not used). So the choice is compile seconds against padded work,
and depends on how many trials there are. Between the two, values whose states have the same form
(networks of equal depth) can share a program: that pads widths but no layers.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.contracts import REPLICATE, TRAIN, Task
from jaxhpo.option import Option
from jaxhpo.population.work import Work, work
from jaxhpo.space import Bool, Choice, Int, Space

Classes = tuple[tuple[Any, ...], ...]
"""The values of a parameter, those together that share a program."""

TRACED, GROUPED, COHORTS = "traced", "grouped", "cohorts"
# To compile an equation (on a CPU 1.5 s for the 550 of digits, 8 s for the 3,000 of spectral).
COMPILE_SECONDS = 0.0025
_RATE = {"cpu": 5e10, "gpu": 5e12, "tpu": 5e12}  # operations a second of small models, roughly
# And what an equation takes besides, a lane: most of the time of small arrays. On a CPU as measured
# on spectral, where plans of 1, 5 and 12 programs took 1,100, 540 and 405 microseconds an epoch.
_TURN = {"cpu": 2e-8, "gpu": 1e-8, "tpu": 1e-8}
# Lanes that wait for members, to those at work: so many times the lanes of a tile of every program,
# of the trials that can be in training at once, and the more, the shorter the mean trial lasts,
# since the longest hold up what may be proposed. Measured on spectral, where trials last half of
# their budget, under asha a quarter: 10 % of lane-units were in vain with 1 program of 8 lanes and
# 35 % with 5, at 128 trials at once; 30 % with 5 at 256; 7 % with 12 that did not wait.
_IDLE = 0.9
_NEAR = 1.1  # so exact is the estimate: among plans that are as good, the one of fewest programs
_SAMPLES = 16  # configurations whose budget is looked at
_TRACED = 2  # and so many whose work is
_MOST = 6  # parameters of which all combinations are tried
_CHOICES = 64  # more values than that are not traced
_FORMS = 16  # more values than that are not grouped: each is traced to see what form its state has


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How each static parameter that a task can take either way is treated.

    Attributes:
        choice: name to `TRACED`, `GROUPED` or `COHORTS`.
        programs: how many programs are expected. seconds: the estimate of compiling and training on
            one core or device. others: what the alternatives would need.
        forced: the names for which the user decided.
    """

    choice: Mapping[str, str]
    programs: int
    seconds: float | None = None
    others: Mapping[str, tuple[int, float]] = dataclasses.field(default_factory=dict)
    forced: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The plan and its reasons, for people."""
        if not self.choice:
            return [f"{_counted(self.programs)}; there is nothing to choose"]
        found = [
            f"{name}: {how}" + (" (as asked)" if name in self.forced else "")
            for name, how in self.choice.items()
        ]
        if self.seconds is None:
            return [*found, _counted(self.programs)]
        found.append(f"{_counted(self.programs)}, about {self.seconds:.3g} core-seconds in all")
        for name, (programs, seconds) in self.others.items():
            told = f"{_counted(programs)}, about {seconds:.3g} core-seconds"
            found.append(f"instead {name}: {told}")
        return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """How much there is to train.

    Attributes:
        trials: how many there will be. at_once: how many of them can be in training at a time.
        lasts: what part of its budget a trial is expected to be trained for.
        width: W, or about what it will be. platform: "cpu", "gpu" or "tpu".
    """

    trials: int
    at_once: int
    lasts: float = 1.0
    width: int = 8
    platform: str = "cpu"

    def seconds(self, units: float, operations: float, turns: float, programs: int) -> float:
        """Of one core or device, to train all trials for so many units each."""
        rate, turn = (held.get(self.platform, held["cpu"]) for held in (_RATE, _TURN))
        idle = programs * self.width / max(1, min(self.trials, self.at_once)) * _IDLE / self.lasts
        trained = self.trials * self.lasts * units * (operations / rate + turns * turn)
        return float(trained * (1.0 + idle))


def plan(
    task: Task,
    static: frozenset[str],
    load: Load,
    asked: Mapping[str, str],
    classes_of: Callable[[str], Classes] | None = None,
) -> Plan:
    """The cheapest treatment of the task's elastic parameters.

    Args:
        task: what is trained. static: names of its static parameters.
        load: how much there is to train.
        asked: name to `TRACED`, `GROUPED` or `COHORTS`, where the user decides.
        classes_of: `classes` by name, where they may be known already.

    Raises:
        ValueError: if `asked` names a parameter that can't be traced, or another word.
    """
    space, able = task.space, able_names(task, static)
    for name, how in asked.items():
        if how not in (TRACED, GROUPED, COHORTS):
            raise ValueError(
                f"Study(plan={{{name!r}: ...}}) must be 'traced', 'grouped' or 'cohorts', "
                f"got {how!r}"
            )
        if name not in able:
            raise ValueError(
                f"Study(plan=...) can decide on {', '.join(map(repr, able)) or 'nothing here'}, "
                f"got {name!r}; name it in the task's `elastic` if its layers take an Option"
            )
    open_names = [name for name in able if name not in asked][:_MOST]
    classes_of = classes_of or functools.partial(classes, task, static)
    groups = {n: classes_of(n) for n in able if asked.get(n, GROUPED) == GROUPED}

    def programs(how: Mapping[str, str]) -> int:
        return _programs(space, static, how, groups, load.trials)

    if not open_names:
        how = {n: asked[n] for n in able}
        return Plan(choice=how, programs=programs(how), forced=tuple(asked))
    calls = 1 if task.stream is None else len(task.stream.shares[TRAIN])  # of `train` in a unit
    budgets = calls * float(np.mean([task.budget(c) for c in _configs(space, static, _SAMPLES)]))
    ways = {n: _ways(groups[n]) if n in open_names else (asked[n],) for n in able}
    ways = {n: w for n, w in ways.items() if n in open_names or n in asked}
    factors = _factors(task, static, ways, groups, _configs(space, static, _TRACED))
    costs: dict[tuple[str, ...], tuple[int, float]] = {}
    for some in itertools.product(*ways.values()):
        how = dict(zip(ways, some, strict=True))
        count = programs(how)
        operations, equations, turns = np.prod(
            [factors["", ""], *(factors[pair] for pair in how.items())], axis=0
        ).tolist()
        train = load.seconds(budgets, operations, turns, count)
        costs[some] = (count, count * COMPILE_SECONDS * equations + train)
    least = min(seconds for _, seconds in costs.values())
    near = [some for some, (_, seconds) in costs.items() if seconds <= _NEAR * least]
    best = min(near, key=lambda some: costs[some])
    others = {}
    for place, name in enumerate(ways):
        for way in ways[name]:
            if way != best[place]:
                others[f"{name} {way}"] = costs[*best[:place], way, *best[place + 1 :]]
    chosen = dict(zip(ways, best, strict=True))
    return Plan(
        choice={name: chosen.get(name, COHORTS) for name in able},
        programs=costs[best][0],
        seconds=costs[best][1],
        others=others,
        forced=tuple(sorted(asked)),
    )


def _counted(programs: int) -> str:
    return "one program" if programs == 1 else f"{programs} programs"


def _ways(groups: Classes) -> tuple[str, ...]:
    """How a parameter may be treated: grouped only where that is neither of the others."""
    between = 1 < len(groups) < sum(map(len, groups))
    return (TRACED, GROUPED, COHORTS) if between else (TRACED, COHORTS)


def classes(task: Task, static: frozenset[str], name: str) -> Classes:
    """The values of a parameter, those together whose members have states of the same form.

    Two states have the same form if their pytrees have the same structure and their arrays as many
    axes: then they differ in sizes alone. Of more than 16 values each is in a class of its own.
    """
    space, found = task.space, values(task.space, name)
    if len(found) > _FORMS:
        return tuple((value,) for value in found)
    fixed = _configs(space, static, 1)[0]
    key = jax.eval_shape(lambda: jax.random.key(0))
    numbers = {n: _shape(space, n) for n in space.parameters if n not in static}
    held: dict[Any, list[Any]] = {}
    for value in found:
        plain = {n: fixed[n] for n in static} | {name: value, REPLICATE: 0}

        def init(key: jax.Array, numbers: dict[str, Any], plain: dict[str, Any] = plain) -> Any:
            return task.init(key, {**numbers, **plain}, task.data)

        state = jax.eval_shape(init, key, numbers)
        form = (jax.tree.structure(state), tuple(leaf.ndim for leaf in jax.tree.leaves(state)))
        held.setdefault(form, []).append(value)
    return tuple(tuple(some) for some in held.values())


def able_names(task: Task, static: frozenset[str]) -> list[str]:
    """The static parameters that can be traced: the task takes them so; their values are few."""
    able = [name for name in task.space.parameters if name in static and name in task.elastic]
    return [name for name in able if 1 < len(values(task.space, name)) <= _CHOICES]


def values(space: Space, name: str) -> tuple[Any, ...]:
    """All values of a parameter that has only so many; none of another."""
    domain = space.parameters[name]
    if isinstance(domain, Choice):
        return tuple(domain.choices)
    if isinstance(domain, Int):
        return tuple(range(domain.low, domain.high + 1, domain.step or 1))
    return (False, True) if isinstance(domain, Bool) else ()


def _configs(space: Space, static: frozenset[str], n: int) -> list[dict[str, Any]]:
    """n configurations, of whose values each lies in a part of its range of its own."""
    rng = np.random.default_rng(0)
    places = np.stack([rng.permutation(n) for _ in range(len(space))], axis=1)
    points = ((places + 0.5) / n).astype(np.float32)
    return [space.filled(config, static) for config in space.decode(points)]


def _programs(
    space: Space,
    static: frozenset[str],
    how: Mapping[str, str],
    groups: Mapping[str, Classes],
    trials: int,
) -> int:
    """How many programs so many trials are expected to need."""
    own = static - {name for name, way in how.items() if way != COHORTS}
    settings = space.count_static(own) if own else 1
    for name, way in how.items():
        settings *= len(groups[name]) if way == GROUPED else 1
    return max(1, round(settings * (1.0 - (1.0 - 1.0 / settings) ** trials)))


def _factors(
    task: Task,
    static: frozenset[str],
    ways: Mapping[str, Sequence[str]],
    groups: Mapping[str, Classes],
    configs: Sequence[Mapping[str, Any]],
) -> dict[tuple[str, str], np.ndarray]:
    """Mean `Work` of a unit where all make cohorts (under ``"", ""``), and for each name and way by
    how much each of its numbers grows so. Together they are taken to multiply."""

    def units(name: str, way: str) -> np.ndarray:
        found = []
        for config in configs:
            among: dict[str, tuple[Any, ...]] = {}
            if way == TRACED:
                among[name] = values(task.space, name)
            if way == GROUPED:
                owns = [some for some in groups[name] if config[name] in some]
                among[name] = owns[0] if owns else groups[name][0]
            found.append(_unit(task, {n: config[n] for n in static - set(among)}, among))
        return np.array(found)

    plain = units("", COHORTS)
    grown = {("", ""): plain.mean(axis=0)}
    for name, some in ways.items():
        for way in some:
            found = plain if way == COHORTS else units(name, way)
            grown[name, way] = found.sum(axis=0) / plain.sum(axis=0)
    return grown


def _unit(task: Task, fixed: Mapping[str, Any], among: Mapping[str, tuple[Any, ...]]) -> Work:
    space = task.space
    numbers = {
        name: _shape(space, name)
        for name in space.parameters
        if name not in fixed and name not in among
    }
    numbers |= {name: jax.ShapeDtypeStruct((), jnp.int32) for name in among}

    def unit(key: jax.Array, numbers: dict[str, Any]) -> Any:
        options = {n: Option(held, numbers[n]) for n, held in among.items()}
        hp = {**fixed, **numbers, **options, REPLICATE: jnp.int32(0)}
        init, train = jax.random.split(key)
        state = task.train(train, hp, task.init(init, hp, task.data), task.data)
        return task.evaluate(hp, state, task.data)

    return work(unit, jax.eval_shape(lambda: jax.random.key(0)), numbers)


def _shape(space: Space, name: str) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((), space.dtype(name))
