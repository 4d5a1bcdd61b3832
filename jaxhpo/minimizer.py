"""`minimize`: a search for the least value of a JAX function in one call, without a study.

Nothing is recorded and nothing can be resumed; for that there is `jaxhpo.Study`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array
from jax.core import Tracer

from jaxhpo import registry, slips
from jaxhpo.backend import placed
from jaxhpo.contracts import Sampler
from jaxhpo.goals import Goals, checked
from jaxhpo.pareto import front
from jaxhpo.samplers._left import MOST
from jaxhpo.space import Space
from jaxhpo.traceable import Objective, Traceable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Minimum:
    """What `minimize` found.

    Attributes:
        config: the best configuration: active parameters and constants. With several objectives the
            best by the first one. Where no trial keeps the constraints: that which breaks them
            least.
        value: the objective's value there, as it was observed; NaN if every trial failed or breaks
            a constraint.
        values: float32 [trials], in the order of proposal; NaN where the function's was not finite.
        configs: the configurations, in that order.
        sampler: what proposed them, in words.
        metrics: name to float32 [trials], what the function reported; where the whole search was
            one program, of the objective alone.
        feasible: bool [trials], which have finite objectives and keep every constraint.
        front: the numbers of the feasible trials that no other beats in every objective, by the
            first one; with one objective, of the best alone.
    """

    config: dict[str, Any]
    value: float
    values: np.ndarray
    configs: list[dict[str, Any]]
    sampler: str
    metrics: dict[str, np.ndarray]
    feasible: np.ndarray
    front: tuple[int, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each trial: a column for each parameter, and `value`; where the function
        returns a dict, a column for each metric instead."""
        table = pd.DataFrame(self.configs)
        if len(self.metrics) > 1:
            return table.assign(**self.metrics)
        return table.assign(value=self.values)


_TRANSFORMED = (
    "minimize(...) answers in Python values, so it can't be called inside jit, scan, vmap or grad; "
    "there, call the search of a sampler, as docs/samplers.md shows; for several seeds at once "
    "give minimize(seed=[...])"
)


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
    metric: str | None = ...,
    maximize: bool = ...,
    others: Mapping[str, bool] | Iterable[tuple[str, bool]] = ...,
    constraints: Mapping[str, float] | None = ...,
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
    metric: str | None = ...,
    maximize: bool = ...,
    others: Mapping[str, bool] | Iterable[tuple[str, bool]] = ...,
    constraints: Mapping[str, float] | None = ...,
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
    metric: str | None = None,
    maximize: bool = False,
    others: Mapping[str, bool] | Iterable[tuple[str, bool]] = (),
    constraints: Mapping[str, float] | None = None,
    static: Iterable[str] = (),
) -> Minimum | list[Minimum]:
    """Searches a space for the least value of a JAX function.

        minimize(lambda key, hp: (hp["x"] - 1) ** 2, Space(x=Float(-5.0, 5.0))).config

    Args:
        fn: ``(key, hp) -> scalar``, or a dict of scalars; traceable. Numbers in `hp` are scalar
            arrays, an inactive one the lowest of its domain; strings, tuples and what is in
            `static` are Python values, an inactive one None. It is mapped over the batch; every
            setting of static parameters is a branch of one program.
        space: what is searched.
        trials: how many evaluations; fewer if the space has fewer configurations.
        batch: how many are proposed, and evaluated, at once.
        seed: everything follows from it. A sequence of seeds gives a list of results.
        sampler: a file name in ``jaxhpo/samplers``. One that has a `Sampler.search` (all but
            ``"cmaes"`` do) runs wholly inside one jitted program, several seeds at once, unless the
            space is finite with more than 4,096 configurations, or finer than float32 arithmetic
            can follow, or there are several objectives or constraints; else the program only
            evaluates, and proposals come from the host.
        sampler_options: the sampler's arguments.
        metric: which entry of the dict is the objective, where `fn` returns one.
        maximize: whether more is better.
        others: further objectives among the entries: name to whether more is better. What is found
            is then a front (`Minimum.front`).
        constraints: name of an entry to what it may be at most.
        static: parameters that `fn` needs as Python values.

    Raises:
        ValueError: for an argument that can't be used; if static parameters have more than 64
            settings together (`Study` has no such limit); if `fn` returns no scalar; if it is
            called inside a JAX transformation.
    """
    _check(fn, space, trials, batch, seed)
    seeds = _seeds(seed)
    if isinstance(static, str):
        raise ValueError(
            f"minimize(static=...) must be names, got the string {static!r}; write "
            f"static=[{static!r}]"
        )
    first = metric or "value"
    further, bounds = checked("minimize", first, others, constraints or {})
    goals = Goals(((first, maximize), *further), tuple(sorted(bounds.items())))
    wanted = tuple(dict.fromkeys([*goals.names, *bounds]))
    problem = _Problem(Traceable(fn, space, frozenset(static), wanted), goals)
    given = {"trials": trials} if sampler == "auto" else {}
    options = {**given, **(sampler_options or {})}
    made = registry.made("samplers", sampler, (space.layout,), options)
    if not goals.plain and made.adaptive and not made.several:
        raise ValueError(
            f"minimize(sampler={sampler!r}): it takes one objective and no constraint; use 'auto', "
            "'tpe' or a sampler that does not look at results"
        )
    trials = trials if made.size is None else min(trials, made.size)
    listed = (space.layout.size or 0) <= MOST  # or a program would propose some again
    try:
        if made.search is not None and problem.traceable.is_traceable and listed and goals.plain:
            found = _inside(problem, seeds, trials, batch, sampler, made)
        else:
            found = [_outside(problem, s, trials, batch, sampler, made) for s in seeds]
    except jax.errors.TracerArrayConversionError as error:  # `fn` holds what is traced outside
        raise ValueError(_TRANSFORMED) from error
    return found if isinstance(seed, Sequence | np.ndarray) else found[0]


