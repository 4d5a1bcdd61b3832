"""A tree of arrays and plain values as one block of bytes and a description in JSON, and back.

What can be said of a tree without its arrays goes into the description; the arrays lie end to end
in one block, whatever their number and kind. That is quick to copy, quick to write, and the same on
any number of devices. `digest` names the content: equal trees, and they alone, have the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.backend import placed
from jaxhpo.random_bits import COUNTER
from jaxhpo.store import codec

Path = tuple[Any, ...]

_ALIGNED = 64  # bytes; where in the block an array may begin
_COUNTER = "jaxhpo_counter"
_SHOWN = 8  # differences


class Packed(NamedTuple):
    """A tree in a form to write.

    description: JSON: the tree with None in the place of every array, and for each array its path,
        shape, kind and first byte in `block`.
    block: uint8 [bytes], never empty.
    """

    description: str
    block: np.ndarray


def pack(tree: Any) -> Packed:
    """Copies a tree to host memory. Nothing in the result shares memory with it.

    Dicts, lists, tuples and None are kept as they are; of other nodes (named tuples, dataclasses)
    the names and children are kept, as a dict, which `fitted` turns back.

    Args:
        tree: arrays of JAX (also typed keys, also sharded) or NumPy, scalars of NumPy, and plain
            values: numbers, strings, booleans, None.

    Raises:
        TypeError: for anything else, naming it and where it is.
    """
    outline, leaves = _taken_apart(tree)
    for leaf in leaves.values():
        if isinstance(leaf, jax.Array) and not _is_key(leaf):
            leaf.copy_to_host_async()
    words = {path: _words(leaf, path) for path, leaf in leaves.items()}
    listed, end = [], 0
    for path in sorted(words, key=codec.dumps):
        kind, array = words[path]
        listed.append([list(path), kind, str(array.dtype), list(array.shape), end])
        end += -(-array.nbytes // _ALIGNED) * _ALIGNED
    block = np.zeros(max(end, _ALIGNED), np.uint8)
    for path, _, _, _, start in listed:
        array = words[tuple(path)][1]
        if array.nbytes:
            block[start : start + array.nbytes].view(array.dtype).reshape(array.shape)[...] = array
    return Packed(codec.dumps({"tree": outline, "arrays": listed}), block)


def unpacked(packed: Packed) -> Any:
    """The tree that `pack` was given: arrays as NumPy arrays that may be written to, typed keys as
    such, on JAX's default device.

    Raises:
        ValueError: if the two parts don't belong together.
    """
    found = codec.loads(packed.description)
    leaves: dict[Path, Any] = {}
    for path, kind, dtype, shape, start in found["arrays"]:
        numpy_type = np.dtype(dtype)
        size = numpy_type.itemsize * int(np.prod(shape, dtype=np.int64))
        part = packed.block[start : start + size]
        array = part.copy().view(numpy_type).reshape(shape)
        leaves[tuple(path)] = _leaf(kind, array)
    return _put_together(found["tree"], leaves, ())


def digest(tree: Any) -> str:
    """The SHA-256 of a tree's content, in hex: of its names, types, shapes, values and bits.

    The order of a dict's keys does not count, nor whether an array is of JAX or NumPy, nor (so that
    a tree that was read back has the digest of the one that was written) whether a node with names
    is a dict.
    """
    return digest_of(pack(tree))


def digest_of(packed: Packed) -> str:
    """`digest` of a tree that is packed."""
    found = codec.loads(packed.description)
    text = codec.dumps([_ordered(found["tree"]), found["arrays"]])
    return hashlib.sha256(text.encode() + b"\0" + packed.block.data).hexdigest()


def fitted(saved: Any, like: Any) -> Any:
    """`saved`, a tree that was read back, with the nodes of `like`: named tuples are such again.

    Args:
        saved: a tree of `unpacked`, or a part of one.
        like: a tree of the same structure, shapes and dtypes (`jax.eval_shape` will do).

    Returns:
        The leaves of `saved` in the structure of `like`; arrays stay NumPy arrays.

    Raises:
        ValueError: if they differ, naming what differs.
    """
    theirs, ours = _named(saved), _named(like)
    unlike = [f"{name}: saved, but not asked for" for name in theirs if name not in ours]
    for name, leaf in ours.items():
        if name not in theirs:
            unlike.append(f"{name}: asked for, but not saved")
        elif _form(theirs[name]) != _form(leaf):
            unlike.append(f"{name}: saved {_form(theirs[name])}, asked for {_form(leaf)}")
    if unlike:
        more = [f"and {len(unlike) - _SHOWN} more"] if len(unlike) > _SHOWN else []
        raise ValueError(
            "fitted(saved=...) must be like `like`:\n  " + "\n  ".join(unlike[:_SHOWN] + more)
        )
    return jax.tree.unflatten(jax.tree.structure(like), [theirs[name] for name in ours])


# -- structure -------------------------------------------------------------------------------------


def _taken_apart(tree: Any) -> tuple[Any, dict[Path, Any]]:
    """The tree with None for every array, and the arrays by path."""
    leaves: dict[Path, Any] = {}

    def walk(node: Any, path: Path) -> Any:
        if isinstance(node, jax.Array | np.ndarray | np.generic):
            leaves[path] = node
            return None
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if isinstance(node, dict):
            return {key: walk(child, (*path, key)) for key, child in node.items()}
        if type(node) in (list, tuple):
            return type(node)(walk(child, (*path, i)) for i, child in enumerate(node))
        return {name: walk(child, (*path, name)) for name, child in _children(node, path)}

    return walk(tree, ()), leaves


def _children(node: Any, path: Path) -> list[tuple[str, Any]]:
    """Of a node that is none of Python's own."""
    pairs = jax.tree.leaves_with_path(node, is_leaf=lambda part: part is not node)
    if any(not keys for keys, _ in pairs):  # it is its own leaf: no node that JAX knows
        where = "/".join(map(str, path)) or "the top"
        raise TypeError(
            f"can't save {node!r} of type {type(node).__name__} at {where}; a checkpoint holds "
            "arrays, numbers, strings, booleans, None, and trees of these"
        )
    return [(jax.tree_util.keystr(keys, simple=True), child) for keys, child in pairs]


