"""Checks what a study is given, before anything is traced, and says which argument is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo import registry
from jaxhpo.contracts import REPLICATE, Sampler, Task
from jaxhpo.goals import goals
from jaxhpo.space import Space


def whole(where: str, **given: tuple[Any, int]) -> None:
    """Refuses what is not a whole number, or less than the least allowed; None passes.

    Args:
        where: what is called. given: argument name to (value, least).

    Raises:
        ValueError: naming the argument and the value.
    """
    for name, (value, least) in given.items():
        if value is None:
            continue
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
            raise ValueError(
                f"{where}({name}=...) must be a whole number, at least {least}, got {value!r}"
            )


def task(given: Any) -> None:
    """Refuses what is not a task, or a task whose static names are not in its space.

    Raises:
        ValueError: saying how tasks are made.
    """
    if not isinstance(given, Task) or not isinstance(given.space, Space):
        raise ValueError(
            f"Study(task=...) must be a jaxhpo.contracts.Task over a jaxhpo.Space, got "
            f"{type(given).__name__}; make one with jaxhpo.tasks.objective.objective(fn, space) or "
            "jaxhpo.tasks.supervised.supervised(space, ...)"
        )
    if REPLICATE in given.space.parameters:
        raise ValueError(
            f"Study(task=...): a parameter of the space is called {REPLICATE!r}, which is how a "
            "member finds which replicate it is; rename the parameter"
        )
    unknown = sorted(set(given.static) - set(given.space.parameters))
    if unknown:
        raise ValueError(
            f"Task(static=...) must name parameters of the space "
            f"({', '.join(given.space.parameters)}), got {', '.join(map(repr, unknown))}"
        )


def made(family: str, name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What the factory `name` of a family (``samplers`` or ``schedulers``) makes.

    Raises:
        ValueError: if there is no such factory, or it has no such option, or refuses a value.
    """
    factory = registry.get(family, name)
    parameters = list(inspect.signature(factory).parameters)[len(arguments) :]
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        raise ValueError(
            f"{family[:-1]}_options={dict(options)!r}: {name}(...) has no option "
            f"{', '.join(map(repr, unknown))}; it has "
            f"{', '.join(parameters) if parameters else 'no options'}"
        )
    return factory(*arguments, **options)


def several(task: Task, name: str, sampler: Sampler) -> None:
    """Refuses a sampler that learns from one loss for a task with several goals.

    Raises:
        ValueError: naming the samplers that there are for it.
    """
    if goals(task).plain or sampler.several or not sampler.adaptive:
        return
    what = "several objectives" if task.others else "constraints"
    raise ValueError(
        f"Study(sampler={name!r}) must be a sampler for {what} ({goals(task).words()}); use "
        "sampler='auto' or 'tpe', or 'random' or 'sobol', which look at no result"
    )


def warm_start(prior: Any, name: str, sampler: Sampler, task: Task) -> None:
    """Refuses to tell results to a sampler that does not look at any, or that looks at more than
    the one loss that an earlier study is read for.

    Raises:
        ValueError: naming the sampler, or what the task asks for.
    """
    if prior is not None and not goals(task).plain:
        raise ValueError(
            f"Study(warm_start=...) must be left out for a task with {goals(task).words()}: an "
            "earlier study is read for one objective; enqueue=... takes its best configurations"
        )
    if prior is not None and not sampler.adaptive:
        raise ValueError(
            f"Study(warm_start=...): the sampler {name!r} does not look at results here, so it can "
            'not start from any; leave warm_start out, or take sampler="tpe"'
        )


def replicates(task: Task, given: int) -> int:
    """How many members train a trial.

    Raises:
        ValueError: if a task with folds is to have another number.
    """
    if task.folds > 1 and given not in (1, task.folds):
        raise ValueError(
            f"Study(replicates={given}): the task has {task.folds} folds, one member for each; "
            "leave replicates out"
        )
    return max(given, task.folds)


def lookahead(given: int, group: int) -> None:
    """Refuses a lookahead with which a group could never be complete.

    Raises:
        ValueError: naming the least that will do.
    """
    if given < group - 1:
        raise ValueError(
            f"Study(lookahead={given}): the scheduler decides on {group} trials together, which "
            f"must all be proposed before the first of them ends; give at least {group - 1}, or "
            "leave it out"
        )


def fixed_columns(task: Task, static: frozenset[str]) -> np.ndarray:
    """bool [d]: the columns that can't change while a trial is in training, because the program or
    the trial's budget depends on them."""
    space, read = task.space, set()
    configs = space.decode(np.random.default_rng(0).random((8, len(space))).astype(np.float32))
    for config in configs:
        hp = _Watched(space.filled(config, static))
        task.budget(hp)
        read |= hp.read
    return np.array([name in static or name in read for name in space.names], bool)


class _Watched(Mapping[str, Any]):
    """Hyperparameters that note who is looked at."""

    def __init__(self, hp: Mapping[str, Any]) -> None:
        self.read: set[str] = set()
        self._hp = hp

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._hp[name]

    def __iter__(self) -> Iterator[str]:
        self.read |= set(self._hp)
        return iter(self._hp)

    def __len__(self) -> int:
        return len(self._hp)
