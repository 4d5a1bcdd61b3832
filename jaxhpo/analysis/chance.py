"""How the best score stands to what comes without any skill.

Of a classification, chance is the share of the largest class (who always names that one is right so
often), or one over the number of classes where they are equally frequent. Neither is in a study's
records, unless the task puts it there (``Task.fixed["chance"]``: a number, or one a metric) or the
reader says it (`jaxhpo.analysis.Options.chance`); else it is unknown, and nothing is said.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxhpo.analysis.sample import Sample


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chance:
    """Attributes:
    level: of the objective without skill; None where it is unknown. source: "reader" or "task".
    n: complete trials. below: those that are no better than it.
    above: by how much the best is better, below nought where it is worse; None without either.
    """

    level: float | None
    source: str
    n: int
    below: int
    above: float | None


def chance(
    made: Sample, given: float | None, task: Mapping[str, Any] | None, *, objective: str
) -> Chance:
    """Of the complete trials, what the reader says, and the task's part of a study's identity."""
    level, source = given, "reader"
    if level is None:
        level, source = _of_task(task, objective), "task"
    if level is None:
        return Chance(level=None, source="", n=len(made), below=0, above=None)
    loss = -level if made.maximize else level
    gap = float(loss - made.loss.min()) if len(made) else None
    return Chance(
        level=level,
        source=source,
        n=len(made),
        below=int(np.sum(made.loss >= loss)),
        above=gap,
    )


def _of_task(task: Mapping[str, Any] | None, objective: str) -> float | None:
    found: Any = ((task or {}).get("fixed") or {}).get("chance")
    if isinstance(found, Mapping):
        found = found.get(objective)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)
