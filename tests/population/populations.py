"""A small supervised task and ways to train its members, for the tests of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from jaxhpo.contracts import Task
from jaxhpo.population.form import Form
from jaxhpo.population.member import Member, Tick
from jaxhpo.population.population import Population
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.tasks.elastic.dropout import Dropout
from jaxhpo.tasks.parts.splits import split
from jaxhpo.tasks.supervised import supervised

SPACE = Space(
    lr=Float(1e-3, 1e-1, log=True),
    dropout=Float(0.0, 0.5),
    batch_size=Choice([16, 32]),
    epochs=Int(1, 5),
)


class Net(nn.Module):
    """Two layers with dropout."""

    rate: Any

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Logits [rows, 3]."""
        return nn.Dense(3)(Dropout(self.rate)(nn.relu(nn.Dense(24)(x)), train=train))


def small_task() -> Task:
    """150 rows of three overlapping classes."""
    place = np.random.default_rng(0)
    labels = place.integers(0, 3, 150)
    inputs = place.normal(size=(150, 6)) + labels[:, None]
    return supervised(
        SPACE,
        model=lambda hp: Net(hp["dropout"]),
        data=split(inputs, labels, seed=0, validation=0.3, test=0.0),
        name="small",
    )


def some_members(count: int, *, lr: dict[int, float] | None = None) -> list[Member]:
    """Members 0 to ``count - 1``; the same number always has the same hyperparameters."""
    found = []
    for number in range(count):
        place = np.random.default_rng(number)
        hp = {
            "lr": float(10 ** place.uniform(-3, -1)),
            "dropout": float(place.uniform(0, 0.5)),
            "batch_size": int(place.choice([16, 32])),
            "epochs": int(place.integers(1, 6)),
        }
        hp["lr"] = (lr or {}).get(number, hp["lr"])
        found.append(Member(number=number, budget=hp["epochs"], hp=hp))
    return found


def population(
    task: Task, *, width: int = 4, devices: int = 1, drivers: int = 1, **form: Any
) -> Population:
    """A population on the first so many devices."""
    static = SPACE.static_names(task.static)
    names = [n for n in task.space.parameters if n not in static]
    return Population(
        task,
        jax.random.key(7),
        Form(
            dtypes={name: np.dtype(task.space.dtype(name)) for name in names}, width=width, **form
        ),
        static=sorted(static),
        devices=jax.devices()[:devices],
        drivers=drivers,
    )


def train(made: Population, members: Sequence[Member]) -> list[Tick]:
    """Trains the members to their ends."""
    made.add(members)
    ticks = []
    while made.busy:
        made.dispatch()
        ticks.extend(made.wait())
    return ticks


def curves(ticks: Sequence[Tick]) -> dict[int, dict[str, np.ndarray]]:
    """Number to metric to what was recorded after each unit."""
    parts: dict[int, list[Any]] = {}
    for tick in ticks:
        for progress in tick.progress:
            if progress.error is not None:
                raise RuntimeError(progress.error)
            parts.setdefault(progress.number, []).append(progress.metrics)
    return {
        number: {name: np.concatenate([p[name] for p in found]) for name in found[0]}
        for number, found in parts.items()
    }


def bits(found: dict[int, dict[str, np.ndarray]]) -> dict[tuple[int, str], bytes]:
    """The curves as bytes, which are equal only where every bit is."""
    return {(n, name): c.tobytes() for n, metrics in found.items() for name, c in metrics.items()}
