"""The programs of a cohort whose rows come in blocks: a unit in four phases, each a program.

``begin``    fills the free lanes, with the first block at hand
``train``    trains every lane on one block
``measure``  adds what every lane scores on one block
``tick``     ends the unit: the engine's own tick of one unit, whose metrics are those sums

A phase is the engine's own unit of a task in which all but that phase is empty. So keys, checks,
divergence and limits are those of every other task.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.backend import Device
from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.population.checked import check_metrics
from jaxhpo.population.compiler import compiler_options
from jaxhpo.population.lanes import FREE, Inbox, Lanes
from jaxhpo.population.program import Program


class Streamed(NamedTuple):
    """A member's state between two blocks: the task's own, and its metrics as far as they are."""

    state: Any
    sums: dict[str, Array]


@dataclasses.dataclass(kw_only=True, eq=False)
class StreamedProgram(Program):
    """The programs of one cohort.

    Attributes:
        task: what `ending` makes of the user's task, `whole`.
        block: the first block, or its shapes.
        lock: held while they are compiled for another device.
    """

    whole: Task
    block: Any
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ready: set[Device] = set()
        options = compiler_options(self.form.platform)
        self.begin = jax.jit(self._begin, donate_argnums=2)
        self.train = jax.jit(
            self._phase(_training(self.whole)), donate_argnums=2, compiler_options=options
        )
        self.measure = jax.jit(
            self._phase(_measuring(self.whole)), donate_argnums=2, compiler_options=options
        )

    @property
    def ready(self) -> set[Device]:
        """The devices that all of them are compiled for."""
        return self._ready

    def member_shapes(self, data: Any) -> tuple[Any, dict[str, Any]]:
        """As `Program.member_shapes`, with a block for the data, whatever they are."""
        return super().member_shapes(self.block)

    def _phase(self, task: Task) -> Callable[[Array, Any, Lanes], tuple[Lanes, Array]]:
        one = Program(task=task, static=self.static, form=self.form)

        def phase(key: Array, given: Any, lanes: Lanes) -> tuple[Lanes, Array]:
            """The lanes, and a number that is there when they are, and is not given away."""
            state, *_ = jax.vmap(one._unit, (None, 0, 0, 0, 0, None))(
                key, lanes.number, lanes.unit, lanes.hp, lanes.state, given
            )
            return lanes._replace(state=state), lanes.unit[0]

        return phase

    def _begin(
        self, key: Array, block: Any, lanes: Lanes, inbox: Inbox, drop: Array, limits: Array
    ) -> tuple[Lanes, Array, Array]:
        """Frees the lanes in `drop` [W] and fills what is free; the limits [W, V] of who is in the
        lanes then, and how many have entered."""
        lanes = lanes._replace(number=jnp.where(drop, FREE, lanes.number))
        filled = super()._refill(key, block, lanes, lanes.unit, limits, inbox, jnp.int32(0))
        return filled[0], filled[2], filled[3]

    def _refill(self, key: Array, data: Any, lanes: Lanes, *rest: Any) -> Any:
        """Nobody enters where a unit ends."""
        start, limits, _, taken = rest
        return lanes, start, limits, taken


def ending(task: Task) -> Task:
    """`task` when all blocks of a unit are done: its metrics are what they have summed up to."""

    def init(key: Array, hp: Hyperparameters, block: Any) -> Streamed:
        state = task.init(key, hp, block)
        found = jax.eval_shape(lambda s: check_metrics(task.evaluate(hp, s, block), task), state)
        return Streamed(state, {name: jnp.zeros((), jnp.float32) for name in sorted(found)})

    def after(hp: Hyperparameters, held: Streamed, metrics: dict[str, Array]) -> Any:
        none = {name: jnp.zeros((), jnp.float32) for name in held.sums}
        if task.after is None:
            return Streamed(held.state, none), metrics, jnp.zeros((), bool)
        state, metrics, done = task.after(hp, held.state, metrics)
        return Streamed(state, none), metrics, done

    return task._replace(
        init=init,
        train=lambda key, hp, held, data: held,
        evaluate=lambda hp, held, data: held.sums,
        after=after,
    )


def _training(task: Task) -> Task:
    def train(key: Array, hp: Hyperparameters, held: Streamed, given: Any) -> Streamed:
        block, index = given
        state = task.train(jax.random.fold_in(key, index), hp, held.state, block)
        return held._replace(state=state)

    return _without_metrics(task, train)


def _measuring(task: Task) -> Task:
    def train(key: Array, hp: Hyperparameters, held: Streamed, given: Any) -> Streamed:
        block, share = given
        found = check_metrics(task.evaluate(hp, held.state, block), task)
        return held._replace(sums={n: held.sums[n] + share * found[n] for n in held.sums})

    return _without_metrics(task, train)


def _without_metrics(task: Task, train: Any) -> Task:
    return task._replace(
        train=train, evaluate=lambda *given: {task.objective: jnp.float32(0.0)}, after=None
    )
