"""What a study is given, refused at once where it could only fail later, elsewhere, or not at all;
the error names the argument, the value and the way out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import (
    REPLICATE,
    TEST,
    TRAIN,
    VALIDATION,
    Sampler,
    Scheduler,
    Stream,
    Task,
)
from jaxhpo.goals import checked, goals
from jaxhpo.space import Space

_SEEDS = 2**32  # the bits of a seed that JAX's keys take; it drops the others without a word
_MEMBERS = 2**31 - 2  # a lane holds a member's number as int32, and its negative while it waits
_MOST = {  # beyond which memory is asked for that no machine has
    "batch": (65_536, "proposals are made in one program"),
    "width": (65_536, "lanes of a tile are trained side by side; more trials take more tiles"),
    "drivers": (1_024, "a driver is a thread, and one a core is enough"),
    "replicates": (65_536, "a trial's members are trained side by side"),
}


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


def check(task: Any, **given: Any) -> None:
    """Refuses arguments of `jaxhpo.Study` that can't be right.

    Args:
        given: the others, by name; sampler and scheduler are looked up by who makes them.

    Raises:
        ValueError: naming the argument, the value and the way out.
    """
    for name, example in (("trials", "trials=512"), ("seed", "seed=0")):
        if given[name] is None:
            raise ValueError(f"Study({name}=...) must be given, got None; for example {example}")
    seed = given["seed"]
    if isinstance(seed, int) and seed >= _SEEDS:
        raise ValueError(
            f"Study(seed=...) must be below 2**32, got {seed}; larger ones are no other seeds: "
            f"this would be seed={seed % _SEEDS}"
        )
    for name in ("sampler_options", "scheduler_options", "plan"):
        if not isinstance(given[name], Mapping | None):
            raise ValueError(
                f"Study({name}=...) must map names to values, got {given[name]!r}; write "
                f"{name}={{'name': value}}"
            )
    _workdir(given["workdir"])
    _devices(given["devices"])
    _enqueue(given["enqueue"])
    least = {"seed": 0, "lookahead": 0}
    numbers = ("trials", "seed", "batch", "lookahead", "width", "drivers", "replicates")
    whole("Study", **{name: (given[name], least.get(name, 1)) for name in numbers})
    _sizes(given)
    _seconds(given["checkpoint_seconds"])
    _task(task)


def _sizes(given: Mapping[str, Any]) -> None:
    for name, (most, why) in _MOST.items():
        if given[name] is not None and given[name] > most:
            raise ValueError(
                f"Study({name}=...) must be at most {most}, got {given[name]}: {why}; leave it out "
                "for what suits the model and the machine"
            )
    most = _MEMBERS // (given["replicates"] or 1)
    if given["trials"] > most:
        raise ValueError(f"Study(trials=...) must be at most {most}, got {given['trials']}")


def _seconds(given: Any) -> None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not given >= 0:
        raise ValueError(
            f"Study(checkpoint_seconds=...) must be a number of seconds, at least 0, got "
            f"{given!r}; 0 saves only when the study is asked to stop"
        )


def _workdir(workdir: Any) -> None:
    if workdir is not None and not isinstance(workdir, str | os.PathLike):
        raise ValueError(
            f"Study(workdir=...) must be a directory, a database URL or None, got {workdir!r}"
        )


def _devices(devices: Any) -> None:
    if devices is None:
        return
    if not isinstance(devices, Sequence) or isinstance(devices, str) or not devices:
        raise ValueError(
            f"Study(devices=...) must be a list of at least one device, got {devices!r}; write "
            "devices=jax.local_devices(), or leave it out for all"
        )
    for device in devices:
        if not isinstance(device, jax.Device):
            raise ValueError(
                f"Study(devices=...) must hold devices of JAX, got {device!r}; take them from "
                "jax.local_devices()"
            )


def _enqueue(enqueue: Any) -> None:
    listed = isinstance(enqueue, Sequence) and not isinstance(enqueue, str)
    if not listed or not all(isinstance(config, Mapping) for config in enqueue):
        raise ValueError(
            f"Study(enqueue=...) must be a list of configurations, got {enqueue!r}; write "
            "enqueue=[{'name': value}]"
        )


def _task(task: Any) -> None:
    if not isinstance(task, Task) or not isinstance(task.space, Space):
        raise ValueError(
            f"Study(task=...) must be a jaxhpo.contracts.Task over a jaxhpo.Space, got "
            f"{type(task).__name__}; make one with jaxhpo.tasks.objective.objective(fn, space) or "
            "jaxhpo.tasks.supervised.supervised(space, ...)"
        )
    if REPLICATE in task.space.parameters:
        raise ValueError(
            f"Study(task=...): a parameter of the space is called {REPLICATE!r}, which is how a "
            "member finds which replicate it is; rename the parameter"
        )
    _functions(task)
    for name in ("static", "elastic", "alike"):
        names = getattr(task, name)
        if isinstance(names, str):
            raise ValueError(
                f"Task({name}=...) must be a set of names, got the string {names!r}; write "
                f"{name}=frozenset({{{names!r}}})"
            )
        unknown = sorted(set(names) - set(task.space.parameters))
        if unknown:
            raise ValueError(
                f"Task({name}=...) must name parameters of the space "
                f"({', '.join(task.space.parameters)}), got {', '.join(map(repr, unknown))}"
            )
    _stream(task)
    for path, leaf in jax.tree.leaves_with_path(task.data):
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float):
            where = jax.tree_util.keystr(path)
            raise ValueError(
                f"Task(data=...) must hold arrays of numbers, got {leaf!r} of type "
                f"{type(leaf).__name__} at data{where}; keep what is no array out of it"
            )


def _functions(task: Task) -> None:
    for name in ("init", "train", "evaluate", "budget"):
        if not callable(getattr(task, name)):
            raise ValueError(f"Task({name}=...) must be a function, got {getattr(task, name)!r}")
    if not isinstance(task.objective, str) or not isinstance(task.name, str):
        raise ValueError(
            "Task(objective=..., name=...) must be strings, got "
            f"objective={task.objective!r}, name={task.name!r}"
        )
    if not isinstance(task.maximize, bool):
        raise ValueError(f"Task(maximize=...) must be True or False, got {task.maximize!r}")
    checked("Task", task.objective, task.others, task.constraints)


def scheduler(name: str, given: Any) -> Scheduler:
    """What a scheduler's factory made, if a study can be run with it.

    Raises:
        ValueError: if it is none, or one that pauses trials and never decides on them.
    """
    if not isinstance(given, Scheduler):
        raise ValueError(
            f"{name}(...) must return a jaxhpo.contracts.Scheduler, got {type(given).__name__}"
        )
    if (given.group is None) != (given.decide is None):
        has, lacks = ("group", "decide") if given.decide is None else ("decide", "group")
        raise ValueError(
            f"{name}(...): a scheduler with `{has}` must have `{lacks}` too: trials of a group "
            "pause at its rungs, and `decide` says who goes on"
        )
    return given


def _stream(task: Task) -> None:
    if task.stream is None:
        return
    if not isinstance(task.stream, Stream):
        raise ValueError(
            f"Task(stream=...) must be a jaxhpo.contracts.Stream or None, got {task.stream!r}"
        )
    if task.folds != 1:
        raise ValueError(
            f"Task(stream=..., folds={task.folds}): rows that come in blocks can't be "
            "cross-validated; leave out one of the two"
        )
    needed = [TRAIN, VALIDATION, *([TEST] if task.test is not None else [])]
    for split in needed:
        shares = task.stream.shares.get(split, ())
        if not shares or not all(share > 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(
                f"Task(stream=...): the shares of the blocks of {split!r} must be above 0 and sum "
                f"to 1, got {tuple(shares)!r:.100}; a block's share is its rows by those of all"
            )


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


def warm_start(prior: Any, name: str, sampler: Sampler) -> None:
    """Refuses to tell results to a sampler that does not look at any.

    Raises:
        ValueError: naming the sampler.
    """
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


def lookahead(given: int | None, group: int) -> None:
    """Refuses a lookahead with which a group could never be complete. None passes.

    Raises:
        ValueError: naming the least that will do.
    """
    if given is not None and given < group - 1:
        raise ValueError(
            f"Study(lookahead={given}): the scheduler decides on {group} trials together, which "
            f"must all be proposed before the first of them ends; give at least {group - 1}, or "
            "leave it out"
        )