def _check(fn: Any, space: Any, trials: Any, batch: Any, seed: Any) -> None:
    if any(isinstance(leaf, Tracer) for leaf in [jnp.zeros(()), *jax.tree.leaves(seed)]):
        raise ValueError(_TRANSFORMED)
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
    """The function, and what is asked of it."""

    def __init__(self, traceable: Traceable, goals: Goals) -> None:
        self.traceable, self.goals = traceable, goals
        self.space = traceable.space

    def judged(self, metrics: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """float32 [n, k], losses, lower is better, NaN in all of a row where one is not finite;
        float32 [n, c], by how much each constraint is broken, infinite where that is not known."""
        losses = np.stack([metrics[name] for name in self.goals.names], axis=1) * self.goals.signs
        losses[~np.isfinite(losses).all(axis=1)] = np.nan
        bounds = [(metrics[name], bound) for name, bound in self.goals.constraints]
        broken = [np.where(np.isfinite(v), np.maximum(v - b, 0.0), np.inf) for v, b in bounds]
        return losses.astype(np.float32), np.array(broken, np.float32).T.reshape(len(losses), -1)

    def minimum(
        self, configs: list[dict[str, Any]], metrics: dict[str, np.ndarray], sampler: str
    ) -> Minimum:
        """The result, from metrics name to [n]."""
        losses, broken = self.judged(metrics)
        feasible = np.isfinite(losses).all(axis=1) & (broken == 0).all(axis=1)
        first = np.where(feasible, losses[:, 0], np.inf)
        if feasible.any():
            best, value = int(np.argmin(first)), float(losses[np.argmin(first), 0])
        else:
            best, value = int(np.argmin(broken.sum(axis=1))), np.nan
        ahead = np.flatnonzero(front(np.where(feasible[:, None], losses, np.nan)))
        order = ahead[np.argsort(first[ahead], kind="stable")]
        shown = order if self.goals.several else [best] * bool(feasible.any())
        sign = float(self.goals.signs[0])
        values = np.where(np.isfinite(losses[:, 0]), metrics[self.goals.names[0]], np.nan)
        return Minimum(
            config=configs[best],
            value=sign * value,
            values=values.astype(np.float32),
            configs=configs,
            sampler=sampler,
            metrics=metrics,
            feasible=feasible,
            front=tuple(int(i) for i in shown),
        )


def _inside(
    problem: _Problem,
    seeds: Sequence[int],
    trials: int,
    batch: int,
    name: str,
    sampler: Sampler,
) -> list[Minimum]:
    """The search as one program, mapped over seeds."""
    traceable, metric = problem.traceable, problem.goals.names[0]
    sign = float(problem.goals.signs[0])
    assert sampler.search is not None
    search: Callable[..., tuple[Array, Array]] = sampler.search

    def loss(keys: Array, points: Array) -> Array:
        return sign * traceable.metrics(keys, *traceable.decoded(points))[metric]

    def one(key: Array) -> tuple[Array, Array]:
        return search(loss, key, trials=trials, batch=batch)

    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    every, losses = map(np.asarray, jax.jit(jax.vmap(one))(keys))
    found = []
    for seed, points, row in zip(seeds, every, losses, strict=True):
        says = f"{name}: {trials} trials in batches of {batch}, one program"
        if sampler.says is not None:
            told = trials - min(batch, trials)
            state = sampler.init(jax.random.key(seed))
            state = sampler.tell(state, points[:told], row[:told], np.isfinite(row[:told]))
            says = f"{sampler.says(state, told, batch)}; one program"
        values = np.where(np.isfinite(row), sign * row, np.nan).astype(np.float32)
        configs = problem.space.decode(points)
        found.append(problem.minimum(configs, {metric: values}, says))
    return found


def _outside(
    problem: _Problem,
    seed: int,
    trials: int,
    batch: int,
    name: str,
    sampler: Sampler,
) -> Minimum:
    """The search with the sampler on the host."""
    traceable, space = problem.traceable, problem.space
    ask_key, loss_key = jax.random.split(jax.random.key(seed))
    state = sampler.init(ask_key)
    evaluate = jax.jit(traceable.metrics)
    none = jnp.zeros((0, len(space)), jnp.float32)
    configs: list[dict[str, Any]] = []
    measured: list[dict[str, np.ndarray]] = []
    says = [name]
    for first in range(0, trials, batch):
        n = batch if sampler.size is None else min(batch, sampler.size - first)
        if sampler.says is not None:
            says.append(sampler.says(state, first, n))
        points = sampler.ask(state, first, none, n).points
        some = space.decode(np.asarray(points))
        points = placed(space.encode(some))
        keys = jax.vmap(lambda i: jax.random.fold_in(loss_key, i))(first + jnp.arange(n))
        metrics = {k: np.asarray(v) for k, v in evaluate(keys, *traceable.encoded(some)).items()}
        state = _told(problem, sampler, state, points, metrics)
        configs += some
        measured.append(metrics)
    metrics = {k: np.concatenate([m[k] for m in measured])[:trials] for k in measured[0]}
    return problem.minimum(configs[:trials], metrics, says[-1])


def _told(
    problem: _Problem, sampler: Sampler, state: Any, points: Array, metrics: dict[str, np.ndarray]
) -> Any:
    losses, broken = problem.judged(metrics)
    valid = placed(np.isfinite(losses).all(axis=1))
    table = placed(losses if problem.goals.several else losses[:, 0])
    more = (placed(broken),) if problem.goals.constraints and sampler.several else ()
    return sampler.tell(state, points, table, valid, *more)
