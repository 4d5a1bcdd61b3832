"""Rows of data, set apart for training, validation and testing, checked before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_NAMES = ("train", "validation", "test")
_PAIR = ("inputs", "targets")
_NARROW = {np.dtype(f"{kind}8"): np.dtype(f"{kind}4") for kind in "fiu"}
_NARROW[np.dtype(np.complex128)] = np.dtype(np.complex64)


class Rows(NamedTuple):
    """One split: pytrees of arrays with the same leading axis, of length `rows`."""

    inputs: Any
    targets: Any
    rows: int


def split(
    inputs: Any, targets: Any, *, seed: int, validation: float, test: float
) -> dict[str, tuple[Any, Any]]:
    """Splits rows at random, the same way for the same seed.

    Args:
        inputs, targets: arrays (or pytrees of them) with one row an example.
        seed: of the shuffle.
        validation, test: the share of the rows in each; the rest is for training.

    Raises:
        ValueError: if a share leaves a split without rows.
    """
    if not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ValueError(
            "split(validation=..., test=...) must be shares that leave rows for training, got "
            f"validation={validation}, test={test}"
        )
    rows = row_count((inputs, targets), "split")
    order = np.random.default_rng(seed).permutation(rows)
    first = round(rows * test)
    second = first + round(rows * validation)
    parts = {"test": order[:first], "validation": order[first:second], "train": order[second:]}
    if any(len(part) == 0 for name, part in parts.items() if name != "test" or test > 0):
        raise ValueError(
            f"split(...) of {rows} rows leaves a split empty ("
            + ", ".join(f"{name}: {len(part)}" for name, part in parts.items())
            + "); give more rows or other shares"
        )
    return {
        name: jax.tree.map(lambda a, part=part: np.asarray(a)[part], (inputs, targets))
        for name, part in sorted(parts.items())
        if len(part)
    }


def named(data: Any) -> dict[str, tuple[Any, Any]]:
    """The splits, each a pair.

    Raises:
        ValueError: if they are no such splits.
    """
    if not isinstance(data, Mapping) or not {"train", "validation"} <= set(data) <= set(_NAMES):
        held = sorted(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
        raise ValueError(
            'supervised(data=...) must be a dict with "train" and "validation", and if you like '
            f'"test", each (inputs, targets), got {held}'
        )
    for name, pair in data.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ValueError(f"supervised(data[{name!r}]) must be a pair (inputs, targets)")
    return {name: tuple(pair) for name, pair in data.items()}


def splits(data: Mapping[str, tuple[Any, Any]]) -> dict[str, Rows]:
    """The splits, checked.

    Raises:
        ValueError: naming the split, and what is wrong with it.
    """
    found = {}
    for name, pair in named(data).items():
        where = f"supervised(data[{name!r}])"
        rows = row_count(pair, where)
        inputs, targets = (
            jax.tree.map(lambda a, what=f"{where}: the {what}": checked(a, what), tree)
            for what, tree in zip(_PAIR, pair, strict=True)
        )
        found[name] = Rows(inputs, targets, rows)
    for name in found:
        alike(found["train"], found[name], name)
    return found


def narrowed(dtype: Any) -> np.dtype:
    """The type with which JAX computes what is given in another."""
    return _NARROW.get(np.dtype(dtype), np.dtype(dtype))


def checked(given: Any, what: str) -> np.ndarray:
    """An array as JAX computes with it: float64 and int64 as float32 and int32.

    Raises:
        ValueError: if it holds no numbers, or some that are not finite there.
    """
    array = np.asarray(given)
    if array.dtype.kind not in "biufc" and not jnp.issubdtype(array.dtype, jnp.number):
        held = "" if array.dtype.kind != "O" else f" ({type(array.flat[0]).__name__})"
        raise ValueError(
            f"{what} must be numbers, got an array of {array.dtype}{held} and shape "
            f"{list(array.shape)}; encode text and categories as whole numbers, and convert the "
            "rest: array.astype(numpy.float32)"
        )
    whole = array.dtype.kind in "biu"
    if whole and array.dtype not in _NARROW:
        return array
    with np.errstate(over="ignore"):  # what is too large is refused below
        narrow = array.astype(narrowed(array.dtype))
    bad = narrow != array if whole else ~np.isfinite(narrow)
    wrong = f"fit {narrow.dtype}, with which JAX computes" if whole else "be finite"
    if bad.any():
        rows = len(array)
        count = int(bad.reshape(rows, -1).any(axis=1).sum())
        kinds = "NaN or infinity" if not np.isfinite(array).all() else f"{array[bad].flat[0]}"
        way = "drop or fill these rows" if kinds.startswith("NaN") else "scale or number them anew"
        raise ValueError(f"{what} must {wrong}, but {count} of {rows} rows hold {kinds}; {way}")
    return narrow


def alike(train: Rows, other: Rows, name: str) -> None:
    """Refuses a split that is unlike the rows trained on: a model that fits one can't fit both.

    Raises:
        ValueError: naming the split and what is unlike.
    """
    for what, ours, theirs in zip(_PAIR, train[:2], other[:2], strict=True):
        if jax.tree.structure(ours) != jax.tree.structure(theirs):
            raise ValueError(
                f"supervised(data[{name!r}]): the {what} must have the form of those in "
                f"data['train'], {jax.tree.structure(ours)}, got {jax.tree.structure(theirs)}"
            )
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            if a.ndim != b.ndim or a.dtype.kind != b.dtype.kind:
                raise ValueError(
                    f"supervised(data[{name!r}]): the {what} must be like those in "
                    f"data['train'], {a.dtype} of shape {list(a.shape)}, got {b.dtype} of shape "
                    f"{list(b.shape)}; prepare all splits in the same way"
                )


def row_count(tree: Any, where: str) -> int:
    """The rows of a pytree of arrays.

    Raises:
        ValueError: if there are none, or not as many in all arrays.
    """
    leaves = jax.tree.leaves(tree)
    lengths = {np.shape(leaf)[:1] for leaf in leaves}
    if len(lengths) != 1 or () in lengths or (0,) in lengths:
        shapes = [np.shape(leaf) for leaf in leaves[:4]]
        more = f" and {len(leaves) - 4} more" if len(leaves) > 4 else ""
        way = "; make an array of a list: numpy.asarray(list)" if () in lengths else ""
        raise ValueError(
            f"{where} must hold inputs and targets of equally many rows, at least one; "
            f"got arrays of shapes {shapes}{more}{way}"
        )
    return lengths.pop()[0]
