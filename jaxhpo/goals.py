"""What a study asks of its trials: objectives, of which there may be several, and constraints.

The one place where directions are turned and bounds are compared once a task has more than a first
objective: the sampler, the records and the analysis all see losses (lower is better) and violations
(0 where a constraint is kept) as they come from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxhpo.trial import Trial

if TYPE_CHECKING:  # the contracts import JAX, for which ``jaxhpo show`` need not wait
    from jaxhpo.contracts import Task


class Goals(NamedTuple):
    """k objectives, the study's first one first, and c constraints.

    objectives: ``(metric, whether more is better)`` of each.
    constraints: ``(metric, what it may be at most)`` of each.
    """

    objectives: tuple[tuple[str, bool], ...]
    constraints: tuple[tuple[str, float], ...] = ()

    @property
    def several(self) -> bool:
        """Whether there is a front of trials instead of a best one."""
        return len(self.objectives) > 1

    @property
    def plain(self) -> bool:
        """Whether there is one objective and no constraint."""
        return not self.several and not self.constraints

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics of the objectives."""
        return tuple(name for name, _ in self.objectives)

    @property
    def signs(self) -> np.ndarray:
        """float64 [k], what turns each objective into a loss: -1 where more is better."""
        return np.array([-1.0 if maximize else 1.0 for _, maximize in self.objectives])

    def losses(self, trials: Sequence[Trial]) -> np.ndarray:
        """float64 [m, k], NaN in the rows of trials that have no loss."""
        found = np.full((len(trials), len(self.objectives)), np.nan)
        rest, signs = self.names[1:], self.signs[1:]
        for row, trial in zip(found, trials, strict=True):
            if trial.status.scored and trial.loss is not None:
                row[0] = trial.loss
                row[1:] = signs * [trial.metrics.get(name, math.nan) for name in rest]
        return found

    def violations(self, trials: Sequence[Trial]) -> np.ndarray:
        """float64 [m, c], by how much each constraint is broken: 0 where it is kept, infinite where
        the metric is missing or not finite."""
        found = np.full((len(trials), len(self.constraints)), np.inf)
        for column, (name, bound) in enumerate(self.constraints):
            values = np.array([trial.metrics.get(name, math.nan) for trial in trials], float)
            finite = np.isfinite(values)
            found[finite, column] = np.maximum(values[finite] - bound, 0.0)
        return found

    def feasible(self, trial: Trial) -> bool:
        """Whether the trial keeps every constraint."""
        return all(
            math.isfinite(value := trial.metrics.get(name, math.nan)) and value <= bound
            for name, bound in self.constraints
        )

    def to_dict(self) -> dict[str, Any]:
        """The part that comes on top of the first objective, as JSON values; empty if there is
        none. `stated` reads it."""
        found: dict[str, Any] = {}
        if self.several:
            found["others"] = [[name, maximize] for name, maximize in self.objectives[1:]]
        if self.constraints:
            found["constraints"] = dict(self.constraints)
        return found

    def words(self) -> str:
        """The goals in one line: ``error minimised, speed maximised, size at most 2``."""
        said = [f"{n} {'maximised' if up else 'minimised'}" for n, up in self.objectives]
        return ", ".join(said + [f"{name} at most {bound:g}" for name, bound in self.constraints])


def goals(task: Task) -> Goals:
    """The goals of a task."""
    return Goals(
        ((task.objective, task.maximize), *task.others), tuple(sorted(task.constraints.items()))
    )


def stated(task: Mapping[str, Any]) -> Goals:
    """The goals in a study's identity: what it says under ``task``."""
    others = tuple((name, bool(up)) for name, up in task.get("others", ()))
    constraints = tuple(sorted((task.get("constraints") or {}).items()))
    return Goals(((task["objective"], bool(task["maximize"])), *others), constraints)


def checked(
    where: str,
    objective: str,
    others: Any,
    constraints: Any,
    known: Iterable[str] | None = None,
) -> tuple[tuple[tuple[str, bool], ...], dict[str, float]]:
    """`Task.others` and `Task.constraints` from what a user gives.

    Args:
        where: what is called. objective: the first objective.
        others: metric to whether more is better, or pairs of them. constraints: metric to bound.
        known: the metrics that there are, where that is known.

    Raises:
        ValueError: in call form, for what has another form or an unknown metric.
    """
    try:
        pairs = tuple(
            (name, up) for name, up in (others.items() if isinstance(others, Mapping) else others)
        )
    except (TypeError, ValueError):
        pairs = ((None, None),)
    if not all(isinstance(name, str) and isinstance(up, bool) for name, up in pairs):
        raise ValueError(
            f"{where}(others=...) must map further objectives to whether more is better, got "
            f"{others!r}; write others={{'seconds': False}}"
        )
    names = [objective, *(name for name, _ in pairs)]
    if len(set(names)) < len(names):
        raise ValueError(
            f"{where}(others=...) must name every objective once, and not {objective!r}, which is "
            f"the first, got {others!r}"
        )
    if not isinstance(constraints, Mapping) or not all(
        isinstance(name, str) and _finite(bound) for name, bound in constraints.items()
    ):
        raise ValueError(
            f"{where}(constraints=...) must map metrics to what each may be at most, a finite "
            f"number, got {constraints!r}; write constraints={{'seconds': 2.0}}"
        )
    for argument, given in (("others", names[1:]), ("constraints", constraints)):
        strange = [] if known is None else sorted(set(given) - set(known))
        if strange:
            raise ValueError(
                f"{where}({argument}=...) must name metrics ({', '.join(sorted(known or ()))}), "
                f"got {', '.join(map(repr, strange))}"
            )
    return pairs, {name: float(bound) for name, bound in constraints.items()}


def _finite(value: Any) -> bool:
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool) and math.isfinite(value)
