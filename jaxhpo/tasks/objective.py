"""A plain JAX function of the hyperparameters as a task: one unit, no training state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxhpo import slips
from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.goals import checked
from jaxhpo.space import Float, Space


def objective(
    fn: Callable[[jax.Array, Hyperparameters], Any],
    space: Space,
    *,
    metric: str | None = None,
    maximize: bool = False,
    others: Mapping[str, bool] | Iterable[tuple[str, bool]] = (),
    constraints: Mapping[str, float] | None = None,
    static: Iterable[str] = (),
    name: str | None = None,
) -> Task:
    """A task that evaluates `fn` once a trial.

    Args:
        fn: ``(key, hp) -> scalar`` or ``-> dict of scalars``, traceable by JAX. Traced
            hyperparameters arrive as scalar arrays: choose between them with `jax.numpy.where` or
            `jax.lax.cond`, or name them in `static`.
        space: what is searched.
        metric: which entry of the dict is the objective; needed only where `fn` returns a dict.
            For a scalar, what to call it.
        maximize: whether more is better.
        others: further objectives among the entries: name to whether more is better. The search is
            then for the front of trials that no other beats in all of them.
        constraints: name of an entry to what it may be at most.
        static: names of parameters that `fn` needs as Python values (a program for each setting).
        name: what to call the task; by default the function's name.

    Raises:
        ValueError: for an argument that can't be used, or if the result of `fn` holds no `metric`.
    """
    _check(fn, space, static)
    title = name or getattr(fn, "__name__", type(fn).__name__)
    wanted = metric or "objective"
    further, bounds = checked("objective", wanted, others, constraints or {})

    def init(key: jax.Array, hp: Hyperparameters, data: Any) -> dict[str, jax.Array]:
        shapes = jax.eval_shape(lambda k: measured(k, hp), key)
        return {k: jnp.zeros((), jnp.float32) for k in shapes}

    def train(
        key: jax.Array, hp: Hyperparameters, state: dict[str, jax.Array], data: Any
    ) -> dict[str, jax.Array]:
        return measured(key, hp)

    def evaluate(hp: Hyperparameters, state: Any, data: Any) -> dict[str, jax.Array]:
        return state

    def measured(key: jax.Array, hp: Hyperparameters) -> dict[str, jax.Array]:
        with slips.named(f"{title}(key, hp)", space.parameters, "objective(static=[...])"):
            result = fn(key, hp)
        if not isinstance(result, Mapping):
            result = {wanted: result}
        asked = {"metric": [wanted], "others": [n for n, _ in further], "constraints": [*bounds]}
        for argument, names in asked.items():
            for name in names:
                if name not in result:
                    raise ValueError(
                        f"objective({title}, {argument}=...) must name metrics that the function "
                        f"returns ({', '.join(sorted(result))}), got {name!r}"
                    )
        return {k: _scalar(title, k, v) for k, v in result.items()}

    return Task(
        space=space,
        data=(),
        init=init,
        train=train,
        evaluate=evaluate,
        budget=lambda hp: 1,
        objective=wanted,
        maximize=maximize,
        others=further,
        constraints=bounds,
        static=frozenset(static),
        name=title,
    )


def _check(fn: Any, space: Any, static: Any) -> None:
    if not callable(fn):
        raise ValueError(f"objective(fn=...) must be a function (key, hp) -> scalar, got {fn!r}")
    slips.takes("objective(fn=...)", fn, "key", "hp")
    if not isinstance(space, Space):
        raise ValueError(
            f"objective(space=...) must be a jaxhpo.Space, got {space!r}; write "
            "Space(x=Float(0.0, 1.0))"
        )
    if isinstance(static, str):
        raise ValueError(
            f"objective(static=...) must be names, got the string {static!r}; write "
            f"static=[{static!r}]"
        )


def _scalar(title: str, name: str, value: Any) -> jax.Array:
    """One metric as float32."""
    dtype = getattr(value, "dtype", None)
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    if dtype is None:
        real = isinstance(value, bool | int | float)
    else:
        real = any(jnp.issubdtype(dtype, kind) for kind in kinds)
    if not real:
        raise ValueError(f"{title} must return real scalars, got {name!r}: {value!r}")
    if jnp.shape(value) != ():
        raise ValueError(
            f"{title} must return real scalars, got {name!r} of shape {jnp.shape(value)}; take its "
            "mean"
        )
    return jnp.asarray(value).astype(jnp.float32)


def example() -> Task:
    """Branin's function with a little noise (for the conformance suite)."""

    def branin(key: jax.Array, hp: Hyperparameters) -> jax.Array:
        x, y = hp["x"], hp["y"]
        curve = y - 5.1 / (4 * jnp.pi**2) * x**2 + 5 / jnp.pi * x - 6
        noise = 0.1 * jax.random.normal(key)
        return curve**2 + 10 * (1 - 1 / (8 * jnp.pi)) * jnp.cos(x) + 10 + noise

    return objective(branin, Space(x=Float(-5.0, 10.0), y=Float(0.0, 15.0)))
