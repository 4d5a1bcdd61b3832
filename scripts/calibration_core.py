"""What the cells of `scripts/calibrate.py` are made with: a result's row, a search, a share."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from scipy import stats

from jaxhpo.analysis import Options
from jaxhpo.registry import get
from jaxhpo.space import Space

BATCH = 10

Value = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Points of the unit cube [m, d] to losses [m]; lower is better."""


class Cell(NamedTuple):
    """One row of the result.

    part: of the result. about: what the row says of the studies. tally: ``(seed, options)`` to
    what is counted of one study. row: from the sums of the tallies and the number of studies.
    """

    part: str
    about: Mapping[str, Any]
    tally: Callable[[int, Options], Counter[str]]
    row: Callable[[Mapping[str, int], int], dict[str, Any]]

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return ", ".join([self.part, *(f"{k} {v}" for k, v in self.about.items())])


class Search:
    """Trials of one sampler on one space; compiled once, used for many studies."""

    def __init__(self, space: Space, sampler: str, n: int) -> None:
        self.space, self.n = space, n
        more = {"startup": max(25, n // 5)} if sampler == "tpe" else {}
        self.sampler = get("samplers", sampler)(space.layout, **more)

    def table(self, value: Value, seed: int) -> pd.DataFrame:
        """A trial table."""
        rng = np.random.default_rng([seed, self.n])
        state = self.sampler.init(jax.random.key(seed))
        points, losses, model = [], [], []
        pending = np.zeros((0, len(self.space)), np.float32)
        for first in range(0, self.n, BATCH):
            asked = self.sampler.ask(state, first, pending, BATCH)
            block = np.asarray(asked.points)
            loss = value(block, rng)
            told = loss.astype(np.float32), np.ones(BATCH, bool)
            state = self.sampler.tell(state, block, *told)
            points.append(block)
            losses.append(loss)
            model.append(np.asarray(asked.model))
        phases = np.where(np.concatenate(model), "model", "explore").astype(object)
        return trial_table(
            self.space, np.concatenate(points), np.concatenate(losses), phases, self.n
        )


search = functools.cache(Search)


def trial_table(
    space: Space, points: np.ndarray, losses: np.ndarray, phases: np.ndarray, n: int
) -> pd.DataFrame:
    configs = space.decode(points[:n])
    columns: dict[str, Any] = {
        "status": np.full(n, "complete", object),
        "phase": phases[:n],
        "value": losses[:n],
        "loss": losses[:n],
        "units": np.ones(n, np.int64),
        "budget": np.ones(n, np.int64),
        "seconds": np.ones(n),
    }
    for name in space.names:
        columns[f"param.{name}"] = pd.Series([c[name] for c in configs])
    return pd.DataFrame(columns).rename_axis("number")


def rate(hits: int, n: int) -> dict[str, Any]:
    """A share with its 95 % interval (Clopper and Pearson)."""
    interval = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    hits, ends = int(hits), [round(float(end), 4) for end in interval]
    return {"studies": n, "hits": hits, "share": round(hits / n, 4), "interval": ends}


def rates(sums: Mapping[str, int], n: int, before: str = "") -> dict[str, Any]:
    """Of every key that begins so, without that."""
    keys = [key for key in sums if key.startswith(before)]
    return {key.removeprefix(before): rate(sums[key], n) for key in keys}
