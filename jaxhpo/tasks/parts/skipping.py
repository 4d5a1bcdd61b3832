"""Work that is left out where no member of a tile needs it.

A condition of one member becomes, for a tile of members under `vmap`, a choice between two results
that are both computed. Here it becomes a real branch of the whole tile: the work is done if any
member needs it. Not on accelerators: their tiles are so wide that some member always does, and to
branch they would wait for the host at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap
from jax.extend import core

from jaxhpo.backend import platform


def skipped_unless(needed: Array, fn: Callable[[Any], Any], given: Any) -> Any:
    """``fn(given)``, which must be `given` itself where `needed` is False.

    Not for what gradients are taken through: `custom_vmap` has none in reverse.
    """
    if platform() != "cpu":
        return fn(given)
    closed = jax.make_jaxpr(fn)(given)
    structure = jax.tree.structure(given)

    def computed(held: Any, given: Any) -> Any:
        whole = core.ClosedJaxpr(closed.jaxpr, held)
        return jax.tree.unflatten(structure, core.jaxpr_as_fun(whole)(*jax.tree.leaves(given)))

    def left(_: Any, given: Any) -> Any:
        return given

    @custom_vmap
    def run(needed: Array, held: Any, given: Any) -> Any:
        return jax.lax.cond(needed, computed, left, held, given)

    @run.def_vmap
    def of_tile(size: int, batched: Any, needed: Array, held: Any, given: Any) -> Any:
        axes = jax.tree.map(lambda one: 0 if one else None, tuple(batched[1:]))
        wide = [jax.vmap(branch, axes, axis_size=size) for branch in (computed, left)]
        found = jax.lax.cond(jnp.any(needed), *wide, held, given)
        return found, jax.tree.map(lambda _: True, found)

    return run(needed, closed.consts, given)
