"""What a supervised task measures on its validation rows, and which of it is searched on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jax import Array

from jaxhpo.tasks.parts.losses import METRICS, ROW_METRICS, per_row


def measures_of(
    loss: Any, metrics: Mapping[str, Callable[..., Array]] | None, a_row: bool
) -> dict[str, Callable[..., Any]]:
    """The metrics that go with the loss (if need be those with a value a row), and the user's."""
    usual = METRICS.get(loss, {}) if isinstance(loss, str) else {}
    found = {name: fn for name, fn in usual.items() if name in ROW_METRICS or not a_row}
    found |= dict(metrics or {})
    return {name: per_row({}, fn, f"metrics[{name!r}]") for name, fn in found.items()}


def searched_on(
    objective: str | None, maximize: bool | None, known: set[str], loss: Any
) -> tuple[str, bool]:
    """The metric that is searched on, among those that are known, and whether more of it is better.

    Raises:
        ValueError: if it is not among them, or nobody says whether more is better.
    """
    objective = objective or ("accuracy" if loss == "cross_entropy" else "loss")
    if objective not in known:
        raise ValueError(
            f"supervised(objective=...) must be one of the metrics ({', '.join(sorted(known))}), "
            f"got {objective!r}"
        )
    if maximize is None:
        if objective not in {"accuracy", "r2", "loss", "train_loss", "mae", "rmse"}:
            raise ValueError(
                f"supervised(maximize=...) must be given, True or False, for your own metric "
                f"{objective!r}"
            )
        maximize = objective in {"accuracy", "r2"}
    return objective, maximize
