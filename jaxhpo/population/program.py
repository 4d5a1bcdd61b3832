"""The one jitted program of a cohort: a tile of W lanes trained for some units, and refilled.

Everything in a tile happens on the device: the next waiting member enters a lane as soon as the
one before has finished, diverged, or is worse than it may be. The program's shape never changes, so
it is traced and compiled once a cohort, and a member's arithmetic is the same whoever its
neighbours are.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.backend import Device, traced_for
from jaxhpo.contracts import REPLICATE, Task
from jaxhpo.option import Option, distinct
from jaxhpo.population.checked import check_metrics, check_same
from jaxhpo.population.compiler import Compiled, compiler_options
from jaxhpo.population.form import Form
from jaxhpo.population.lanes import FREE, OUTBOX, Inbox, Lanes, Outbox, copied, paused
from jaxhpo.population.nan import with_nan
from jaxhpo.random_bits import counter_key

EXHAUSTED = "RESOURCE_EXHAUSTED"
"""What the runtime says where a device's memory is not enough."""

_Tick = tuple[Lanes, Array, Array, Outbox]  # what a loop over units carries, and over entries:
_Filling = tuple[Lanes, Array, Array, Array]
_INIT, _TRAIN, _REPLICATES = 0, 1, 2  # the streams of a trial's key


