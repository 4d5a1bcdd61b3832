"""Rows that are too many for the device, cut into blocks that are read when they are needed.

Which training rows make a block is drawn once, from their number alone; blocks come in the same
order in every epoch, and each member goes through the rows of a block in an order of its own, a
fresh one every epoch. So rows are shuffled within blocks, and blocks among each other are not.
Validation and test rows are cut as they come.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxhpo.backend import memory_of
from jaxhpo.contracts import TEST, TRAIN, VALIDATION, Stream
from jaxhpo.space import Int, Space
from jaxhpo.tasks.parts.splits import Rows, alike, checked, named, narrowed, row_count

_CHUNK = 2**26  # bytes that are looked at together
_HASHED = 2**31  # bytes of an array that are hashed; of a larger one evenly spaced parts
_PART = 4  # data above this part of the device's memory are streamed if stream="auto"
_BLOCK, _BLOCKS = 2**28, 64  # bytes of a block then, at most, and how many fit on the device


class Blocks(NamedTuple):
    """rows: the splits as they are given. sizes: the rows of every block of every split. stream:
    what the task hands to the engine; a block is ``{"rows": (inputs, targets), "first": bool}``,
    first of its split or not."""

    rows: Mapping[str, Rows]
    sizes: Mapping[str, Sequence[int]]
    stream: Stream


def blocks(data: Any, stream: Any, space: Space, batch_size: str | int) -> Blocks | None:
    """How `data` are cut, or None if they need not be.

    Args:
        data: as `supervised` takes them; memory-mapped files stay where they are.
        stream: the most rows that a block may have, or "auto".

    Raises:
        ValueError: for data or sizes that can't be used; the message says which and why.
    """
    whole = isinstance(stream, int | np.integer) and not isinstance(stream, bool)
    if stream != "auto" and not (whole and stream >= 1):
        raise ValueError(
            "supervised(stream=...) must be the most rows of a block, at least 1, or 'auto', got "
            f"{stream!r}"
        )
    pairs = named(data)
    rows = {name: row_count(pair, f"supervised(data[{name!r}])") for name, pair in pairs.items()}
    pairs = {name: jax.tree.map(np.asarray, pair) for name, pair in pairs.items()}
    batch = _largest(space, batch_size)
    most = _auto(pairs, rows, batch) if stream == "auto" else int(stream)
    if most is None:
        return None
    found = {name: Rows(pair[0], pair[1], rows[name]) for name, pair in pairs.items()}
    for name in found:
        _check(name, pairs[name])
        alike(found[TRAIN], found[name], name)
    sizes = {name: cut(count, most, batch if name == TRAIN else 1) for name, count in rows.items()}
    if batch > min(sizes[TRAIN]) and rows[TRAIN] > most:
        raise ValueError(
            f"supervised(stream={stream!r}, batch_size={batch_size!r}): a batch must fit into a "
            f"block, but the blocks of {rows[TRAIN]} rows have {min(sizes[TRAIN])} and a batch may "
            f"have {batch}; give stream={batch * 8} or smaller batches"
        )
    return Blocks(found, sizes, _stream(pairs, rows, sizes))


def cut(rows: int, most: int, least: int = 1) -> tuple[int, ...]:
    """The sizes of the fewest blocks of at most `most` rows, which differ by one at most. Of up to
    twice as many blocks if they can then all be the same (one program serves them) and have at
    least `least` rows.
    """
    fewest = -(-rows // most)
    even = range(fewest, 2 * fewest + 1)
    count = next((k for k in even if rows % k == 0 and rows >= k * least), fewest)
    return tuple(rows // count + (i < rows % count) for i in range(count))


def _stream(
    pairs: Mapping[str, Any], rows: Mapping[str, int], sizes: Mapping[str, Sequence[int]]
) -> Stream:
    ends = {name: np.cumsum([0, *sizes[name]]) for name in sizes}
    order = np.random.default_rng(rows[TRAIN]).permutation(rows[TRAIN])
    order = order.astype(np.int32 if rows[TRAIN] < 2**31 else np.int64)

    def read(split: str, index: int) -> dict[str, Any]:
        here = slice(ends[split][index], ends[split][index + 1])
        # In the order of the file, which is quicker; each member shuffles them anyway.
        which = np.sort(order[here]) if split == TRAIN else here
        # What an array of indices takes is a copy; a slice would be the user's own array.
        copied = np.asarray if split == TRAIN else np.array
        block = jax.tree.map(lambda leaf: copied(leaf[which], narrowed(leaf.dtype)), pairs[split])
        return {"rows": block, "first": np.bool_(index == 0)}

    return Stream(
        shares={name: tuple(size / rows[name] for size in sizes[name]) for name in sizes},
        read=read,
        bytes=sum(_bytes(pairs[name]) for name in (TRAIN, VALIDATION)),
        digest=lambda: _digest(pairs),
    )


def _largest(space: Space, batch_size: str | int) -> int:
    """The largest batch that there can be; 1 if that can't be said (it is refused elsewhere)."""
    if not isinstance(batch_size, str):
        return batch_size if isinstance(batch_size, int) else 1
    domain = space.parameters.get(batch_size)
    if isinstance(domain, Int):
        return domain.high
    held = getattr(domain, "choices", (getattr(domain, "value", 1),))
    return max((value for value in held if isinstance(value, int)), default=1)


def _auto(pairs: Mapping[str, Any], rows: Mapping[str, int], batch: int) -> int | None:
    """The rows of a block where the data are large for the device, else None. Even the smallest
    block then holds the largest batch (it is more than half the size of the largest block)."""
    device = jax.local_devices()[0]
    found = memory_of(device)
    limit = found[0] if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if sum(_bytes(pairs[name]) for name in (TRAIN, VALIDATION)) * _PART <= limit:
        return None
    row = _bytes(pairs[TRAIN]) / rows[TRAIN]
    return max(2 * batch, int(min(_BLOCK, limit / _BLOCKS) / row))


def _bytes(tree: Any) -> int:
    """What the arrays take on a device."""
    leaves = jax.tree.leaves(tree)
    return sum(leaf.size * narrowed(leaf.dtype).itemsize for leaf in leaves)


def _chunks(leaf: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an array, some at a time."""
    each = max(1, _CHUNK // max(1, leaf[:1].nbytes))
    for start in range(0, len(leaf), each):
        yield leaf[start : start + each]


def _check(name: str, pair: Any) -> None:
    """Refuses what JAX can't compute with, some rows at a time."""
    for what, tree in zip(("inputs", "targets"), pair, strict=True):
        for leaf in jax.tree.leaves(tree):
            first = 0
            for chunk in _chunks(leaf):
                last = first + len(chunk) - 1
                checked(chunk, f"supervised(data[{name!r}]): the {what} (rows {first} to {last})")
                first = last + 1


def _digest(pairs: Mapping[str, Any]) -> str:
    """A short hash of shapes, dtypes and bytes; of arrays above 2 GB of evenly spaced parts."""
    found = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path({n: pairs[n] for n in pairs if n != TEST}):
        found.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape};".encode())
        every = max(1, -(-leaf.nbytes // _HASHED))
        for i, chunk in enumerate(_chunks(leaf)):
            if i % every == 0:
                found.update(np.ascontiguousarray(chunk).tobytes())
    return found.hexdigest()[:16]
