"""Cross-validation as replicates: which rows each fold trains on and which it is validated on.

Row i, in an order that the rows' number alone decides, belongs to fold ``i mod K``; every fold is
validated on ``n // K`` rows and trains on all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.contracts import REPLICATE, Hyperparameters
from jaxhpo.tasks.parts.splits import Rows, splits


def cut(data: Mapping[str, tuple[Any, Any]], folds: Any) -> dict[str, Rows]:
    """The splits of data that are to be cross-validated.

    Raises:
        ValueError: if there are validation rows, or fewer training rows than folds.
    """
    if isinstance(folds, bool) or not hasattr(folds, "__index__") or folds < 1:
        raise ValueError(f"supervised(folds=...) must be a whole number, at least 1, got {folds!r}")
    if "validation" in data:
        raise ValueError(
            f"supervised(folds={folds}): every fold is validated on training rows that it leaves "
            'out; put the rows of data["validation"] into data["train"]'
        )
    if "train" not in data:
        raise ValueError(f'supervised(data=...) must have "train", got {sorted(data)}')
    found = splits({**data, "validation": data["train"]})
    del found["validation"]
    if found["train"].rows < 2 * folds:
        raise ValueError(
            f"supervised(folds={folds}) needs at least {2 * folds} training rows, got "
            f"{found['train'].rows}"
        )
    return found


def table(rows: int, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """int32 [K, n - n // K] and [K, n // K]: the rows that each fold trains on, and its others."""
    order = np.random.default_rng(rows).permutation(rows).astype(np.int32)
    each = rows // folds
    held = order[: each * folds].reshape(each, folds).T
    kept = np.array([np.setdiff1d(order, fold) for fold in held], np.int32)
    return kept, held


def training_rows(hp: Hyperparameters, rows: int, folds: int) -> Array:
    """int32 [n - n // K], those of this member's fold."""
    return jnp.asarray(table(rows, folds)[0])[hp[REPLICATE]]


def validation_rows(hp: Hyperparameters, rows: int, folds: int) -> Array:
    """int32 [n // K], those of this member's fold."""
    return jnp.asarray(table(rows, folds)[1])[hp[REPLICATE]]
