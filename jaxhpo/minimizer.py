"""`minimize`: a search for the least value of a JAX function in one call, without a study.

Nothing is recorded and nothing can be resumed; for that there is `jaxhpo.Study`.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast, overload

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from jaxhpo import registry, slips
from jaxhpo.contracts import Sampler
from jaxhpo.space import Space
from jaxhpo.space.axes import Line, axis

MOST_SETTINGS = 64

Objective = Callable[[Array, Mapping[str, Any]], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Minimum:
    """What `minimize` found.

    Attributes:
        config: the best configuration: active parameters and constants.
        value: the function's value there, as it was observed; NaN if every trial failed.
        values: float32 [trials], in the order of proposal; NaN where the function's was not finite.
        configs: the configurations, in that order.
        sampler: what proposed them, in words.
    """

    config: dict[str, Any]
    value: float
    values: np.ndarray
    configs: list[dict[str, Any]]
    sampler: str

    @property
    def table(self) -> pd.DataFrame:
        """A row for each trial: a column for each parameter, and `value`."""
        return pd.DataFrame(self.configs).assign(value=self.values)


@overload
def minimize(
    fn: Objective,
    space: Space,
    *,
    trials: int = ...,
    batch: int = ...,
    seed: int = ...,
    sampler: str = ...,
    sampler_options: Mapping[str, Any] | None = ...,
    maximize: bool = ...,
    static: Iterable[str] = ...,
) -> Minimum: ...


@overload
def minimize(
    fn: Objective,
    space: Space,
    *,
    trials: int = ...,
    batch: int = ...,
    seed: Sequence[int],
    sampler: str = ...,
    sampler_options: Mapping[str, Any] | None = ...,
    maximize: bool = ...,
    static: Iterable[str] = ...,
) -> list[Minimum]: ...


def minimize(
    fn: Objective,
    space: Space,
    *,
    trials: int = 256,
    batch: int = 16,
    seed: int | Sequence[int] = 0,
    sampler: str = "auto",
    sampler_options: Mapping[str, Any] | None = None,
    maximize: bool = False,
    static: Iterable[str] = (),
) -> Minimum | list[Minimum]:
    """Searches a space for the least value of a JAX function.

        minimize(lambda key, hp: (hp["x"] - 1) ** 2, Space(x=Float(-5.0, 5.0))).config

    Args:
        fn: ``(key, hp) -> scalar``, traceable. Numbers in `hp` are scalar arrays, an inactive one
            the lowest of its domain; strings, tuples and what is in `static` are Python values, an
            inactive one None. It is mapped over the batch; every setting of static parameters is a
            branch of one program.
        space: what is searched.
        trials: how many evaluations; fewer if the space has fewer configurations.
        batch: how many are proposed, and evaluated, at once.
        seed: everything follows from it. A sequence of seeds gives a list of results.
        sampler: a file name in ``jaxhpo/samplers``. One that has a `Sampler.search` (``"tpe"`` and
            ``"random"`` do) runs wholly inside one jitted program, several seeds at once, unless
            the space is finite or finer than float32 arithmetic can follow; with the others the
            program only evaluates.
        sampler_options: the sampler's arguments.
        maximize: whether more is better.
        static: parameters that `fn` needs as Python values.

    Raises:
        ValueError: for an argument that can't be used; if static parameters have more than 64
            settings together (`Study` has no such limit); if `fn` returns no scalar.
    """
    _check(fn, space, trials, batch)
    seeds = _seeds(seed)
    if isinstance(static, str):
        raise ValueError(
            f"minimize(static=...) must be names, got the string {static!r}; write "
            f"static=[{static!r}]"
        )
    problem = _Problem(fn, space, frozenset(static), -1.0 if maximize else 1.0)
    given = {"trials": trials} if sampler == "auto" else {}
    options = {**given, **(sampler_options or {})}
    made = registry.made("samplers", sampler, (space.layout,), options)
    if made.search is not None and problem.is_traceable:
        found = _inside(problem, seeds, trials, batch, sampler, made.search)
    else:
        found = [_outside(problem, s, trials, batch, sampler, made) for s in seeds]
    return found if isinstance(seed, Sequence | np.ndarray) else found[0]


def _check(fn: Any, space: Any, trials: Any, batch: Any) -> None:
    if not callable(fn):
        raise ValueError(f"minimize(fn=...) must be a function (key, hp) -> scalar, got {fn!r}")
    slips.takes("minimize(fn=...)", fn, "key", "hp")
    if not isinstance(space, Space):
        raise ValueError(f"minimize(space=...) must be a jaxhpo.Space, got {space!r}")
    for name, value in (("trials", trials), ("batch", batch)):
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
            raise ValueError(
                f"minimize({name}=...) must be a whole number, at least 1, got {name}={value!r}"
            )


def _seeds(seed: Any) -> list[int]:
    one = not isinstance(seed, Sequence | np.ndarray) or isinstance(seed, str)
    given: list[Any] = [seed] if one else list(seed)
    for value in given:
        whole = hasattr(value, "__index__") and not isinstance(value, bool)
        if not whole or not 0 <= value < 2**32:
            raise ValueError(
                "minimize(seed=...) must be a whole number from 0 to 2**32 - 1, or a list of such, "
                f"got {value!r}"
            )
    if not given:
        raise ValueError(f"minimize(seed=...) must hold at least one seed, got {seed!r}")
    return [int(value) for value in given]


class _Problem:
    """The function over points of the cube.

    Attributes:
        settings: the settings of static parameters, each a branch of the program.
        is_traceable: whether points can be decoded inside a program.
    """

    def __init__(self, fn: Objective, space: Space, static: frozenset[str], sign: float) -> None:
        self.fn, self.space, self.sign = fn, space, sign
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
        self.is_traceable = not fine and space.layout.size is None

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

    def losses(self, keys: Array, traced: Mapping[str, Array], setting: Array) -> Array:
        """float32 [n], lower is better. Traceable."""
        branches = [functools.partial(self._one, levels) for levels in self.settings]

        def one(key: Array, hp: Mapping[str, Array], which: Array) -> Array:
            if len(branches) == 1:
                return branches[0](key, hp)
            return jax.lax.switch(which, branches, key, hp)

        return jax.vmap(one)(keys, traced, setting)

    def _one(self, levels: Sequence[int], key: Array, hp: Mapping[str, Array]) -> Array:
        fixed = {
            name: None if level < 0 else self.values[name][level]
            for name, level in zip(self.searched_static, levels, strict=True)
        }
        with slips.named("minimize: fn(key, hp)", self.constants, "minimize(static=[...])"):
            value = self.fn(key, {**self.constants, **hp, **fixed})
        if not isinstance(value, Array | np.ndarray | np.generic | bool | int | float):
            raise ValueError(
                f"minimize(fn=...) must return a scalar, got {value!r}; return the number that is "
                "searched on, or for several metrics use jaxhpo.Study"
            )
        if jnp.iscomplexobj(value):
            raise ValueError(f"minimize(fn=...) must return a real scalar, got {value!r}")
        if jnp.shape(value) != ():
            raise ValueError(
                f"minimize(fn=...) must return a scalar, got one of shape {jnp.shape(value)}; "
                "take its mean, or for several objectives jaxhpo.Study"
            )
        return self.sign * jnp.asarray(value).astype(jnp.float32)

    def minimum(self, points: np.ndarray, losses: np.ndarray, sampler: str) -> Minimum:
        """The result, from points [n, d] and losses [n]."""
        configs = self.space.decode(points)
        values = np.where(np.isfinite(losses), losses * self.sign, np.nan).astype(np.float32)
        best = int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))
        return Minimum(
            config=configs[best],
            value=float(values[best]),
            values=values,
            configs=configs,
            sampler=sampler,
        )


def _on_line(line: Line, units: Array) -> Array:
    """float32 [n], values of a continuous Float, its bounds exact."""
    low, high = line.low, line.high
    if line.log:
        values = jnp.exp(np.log(low) + units * (np.log(high) - np.log(low)))
    else:
        values = low * (1.0 - units) + high * units
    return jnp.clip(values, low, high).astype(jnp.float32)


def _inside(
    problem: _Problem,
    seeds: Sequence[int],
    trials: int,
    batch: int,
    name: str,
    search: Callable[..., tuple[Array, Array]],
) -> list[Minimum]:
    """The search as one program, mapped over seeds."""

    def loss(keys: Array, points: Array) -> Array:
        return problem.losses(keys, *problem.decoded(points))

    def one(key: Array) -> tuple[Array, Array]:
        return search(loss, key, trials=trials, batch=batch)

    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    points, losses = map(np.asarray, jax.jit(jax.vmap(one))(keys))
    says = f"{name}: {trials} trials in batches of {batch}, one program"
    return [problem.minimum(p, v, says) for p, v in zip(points, losses, strict=True)]


def _outside(
    problem: _Problem,
    seed: int,
    trials: int,
    batch: int,
    name: str,
    sampler: Sampler,
) -> Minimum:
    """The search with the sampler on the host."""
    trials = trials if sampler.size is None else min(trials, sampler.size)
    ask_key, loss_key = jax.random.split(jax.random.key(seed))
    state = sampler.init(ask_key)
    evaluate = jax.jit(problem.losses)
    none = jnp.zeros((0, len(problem.space)), jnp.float32)
    found, losses, says = [], [], [name]
    for first in range(0, trials, batch):
        n = batch if sampler.size is None else min(batch, sampler.size - first)
        if sampler.says is not None:
            says.append(sampler.says(state, first, n))
        points = sampler.ask(state, first, none, n).points
        configs = problem.space.decode(np.asarray(points))
        points = jnp.asarray(problem.space.encode(configs))
        keys = jax.vmap(lambda i: jax.random.fold_in(loss_key, i))(first + jnp.arange(n))
        loss = evaluate(keys, *problem.encoded(configs))
        state = sampler.tell(state, points, loss, jnp.isfinite(loss))
        found.append(np.asarray(points))
        losses.append(np.asarray(loss))
    every, all_losses = np.concatenate(found)[:trials], np.concatenate(losses)[:trials]
    return problem.minimum(every, all_losses, says[-1])
