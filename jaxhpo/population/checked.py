"""Refuses what a task returns where the engine can't use it, while the program is traced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.contracts import Task


def check_metrics(metrics: Any, task: Task) -> dict[str, Array]:
    """The metrics as float32 scalars.

    Raises:
        ValueError: if they are no dict of scalars or the objective is not among them.
    """
    if not isinstance(metrics, Mapping) or task.objective not in metrics:
        held = sorted(metrics) if isinstance(metrics, Mapping) else type(metrics).__name__
        raise ValueError(
            f"{task.name}: evaluate(...) must return a dict that holds the objective "
            f"{task.objective!r}, got {held}"
        )
    further = {"others": [name for name, _ in task.others], "constraints": [*task.constraints]}
    for argument, names in further.items():
        lost = [name for name in names if name not in metrics]
        if lost:
            raise ValueError(
                f"{task.name}: Task({argument}=...) must name metrics that evaluate(...) returns "
                f"({', '.join(sorted(metrics))}), got {', '.join(map(repr, lost))}"
            )
    found = {}
    for name, value in metrics.items():
        value = jnp.asarray(value)
        if value.shape != () or jnp.issubdtype(value.dtype, jnp.complexfloating):
            raise ValueError(
                f"{task.name}: metric {name!r} must be a real scalar, got {value.dtype} of shape "
                f"{value.shape}; take its mean"
            )
        found[name] = value.astype(jnp.float32)
    return found


def check_same(before: Any, after: Any, name: str) -> None:
    """Refuses a training step that changes the state's structure, shapes or dtypes.

    Raises:
        ValueError: naming the first leaf that differs.
    """
    old, old_tree = jax.tree.flatten_with_path(before)
    new, new_tree = jax.tree.flatten_with_path(after)
    if old_tree != new_tree:
        raise ValueError(
            f"{name}: train(...) must return a state of the same structure as init(...), "
            f"got {new_tree} after {old_tree}"
        )
    for (path, a), (_, b) in zip(old, new, strict=True):
        if jnp.shape(a) != jnp.shape(b) or jnp.result_type(a) != jnp.result_type(b):
            where = jax.tree_util.keystr(path) or "the state"
            raise ValueError(
                f"{name}: train(...) must keep the shape and dtype of {where}: it was "
                f"{jnp.result_type(a)}{list(jnp.shape(a))}, now "
                f"{jnp.result_type(b)}{list(jnp.shape(b))}"
            )
