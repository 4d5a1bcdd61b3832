"""Configurations that two studies both trained, whichever of their parameters each searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxhpo.analysis.activity import original
from jaxhpo.analysis.sample import Sample, value_at


def paired(one: Sample, two: Sample) -> np.ndarray:
    """float [shared], the second's mean objective less the first's, of every configuration in both;
    none where the spaces have other parameters."""
    if set(one.space.parameters) != set(two.space.parameters):
        return np.zeros(0)
    first, second = (_by_configuration(made) for made in (one, two))
    return np.array([np.mean(second[c]) - np.mean(first[c]) for c in first if c in second])


def _by_configuration(made: Sample) -> dict[tuple[Any, ...], list[float]]:
    found: dict[tuple[Any, ...], list[float]] = {}
    for row, value in zip(made.units, made.value, strict=True):
        found.setdefault(_configuration(made, row), []).append(float(value))
    return found


def _configuration(made: Sample, row: np.ndarray) -> tuple[Any, ...]:
    """Its values, constants too, so that one parameter may be searched in one study only."""
    known: Mapping[str, Any] = made.space.parameters
    values = []
    for name in sorted(known):
        if name not in made.names:
            values.append(repr(original(known[name], None)))
            continue
        at = made.column(name)
        positions = made.layout.positions[at]
        on = not np.isnan(row[at])
        values.append(repr(value_at(known[name], float(row[at]), positions)) if on else "inactive")
    return tuple(values)
