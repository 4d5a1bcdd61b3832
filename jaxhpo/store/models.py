"""Trained models on disk, through Orbax: a directory holds the state and says what it is.

``model.json`` names the folder of the state and lists its leaves; it is put in place last, so that
whenever the process is killed the directory holds the model of before or the new one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.backend import placed
from jaxhpo.store import codec

_INFO, _STATE = "model.json", "state-"
_SHOWN = 8  # differences


def save_model(directory: str | Path, state: Any, info: Mapping[str, Any]) -> Path:
    """Saves a pytree of arrays and numbers, replacing the model that the directory held.

    Typed PRNG keys are saved as their words. Nothing else in the directory is touched.

    Args:
        directory: made if need be.
        state: a pytree of arrays, with at least one element among them.
        info: values that say what it is (see `jaxhpo.store.codec`).

    Returns:
        The directory, as an absolute path.

    Raises:
        ValueError: if there is nothing to save, or a leaf that is no array.
        TypeError: if the info can't be written.
    """
    directory = Path(directory).resolve()
    leaves = _leaves(state)
    if all(0 in shape for shape, _ in leaves.values()):
        raise ValueError("save_model(state=...) must hold at least one number, got none")
    directory.mkdir(parents=True, exist_ok=True)
    old = [path.name for path in directory.glob(f"{_STATE}*")]
    name = next(f"{_STATE}{n}" for n in range(len(old) + 1) if f"{_STATE}{n}" not in old)
    listed = {path: [dtype, list(shape)] for path, (shape, dtype) in leaves.items()}
    text = codec.dumps({"info": info, "state": name, "leaves": listed}, indent=2)
    with _orbax() as ocp:
        ocp.save(directory / name, jax.tree.map(_words, state))
    part = directory / f".{_INFO}.part"
    part.write_text(text + "\n", "utf-8")
    os.replace(part, directory / _INFO)
    for name in old:
        shutil.rmtree(directory / name, ignore_errors=True)
    return directory


def load_model(directory: str | Path, like: Any = None) -> tuple[Any, dict[str, Any]]:
    """What `save_model` saved: the state and its info. On any device, of any number.

    Args:
        like: a state of the same structure, shapes and dtypes (`jax.eval_shape` will do), or None:
            then nested dicts and lists of NumPy arrays, and keys as their words.

    Raises:
        FileNotFoundError: if the directory holds no model.
        ValueError: if the saved state is unlike `like`; what differs is named.
    """
    directory = Path(directory).resolve()
    try:
        found = codec.loads((directory / _INFO).read_text("utf-8"))
        state, listed = directory / found["state"], found["leaves"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{directory} holds no saved model (no {_INFO})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{directory / _INFO} is damaged: {error}") from error
    saved = {path: (tuple(shape), dtype) for path, (dtype, shape) in listed.items()}
    if like is None:
        with _orbax() as ocp:
            tree = ocp.load(state)
        tree = jax.tree_util.tree_map_with_path(lambda p, x: _emptied(saved, p, x), tree)
        return tree, found["info"]
    unlike = list(_unlike(saved, _leaves(like)))
    if unlike:
        more = [f"and {len(unlike) - _SHOWN} more"] if len(unlike) > _SHOWN else []
        raise ValueError(
            f"load_model(like=...) must be like the state in {directory}:\n  "
            + "\n  ".join(unlike[:_SHOWN] + more)
        )
    with _orbax() as ocp:
        tree = ocp.load(state, jax.tree.map(_blank, like))
    return jax.tree.map(_as, like, tree), found["info"]


# -- leaves ----------------------------------------------------------------------------------------


def _leaves(tree: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    """Path to shape and dtype. A path is the same in a named tuple and in a dict of its fields."""
    found = {}
    for path, leaf in jax.tree.leaves_with_path(tree):
        leaf = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
        name = _path(path)
        if not _is_key(leaf) and leaf.dtype.kind in "OSU":
            raise ValueError(f"a saved state must hold arrays and numbers, got {leaf!r} at {name}")
        found[name] = tuple(leaf.shape), str(leaf.dtype)
    return found


def _unlike(saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in [*saved, *(n for n in wanted if n not in saved)]:
        if name not in wanted:
            yield f"{name}: saved, but not asked for"
        elif name not in saved:
            yield f"{name}: asked for, but not saved"
        elif saved[name] != wanted[name]:
            one, other = (f"{dtype} {list(shape)}" for shape, dtype in (saved[name], wanted[name]))
            yield f"{name}: saved {one}, asked for {other}"


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _generator(like: Any) -> Any:
    """The generator of a key, or of the shape of one (which only a traced key tells)."""
    found = []
    jax.eval_shape(lambda key: found.append(jax.random.key_impl(key)), like)
    return found[0]


def _words(leaf: Any) -> np.ndarray:
    """A leaf as an array of the host, which any device can load: a key as its words.

    Orbax saves no array without elements; one byte stands for it.
    """
    words = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
    return words if words.size else np.zeros(1, np.uint8)


def _blank(like: Any) -> Any:
    """What Orbax is to load for a leaf."""
    if _is_key(like):
        like = jax.eval_shape(jax.random.key_data, like)
    like = like if hasattr(like, "dtype") else np.asarray(like)
    return np.zeros(like.shape, like.dtype) if 0 not in like.shape else np.zeros(1, np.uint8)


def _as(like: Any, leaf: Any) -> Any:
    if not hasattr(like, "dtype"):
        return type(like)(leaf)
    if _is_key(like):
        return jax.random.wrap_key_data(placed(leaf), impl=_generator(like))
    if 0 in like.shape:
        leaf = np.zeros(like.shape, like.dtype)
    return np.asarray(leaf) if isinstance(like, np.ndarray | np.generic) else placed(leaf)


def _emptied(saved: Mapping[str, Any], path: Any, leaf: Any) -> Any:
    shape, dtype = saved.get(_path(path), ((1,), ""))
    return np.zeros(shape, dtype) if 0 in shape else leaf


@contextlib.contextmanager
def _orbax() -> Iterator[Any]:
    """Orbax, which tells of every step that it takes; only what is wrong is of interest here."""
    from orbax.checkpoint import v1 as ocp

    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield ocp
    finally:
        logger.setLevel(level)
