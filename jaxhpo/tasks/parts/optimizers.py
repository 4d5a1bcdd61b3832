"""One optimizer out of traced choices: which kind it is, its learning rate and schedule, momentum,
weight decay and clipping are all numbers in the program.

optax builds another chain of transformations, with another state, for every kind. Here the kinds
share two slots a parameter (`jaxhpo.tasks.parts.update_rules`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxhpo.option import choices, distinct, mapped, number, select
from jaxhpo.tasks.parts.schedules import schedule as share
from jaxhpo.tasks.parts.update_rules import KINDS, Numbers


class State(NamedTuple):
    """count: int32, steps taken. first, second: like the parameters, or () where no kind of the
    choices has such a slot."""

    count: Array
    first: Any
    second: Any


class Optimizer(optax.GradientTransformationExtraArgs):
    """An optax optimizer whose `update` also takes ``taken``, a traced bool: where it is False, the
    changes are 0 and the state stays as it is. That is cheaper than to choose between the arrays
    before and after, which the compiler must then keep both."""


OPTIMIZERS = tuple(KINDS)


def optimizer(
    kind: Any = "adam",
    learning_rate: Any = 1e-3,
    *,
    b1: Any = 0.9,
    b2: Any = None,
    eps: Any = None,
    momentum: Any = 0.9,
    decay: Any = 0.9,
    weight_decay: Any = None,
    l2: Any = 0.0,
    clip: Any = 0.0,
    schedule: Any = "constant",
    steps: Any = None,
    warmup: Any = None,
    final: Any = None,
    decayed: Callable[[Any], Any] | None = None,
) -> Optimizer:
    """An optax optimizer; every argument but `decayed` may be a number, an `Option`, or traced.

    As the optimizer of `supervised` (a bool that is searched, "cosine or not", becomes a name by
    `jaxhpo.option.either`)::

        space = Space(
            optimizer=Choice(["adamw", "momentum", "lion"]),
            lr=Float(1e-4, 1e-1, log=True),
            decay=Float(1e-6, 1e-2, log=True),
            clip=Choice([0.0, 1.0]),
            schedule=Choice(["none", "cosine", "one_cycle"]),
            ...
        )
        supervised(
            space,
            optimizer=lambda hp, steps: optimizer(
                hp["optimizer"],
                hp["lr"],
                weight_decay=hp["decay"],
                clip=hp["clip"],
                schedule=hp["schedule"],
                steps=steps,
            ),
            elastic=("optimizer", "schedule"),
            ...
        )

    A single kind does what optax's optimizer of that name does: adam, adamw, nadam, nadamw,
    adamax, adabelief, sgd, rmsprop, adagrad, lion (Chen et al. 2023); "momentum" and "nesterov" are
    optax's sgd with momentum. Of an `Option`, every kind is computed, entry by entry, and one
    taken.

    A step: the gradients are clipped, then L2 is added, the kind makes a direction of them, decayed
    weights are added, and the whole is multiplied with the learning rate.

    Args:
        kind: a name in `OPTIMIZERS`.
        learning_rate: of the whole schedule.
        b1, b2: of the two moments; b2 is 0.999 by default, 0.99 for lion.
        eps: by default 1e-8; 1e-7 for adagrad, 1e-16 for adabelief. Not 0: where a gradient is 0,
            as it is in padding, 0 / 0 would be computed.
        momentum: of momentum and nesterov. decay: of rmsprop's mean.
        weight_decay: decoupled (Loshchilov and Hutter 2019). By default 1e-4 for adamw and nadamw,
            1e-3 for lion, 0 for others. adam and nadam take none, by definition.
        l2: this times the weights is added to the clipped gradients, for every kind. (What is added
            to the loss is half of it times their squares.)
        clip: the largest norm of all gradients together (Pascanu et al. 2013); 0 or None: off.
        schedule, warmup, final: see `schedules.schedule`. steps: of the whole trial.
        decayed: ``(params) -> tree of bools``, which of them weight decay and L2 are for; all by
            default.

    Raises:
        ValueError: if there is no such kind or schedule, or `steps` is missing.
    """
    kind = distinct(kind)
    for name in choices(kind):
        if name not in KINDS:
            raise ValueError(
                f"optimizer(kind=...) must be one of {', '.join(OPTIMIZERS)}, got {name!r}"
            )
    kinds = [KINDS[name] for name in choices(kind)]
    clip, l2 = (mapped(value, lambda c: 0.0 if c is None else c) for value in (clip, l2))
    weights = _weight_decay(kind, weight_decay)
    share(schedule, 0, steps, warmup=warmup, final=final)  # so that a mistake is told at once

    def of_kind(given: Any, field: str) -> Any:
        return mapped(kind, lambda k: getattr(KINDS[k], field)) if given is None else given

    def init(params: Any) -> State:
        first, second = (
            jax.tree.map(jnp.zeros_like, params) if any(k.slots[i] for k in kinds) else ()
            for i in (0, 1)
        )
        return State(jnp.zeros((), jnp.int32), first, second)

    def update(
        gradients: Any, state: State, params: Any = None, *, taken: Array | None = None, **_: Any
    ) -> tuple[Any, State]:
        if params is None and not (_is_zero(weights) and _is_zero(l2)):
            raise ValueError(
                "optimizer(...).update(params=...) must be given for weight decay and L2, got None"
            )
        used = decayed(params) if decayed and params is not None else None
        time = (state.count + 1).astype(jnp.float32)
        first, second = _shares(b1), _shares(of_kind(b2, "b2"))
        numbers = Numbers(
            b1=first,
            b2=second,
            decay=_shares(decay),
            eps=_scalar(of_kind(eps, "eps")),
            momentum=_scalar(momentum),
            whole_first=1.0 / (1.0 - first[0] ** time),
            whole_second=1.0 / (1.0 - second[0] ** time),
            ahead=1.0 / (1.0 - first[0] ** (time + 1.0)),
        )

        def direction(g: Array, m: Any, v: Any) -> tuple[Array, Any, Any]:
            made = select(kind, lambda name: KINDS[name].rule(g, m, v, numbers))
            return jax.tree.map(lambda new, old: new.astype(old.dtype), made, (g, m, v))

        gradients = _with_weights(_clipped(gradients, clip), params, l2, used)
        if taken is not None:
            numbers, gradients = numbers.held(taken), _zero_unless(taken, gradients)
        leaves, tree = jax.tree.flatten(gradients)
        moments = [
            jax.tree.leaves(slot) if not _none(slot) else [None] * len(leaves) for slot in state[1:]
        ]
        found = [direction(*slots) for slots in zip(leaves, *moments, strict=True)]
        changes, *slots = (
            jax.tree.unflatten(tree, part) if part and part[0] is not None else ()
            for part in zip(*found, strict=True)
        )
        changes = _with_weights(changes, params, weights, used)
        now = share(schedule, state.count, steps, warmup=warmup, final=final)
        rate = _scalar(learning_rate) * now
        changes = jax.tree.map(lambda u: (-rate * u).astype(u.dtype), changes)
        if taken is not None:
            changes = _zero_unless(taken, changes)
        steps_taken = 1 if taken is None else taken.astype(jnp.int32)
        return changes, State(state.count + steps_taken, *slots)

    return Optimizer(init, update)  # type: ignore[arg-type]


def _zero_unless(taken: Array, tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.where(taken, leaf, jnp.zeros_like(leaf)), tree)


def _weight_decay(kind: Any, given: Any) -> Any:
    """Traced or not, the decoupled weight decay; 0 for kinds that have none."""
    if given is None:
        return distinct(mapped(kind, lambda name: KINDS[name].weight_decay))
    has = distinct(mapped(kind, lambda name: KINDS[name].decoupled))
    given = mapped(given, lambda decay: 0.0 if decay is None else decay)
    if isinstance(has, bool):
        return given if has else 0.0
    return jnp.where(number(has), _scalar(given), 0.0)


def _with_weights(changes: Any, params: Any, factor: Any, used: Any) -> Any:
    """``changes + factor * params``, where `used` says so."""
    if _is_zero(factor):
        return changes
    factor = _scalar(factor)
    if used is None:
        used = jax.tree.map(lambda _: True, changes)
    return jax.tree.map(
        lambda u, p, on: (u + factor * p).astype(u.dtype) if on else u, changes, params, used
    )


def _clipped(gradients: Any, limit: Any) -> Any:
    """The gradients, their common norm at most `limit`; as they are where that is 0."""
    if _is_zero(limit):
        return gradients
    limit = _scalar(limit)
    squares = [jnp.sum(jnp.square(g.astype(jnp.float32))) for g in jax.tree.leaves(gradients)]
    norm = jnp.sqrt(sum(squares[1:], squares[0]))
    factor = jnp.where((limit > 0.0) & (norm > limit), limit / norm, 1.0)
    return jax.tree.map(lambda g: (g * factor).astype(g.dtype), gradients)


def _scalar(value: Any) -> Array:
    return jnp.asarray(number(value), jnp.float32)


def _shares(keep: Any) -> tuple[Array, Array]:
    return _scalar(keep), _scalar(mapped(keep, lambda share: 1.0 - share))


def _is_zero(value: Any) -> bool:
    return isinstance(value, int | float) and value == 0


def _none(slot: Any) -> bool:
    """Whether an optimizer keeps nothing here; what it keeps may be one bare array."""
    return isinstance(slot, tuple) and not slot
