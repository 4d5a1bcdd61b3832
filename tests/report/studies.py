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
