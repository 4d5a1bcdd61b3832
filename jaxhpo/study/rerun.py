"""Trains one recorded trial again, alone, and compares the two bit for bit.

One that took over the states of others (population-based training) needs them: what it rests on is
trained again too, and nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxhpo.contracts import Task
from jaxhpo.population.member import Member
from jaxhpo.population.population import Population
from jaxhpo.study.lineage import Leg, legs
from jaxhpo.study.run import Run, joined
from jaxhpo.trial import Status, Trial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rerun:
    """One trial trained again, alone.

    Attributes:
        trial: as it came out now. same: whether every recorded value came out bit for bit.
        differences: what did not, in words. state: the trained state, a pytree of arrays; of
            several members stacked. test: the metrics on the test split (their mean), or None where
            the task has none. others: the trials that had to be trained with it, for their states.
    """

    trial: Trial
    same: bool
    differences: tuple[str, ...]
    state: Any
    test: Mapping[str, float] | None
    others: tuple[int, ...] = ()


def rerun(
    task: Task,
    population: Population,
    trials: Sequence[Trial],
    number: int,
    members: Callable[[Trial], list[Member]],
) -> Rerun:
    """Trial `number` trained again for as many units as it was.

    One that went on from states of other trials is trained with those of their legs that it rests
    on (`jaxhpo.study.lineage`).

    Args:
        trials: all of the study. members: those who train a trial.

    Raises:
        ValueError: if the trial has not ended or failed, so that there is nothing to compare.
        RuntimeError: if it can't be trained now.
    """
    recorded = trials[number]
    if not recorded.status.ended or recorded.status is Status.FAILED:
        raise ValueError(
            f"rerun(number={recorded.number}): the trial is {recorded.status.value}; only one that "
            "is complete, stopped or diverged can be compared"
        )
    line = legs(trials, number)
    runs, states = _trained(population, recorded, line, members)
    curves = joined(runs, max(run.units for run in runs))
    units = len(curves[task.objective])
    diverged = any(run.diverged for run in runs)
    as_then = diverged is (recorded.status is Status.DIVERGED)
    now = Status.DIVERGED if diverged else Status.COMPLETE
    loss = float(curves[task.objective][-1]) * (-1.0 if task.maximize else 1.0)
    trial = dataclasses.replace(
        recorded,
        status=recorded.status if as_then else now,
        units=units,
        loss=None if diverged else loss,
        metrics={name: float(curve[-1]) for name, curve in curves.items()},
        curves=curves,
    )
    differences = tuple(_differences(recorded, trial))
    tests = [population.test(m, s) for m, s in zip(members(recorded), states, strict=True)]
    test = None
    if task.test is not None:
        test = {name: float(np.mean([found[name] for found in tests])) for name in tests[0]}
    state = states[0] if len(states) == 1 else jax.tree.map(lambda *x: np.stack(x), *states)
    others = sorted({leg.trial.number for leg in line} - {number})
    return Rerun(
        trial=trial,
        same=not differences,
        differences=differences,
        state=state,
        test=test,
        others=tuple(others),
    )


def _trained(
    population: Population,
    recorded: Trial,
    line: Sequence[Leg],
    members: Callable[[Trial], list[Member]],
) -> tuple[list[Run], list[Any]]:
    """Every leg trained, in order: the runs of `recorded`, and the states at its end."""
    runs: list[Run] = []
    states: dict[tuple[int, int], list[Any]] = {}
    # Another may also have taken a state from the middle of one of these.
    ends = [*(change["unit"] for change in recorded.history), recorded.units]
    own_legs = {(recorded.number, end) for end in ends}
    for leg in line:
        own = members(leg.trial)
        runs = runs or [Run() for _ in own]
        held = None if leg.source is None else states[leg.source.place]
        states[leg.place] = []
        for i, member in enumerate(own):
            stretch = dataclasses.replace(member, budget=leg.end, until=None, limits=None)
            begin = None if held is None else (leg.start, held[i])
            ticks, state = population.alone(stretch, begin)
            progress = [(p, tick) for tick in ticks for p in tick.progress]
            if progress and progress[-1][0].error is not None:
                raise RuntimeError(
                    f"trial {leg.trial.number} could not be trained again: {progress[-1][0].error}"
                )
            if leg.place in own_legs:
                for part, tick in progress:
                    runs[i].add(part, tick)
            states[leg.place].append(state)
    return runs, states[recorded.number, recorded.units]


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
