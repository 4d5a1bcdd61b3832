"""Quantities that follow from several parameters, such as loss weights from their logits.

The reader gives a function of the configuration for each (`Options.derived`); what it says of the
best trials stands beside their parameters, and its rank correlation with the objective is
descriptive.
"""

# pandas types a column as anything that indexing may give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.analysis.early import spearman
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.sample import Sample, value_at
from jaxhpo.analysis.summary import Row
from jaxhpo.space import Constant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Derived:
    """One quantity.

    Attributes:
        name: as given. n: complete trials in which it could be computed.
        best: of the best trial. top: trial number to value, of the best ten; both None where a
            parameter that it needs was not active.
        rho: its rank correlation with the objective, with Fisher's 95 % interval (descriptive).
    """

    name: str
    n: int
    best: float | None
    top: Mapping[int, float | None]
    rho: Estimate


def derived(
    made: Sample, top: Sequence[Row], functions: Mapping[str, Callable[[Mapping[str, Any]], float]]
) -> tuple[Derived, ...]:
    """Of the complete trials and the best ten of them. A function is given the active parameters
    and the constants; a KeyError says that it needs one that is not active."""
    configs = _configs(made) if functions else []
    found = []
    for name, function in functions.items():
        values = np.array([_called(function, c) for c in configs], float)
        known = np.isfinite(values)
        best = {row.number: _none(_called(function, row.config)) for row in top}
        found.append(
            Derived(
                name=name,
                n=int(known.sum()),
                best=best[top[0].number] if top else None,
                top=best,
                rho=spearman(values[known], made.value[known]),
            )
        )
    return tuple(found)


def softmax(names: Sequence[str], which: str) -> Callable[[Mapping[str, Any]], float]:
    """exp(which) / sum of exp(names): the weight that a logit stands for. A parameter that is not
    searched may be among the names as a constant of the space."""
    if which not in names:
        raise ValueError(
            f"softmax(which=...) must be one of names={list(names)!r}, got {which!r}; add it there"
        )

    def weight(config: Mapping[str, Any]) -> float:
        logits = [float(config[name]) for name in names]
        most = max(logits)
        return math.exp(float(config[which]) - most) / sum(math.exp(x - most) for x in logits)

    return weight


def _called(function: Callable[[Mapping[str, Any]], float], config: Mapping[str, Any]) -> float:
    try:
        return float(function(config))
    except KeyError:
        return math.nan


def _none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _configs(made: Sample) -> list[dict[str, Any]]:
    """The active parameters and the constants of every trial; continuous ones to four digits."""
    fixed = {n: d.value for n, d in made.space.parameters.items() if isinstance(d, Constant)}
    configs: list[dict[str, Any]] = [dict(fixed) for _ in range(len(made))]
    for at, name in enumerate(made.names):
        domain, positions = made.space.parameters[name], made.layout.positions[at]
        for config, unit in zip(configs, made.units[:, at].tolist(), strict=True):
            if unit == unit:  # active: not NaN
                config[name] = value_at(domain, unit, positions)
    return configs
