"""The one jitted program of a cohort: a tile of W lanes trained for some units, and refilled.

Everything in a tile happens on the device: the next waiting member enters a lane as soon as the
one before has finished or diverged. The program's shape never changes, so it is traced and compiled
once a cohort, and a member's arithmetic is the same whoever its neighbours are.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.contracts import Task
from jaxhpo.random_bits import counter_key

Device = Any
"""A `jax.Device`, which type checkers don't take for a type."""

FREE = -1  # the number in a lane that holds no trial
OUTBOX = 64  # most units a tile trains before the host hears of them
_INIT, _TRAIN = 0, 1  # the two streams of a trial's key


class Lanes(NamedTuple):
    """A tile on the device, W lanes.

    number: int32 [W], the trial in the lane, or `FREE`.
    unit: int32 [W], units trained so far.
    budget: int32 [W], units to train.
    hp: name to [W], the traced hyperparameters.
    state: the task's state, every leaf [W, ...].
    """

    number: Array
    unit: Array
    budget: Array
    hp: dict[str, Array]
    state: Any


class Inbox(NamedTuple):
    """Members waiting for a lane, Q places of which the first `count` are filled."""

    count: Array
    number: Array
    budget: Array
    hp: dict[str, Array]


class Outbox(NamedTuple):
    """What a tile did: U rows of which the first `units` are filled.

    units: int32, units trained. taken: int32, how many members left the inbox.
    number: int32 [U, W], who was trained. metrics: name to float32 [U, W], after the unit.
    diverged: bool [U, W], the objective was not finite or the state held a NaN.
    """

    units: Array
    taken: Array
    number: Array
    metrics: dict[str, Array]
    diverged: Array


