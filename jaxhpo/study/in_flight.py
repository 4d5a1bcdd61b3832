"""What is in training, as a checkpoint, and back.

The records hold what has ended; a checkpoint holds the lanes, the curves so far and the decisions
of groups, so that an interrupted study need not train them again. It is never needed for the
result: a trial is a function of the study's seed and its number, so what a checkpoint lacks is
trained again to the same bits, on whatever devices there are then.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxhpo.population.member import Member
from jaxhpo.population.population import Population
from jaxhpo.store import codec, packed, rows
from jaxhpo.study.ledger import Ledger
from jaxhpo.study.run import Run
from jaxhpo.trial import Status, Trial


class Unfit(ValueError):
    """A checkpoint does not fit the study as it is now."""


def taken(population: Population, ledger: Ledger) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the host's part of a checkpoint. No tile may be running."""
    arrays = {
        f"cohort{i}": {
            "numbers": np.array(sorted(found), np.int64),
            "units": np.array([found[n][0] for n in sorted(found)], np.int64),
            "paused": np.array([found[n][1] for n in sorted(found)], bool),
            "best": np.array([found[n][2][0] for n in sorted(found)], np.float32),
            "state": _stacked([found[n][2][1] for n in sorted(found)]),
        }
        for i, found in enumerate(population.rows())
    }
    host = {
        "trials": [_trial(ledger.trials[n], runs) for n, runs in sorted(ledger.training.items())],
        "held": [_row(trial) for _, trial in sorted(ledger.held.items())],
        "passed": [] if ledger.brackets is None else sorted(ledger.brackets.passed.items()),
    }
    return arrays, host


def put_back(
    arrays: Mapping[str, Any],
    host: Mapping[str, Any],
    population: Population,
    ledger: Ledger,
    members: Callable[[Trial], list[Member]],
) -> set[int]:
    """Brings back what had not ended since.

    Args:
        members: those who train a trial.

    Returns:
        The numbers of members that are in training again, or had finished.

    Raises:
        Unfit: if the checkpoint is of other programs or other trials. Nothing was changed then.
    """
    lanes, trials = _lanes(arrays), _open_trials(host, ledger)
    brackets, before = ledger.brackets, {}
    if brackets is not None:
        before = brackets.passed
        brackets.passed = {int(first): int(count) for first, count in host["passed"]}
    back: list[tuple[Member, int, bool, Any]] = []
    done: set[int] = set()
    try:
        for trial, runs in trials.values():
            for member, run in zip(members(trial), runs, strict=True):
                if run.over:
                    done.add(member.number)
                elif run.units:
                    if member.number not in lanes:
                        raise Unfit(f"the state of trial {trial.number} is missing")
                    back.append((member, *lanes[member.number]))
        population.fill(back)
    except ValueError as error:
        if brackets is not None:
            brackets.passed = before
        raise Unfit(str(error)) from error
    ledger.go_on(trials, [_read(row) for row in host["held"]])
    return done | {member.number for member, *_ in back}


def _open_trials(host: Mapping[str, Any], ledger: Ledger) -> dict[int, tuple[Trial, list[Run]]]:
    """Those that were in training and have not ended since."""
    found = {}
    for entry in host["trials"]:
        number = int(entry["trial"]["number"])
        if number >= len(ledger.trials):
            raise Unfit(f"trial {number} is not recorded")
        if not ledger.trials[number].status.ended:
            found[number] = (_read(entry["trial"]), [_run(run) for run in entry["runs"]])
    return found


def digest(ledger: Ledger, sampler: Any) -> str:
    """The SHA-256, in hex, of all trials as they are recorded (but for times and attempts) and of
    the sampler's state when told of them: what must come out the same however often a study was
    interrupted."""
    timing = {"attempts", "started", "finished", "seconds"}
    found = hashlib.sha256(packed.digest(sampler).encode())
    for trial in ledger.trials:
        row = {name: v for name, v in rows.trial_row(trial).items() if name not in timing}
        arrays = [("point", row.pop("point"))]
        arrays += sorted((curve["metric"], curve["values"]) for curve in rows.curve_rows([trial]))
        sizes = [[name, len(array)] for name, array in arrays]
        found.update(codec.dumps([row, sizes]).encode())
        for _, array in arrays:
            found.update(array)
    return found.hexdigest()


def _stacked(states: list[Any]) -> list[np.ndarray]:
    leaves = [jax.tree.leaves(state) for state in states]
    return [np.stack(column) for column in zip(*leaves, strict=True)]


def _lanes(arrays: Mapping[str, Any]) -> dict[int, tuple[int, bool, Any]]:
    """Member number to units, whether it was paused, and (best, leaves of the state)."""
    found = {}
    for cohort in arrays.values():
        for i, number in enumerate(cohort["numbers"].tolist()):
            row = (cohort["best"][i], [leaf[i] for leaf in cohort["state"]])
            found[number] = (int(cohort["units"][i]), bool(cohort["paused"][i]), row)
    return found


def _trial(trial: Trial, runs: list[Run]) -> dict[str, Any]:
    return {"trial": _row(trial), "runs": [_written(run) for run in runs]}


def _row(trial: Trial) -> dict[str, Any]:
    row = rows.trial_row(trial)
    curves = {name: np.asarray(curve) for name, curve in sorted(trial.curves.items())}
    return {**row, "point": np.asarray(trial.point), "curves": curves}


def _read(row: Mapping[str, Any]) -> Trial:
    given = {**row, "point": rows.blob(row["point"])}
    curves = given.pop("curves")
    trial = rows.trial_of(given, {name: np.asarray(curve) for name, curve in curves.items()})
    return trial if trial.status.ended else dataclasses.replace(trial, status=Status.RUNNING)


def _written(run: Run) -> dict[str, Any]:
    values = {field.name: getattr(run, field.name) for field in dataclasses.fields(run)}
    metrics = {name: run.curve(name) for name in sorted(run.metrics)}
    return {**values, "metrics": metrics}


def _run(values: Mapping[str, Any]) -> Run:
    metrics = {name: [np.asarray(curve)] for name, curve in values["metrics"].items()}
    return Run(**{**values, "metrics": metrics})
