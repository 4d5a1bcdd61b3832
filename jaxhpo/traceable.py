"""A user's function of hyperparameters as a function of points of the cube, for programs that hold
a whole search (`jaxhpo.minimize`)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo import slips
from jaxhpo.space import Space
from jaxhpo.space.axes import Line, axis

MOST_SETTINGS = 64

Objective = Callable[[Array, Mapping[str, Any]], Any]


class Traceable:
    """A function over points of the cube.

    Args:
        fn: ``(key, hp) -> scalar``, or a dict of scalars with all that is `wanted`; a scalar is the
            first of these. static: the parameters that it needs as Python values.

    Raises:
        ValueError: if these have more than `MOST_SETTINGS` settings together.

    Attributes:
        settings: the settings of static parameters, each a branch of the program.
        is_traceable: whether points can be decoded inside a program.
    """

    def __init__(
        self, fn: Objective, space: Space, static: frozenset[str], wanted: Sequence[str]
    ) -> None:
        self.fn, self.space, self.wanted = fn, space, wanted
        self.static = space.static_names(static)
        self.constants = space.filled({}, self.static)
        domains = cast(Any, space.parameters)
        self.axes = {name: axis(domains[name], name) for name in space.names}
        self.searched_static = [name for name in space.names if name in self.static]
        children = {condition.child for condition in space.layout.conditions}
        self.levels = [  # -1, the last: inactive
            [*range(self.axes[name].count or 0)] + [-1] * (space.names.index(name) in children)
            for name in self.searched_static
        ]
        count = int(np.prod([len(some) for some in self.levels], dtype=np.int64))
        if count > MOST_SETTINGS:
            raise ValueError(
                f"minimize(space=...): its static parameters ({', '.join(self.searched_static)}) "
                f"have {count} settings, more than {MOST_SETTINGS}; use jaxhpo.Study"
            )
        self.settings = list(itertools.product(*self.levels))
        values = {
            name: self.axes[name].decode(np.array(space.layout.positions[c], np.float32))[0]
            for c, name in enumerate(space.names)
            if space.layout.positions[c]
        }
        self.values = values
        # A fine grid of whole numbers is rounded on the host, in float64.
        fine = any(
            not isinstance(self.axes[name], Line) and name not in values for name in space.names
        )
        self.is_traceable = not fine

    def decoded(self, points: Array) -> tuple[dict[str, Array], Array]:
        """Points [n, d] as traced hyperparameters, name to [n], and settings int [n]. Traceable."""
        layout = self.space.layout
        level, on = layout.level(points), layout.active(points)
        traced: dict[str, Array] = {}
        for column, name in enumerate(layout.names):
            if name in self.static:
                continue
            dtype = self.space.dtype(name)
            if name in self.values:
                value = jnp.asarray(self.values[name], dtype)[level[:, column]]
            else:
                value = _on_line(cast(Line, self.axes[name]), points[:, column])
            traced[name] = jnp.where(on[:, column], value, jnp.asarray(self.constants[name], dtype))
        return traced, self.setting(points)

    def setting(self, points: Array) -> Array:
        """int32 [n], the place in `settings` of each point. Traceable."""
        layout = self.space.layout
        level, on = layout.level(points), layout.active(points)
        setting = jnp.zeros(len(points), jnp.int32)
        for name, levels in zip(self.searched_static, self.levels, strict=True):
            column = layout.names.index(name)
            place = jnp.where(on[:, column], level[:, column], len(levels) - 1)
            setting = setting * len(levels) + place
        return setting

    def encoded(self, configs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Array], Array]:
        """The same from configurations, on the host."""
        filled = [self.space.filled(config, self.static) for config in configs]
        names = [n for n in self.space.names if n not in self.static]
        traced = {n: jnp.asarray([f[n] for f in filled], self.space.dtype(n)) for n in names}
        return traced, self.setting(jnp.asarray(self.space.encode(configs)))

    def metrics(self, keys: Array, traced: Mapping[str, Array], setting: Array) -> dict[str, Array]:
        """Metric to float32 [n], as the function reports them. Traceable."""
        branches = [functools.partial(self._one, levels) for levels in self.settings]

        def one(key: Array, hp: Mapping[str, Array], which: Array) -> dict[str, Array]:
            if len(branches) == 1:
                return branches[0](key, hp)
            return jax.lax.switch(which, branches, key, hp)

        return jax.vmap(one)(keys, traced, setting)

    def _one(self, levels: Sequence[int], key: Array, hp: Mapping[str, Array]) -> dict[str, Array]:
        fixed = {
            name: None if level < 0 else self.values[name][level]
            for name, level in zip(self.searched_static, levels, strict=True)
        }
        with slips.named("minimize: fn(key, hp)", self.constants, "minimize(static=[...])"):
            found = self.fn(key, {**self.constants, **hp, **fixed})
        found = found if isinstance(found, Mapping) else {self.wanted[0]: found}
        for name in self.wanted:
            if name not in found:
                raise ValueError(
                    f"minimize(fn=...) must return every metric that is asked for "
                    f"({', '.join(self.wanted)}), got {', '.join(map(str, found))}"
                )
        for name, value in found.items():
            if not isinstance(value, Array | np.ndarray | np.generic | bool | int | float):
                raise ValueError(
                    f"minimize(fn=...) must return a scalar, or a dict of scalars, got {value!r} "
                    f"for {name!r}"
                )
            if jnp.iscomplexobj(value):
                raise ValueError(
                    f"minimize(fn=...) must return a real scalar, got {value!r} for {name!r}"
                )
            if jnp.shape(value) != ():
                raise ValueError(
                    f"minimize(fn=...) must return a scalar, or a dict of scalars, got one of "
                    f"shape {jnp.shape(value)} for {name!r}; take its mean"
                )
        return {name: jnp.asarray(value).astype(jnp.float32) for name, value in found.items()}


def _on_line(line: Line, units: Array) -> Array:
    """float32 [n], values of a continuous Float, its bounds exact."""
    low, high = line.low, line.high
    if line.log:
        values = jnp.exp(np.log(low) + units * (np.log(high) - np.log(low)))
    else:
        values = low * (1.0 - units) + high * units
    return jnp.clip(values, low, high).astype(jnp.float32)