@dataclasses.dataclass(kw_only=True, eq=False)
class Program:
    """The compiled program of one cohort, for tiles of one width.

    Attributes:
        static: the cohort's static hyperparameters, Python values.
        dtypes: name to dtype of the traced ones.
        width: W. queue: Q. chunk: how many members are initialised together.
        platform: of the devices that it is to run on: "cpu", "gpu" or "tpu".
        traces: how many times JAX traced the program; 1 is right.
        ready: the devices that it is compiled for. lock: held while it is compiled for another.
    """

    task: Task
    static: Mapping[str, Any]
    dtypes: Mapping[str, np.dtype]
    width: int
    chunk: int
    platform: str = "cpu"
    traces: int = 0
    ready: set[Device] = dataclasses.field(default_factory=set)
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.queue = max(OUTBOX, 2 * self.width)
        options = compiler_options(self.platform)
        self.tick = jax.jit(self._tick, donate_argnums=2, compiler_options=options)
        self.move = jax.jit(_move, donate_argnums=0)

    def steps(self, hp: Mapping[str, Any]) -> int:
        """Optimizer steps of one unit, 0 where the task does not tell."""
        return self.task.steps(hp) if self.task.steps is not None else 0

    # -- shapes ------------------------------------------------------------------------------------

    def member_shapes(self, data: Any) -> tuple[Any, dict[str, Any]]:
        """The shapes of one member's state and metrics, found without computing anything."""
        key = jax.eval_shape(lambda: jax.random.key(0))
        hp = {name: jax.ShapeDtypeStruct((), dtype) for name, dtype in self.dtypes.items()}
        number = jax.ShapeDtypeStruct((), jnp.int32)
        state = jax.eval_shape(self._init, key, number, hp, data)
        after = jax.eval_shape(self._unit, key, number, number, hp, state, data)
        return state, after[1]

    def empty(self, data: Any) -> Lanes:
        """A tile in which every lane is free."""
        state, _ = self.member_shapes(data)
        return Lanes(
            number=jnp.full(self.width, FREE, jnp.int32),
            unit=jnp.zeros(self.width, jnp.int32),
            budget=jnp.zeros(self.width, jnp.int32),
            hp={name: jnp.zeros(self.width, dtype) for name, dtype in self.dtypes.items()},
            state=jax.tree.map(
                lambda leaf: jnp.zeros((self.width, *leaf.shape), leaf.dtype), state
            ),
        )

    # -- one member --------------------------------------------------------------------------------

    def _init(self, key: Array, number: Array, hp: dict[str, Array], data: Any) -> Any:
        trial = jax.random.fold_in(key, number)
        return self.task.init(jax.random.fold_in(trial, _INIT), {**self.static, **hp}, data)

    def _unit(
        self, key: Array, number: Array, unit: Array, hp: dict[str, Array], state: Any, data: Any
    ) -> tuple[Any, dict[str, Array], Array]:
        """One unit of one member: the state after it, its metrics, whether it diverged."""
        trial = jax.random.fold_in(key, number)
        unit_key = jax.random.fold_in(counter_key(jax.random.fold_in(trial, _TRAIN)), unit)
        everything = {**self.static, **hp}
        after = self.task.train(unit_key, everything, state, data)
        check_same(state, after, self.task.name)
        metrics = check_metrics(self.task.evaluate(everything, after, data), self.task)
        lost = ~jnp.isfinite(metrics[self.task.objective])
        for leaf in jax.tree.leaves(after):
            if jnp.issubdtype(leaf.dtype, jnp.inexact):
                lost |= jnp.isnan(leaf).any()
        return after, metrics, lost

    # -- a tile ------------------------------------------------------------------------------------

    def _tick(
        self, key: Array, data: Any, lanes: Lanes, inbox: Inbox, units: Array, drop: Array
    ) -> tuple[Lanes, Outbox]:
        """Frees the lanes in `drop` [W], then trains until `units` are done or nothing is left."""
        self.traces += 1
        _, shapes = self.member_shapes(data)
        empty = (OUTBOX, self.width)
        outbox = Outbox(
            units=jnp.int32(0),
            taken=jnp.int32(0),
            number=jnp.full(empty, FREE, jnp.int32),
            metrics={name: jnp.zeros(empty, jnp.float32) for name in sorted(shapes)},
            diverged=jnp.zeros(empty, bool),
        )
        lanes = lanes._replace(number=jnp.where(drop, FREE, lanes.number))

        def more(carry: tuple[Lanes, Outbox]) -> Array:
            lanes, outbox = carry
            work = (lanes.number != FREE).any() | (outbox.taken < inbox.count)
            return (outbox.units < units) & work

        def unit(carry: tuple[Lanes, Outbox]) -> tuple[Lanes, Outbox]:
            lanes, taken = self._refill(key, data, carry[0], inbox, carry[1].taken)
            state, metrics, diverged = jax.vmap(self._unit, (None, 0, 0, 0, 0, None))(
                key, lanes.number, lanes.unit, lanes.hp, lanes.state, data
            )
            row, outbox = carry[1].units, carry[1]
            outbox = Outbox(
                units=row + 1,
                taken=taken,
                number=outbox.number.at[row].set(lanes.number),
                metrics={name: outbox.metrics[name].at[row].set(metrics[name]) for name in metrics},
                diverged=outbox.diverged.at[row].set(diverged),
            )
            over = diverged | (lanes.unit + 1 >= lanes.budget)
            number = jnp.where(over, FREE, lanes.number)
            return lanes._replace(number=number, unit=lanes.unit + 1, state=state), outbox

        return jax.lax.while_loop(more, unit, (lanes, outbox))

    def _refill(
        self, key: Array, data: Any, lanes: Lanes, inbox: Inbox, taken: Array
    ) -> tuple[Lanes, Array]:
        """Puts waiting members into free lanes, `chunk` at a time; costs nothing if none can go."""

        def more(carry: tuple[Lanes, Array]) -> Array:
            lanes, taken = carry
            return (taken < inbox.count) & (lanes.number == FREE).any()

        def some(carry: tuple[Lanes, Array]) -> tuple[Lanes, Array]:
            lanes, taken = carry
            places = jnp.nonzero(lanes.number == FREE, size=self.chunk, fill_value=self.width)[0]
            which = taken + jnp.arange(self.chunk, dtype=jnp.int32)
            enters = (places < self.width) & (which < inbox.count)
            places = jnp.where(enters, places, self.width)  # out of range: dropped
            which = jnp.minimum(which, self.queue - 1)
            number, hp = inbox.number[which], {n: v[which] for n, v in inbox.hp.items()}
            state = jax.vmap(self._init, (None, 0, 0, None))(key, number, hp, data)
            fresh = Lanes(number, jnp.zeros_like(number), inbox.budget[which], hp, state)
            put = jax.tree.map(lambda old, new: old.at[places].set(new, mode="drop"), lanes, fresh)
            return put, taken + enters.sum(dtype=jnp.int32)

        return jax.lax.while_loop(more, some, (lanes, taken))


@functools.cache
def compiler_options(platform: str) -> dict[str, Any] | None:
    """What the compiler is told beside the program, or None.

    On CPUs with AVX-512, XLA uses half of a register's width unless it is told otherwise; the whole
    made training of small models 6-8 % faster (measured on AMD EPYC). A compiler that does not know
    the option is told nothing.
    """
    if platform != "cpu":
        return None
    options = {"xla_cpu_prefer_vector_width": 512}
    try:
        jax.jit(lambda x: x + 1, compiler_options=options).lower(jnp.float32(0)).compile()
    except Exception:  # whatever way a compiler has of saying that it does not know
        return None
    return options


def _move(to: Lanes, source: Lanes, places: Array, drop: Array) -> Lanes:
    """Copies lane j of `source` to lane ``places[j]`` of `to`, after freeing the lanes in `drop`.

    A place out of range copies none.
    """
    to = to._replace(number=jnp.where(drop, FREE, to.number))
    return jax.tree.map(lambda old, new: old.at[places].set(new, mode="drop"), to, source)


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
