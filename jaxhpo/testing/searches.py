"""What every sampler must do in the course of a whole search."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.backend import placed
from jaxhpo.contracts import Sampler
from jaxhpo.cube import Layout
from jaxhpo.testing.claims import equal, holds
from jaxhpo.testing.histories import (
    KEY,
    example_losses,
    example_points,
    none_pending,
    state_after,
)
from jaxhpo.testing.layouts import branching_layout, example_layouts, snap


def check_resumed(factory: Callable[[Layout], Sampler]) -> None:
    """A search that is told its history again by another process goes on as it would have."""
    layout = example_layouts()["conditional"]

    def proposed(sampler: Sampler, state: Any, points: list[Any], batches: int) -> list[Any]:
        for _ in range(batches):
            first = sum(map(len, points))
            pending = points[-1] if points else none_pending(layout)
            found = sampler.ask(state, first, pending, 6).points
            if points:  # a block knows the results of all but the one before it
                losses = example_losses(points[-1])
                state = sampler.tell(state, points[-1], losses, losses < 2.0)
            points = [*points, found]
        return points

    one, other = factory(layout), factory(layout)
    whole = proposed(one, one.init(jax.random.key(KEY)), [], 6)
    told = jnp.concatenate(whole[:2])
    losses = example_losses(told)
    state = other.tell(other.init(jax.random.key(KEY)), told, losses, losses < 2.0)
    for a, b in zip(whole, proposed(other, state, whole[:3], 3), strict=True):
        equal(np.asarray(b).tobytes(), np.asarray(a).tobytes(), "proposals of a resumed search")


def check_search(factory: Callable[[Layout], Sampler]) -> None:
    """A sampler with a `search`: several under `vmap` over keys each do what they do alone, in
    the cube, also where losses are NaN; and under `scan`, each configuration of a finite space
    once. One without works on the host."""
    for name in ("mixed", "conditional"):
        layout = example_layouts()[name]
        search = factory(layout).search
        if search is None:
            return
        keys = jax.random.split(jax.random.key(KEY), 3)

        def loss(keys: jax.Array, points: jax.Array) -> jax.Array:
            return jnp.where(points[:, 0] > 0.8, jnp.nan, jnp.square(points - 0.3).sum(axis=1))

        one = jax.jit(functools.partial(search, loss, trials=45, batch=5))
        points, losses = map(np.asarray, jax.vmap(one)(keys))
        equal((points.shape, losses.shape), ((3, 45, layout.d), (3, 45)), "a search's shapes")
        for row, found in zip(points, losses, strict=True):
            equal(np.asarray(snap(layout, placed(row))).tobytes(), row.tobytes(), "snapped")
            told = np.asarray(loss(keys, placed(row)))
            right = np.allclose(found, np.where(np.isnan(told), np.inf, told), rtol=1e-4)
            holds(right, "a search's losses must be those of its points, infinite where NaN")
        equal(len(np.unique(points.reshape(3, -1), axis=0)), 3, "different searches")
        alone = np.asarray(one(keys[1])[0])
        # Sums of another program may differ in the last bits, and choices with them; not the start.
        holds(bool(np.allclose(alone[:8], points[1, :8], atol=1e-6)), "a search alone and mapped")

    layout = example_layouts()["finite"]
    search = factory(layout).search
    assert search is not None

    def step(least: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        points, losses = search(
            lambda keys, points: example_losses(points), key, trials=layout.size, batch=6
        )
        return jnp.minimum(least, losses.min()), points

    _, found = jax.lax.scan(step, jnp.float32(jnp.inf), jax.random.split(jax.random.key(KEY), 2))
    for row in np.asarray(found):
        equal(len(np.unique(row, axis=0)), layout.size, "different points of a whole finite space")


def check_branches(factory: Callable[[Layout], Sampler]) -> None:
    """Where the best branch has few configurations, still none comes twice in a batch of a sampler
    that learns which branch it is."""
    layout = branching_layout()
    sampler = factory(layout)
    if not sampler.adaptive:
        return
    points = example_points(layout, 40)
    losses = points[:, 0]  # the first branch, which has one configuration, is best
    state = sampler.tell(sampler.init(jax.random.key(KEY)), points, losses, losses >= 0)
    for n in (3, 16):
        found = np.asarray(sampler.ask(state, 40, none_pending(layout), n).points)
        equal(len(np.unique(found, axis=0)), n, "different points in a batch of few branches")


def check_exhausts(factory: Callable[[Layout], Sampler]) -> None:
    """A sampler with a `size` proposes every configuration of a finite space once, and then says
    that there are no more."""
    layout = example_layouts()["finite"]
    sampler = factory(layout)
    if sampler.size is None:
        return
    equal(sampler.size, layout.size, "the size of a finite space")
    state, seen = sampler.init(jax.random.key(KEY)), []
    for first in range(0, sampler.size, 5):
        n = min(5, sampler.size - first)
        points = sampler.ask(state, first, none_pending(layout), n).points
        seen.append(np.asarray(points))
        state = sampler.tell(state, points, example_losses(points), jnp.ones(n, bool))
    equal(len(np.unique(np.concatenate(seen), axis=0)), layout.size, "different proposals in all")
    try:
        sampler.ask(state, sampler.size, none_pending(layout), 1)
    except ValueError:
        return
    holds(False, "a sampler must say that there is nothing left, by a ValueError")


def check_compiles_seldom(factory: Callable[[Layout], Sampler]) -> None:
    """As history grows, programs are compiled anew only when it has doubled."""
    layout = example_layouts()["mixed"]
    sampler = factory(layout)
    if not sampler.adaptive:
        return
    compiled = _Compilations()
    state, counts = state_after(sampler, layout, 40), []
    for size in range(40, 260, 4):
        points = sampler.ask(state, size, none_pending(layout), 4).points
        state = sampler.tell(state, points, example_losses(points), jnp.ones(4, bool))
        counts.append(compiled.count)
    compiled.close()
    grew = int((np.diff(counts) > 0).sum())
    holds(grew <= 5, f"programs must be compiled at doublings only, but were {grew} times")


class _Compilations:
    """Counts what JAX compiles while it is open."""

    def __init__(self) -> None:
        self.count = 0
        self.open = True
        jax.monitoring.register_event_duration_secs_listener(self._heard)  # type: ignore

    def _heard(self, event: str, duration: float, **_: Any) -> Any:
        if self.open and event.endswith("jaxpr_trace_duration"):
            self.count += 1

    def close(self) -> None:
        """Stops counting."""
        self.open = False
