"""Trains one recorded trial again, alone, and compares the two bit for bit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import Task
from jaxhpo.population.member import Member
from jaxhpo.population.population import Population
from jaxhpo.study.run import Run, joined
from jaxhpo.trial import Status, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rerun:
    """One trial trained again, alone.

    Attributes:
        trial: as it came out now. same: whether every recorded value came out bit for bit.
        differences: what did not, in words. state: the trained state, a pytree of arrays; of
            several members stacked. test: the metrics on the test split (their mean), or None where
            the task has none.
    """

    trial: Trial
    same: bool
    differences: tuple[str, ...]
    state: Any
    test: Mapping[str, float] | None


def rerun(task: Task, population: Population, recorded: Trial, members: Sequence[Member]) -> Rerun:
    """`recorded` trained again for as many units as it was.

    Args:
        members: those who train the trial.

    Raises:
        ValueError: if the trial has not ended or failed, so that there is nothing to compare, or
            was trained from the states of others.
        RuntimeError: if it can't be trained now.
    """
    if not recorded.status.ended or recorded.status is Status.FAILED:
        raise ValueError(
            f"rerun(number={recorded.number}): the trial is {recorded.status.value}; only one that "
            "is complete, stopped or diverged can be compared"
        )
    if recorded.history:
        others = sorted({change["source"] for change in recorded.history})
        raise ValueError(
            f"rerun(number={recorded.number}): the trial went on from states of other trials "
            f"({', '.join(map(str, others))}), so it can't be trained alone; run the study again"
        )
    runs, states = [], []
    for member in members:
        run = Run()
        ticks, state = population.alone(
            dataclasses.replace(member, budget=recorded.units, until=None, limits=None)
        )
        for tick in ticks:
            for progress in tick.progress:
                run.add(progress, tick)
        if run.error is not None:
            raise RuntimeError(f"trial {recorded.number} could not be trained again: {run.error}")
        runs.append(run)
        states.append(state)
    curves = joined(runs, max(run.units for run in runs))
    units = len(curves[task.objective])
    diverged = any(run.diverged for run in runs)
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
    tests = [population.test(m, state) for m, state in zip(members, states, strict=True)]
    test = None
    if task.test is not None:
        test = {name: float(np.mean([found[name] for found in tests])) for name in tests[0]}
    state = states[0] if len(states) == 1 else jax.tree.map(lambda *x: np.stack(x), *states)
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
