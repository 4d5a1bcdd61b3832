"""Trains one recorded trial again, alone, and compares the two bit for bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import Task
from jaxhpo.population.population import Population
from jaxhpo.population.tile import Member
from jaxhpo.trial import Status, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rerun:
    """One trial trained again, alone.

    Attributes:
        trial: as it came out now. same: whether every recorded value came out bit for bit.
        differences: what did not, in words. state: the trained state, a pytree of arrays.
        test: the metrics on the test split, or None where the task has none.
    """

    trial: Trial
    same: bool
    differences: tuple[str, ...]
    state: Any
    test: Mapping[str, float] | None


def rerun(task: Task, population: Population, recorded: Trial, hp: Mapping[str, Any]) -> Rerun:
    """`recorded` trained again for as many units as it was.

    Args:
        hp: every hyperparameter of the trial, by name.

    Raises:
        ValueError: if the trial has not ended or failed: there is nothing to compare.
        RuntimeError: if it can't be trained now.
    """
    if not recorded.status.ended or recorded.status is Status.FAILED:
        raise ValueError(
            f"rerun(number={recorded.number}): the trial is {recorded.status.value}; only one that "
            "is complete, stopped or diverged can be compared"
        )
    member = Member(number=recorded.number, budget=recorded.units, hp=hp)
    progress, state = population.alone(member)
    error = next((p.error for p in progress if p.error is not None), None)
    if error is not None:
        raise RuntimeError(f"trial {recorded.number} could not be trained again: {error}")
    names = sorted(progress[0].metrics)
    curves = {name: np.concatenate([p.metrics[name] for p in progress]) for name in names}
    units = len(curves[task.objective])
    diverged = progress[-1].diverged
    status = recorded.status if diverged is (recorded.status is Status.DIVERGED) else None
    status = status or (Status.DIVERGED if diverged else Status.COMPLETE)
    loss = float(curves[task.objective][-1]) * (-1.0 if task.maximize else 1.0)
    trial = dataclasses.replace(
        recorded,
        status=status,
        units=units,
        loss=None if diverged else loss,
        metrics={name: float(curve[-1]) for name, curve in curves.items()},
        curves=curves,
    )
    differences = tuple(_differences(recorded, trial))
    test = _tested(task, hp, population.static, state)
    return Rerun(trial=trial, same=not differences, differences=differences, state=state, test=test)


def _differences(recorded: Trial, now: Trial) -> list[str]:
    found = []
    for what in ("status", "units"):
        a, b = getattr(recorded, what), getattr(now, what)
        if a != b:
            found.append(f"{what}: recorded {a}, now {b}")
    for name in sorted({*recorded.curves, *now.curves}):
        if name not in recorded.curves or name not in now.curves:
            found.append(f"{name}: " + ("new" if name in now.curves else "no longer reported"))
            continue
        a, b = (np.asarray(t.curves[name], np.float32) for t in (recorded, now))
        shared = min(len(a), len(b))
        apart = np.flatnonzero(a[:shared].view(np.uint32) != b[:shared].view(np.uint32))
        if len(apart):
            unit = int(apart[0])
            found.append(
                f"{name}: differs first after unit {unit + 1}, recorded {a[unit]}, now {b[unit]}"
            )
    return found


def _tested(
    task: Task, hp: Mapping[str, Any], static: tuple[str, ...], state: Any
) -> dict[str, float] | None:
    """The metrics on the test split, of a state that nothing is chosen by any more."""
    if task.test is None:
        return None
    test, fixed = task.test, {name: value for name, value in hp.items() if name in static}
    traced = {
        name: np.asarray(value, task.space.dtype(name))
        for name, value in hp.items()
        if name not in static
    }
    run = jax.jit(lambda traced, state, data: test({**fixed, **traced}, state, data))
    metrics = run(traced, state, task.test_data)
    return {name: float(value) for name, value in sorted(metrics.items())}
