"""The forms of what a study is given: refused at once where they could only fail later, elsewhere,
or not at all. What values they may have is checked where they are used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import Task
from jaxhpo.goals import checked

_SEEDS = 2**32  # the bits of a seed that JAX's keys take; it drops the others without a word


def check(task: Any, **given: Any) -> None:
    """Refuses arguments of `jaxhpo.Study` that have no form that could be right.

    Args:
        task: looked at only if it is a task (see `jaxhpo.study.options.task`).
        given: trials, seed, workdir, sampler_options, scheduler_options, plan, devices, enqueue.

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
    if isinstance(task, Task):
        _task(task)


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


def _task(task: Task) -> None:
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
    for name in ("static", "elastic"):
        names = getattr(task, name)
        if isinstance(names, str):
            raise ValueError(
                f"Task({name}=...) must be a set of names, got the string {names!r}; write "
                f"{name}=frozenset({{{names!r}}})"
            )
    searched = getattr(task.space, "parameters", {})
    unknown = sorted(set(task.elastic) - set(searched))
    if unknown:
        raise ValueError(
            f"Task(elastic=...) must name parameters of the space ({', '.join(searched)}), got "
            f"{', '.join(map(repr, unknown))}"
        )
    for path, leaf in jax.tree.leaves_with_path(task.data):
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float):
            where = jax.tree_util.keystr(path)
            raise ValueError(
                f"Task(data=...) must hold arrays of numbers, got {leaf!r} of type "
                f"{type(leaf).__name__} at data{where}; keep what is no array out of it"
            )
