"""The small task of the engine's tests with its rows in blocks, and ways to train it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from populations import SPACE, Net

from jaxhpo.contracts import Task
from jaxhpo.population.form import Form
from jaxhpo.population.streamed import StreamedPopulation
from jaxhpo.tasks.parts.splits import split
from jaxhpo.tasks.supervised import supervised


def rows(count: int = 190) -> dict[str, Any]:
    """Rows of three overlapping classes; of 190, 115 for training, 57 for validation, 18 for
    testing."""
    place = np.random.default_rng(0)
    labels = place.integers(0, 3, count)
    inputs = place.normal(size=(count, 6)) + labels[:, None]
    return split(inputs, labels, seed=0, validation=0.3, test=0.095)


def streamed_task(keep: bool | None = False, **given: Any) -> Task:
    """Three blocks for training, of 39, 38 and 38 rows, three for validation, of 19 rows each."""
    given = {"stream": 40, "name": "streamed", "model": lambda hp: Net(hp["dropout"]), **given}
    task = supervised(SPACE, data=rows(), **given)
    assert task.stream is not None
    return task._replace(stream=task.stream._replace(keep=keep))


def streamed(
    task: Task, *, width: int = 4, devices: int = 1, drivers: int = 1, **form: Any
) -> StreamedPopulation:
    """A population on the first so many devices."""
    space = task.space
    static = space.static_names(task.static)
    dtypes = {n: np.dtype(space.dtype(n)) for n in space.parameters if n not in static}
    return StreamedPopulation(
        task,
        jax.random.key(7),
        Form(dtypes=dtypes, width=width, **form),
        static=sorted(static),
        devices=jax.devices()[:devices],
        drivers=drivers,
    )
