"""Studies made up for the tests of analysis and report: records without any training."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxhpo.space import Bool, Choice, Float, Int, Space
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.trial import Phase, Status, Trial

WIDE = Space(
    lr=Float(1e-4, 1e-1, log=True),
    batch_size=Choice([16, 32, 64], ordered=True),
    epochs=Int(2, 12),
    hidden=Choice([(64,), (128, 64)]),
    kind=Choice(["sgd", "adam"]),
    momentum=Float(0.0, 0.99, natural="both", when={"kind": "sgd"}),
    nesterov=Bool(when={"kind": "sgd"}),
)


def records(
    space: Space = WIDE,
    n: int = 120,
    *,
    maximize: bool = True,
    explore: int = 60,
    diverged: int = 3,
    stopped: int = 0,
    noise: float = 0.02,
    name: str = "made up",
    seed: int = 0,
) -> Any:
    """Records of n trials whose objective rises with the first parameter's coordinate."""
    place = np.random.default_rng([n, seed])
    identity = {
        "space": space.to_dict(),
        "task": {"name": name, "objective": "score", "maximize": maximize},
        "seed": 0,
        "sampler": "tpe",
        "sampler_options": {},
        "scheduler": "none",
        "scheduler_options": {},
    }
    made = MemoryRecords(identity)
    points = np.asarray(space.layout.snap(place.random((n, len(space))).astype(np.float32)))
    sign = 1.0 if maximize else -1.0
    trials = []
    for i, (point, config) in enumerate(zip(points, space.decode(points), strict=True)):
        units = int(config.get("epochs", 4))
        final = float(point[0]) + noise * place.normal()
        curve = np.linspace(final - 0.5, final, units).astype(np.float32) * np.float32(sign)
        status = Status.DIVERGED if i < diverged else Status.COMPLETE
        if diverged <= i < diverged + stopped:
            status, curve = Status.STOPPED, curve[:1]
        loss = None if status is Status.DIVERGED else -sign * float(curve[-1])
        trials.append(
            Trial(
                number=i,
                config=config,
                point=point,
                phase=Phase.EXPLORE if i < explore else Phase.MODEL,
                known=0,
                budget=units,
                status=status,
                units=len(curve),
                loss=loss,
                metrics={"score": float(curve[-1]), "other": 1.0},
                curves={"score": curve},
                attempts=1,
                started=100.0 + i,
                finished=101.0 + i,
                seconds=0.5,
            )
        )
    made.write(trials)
    return made


def random_space(place: np.random.Generator) -> Space:
    """Two to nine parameters of all kinds, some of them under conditions."""
    found: dict[str, Any] = {}
    for i in range(place.integers(2, 8)):
        name = f"{place.choice(['lr', 'x_', 'layers', 'a b', 'p|q'])}{i}"
        kind = place.integers(5)
        if kind == 0:
            found[name] = Float(1e-5, 1e-1, log=True)
        elif kind == 1:
            found[name] = Float(0.0, float(place.integers(1, 5)), natural="low")
        elif kind == 2:
            found[name] = Int(1, int(place.integers(2, 40)))
        elif kind == 3:
            found[name] = Choice([16, 32, 64], ordered=bool(place.integers(2)))
        else:
            found[name] = Bool()
    found["kind"] = Choice(["sgd", "adam", (1, 2), None])
    if place.random() < 0.6:
        found["momentum"] = Float(0.0, 0.99, natural="both", when={"kind": "sgd"})
    return Space(found)


def random_records(seed: int) -> Any:
    """A study of random size, space, noise and endings; also empty ones and such without scores."""
    place = np.random.default_rng([7, seed])
    n = int(place.choice([0, 1, 2, 5, 20, 40, 80, 130]))
    diverged = int(place.integers(0, n + 1)) if place.random() < 0.3 else 0
    return records(
        random_space(place),
        n,
        maximize=bool(place.integers(2)),
        explore=int(place.integers(0, n + 1)) if place.random() < 0.7 else n,
        diverged=diverged,
        stopped=int(place.integers(0, n - diverged + 1)) if place.random() < 0.3 else 0,
        noise=float(place.choice([0.0, 0.02, 0.3, 3.0])),
        seed=seed,
    )
