"""Trained models on disk, through Orbax: a directory holds the state and says what it is."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_STATE, _INFO = "state", "model.json"


def save_model(directory: str | Path, state: Any, info: Mapping[str, Any]) -> Path:
    """Saves a pytree of arrays, replacing what the directory held.

    Typed PRNG keys are saved as their words; arrays without elements and None can't be saved.

    Args:
        state: a pytree of arrays. info: JSON values that say what it is.

    Returns:
        The directory. It is complete or not there at all.
    """
    from orbax.checkpoint import v1 as ocp

    directory = Path(directory).resolve()
    part = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _quiet()
    ocp.save(str(part / _STATE), jax.tree.map(_words, state))
    (part / _INFO).write_text(json.dumps(dict(info), indent=2, default=str) + "\n", "utf-8")
    shutil.rmtree(directory, ignore_errors=True)
    part.rename(directory)
    return directory


def load_model(directory: str | Path, like: Any = None) -> tuple[Any, dict[str, Any]]:
    """What `save_model` saved: the state and its info.

    Args:
        like: a state of the same structure, or None: then nested dicts and lists of arrays.

    Raises:
        FileNotFoundError: if the directory holds no model.
    """
    from orbax.checkpoint import v1 as ocp

    directory = Path(directory).resolve()
    if not (directory / _INFO).exists():
        raise FileNotFoundError(f"{directory} holds no saved model (no {_INFO})")
    _quiet()
    if like is None:
        state = ocp.load(str(directory / _STATE))
    else:
        state = ocp.load(str(directory / _STATE), jax.tree.map(_words, like))
        state = jax.tree.map(_as, like, state)
    return state, json.loads((directory / _INFO).read_text("utf-8"))


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _words(leaf: Any) -> Any:
    """A leaf as an array of the host, which any device can load: keys as their words."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _as(like: Any, leaf: Any) -> Any:
    if _is_key(like):
        return jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like))
    return jnp.asarray(leaf) if isinstance(like, jax.Array) else np.asarray(leaf)


def _quiet() -> None:
    """Orbax tells of every step that it takes; only what is wrong is of interest here."""
    logging.getLogger("absl").setLevel(logging.ERROR)
