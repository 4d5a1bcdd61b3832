"""What makes two studies the same study: everything that the trial table is a function of.

Stored with the records, and compared when a study is opened again. Lanes, devices and drivers are
not in it, for nothing depends on them; nor is the code of the task's functions, which can't be
compared: a study that goes on after its training code was changed mixes results of both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import Task
from jaxhpo.goals import goals
from jaxhpo.study.warm_start import Prior

VERSION = 4  # raised whenever the same inputs would give other trials


def certain(
    task: Task, given: Mapping[str, Any], replicates: int, prior: Prior | None
) -> dict[str, Any]:
    """The identity but for the sizes, which may have to be found out first.

    Args:
        given: the arguments of `jaxhpo.Study` but the task, by name.
        replicates: how many members train a trial. prior: what the sampler is told first.
    """
    return {
        "version": VERSION,
        "space": task.space.to_dict(),
        "task": task_identity(task),
        "seed": given["seed"],
        "sampler": given["sampler"],
        "sampler_options": dict(given["sampler_options"] or {}),
        "scheduler": given["scheduler"],
        "scheduler_options": dict(given["scheduler_options"] or {}),
        "enqueued": task.space.encode(given["enqueue"]).tolist() if given["enqueue"] else [],
        "replicates": replicates,
        "warm_start": None if prior is None else prior.identity,
    }


def task_identity(task: Task) -> dict[str, Any]:
    """The part of the identity that the task decides."""
    return {
        "name": task.name,
        "objective": task.objective,
        "maximize": task.maximize,
        **goals(task).to_dict(),
        "static": sorted(task.static),
        "data": digest(task.data) if task.stream is None else task.stream.digest(),
        "fixed": dict(task.fixed),
    }


def digest(tree: Any) -> str:
    """A short hash of the shapes, dtypes and bytes of a pytree of arrays."""
    found = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        found.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape};".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:16]