def _put_together(node: Any, leaves: Mapping[Path, Any], path: Path) -> Any:
    if path in leaves:
        return leaves[path]
    if isinstance(node, dict):
        return {key: _put_together(child, leaves, (*path, key)) for key, child in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_put_together(c, leaves, (*path, i)) for i, c in enumerate(node))
    return node


def _ordered(node: Any) -> Any:
    """With the keys of dicts in order."""
    if isinstance(node, dict):
        pairs = sorted((codec.dumps(key), _ordered(child)) for key, child in node.items())
        return {"dict": dict(pairs)}
    if isinstance(node, list | tuple):
        return {type(node).__name__: [_ordered(child) for child in node]}
    return node


def _named(tree: Any) -> dict[str, Any]:
    pairs = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in pairs}


# -- leaves ----------------------------------------------------------------------------------------


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _form(leaf: Any) -> str:
    """Shape and dtype in words; of a plain value its type."""
    if not hasattr(leaf, "dtype"):
        return type(leaf).__name__
    return f"{leaf.dtype}{list(leaf.shape)}"


def _words(leaf: Any, path: Path) -> tuple[str, np.ndarray]:
    """A leaf's kind, and its bits as an array of the host."""
    where = "/".join(map(str, path)) or "the top"
    if _is_key(leaf):
        return _generator(leaf, where), np.asarray(jax.random.key_data(leaf))
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        raise TypeError(
            f"can't save the array at {where}: parts of it are on other processes; save what "
            "each process holds"
        )
    array = np.asarray(leaf)
    if array.dtype.hasobject or array.dtype.names or array.dtype.kind in "SUMm":
        raise TypeError(
            f"can't save the array of dtype {array.dtype} at {where}; a checkpoint holds arrays of "
            "numbers and booleans; give strings as a list"
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return ("scalar" if isinstance(leaf, np.generic) else "array"), array


def _leaf(kind: str, array: np.ndarray) -> Any:
    if kind == "array":
        return array
    if kind == "scalar":
        return array[()]
    impl = COUNTER if kind == f"key {_COUNTER}" else kind.removeprefix("key ")
    return jax.random.wrap_key_data(placed(array), impl=impl)


def _generator(key: jax.Array, where: str) -> str:
    impl = jax.random.key_impl(key)
    if isinstance(impl, str):
        return f"key {impl}"
    if impl == COUNTER:
        return f"key {_COUNTER}"
    raise TypeError(
        f"can't save the key of generator {impl!r} at {where}; save its jax.random.key_data, or "
        "use a generator of JAX"
    )
