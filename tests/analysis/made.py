"""Trial tables made up for the tests of the analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxhpo.space import Space
from jaxhpo.table import trials_table
from jaxhpo.trial import Phase, Status, Trial


def table_of(
    space: Space,
    configs: Sequence[dict[str, Any]],
    values: Sequence[float | None],
    *,
    maximize: bool = False,
    explore: int | None = None,
    seconds: Sequence[float] | None = None,
    given: Sequence[int] = (),
) -> pd.DataFrame:
    """A trial table: the first `explore` (None: all) trials were drawn without looking, those of
    `given` named by the user; a value of None is a diverged trial."""
    points = space.encode(configs)
    explore = len(configs) if explore is None else explore
    trials = []
    for i, (config, value) in enumerate(zip(configs, values, strict=True)):
        phase = Phase.EXPLORE if i < explore else Phase.MODEL
        trials.append(
            Trial(
                number=i,
                config=config,
                point=points[i],
                phase=Phase.GIVEN if i in given else phase,
                known=0 if i < explore else i,
                budget=4,
                status=Status.DIVERGED if value is None else Status.COMPLETE,
                units=4,
                loss=None if value is None else (-value if maximize else value),
                metrics={} if value is None else {"score": value},
                attempts=1,
                started=float(i),
                finished=i + 1.0,
                seconds=0.5 if seconds is None else seconds[i],
            )
        )
    return trials_table(trials, space=space, objective="score", maximize=maximize)


def drawn(
    space: Space,
    function: Callable[[dict[str, Any]], float],
    n: int,
    *,
    seed: int = 0,
    noise: float = 0.0,
    **more: Any,
) -> pd.DataFrame:
    """A table of n random configurations and what `function` says of them."""
    rng = np.random.default_rng([seed, n])
    points = np.asarray(space.layout.snap(rng.random((n, len(space))).astype(np.float32)))
    configs = space.decode(points)
    values = [float(function(c)) + noise * rng.normal() for c in configs]
    return table_of(space, configs, values, **more)
