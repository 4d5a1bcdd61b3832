"""The rungs of halving, and checks of what decides them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxhpo.given import whole


def ratio(where: str, eta: Any) -> float:
    """The reduction factor of halving, above 1.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(eta, bool) or not isinstance(eta, int | float) or not 1 < eta < math.inf:
        raise ValueError(f"{where}(eta=...) must be a number above 1, got eta={eta!r}")
    return float(eta)


def rungs(
    where: str, units: Sequence[int] | None, least: int, eta: float
) -> Callable[[int], list[int]]:
    """``(budget) -> units`` at which trials are compared: those given, or `least`, `least` times
    eta, ... below the budget.

    Raises:
        ValueError: if the units given are not whole, increasing numbers.
    """
    whole(where, least=(least, 1))
    if units is None:

        def below(budget: int) -> list[int]:
            found, unit = [], float(least)
            while round(unit) < budget:
                found.append(round(unit))
                unit *= eta
            return sorted(set(found))

        return below
    given = list(units)
    good = all(isinstance(u, int | np.integer) and not isinstance(u, bool) for u in given)
    if not given or not good or given[0] < 1 or sorted(set(given)) != given:
        raise ValueError(
            f"{where}(units=...) must be increasing whole numbers, at least 1, such as (5, 20), "
            f"got units={units!r}"
        )
    return lambda budget: [unit for unit in given if unit < budget]


def keepers(losses: np.ndarray, eta: float) -> np.ndarray:
    """bool [s]: the best ``floor(s / eta)``, at least 1, of equals the earlier; never a NaN."""
    count = max(1, int(len(losses) / eta))
    order = np.argsort(losses, kind="stable")  # NaN last
    keep = np.zeros(len(losses), bool)
    keep[order[:count]] = True
    return keep & np.isfinite(losses)