@dataclasses.dataclass(kw_only=True, eq=False)
class Program:
    """The compiled program of one cohort.

    Attributes:
        static: the cohort's static hyperparameters, Python values.
        queue: Q. chunk: how many members are initialised together.
        traces: how many times JAX traced the program; 1 is right.
    """

    task: Task
    static: Mapping[str, Any]
    form: Form
    traces: int = 0

    def __post_init__(self) -> None:
        self.width = self.form.width
        self.queue = max(OUTBOX, 2 * self.width)
        self.chunk = max(1, self.width // 32)
        self.limits = OUTBOX if self.form.limited else 0
        options = compiler_options(self.form.platform)
        self.tick = Compiled(self._tick, donate_argnums=2, compiler_options=options)
        self.copied = Compiled(copied, donate_argnums=0)
        self.copied_within = Compiled(copied)
        self.test = jax.jit(self._test)
        self._shapes: tuple[Any, dict[str, Any]] | None = None
        self._shaping = threading.Lock()  # so that drivers that begin together trace it once
        self._sign = -1.0 if self.task.maximize else 1.0

    @property
    def ready(self) -> set[Device]:
        """The devices that it is compiled for."""
        return self.tick.devices

    def steps(self, hp: Mapping[str, Any]) -> int:
        """Optimizer steps of one unit, 0 where the task does not tell."""
        return self.task.steps(hp) if self.task.steps is not None else 0

    # -- shapes ------------------------------------------------------------------------------------

    def member_shapes(self, data: Any) -> tuple[Any, dict[str, Any]]:
        """The shapes of one member's state and metrics, found without computing anything, once."""
        with self._shaping:
            if self._shapes is None:
                self._shapes = self._shaped(data)
        return self._shapes

    def state_shape(self, data: Any) -> Any:
        """The shapes of one member's state alone, which take a part of the time to find."""
        return jax.eval_shape(self._init, *self._arguments(), data)

    def _shaped(self, data: Any) -> tuple[Any, dict[str, Any]]:
        key, number, hp = self._arguments()
        state = self.state_shape(data)
        after = jax.eval_shape(self._unit, key, number, number, hp, state, data)
        return state, after[1]

    def _arguments(self) -> tuple[Any, Any, dict[str, Any]]:
        """The shapes of a member's key, number and hyperparameters."""
        key = jax.eval_shape(lambda: jax.random.key(0))
        dtypes = self.form.dtypes.items()
        hp = {name: jax.ShapeDtypeStruct((), dtype) for name, dtype in dtypes}
        return key, jax.ShapeDtypeStruct((), jnp.int32), hp

    def empty(self, data: Any) -> Lanes:
        """A tile in which every lane is free, on the host."""
        state, _ = self.member_shapes(data)
        width = self.width

        def zeros(leaf: Any) -> Any:
            kind = jnp if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else np
            return kind.zeros((width, *leaf.shape), leaf.dtype)

        held: dict[str, Any] = {
            "number": np.full(width, FREE, np.int32),
            "unit": np.zeros(width, np.int32),
            "until": np.zeros(width, np.int32),
            "pause": np.zeros(width, bool),
            "best": np.full(width, np.inf, np.float32),
            "hp": {name: np.zeros(width, dtype) for name, dtype in self.form.dtypes.items()},
            "state": jax.tree.map(zeros, state),
        }
        return Lanes(**held)

    def memory(self, data: Any) -> int:
        """Bytes that a tile needs on its device while it is trained, its data included, as the
        compiler says. Compiles the program."""
        lanes = jax.eval_shape(lambda: self.empty(data))
        wide, queue = (self.width,), (self.queue,)
        shape: Any = jax.ShapeDtypeStruct
        inbox = Inbox(
            count=shape((), jnp.int32),
            number=shape(queue, jnp.int32),
            until=shape(queue, jnp.int32),
            pause=shape(queue, bool),
            limits=shape((*queue, self.limits), jnp.float32),
            hp={name: shape(queue, dtype) for name, dtype in self.form.dtypes.items()},
        )
        arguments = (shape((), jnp.int32), shape(wide, bool), shape((*wide, self.limits), "f4"))
        key = jax.eval_shape(lambda: jax.random.key(0))
        lowered = self.tick.jitted.lower(key, data, lanes, inbox, *arguments)
        found = lowered.compile().memory_analysis()
        if found is None:
            return 0
        held = found.argument_size_in_bytes + found.output_size_in_bytes
        return held + found.temp_size_in_bytes - found.alias_size_in_bytes

    # -- one member --------------------------------------------------------------------------------

    def _given(self, number: Array, hp: dict[str, Array]) -> dict[str, Any]:
        """A member's hyperparameters as its task gets them."""
        options = self.form.options
        arrays: dict[str, Any] = {
            n: distinct(Option(options[n], v)) if n in options else v for n, v in hp.items()
        }
        if self.form.replicates > 1:
            arrays[REPLICATE] = number % self.form.replicates
        return {**self.static, **arrays}

    def _key(self, key: Array, number: Array) -> Array:
        """A member's own key: of the trial, and where there are several, of the replicate."""
        if self.form.replicates == 1:
            return counter_key(jax.random.fold_in(key, number))
        trial = counter_key(jax.random.fold_in(key, number // self.form.replicates))
        return jax.random.fold_in(trial, _REPLICATES + number % self.form.replicates)

    def _init(self, key: Array, number: Array, hp: dict[str, Array], data: Any) -> Any:
        own = jax.random.fold_in(self._key(key, number), _INIT)
        with traced_for(self.form.platform):
            return self.task.init(own, self._given(number, hp), data)

    def _unit(
        self, key: Array, number: Array, unit: Array, hp: dict[str, Array], state: Any, data: Any
    ) -> tuple[Any, dict[str, Array], Array, Array]:
        """One unit of one member: the state after it, its metrics, whether its objective is no
        finite number, and whether its task says that it has finished."""
        own = jax.random.fold_in(self._key(key, number), _TRAIN)
        unit_key = jax.random.fold_in(own, unit)
        given = self._given(number, hp)
        with traced_for(self.form.platform):
            after = self.task.train(unit_key, given, state, data)
            check_same(state, after, self.task.name)
            metrics = check_metrics(self.task.evaluate(given, after, data), self.task)
        done = jnp.zeros((), bool)
        if self.task.after is not None:
            after, metrics, done = self.task.after(given, after, metrics)
            check_same(state, after, self.task.name)
            metrics = check_metrics(metrics, self.task)
        return after, metrics, ~jnp.isfinite(metrics[self.task.objective]), done

    def _test(self, number: Array, hp: dict[str, Array], state: Any, data: Any) -> Any:
        """What the task's `test`, which it must have, says of a member's final state."""
        assert self.task.test is not None
        with traced_for(self.form.platform):
            return self.task.test(self._given(number, hp), state, data)

    # -- a tile ------------------------------------------------------------------------------------

    def _tick(
        self,
        key: Array,
        data: Any,
        lanes: Lanes,
        inbox: Inbox,
        units: Array,
        drop: Array,
        limits: Array,
    ) -> tuple[Lanes, Outbox]:
        """Frees the lanes in `drop` [W], then trains until `units` are done or nothing is left.

        `limits` [W, V] are for the next V units of those that are in the lanes.
        """
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

        def more(carry: _Tick) -> Array:
            lanes, _, _, outbox = carry
            fresh = (outbox.taken < inbox.count) & (lanes.number == FREE).any()
            return (outbox.units < units) & ((lanes.number >= 0).any() | fresh)

        def unit(carry: _Tick) -> _Tick:
            lanes, start, limits, outbox = carry
            filled = self._refill(key, data, lanes, start, limits, inbox, outbox.taken)
            lanes, start, limits, taken = filled
            state, metrics, diverged, done = jax.vmap(self._unit, (None, 0, 0, 0, 0, None))(
                key, lanes.number, lanes.unit, lanes.hp, lanes.state, data
            )
            row, live = outbox.units, lanes.number >= 0
            diverged |= with_nan(state, live, self.form.platform)
            outbox = Outbox(
                units=row + 1,
                taken=taken,
                number=outbox.number.at[row].set(jnp.where(live, lanes.number, FREE)),
                metrics={name: outbox.metrics[name].at[row].set(metrics[name]) for name in metrics},
                diverged=outbox.diverged.at[row].set(diverged),
            )
            loss = metrics[self.task.objective] * self._sign
            best = jnp.where(lanes.unit == 0, loss, jnp.minimum(lanes.best, loss))
            over = diverged | done
            if self.form.limited:
                limit = jnp.take_along_axis(limits, (lanes.unit - start)[:, None], 1)[:, 0]
                over |= (best if self.form.of_best else loss) > limit
            end = lanes.unit + 1 >= lanes.until
            number = jnp.where(over | (end & ~lanes.pause), FREE, lanes.number)
            if self.form.pauses:
                rests = ~over & end & lanes.pause & live
                number = jnp.where(rests, paused(lanes.number), number)
                number = jnp.where(live, number, lanes.number)
                state = jax.tree.map(lambda new, old: _where(live, new, old), state, lanes.state)
                best = jnp.where(live, best, lanes.best)
            trained = lanes.unit + live
            after = lanes._replace(number=number, unit=trained, best=best, state=state)
            return after, start, limits, outbox

        carry = (lanes, lanes.unit, limits, outbox)
        lanes, _, _, outbox = jax.lax.while_loop(more, unit, carry)
        return lanes, outbox

    def _refill(
        self,
        key: Array,
        data: Any,
        lanes: Lanes,
        start: Array,
        limits: Array,
        inbox: Inbox,
        taken: Array,
    ) -> tuple[Lanes, Array, Array, Array]:
        """Puts waiting members into free lanes, `chunk` at a time; costs nothing if none can go."""

        def more(carry: _Filling) -> Array:
            lanes, _, _, taken = carry
            return (taken < inbox.count) & (lanes.number == FREE).any()

        def some(carry: _Filling) -> _Filling:
            lanes, start, limits, taken = carry
            free = lanes.number == FREE
            which = taken + jnp.arange(self.chunk, dtype=jnp.int32)
            if self.chunk == 1:  # there is a place, and one who waits, or the loop would have ended
                places, enters = jnp.argmax(free)[None], jnp.ones(1, bool)
            else:
                places = jnp.nonzero(free, size=self.chunk, fill_value=self.width)[0]
                enters = (places < self.width) & (which < inbox.count)
                places = jnp.where(enters, places, self.width)  # out of range: dropped
            which = jnp.minimum(which, self.queue - 1)
            number, hp = inbox.number[which], {n: v[which] for n, v in inbox.hp.items()}
            state = jax.vmap(self._init, (None, 0, 0, None))(key, number, hp, data)
            zero, none = jnp.zeros_like(number), jnp.full(number.shape, jnp.inf, jnp.float32)
            fresh = Lanes(number, zero, inbox.until[which], inbox.pause[which], none, hp, state)
            put = jax.tree.map(
                functools.partial(_put, places),
                (lanes, start, limits),
                (fresh, zero, inbox.limits[which]),
            )
            return *put, taken + enters.sum(dtype=jnp.int32)

        return jax.lax.while_loop(more, some, (lanes, start, limits, taken))


def _put(places: Array, old: Array, new: Array) -> Array:
    """`old` [W, ...] with the rows `new` at `places`; a place beyond W is left out.

    A single row, which the caller knows to have a place, is written as a slice: a scatter takes
    several times as long to compile, and there is one for every array of the state.
    """
    if len(places) == 1:
        begin = (places[0], *(0 for _ in new.shape[1:]))
        return jax.lax.dynamic_update_slice(old, new, begin, allow_negative_indices=False)
    return old.at[places].set(new, mode="drop")


def _where(live: Array, new: Array, old: Array) -> Array:
    return jnp.where(live.reshape(-1, *[1] * (new.ndim - 1)), new, old)
