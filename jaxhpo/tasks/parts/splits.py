"""Rows of data, set apart for training, validation and testing, checked before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

_NAMES = ("train", "validation", "test")


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
    return dict(data)


def splits(data: Mapping[str, tuple[Any, Any]]) -> dict[str, Rows]:
    """The splits, checked.

    Raises:
        ValueError: naming the split, and what is wrong with it.
    """
    found = {}
    for name, pair in named(data).items():
        inputs, targets = jax.tree.map(np.asarray, tuple(pair))
        rows = row_count((inputs, targets), f"supervised(data[{name!r}])")
        for what, tree in (("inputs", inputs), ("targets", targets)):
            for leaf in jax.tree.leaves(tree):
                if np.issubdtype(leaf.dtype, np.inexact) and not np.isfinite(leaf).all():
                    bad = int((~np.isfinite(leaf.reshape(rows, -1)).all(axis=1)).sum())
                    raise ValueError(
                        f"supervised(data[{name!r}]): the {what} must be finite, but {bad} of "
                        f"{rows} rows hold NaN or infinity; drop or fill these rows"
                    )
        inputs, targets = jax.tree.map(narrow, (inputs, targets))
        found[name] = Rows(inputs, targets, rows)
    return found


def narrowed(dtype: Any) -> Any:
    """float32 for float64 and int32 for int64, which is what JAX computes with."""
    wide = {np.dtype(np.float64): np.float32, np.dtype(np.int64): np.int32}
    return wide.get(np.dtype(dtype), dtype)


def narrow(array: np.ndarray) -> np.ndarray:
    """A copy of an array as `narrowed`."""
    return array.astype(narrowed(array.dtype))


def row_count(tree: Any, where: str) -> int:
    """The rows of a pytree of arrays.

    Raises:
        ValueError: if there are none, or not as many in all arrays.
    """
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(tree)}
    if len(lengths) != 1 or () in lengths or (0,) in lengths:
        shapes = [np.shape(leaf) for leaf in jax.tree.leaves(tree)]
        raise ValueError(
            f"{where} must hold inputs and targets of equally many rows, at least one; "
            f"got arrays of shapes {shapes}"
        )
    return lengths.pop()[0]
