"""Early stopping on the device: a trial finishes when its objective has not improved for some
epochs, and may keep its best epoch.

Prechelt 1998, "Early Stopping - But When?", section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.contracts import Hyperparameters
from jaxhpo.space import Space
from jaxhpo.tasks.parts.numbers import number

_MODEL = ("params", "rest")


class Stopping(NamedTuple):
    """init: ``(state, metric names) -> what is added to the state``. after: `Task.after`, or None.
    model: ``(state) -> state`` with the parameters that are kept."""

    init: Callable[[dict[str, Any], Iterable[str]], dict[str, Any]]
    after: Callable[[Hyperparameters, Any, dict[str, Array]], Any] | None
    model: Callable[[dict[str, Any]], dict[str, Any]]


def early(space: Space, patience: str | int, keep: str, objective: str, maximize: bool) -> Stopping:
    """See `jaxhpo.tasks.supervised.supervised` for the arguments.

    Raises:
        ValueError: for a patience that can't be used, or another `keep`.
    """
    if keep not in ("last", "best"):
        raise ValueError(f"supervised(keep=...) must be 'last' or 'best', got {keep!r}")
    waits = number(space, patience, "patience", least=0)
    if patience == 0 and keep == "last":
        return Stopping(lambda state, names: {}, None, lambda state: state)
    sign = -1.0 if maximize else 1.0

    def init(state: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        best: dict[str, Any] = {"loss": jnp.float32(jnp.inf), "waited": jnp.int32(0)}
        if keep == "best":
            best["metrics"] = {name: jnp.float32(0.0) for name in sorted(names)}
            # The first epoch is the best so far, whatever stands here.
            best["model"] = jax.tree.map(jnp.zeros_like, {name: state[name] for name in _MODEL})
        return {"best": best}

    def after(
        hp: Hyperparameters, state: dict[str, Any], metrics: dict[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array], Array]:
        before, loss = state["best"], sign * metrics[objective]
        better = loss < before["loss"]
        best = {
            "loss": jnp.where(better, loss, before["loss"]),
            "waited": jnp.where(better, 0, before["waited"] + 1),
        }
        limit = waits.traced(hp)
        done = (limit > 0) & (best["waited"] >= limit)
        if keep == "best":
            # An objective that is not finite is shown as it is: the trial has diverged.
            shown = better | ~jnp.isfinite(loss)
            now = (metrics, {name: state[name] for name in _MODEL})
            then = (before["metrics"], before["model"])
            best["metrics"], best["model"] = jax.tree.map(
                lambda new, old: jnp.where(shown, new, old), now, then
            )
            metrics = best["metrics"]
        return {**state, "best": best}, metrics, done

    def model(state: dict[str, Any]) -> dict[str, Any]:
        return {**state, **state["best"]["model"]} if keep == "best" else state

    return Stopping(init, after, model)
