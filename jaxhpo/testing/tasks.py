"""What every task must do."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.contracts import Task
from jaxhpo.testing.claims import equal, holds


def check_task(task: Task) -> None:
    """All checks of a task: it trains under jit and vmap, keeps its shapes, and is a function of
    its key."""
    space = task.space
    static = space.static_names(task.static)
    points = np.random.default_rng(0).random((3, len(space))).astype(np.float32)
    for config in space.decode(points):
        hp = space.filled(config, static)
        budget = task.budget(hp)
        holds(isinstance(budget, int) and budget >= 1, f"budget must be >= 1, got {budget!r}")
        holds(task.steps is None or task.steps(hp) >= 1, "steps must be at least 1")
        traced = {n: jnp.asarray(v, space.dtype(n)) for n, v in hp.items() if n not in static}
        fixed = {n: v for n, v in hp.items() if n in static}
        _check_member(task, fixed, traced)


def _check_member(task: Task, fixed: dict[str, Any], traced: dict[str, jax.Array]) -> None:
    def run(key: jax.Array, traced: dict[str, jax.Array]) -> tuple[Any, dict[str, jax.Array]]:
        hp = {**fixed, **traced}
        first, second, third = jax.random.split(key, 3)
        state = task.init(first, hp, task.data)
        before = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
        for unit in (second, third):
            state = task.train(unit, hp, state, task.data)
        after = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
        equal(after, before, "the state's structure, shapes and dtypes")
        return state, task.evaluate(hp, state, task.data)

    members = jax.jit(jax.vmap(run, (0, None)))
    keys = jax.random.split(jax.random.key(1), 4)
    state, metrics = members(keys, traced)
    holds(task.objective in metrics, f"evaluate must give {task.objective!r}")
    for name, value in metrics.items():
        equal(value.shape, (4,), f"the shape of metric {name!r} of four members")
        holds(bool(jnp.isfinite(value).all()), f"metric {name!r} must be finite on the example")
    again = members(keys, traced)[1]
    same = jax.tree.map(
        lambda a, b: np.asarray(a).tobytes() == np.asarray(b).tobytes(), metrics, again
    )
    holds(all(jax.tree.leaves(same)), "equal keys must give equal bits")
    turned = members(keys[::-1], traced)[1]
    for name, value in metrics.items():
        close = np.allclose(value, turned[name][::-1], rtol=1e-4, atol=1e-5)
        holds(close, f"metric {name!r} must belong to the key, not to the place")
    if task.test is not None:
        one = jax.tree.map(lambda x: x[0], state)
        found = task.test({**fixed, **traced}, one, task.test_data)
        holds(all(np.shape(v) == () for v in found.values()), "test must give scalars")
