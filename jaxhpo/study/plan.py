"""Which static hyperparameters are traced after all, and which make cohorts.

A cohort has a program of its own, compiled once. A task that takes a hyperparameter as an `Option`
can be trained by one program for all its values, which does some work in vain (padding,
micro-batches, activations that are not used). So the choice is compile seconds against padded work,
and depends on how many trials there are.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.contracts import REPLICATE, TRAIN, Task
from jaxhpo.option import Option
from jaxhpo.population.work import Work, work
from jaxhpo.space import Bool, Choice, Int, Space

TRACED, COHORTS = "traced", "cohorts"
# To compile an equation (on a CPU 1.5 s for the 550 of digits, 8 s for the 3,000 of spectral).
COMPILE_SECONDS = 0.0025
_RATE = {"cpu": 5e10, "gpu": 5e12, "tpu": 5e12}  # operations a second of small models, roughly
_SAMPLES = 16  # configurations whose budget is looked at
_TRACED = 3  # and of these so many whose work is
_MOST = 6  # parameters of which all combinations are tried
_CHOICES = 64  # more values than that are not traced


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How each static parameter that a task can take either way is treated.

    Attributes:
        choice: name to `TRACED` or `COHORTS`.
        programs: how many programs are expected. seconds: the estimate of compiling and training on
            one core or device. others: what the alternatives would need.
        forced: the names for which the user decided.
    """

    choice: Mapping[str, str]
    programs: int
    seconds: float | None = None
    others: Mapping[str, tuple[int, float]] = dataclasses.field(default_factory=dict)
    forced: tuple[str, ...] = ()

    @property
    def traced(self) -> frozenset[str]:
        """The names that are traced."""
        return frozenset(name for name, how in self.choice.items() if how == TRACED)

    def lines(self) -> list[str]:
        """The plan and its reasons, for people."""
        if not self.choice:
            return [f"{self.programs} programs; there is nothing to choose"]
        found = [
            f"{name}: {how}" + (" (as asked)" if name in self.forced else "")
            for name, how in self.choice.items()
        ]
        if self.seconds is None:
            return [*found, f"{self.programs} programs"]
        found.append(f"{self.programs} programs, about {self.seconds:.3g} core-seconds in all")
        for name, (programs, seconds) in self.others.items():
            found.append(f"instead {name}: {programs} programs, about {seconds:.3g} core-seconds")
        return found


def plan(
    task: Task, static: frozenset[str], trials: int, platform: str, asked: Mapping[str, str]
) -> Plan:
    """The cheapest treatment of the task's elastic parameters.

    Args:
        task: what is trained. static: names of its static parameters.
        trials: how many there will be. platform: "cpu", "gpu" or "tpu".
        asked: name to `TRACED` or `COHORTS`, where the user decides.

    Raises:
        ValueError: if `asked` names a parameter that can't be traced, or another word.
    """
    space, able = task.space, able_names(task, static)
    for name, how in asked.items():
        if how not in (TRACED, COHORTS):
            raise ValueError(
                f"Study(plan={{{name!r}: ...}}) must be 'traced' or 'cohorts', got {how!r}"
            )
        if name not in able:
            raise ValueError(
                f"Study(plan=...) can decide on {', '.join(map(repr, able)) or 'nothing here'}, "
                f"got {name!r}; name it in the task's `elastic` if its layers take an Option"
            )
    open_names = [name for name in able if name not in asked][:_MOST]
    always = frozenset(name for name, how in asked.items() if how == TRACED)
    if not open_names:
        programs = _programs(space, static - always, trials)
        return Plan(choice={n: asked[n] for n in able}, programs=programs, forced=tuple(asked))
    configs = [space.filled(c, static) for c in space.decode(_points(space))]
    calls = 1 if task.stream is None else len(task.stream.shares[TRAIN])  # of `train` in a unit
    budgets = calls * float(np.mean([task.budget(config) for config in configs]))
    factors = _factors(task, static, [*open_names, *always], configs[:_TRACED])
    costs: dict[frozenset[str], tuple[int, float]] = {}
    for size in range(len(open_names) + 1):
        for some in itertools.combinations(open_names, size):
            traced = always | set(some)
            programs = _programs(space, static - traced, trials)
            both = np.prod([factors[""], *(factors[name] for name in traced)], axis=0)
            train = trials * budgets * both[0] / _RATE.get(platform, 5e10)
            costs[traced] = (programs, float(programs * COMPILE_SECONDS * both[1] + train))
    best = min(costs, key=lambda names: (costs[names][1], len(names)))
    others = {}
    for name in open_names:
        other = best ^ {name}
        others[f"{name} {TRACED if name in other else COHORTS}"] = costs[other]
    return Plan(
        choice={name: TRACED if name in best else COHORTS for name in able},
        programs=costs[best][0],
        seconds=costs[best][1],
        others=others,
        forced=tuple(sorted(asked)),
    )


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


def _points(space: Space) -> np.ndarray:
    return np.random.default_rng(0).random((_SAMPLES, len(space))).astype(np.float32)


def _programs(space: Space, static: frozenset[str], trials: int) -> int:
    settings = space.count_static(static) if static else 1
    return max(1, round(settings * (1.0 - (1.0 - 1.0 / settings) ** trials)))


def _factors(
    task: Task, static: frozenset[str], names: Sequence[str], configs: Sequence[Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Mean operations of a unit and equations of its program where nothing is traced (under ""),
    and for each name by how much both grow if that one is. Together they are taken to multiply."""

    def units(traced: frozenset[str]) -> np.ndarray:
        rest = static - traced
        return np.array([_unit(task, {n: c[n] for n in rest}, traced) for c in configs])

    plain = units(frozenset())
    grown = {name: units(frozenset({name})).sum(axis=0) / plain.sum(axis=0) for name in names}
    return {"": plain.mean(axis=0), **grown}


def _unit(task: Task, fixed: Mapping[str, Any], traced: frozenset[str]) -> Work:
    space = task.space
    numbers = {
        name: jax.ShapeDtypeStruct((), space.dtype(name))
        for name in space.parameters
        if name not in fixed and name not in traced
    }
    numbers |= {name: jax.ShapeDtypeStruct((), jnp.int32) for name in traced}

    def unit(key: jax.Array, numbers: dict[str, Any]) -> Any:
        options = {n: Option(values(space, n), numbers[n]) for n in traced}
        hp = {**fixed, **numbers, **options, REPLICATE: jnp.int32(0)}
        init, train = jax.random.split(key)
        state = task.train(train, hp, task.init(init, hp, task.data), task.data)
        return task.evaluate(hp, state, task.data)

    return work(unit, jax.eval_shape(lambda: jax.random.key(0)), numbers)
