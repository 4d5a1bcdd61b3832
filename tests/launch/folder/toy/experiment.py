"""The toy's task."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.space import Float, Int, Space
from jaxhpo.tasks.objective import objective
from toy.options import Options


def build(options: Options, space: Space | None = None) -> Task:
    """A bowl over the unit square."""
    if options.fault == "said":
        raise ValueError("the toy has no data; fetch it first")
    if options.fault == "slip":
        np.zeros(3).reshape(2)
    if options.fault == "module":
        import no_such_package  # noqa: F401  # pyright: ignore[reportMissingImports]

    def bowl(key: jax.Array, hp: Hyperparameters) -> dict[str, jax.Array]:
        if options.broken:
            raise ArithmeticError("out of order")
        x = jnp.stack([hp["x"], hp["y"] / 10.0])
        idle = jax.lax.fori_loop(0, options.work, lambda i, a: jnp.sin(a + i), hp["x"])
        value = jnp.sum(jnp.abs(x - jnp.array(options.center)) ** options.power)
        noise = options.noise * jax.random.normal(key)
        return {"height": value + noise + 0.0 * idle, "noise": noise}

    space = space or Space(x=Float(0.0, 1.0), y=Int(0, 10))
    return objective(bowl, space, metric="height", name=options.label or "toy")
