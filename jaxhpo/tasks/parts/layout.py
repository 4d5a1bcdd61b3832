"""How the rows of a supervised task lie: all on the device, cut into folds, or coming in blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.contracts import TEST, TRAIN, VALIDATION, Hyperparameters, Stream
from jaxhpo.space import Space
from jaxhpo.tasks.parts.blocks import blocks
from jaxhpo.tasks.parts.folds import cut, training_rows, validation_rows
from jaxhpo.tasks.parts.splits import Rows, splits


class Layout(NamedTuple):
    """What a task is made from.

    rows: the splits as they are given, for checks.
    data, test_data: those of the task; `test_data` is None where there are no test rows.
    passes: how many rows `Task.train` goes through in each of its calls in a unit.
    training: ``(hp, data) -> (pair, rows int32 [n])``: a member trains on these rows of the pair;
        None: on all.
    validation: ``(hp, data) -> pair``. testing: ``(test_data) -> pair``.
    added: ``(loss, before, data, n) -> loss``: a unit's training loss after a call of `train` that
        went through n rows, from that of this call and from what it was before.
    stream: as the task has it.
    """

    rows: Mapping[str, Rows]
    data: Any
    test_data: Any
    passes: Sequence[int]
    training: Callable[[Hyperparameters, Any], tuple[Any, Array | None]]
    validation: Callable[[Hyperparameters, Any], Any]
    testing: Callable[[Any], Any]
    added: Callable[[Array, Array, Any, int], Array]
    stream: Stream | None = None


def layout(
    data: Mapping[str, Any], folds: int, stream: Any, space: Space, batch_size: str | int
) -> Layout:
    """See `jaxhpo.tasks.supervised.supervised` for the arguments.

    Raises:
        ValueError: for data, folds or a stream that can't be used.
    """
    if stream is not None and folds != 1:
        raise ValueError(
            f"supervised(stream={stream!r}, folds={folds!r}): rows that come in blocks can't be "
            'cross-validated; leave out one of the two, and give data["validation"]'
        )
    if stream is not None:
        found = _blocked(data, stream, space, batch_size)
        if found is not None:
            return found
    return _whole(data) if folds == 1 else _folded(data, folds)


def _whole(data: Mapping[str, Any]) -> Layout:
    rows = splits(data)
    pairs = {name: (split.inputs, split.targets) for name, split in rows.items()}
    return Layout(
        rows=rows,
        data={name: pairs[name] for name in (TRAIN, VALIDATION)},
        test_data=pairs.get(TEST),
        passes=(rows[TRAIN].rows,),
        training=lambda hp, data: (data[TRAIN], None),
        validation=lambda hp, data: data[VALIDATION],
        testing=lambda pair: pair,
        added=lambda loss, *rest: loss,
    )


def _folded(data: Mapping[str, Any], folds: int) -> Layout:
    rows = cut(data, folds)
    pairs = {name: (split.inputs, split.targets) for name, split in rows.items()}
    n = rows[TRAIN].rows

    def validation(hp: Hyperparameters, data: Any) -> Any:
        index = validation_rows(hp, n, folds)
        return jax.tree.map(lambda a: jnp.asarray(a)[index], data[TRAIN])

    return Layout(
        rows=rows,
        data={TRAIN: pairs[TRAIN]},
        test_data=pairs.get(TEST),
        passes=(n - n // folds,),
        training=lambda hp, data: (data[TRAIN], training_rows(hp, n, folds)),
        validation=validation,
        testing=lambda pair: pair,
        added=lambda loss, *rest: loss,
    )


def _blocked(
    data: Mapping[str, Any], stream: Any, space: Space, batch_size: str | int
) -> Layout | None:
    made = blocks(data, stream, space, batch_size)
    if made is None:
        return None
    sizes, read = made.sizes, made.stream.read
    every = sum(sizes[TRAIN])

    def added(loss: Array, before: Array, block: Any, n: int) -> Array:
        return jnp.where(block["first"], 0.0, before) + loss * (n / every)

    return Layout(
        rows=made.rows,
        data=read(TRAIN, 0),
        test_data=read(TEST, 0) if TEST in sizes else None,
        passes=sizes[TRAIN],
        training=lambda hp, block: (block["rows"], None),
        validation=lambda hp, block: block["rows"],
        testing=lambda block: block["rows"],
        added=added,
        stream=made.stream,
    )
