"""What a reader of an analysis may choose."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Choices that change what is computed; the defaults are those of the report.

    Attributes:
        elite: the share of complete trials that count as the elite, above 0 and at most 0.5; never
            fewer than ten trials.
        baseline: a configuration to compare with: all active parameters. None: the first complete
            trial that the user named, if there is one.
        chance: what the objective is without any skill (`jaxhpo.analysis.chance`); None: what the
            task says, if it does.
        derived: name to a function of the configuration (`jaxhpo.analysis.derived`).
        seed: of every resampling. Equal tables, options and seeds give equal results.
        resamples: bootstrap samples behind an interval, and permutations behind a noise band.
        most: trials that forests are grown on, at most; from more, as many are drawn at random.
        rows: from a longer table as many rows are drawn at random for everything that looks at
            trials one by one; the result says so (`Analysis.sampled`).

    Raises:
        ValueError: for a value out of range.
    """

    elite: float = 0.1
    baseline: Mapping[str, Any] | None = None
    chance: float | None = None
    derived: Mapping[str, Callable[[Mapping[str, Any]], float]] = dataclasses.field(
        default_factory=dict
    )
    seed: int = 0
    resamples: int = 100
    most: int = 1000
    rows: int = 100_000

    def __post_init__(self) -> None:
        if not 0 < self.elite <= 0.5:
            raise ValueError(
                f"Options(elite=...) must be a share above 0 and at most 0.5, got {self.elite!r}; "
                "0.1 is the best tenth"
            )
        if self.chance is not None and not (
            isinstance(self.chance, int | float) and math.isfinite(self.chance)
        ):
            raise ValueError(
                f"Options(chance=...) must be a finite number, got {self.chance!r}; of a "
                "classification it is the share of the largest class"
            )
        for name, least in (("resamples", 20), ("most", 50), ("rows", 1000), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(
                    f"Options({name}=...) must be a whole number, at least {least}, got {value!r}"
                )
