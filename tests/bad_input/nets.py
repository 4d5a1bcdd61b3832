"""Small supervised tasks, of which one thing is bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flax import linen as nn

from jaxhpo import Choice, Float, Int, Space
from jaxhpo.contracts import Task
from jaxhpo.tasks.parts.splits import split
from jaxhpo.tasks.supervised import supervised
from tests.bad_input.rows import run

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
LABELS = (ROWS[:, 0] > 0).astype(int)
DATA = split(ROWS, LABELS, seed=0, validation=0.25, test=0.25)
TRAINED = Space(lr=Float(1e-3, 1e-1), batch_size=Choice([8, 16]), epochs=Int(1, 2))


class Net(nn.Module):
    out: int = 2
    gives: Callable[[Any], Any] = staticmethod(lambda y: y)

    @nn.compact
    def __call__(self, x, train):
        return self.gives(nn.Dense(self.out)(x))


def training(**given: Any) -> Task:
    return supervised(**{"space": TRAINED, "model": lambda hp: Net(), "data": DATA, **given})


def of(inputs: Any = ROWS, targets: Any = LABELS, **given: Any) -> Callable[[Path], Any]:
    """A task on these rows."""
    data = {"train": (inputs, targets), "validation": (inputs, targets)}
    return lambda _: training(**{"data": data, "batch_size": 8, **given})


def trained(inputs: Any = ROWS, targets: Any = LABELS, **given: Any) -> Callable[[Path], None]:
    """A study of such a task, with batches of 8 of the 40 rows."""
    return lambda where: run(of(inputs, targets, **given)(where))


def giving(fn: Callable[[Any], Any], out: int = 2) -> Callable[[Any], Net]:
    return lambda hp: Net(out, fn)
