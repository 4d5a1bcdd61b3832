"""Which columns of the unit cube can't change while a trial is in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxhpo.contracts import Task


def fixed_columns(task: Task, static: frozenset[str]) -> np.ndarray:
    """bool [d]: the columns that can't change while a trial is in training, because the program or
    the trial's budget depends on them."""
    space, read = task.space, set()
    configs = space.decode(np.random.default_rng(0).random((8, len(space))).astype(np.float32))
    for config in configs:
        hp = _Watched(space.filled(config, static))
        task.budget(hp)
        read |= hp.read
    return np.array([name in static or name in read for name in space.names], bool)


class _Watched(Mapping[str, Any]):
    """Hyperparameters that note who is looked at."""

    def __init__(self, hp: Mapping[str, Any]) -> None:
        self.read: set[str] = set()
        self._hp = hp

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._hp[name]

    def __iter__(self) -> Iterator[str]:
        self.read |= set(self._hp)
        return iter(self._hp)

    def __len__(self) -> int:
        return len(self._hp)
