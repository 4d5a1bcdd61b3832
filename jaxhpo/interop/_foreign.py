"""Trials from elsewhere as records that `jaxhpo.analysis` and `jaxhpo.report` read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.goals import Goals
from jaxhpo.space import Space, SpaceError
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.trial import Phase, Status, Trial


@dataclasses.dataclass(kw_only=True)
class Row:
    """What a foreign record says of one trial.

    Attributes:
        number: its place. params: the values of the parameters it has.
        status, phase: ours. value: the objective in the user's direction, None if it has none.
        metrics: by name, whatever else was measured. curve: the objective after each unit.
        started, finished: POSIX time in seconds. seconds: how long it took.
        error: what a failed trial said.
    """

    number: int
    params: dict[str, Any]
    status: Status
    phase: Phase = Phase.MODEL
    value: float | None = None
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    curve: np.ndarray | None = None
    started: float | None = None
    finished: float | None = None
    seconds: float | None = None
    error: str | None = None


def records(
    rows: Sequence[Row],
    configs: Sequence[Mapping[str, Any] | None],
    space: Space,
    *,
    name: str,
    objective: str,
    maximize: bool,
    origin: Mapping[str, Any],
    notes: Sequence[str],
    others: Sequence[tuple[str, bool]] = (),
    constraints: Mapping[str, float] | None = None,
) -> MemoryRecords:
    """Records in memory.

    Args:
        rows: the trials, in the order of their numbers.
        configs: their configurations; those of None are left out, and a note says so.
        space: what was searched.
        name: what to call the study. objective, maximize: what `Row.value` is.
        others, constraints: as of a `jaxhpo.contracts.Task`; `Row.metrics` hold their values.
        origin: what is known of where it is from, for the report.
        notes: what was found out or taken to be so, as sentences.

    Raises:
        ValueError: if no trial is left.
    """
    notes = list(notes)
    kept = [(row, dict(c)) for row, c in zip(rows, configs, strict=True) if c is not None]
    lost = [row for row, config in zip(rows, configs, strict=True) if config is None]
    points, wrong = _points(space, [config for _, config in kept])
    if lost:
        notes.append(_left_out(lost, "a parameter that they should have is missing"))
    if wrong:
        said = f"they are not in the search space ({next(iter(wrong.values()))})"
        notes.append(_left_out([kept[i][0] for i in wrong], said))
    kept = [pair for i, pair in enumerate(kept) if i not in wrong]
    if not kept:
        raise ValueError(f"{name!r} must hold trials of the search space, got none; {notes[-1]}")
    longest = max((0 if row.curve is None else len(row.curve) for row, _ in kept), default=0)
    sign = -1.0 if maximize else 1.0
    trials = [
        _trial(row, config, point, objective=objective, sign=sign, budget=max(1, longest))
        for (row, config), point in zip(kept, points, strict=True)
    ]
    goals = Goals(((objective, maximize), *others), tuple(sorted((constraints or {}).items())))
    identity = {
        "space": space.to_dict(),
        "task": {
            "name": name,
            "objective": objective,
            "maximize": maximize,
            **goals.to_dict(),
        },
        **origin,
        **{f"note {i}": note for i, note in enumerate(notes, 1)},
    }
    made = MemoryRecords(identity)
    made.write(trials)
    made.put_fact("notes", notes)
    return made


def _points(
    space: Space, configs: Sequence[Mapping[str, Any]]
) -> tuple[list[np.ndarray], dict[int, str]]:
    """The points of the configurations that the space holds; why the others, by place, are none."""
    try:
        return list(space.encode(configs)), {}
    except SpaceError:
        pass
    points, wrong = [], {}
    for place, config in enumerate(configs):
        try:
            points.append(space.encode([config])[0])
        except SpaceError as error:
            wrong[place] = str(error)
    return points, wrong


def _left_out(rows: Sequence[Row], why: str) -> str:
    numbers = ", ".join(str(row.number) for row in rows[:10])
    more = ", ..." if len(rows) > 10 else ""
    states = sorted({row.status.value for row in rows})
    return f"{len(rows)} trials ({', '.join(states)}) are left out: {why}; trials {numbers}{more}"


def _trial(
    row: Row,
    config: Mapping[str, Any],
    point: np.ndarray,
    *,
    objective: str,
    sign: float,
    budget: int,
) -> Trial:
    value = row.value if row.status.scored else None
    metrics = {k: float(v) for k, v in row.metrics.items()}
    if row.value is not None:
        metrics = {objective: float(row.value), **metrics}
    units = len(row.curve) if row.curve is not None else int(row.status.scored)
    return Trial(
        number=row.number,
        config=config,
        point=np.asarray(point, np.float32),
        phase=row.phase,
        known=row.number if row.phase is Phase.MODEL else 0,
        budget=max(units, 1) if row.status is Status.COMPLETE else max(budget, units, 1),
        status=row.status,
        units=units,
        loss=None if value is None else sign * float(value),
        metrics=metrics,
        curves={} if row.curve is None else {objective: np.asarray(row.curve, np.float32)},
        attempts=int(row.status is not Status.WAITING),
        started=row.started,
        finished=row.finished,
        seconds=row.seconds,
        error=row.error,
    )
