"""An Optuna study as records that `jaxhpo.analysis` and `jaxhpo.report` read.

Optuna records neither which sampler proposed a trial nor when a parameter is active. So trials
count as chosen by a model, on which nothing may be tested, unless there is a sign that they were
not; and conditions are found out from the trials (`jaxhpo.interop._branched`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from jaxhpo.interop._branched import branched
from jaxhpo.interop._domains import Wire, domains_of
from jaxhpo.interop._foreign import Row, records
from jaxhpo.interop._memory import constraints
from jaxhpo.interop.optuna import PHASE
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.trial import Phase, Status

MOST_STEPS = 10_000  # different steps of reports, beyond which there are no curves

_STATUS = {
    TrialState.WAITING: Status.WAITING,
    TrialState.RUNNING: Status.RUNNING,
    TrialState.COMPLETE: Status.COMPLETE,
    TrialState.PRUNED: Status.STOPPED,
    TrialState.FAIL: Status.FAILED,
}


def records_of(
    study: Study, *, objective: str | None = None, startup: int | None = None
) -> MemoryRecords:
    """The records of a study.

    Complete trials are complete, pruned ones stopped, failed ones failed; one whose value is not
    finite diverged. Reports become the curve, one unit for each step that any trial reported at.

    Args:
        study: the study.
        objective: one of several objectives, by which alone trials are to be judged: its name by
            ``Study.set_metric_names``, or "value_0", "value_1", ...; by default all count, and
            results that are of one objective are of the first. Constraints always count.
        startup: how many of the first trials were drawn without looking at results, such as
            ``n_startup_trials`` of Optuna's TPE; the number of trials for random search.

    Raises:
        ValueError: for an objective that the study does not have; if no trial has a parameter.
    """
    trials = sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)
    names = objectives(study)
    which = _which(study.study_name, names, objective)
    if startup is not None and (isinstance(startup, bool) or startup < 0):
        raise ValueError(f"load(startup=...) must be a whole number, got startup={startup!r}")
    notes: list[str] = []
    domains, wire = domains_of(trials, notes)
    rows = _rows(trials, names, which, wire, startup or 0, notes)
    if not any(row.params for row in rows) or not domains:
        raise ValueError(
            f"load(...): the Optuna study {study.study_name!r} must have trials with parameters, "
            f"got {len(trials)} trials without any"
        )
    complete = [row.status in (Status.COMPLETE, Status.DIVERGED) for row in rows]
    whole = [c or row.status is Status.STOPPED for c, row in zip(complete, rows, strict=True)]
    made = branched(domains, [row.params for row in rows], whole, complete)
    origin = {
        "source": f"Optuna {optuna.__version__}, read by jaxhpo",
        "sampler": _sampler(trials),
        "Optuna study": study.study_name,
    }
    if len(names) > 1:
        origin["objectives"] = ", ".join(names)
        only = "this is" if objective is not None else "all count; what is of one of them is of"
        notes.append(f"of {len(names)} objectives ({', '.join(names)}) {only} {names[which]!r}")
    up = [direction == StudyDirection.MAXIMIZE for direction in study.directions]
    others = [(n, u) for n, u in zip(names, up, strict=True) if n != names[which]]
    rules = {f"constraint {key}" for t in trials for key in constraints(t.system_attrs)}
    return records(
        rows,
        made.configs,
        made.space,
        name=study.study_name,
        objective=names[which],
        maximize=up[which],
        origin=origin,
        notes=notes + made.notes,
        others=others if objective is None else (),
        constraints=dict.fromkeys(sorted(rules), 0.0),
    )


def objectives(study: Study) -> list[str]:
    """The names of the objectives: as the user named them, else "value", or "value_0", ..."""
    names = study.metric_names
    if names:
        return list(names)
    count = len(study.directions)
    return ["value"] if count == 1 else [f"value_{i}" for i in range(count)]


def _which(name: str, names: Sequence[str], objective: str | None) -> int:
    if objective in names:
        return names.index(objective)
    if objective is None:
        return 0
    raise ValueError(
        f"load(objective=...) must name an objective of the Optuna study {name!r}, got "
        f"objective={objective!r}; it has: {', '.join(map(repr, names))}"
    )


# -- trials ----------------------------------------------------------------------------------------


def _rows(
    trials: Sequence[FrozenTrial],
    names: Sequence[str],
    which: int,
    wire: Mapping[str, Wire],
    startup: int,
    notes: list[str],
) -> list[Row]:
    steps = _steps(trials, notes) if len(names) == 1 else []
    place = {step: i for i, step in enumerate(steps)}
    rows = [_row(trial, names, which, wire, startup, place) for trial in trials]
    blind = sum(row.phase is Phase.EXPLORE for row in rows)
    if blind < len(rows):
        notes.append(
            f"{blind} of {len(rows)} trials are known to have been chosen without looking at "
            "results; Optuna does not record it of the others, so nothing is tested on them "
            "(startup=N, or --startup N, says that the first N were)"
        )
    odd = sum(
        row.status is Status.COMPLETE
        and row.curve is not None
        and row.value is not None
        and not math.isclose(float(row.curve[-1]), row.value, rel_tol=1e-5, abs_tol=1e-12)
        for row in rows
    )
    if odd:
        notes.append(f"the last report of {odd} complete trials is not their value")
    if any(constraints(trial.system_attrs) for trial in trials):
        notes.append("constraints are metrics here, kept where they are at most 0")
    return rows


def _row(
    trial: FrozenTrial,
    names: Sequence[str],
    which: int,
    wire: Mapping[str, Wire],
    startup: int,
    place: Mapping[int, int],
) -> Row:
    status = _STATUS[trial.state]
    values = trial.values if trial.state == TrialState.COMPLETE else None
    value = None if values is None else float(values[which])
    curve = _curve(trial, place) if status.ended else None
    if status is Status.STOPPED and curve is not None:
        value = float(trial.intermediate_values[max(trial.intermediate_values)])
    if status.scored and value is not None and not math.isfinite(value):
        status = Status.DIVERGED
    if status.scored and value is None:
        status = Status.FAILED
    metrics: dict[str, float] = {}
    for key, found in trial.user_attrs.items():
        if isinstance(found, int | float) and math.isfinite(found):
            metrics[str(key)] = float(found)
    for key, found in constraints(trial.system_attrs).items():
        metrics[f"constraint {key}"] = found
    for i, name in enumerate(names):
        if values is not None and i != which:
            metrics[name] = float(values[i])
    metrics.pop(names[which], None)
    return Row(
        number=trial.number,
        params={wire[n].name: wire[n].value(v) for n, v in trial.params.items() if n in wire},
        status=status,
        phase=_phase(trial, startup),
        value=value,
        metrics=metrics,
        curve=curve,
        started=None if trial.datetime_start is None else trial.datetime_start.timestamp(),
        finished=None if trial.datetime_complete is None else trial.datetime_complete.timestamp(),
        seconds=None if trial.duration is None else trial.duration.total_seconds(),
        error=_error(trial),
    )


def _error(trial: FrozenTrial) -> str | None:
    if trial.state == TrialState.PRUNED and not trial.intermediate_values:
        return "pruned before anything was reported"
    if trial.state != TrialState.FAIL:
        return None
    return str(trial.system_attrs.get("fail_reason", "failed; Optuna does not record why"))


def _steps(trials: Sequence[FrozenTrial], notes: list[str]) -> list[int]:
    steps = sorted({step for trial in trials for step in trial.intermediate_values})
    if len(steps) > MOST_STEPS:
        notes.append(f"reports were made at {len(steps)} different steps: too many for curves")
        return []
    if steps and steps not in ([*range(len(steps))], [*range(1, len(steps) + 1)]):
        notes.append(
            f"a unit is a step that was reported at: unit 1 is step {steps[0]}, unit {len(steps)} "
            f"is step {steps[-1]}"
        )
    return steps


def _curve(trial: FrozenTrial, place: Mapping[int, int]) -> np.ndarray | None:
    found = {place[step]: v for step, v in trial.intermediate_values.items() if step in place}
    if not found:
        return None
    curve = np.full(max(found) + 1, np.nan, np.float32)
    curve[list(found)] = list(found.values())
    return curve


def _phase(trial: FrozenTrial, startup: int) -> Phase:
    """How a trial was chosen, as far as samplers leave a sign of it."""
    attributes = trial.system_attrs
    if "fixed_params" in attributes:
        return Phase.GIVEN
    if PHASE in attributes:
        return Phase(attributes[PHASE])
    blind = "grid_id" in attributes or any(
        key.endswith(":generation") and key.startswith("NSGA") and value == 0
        for key, value in attributes.items()
    )
    return Phase.EXPLORE if blind or trial.number < startup else Phase.MODEL


def _sampler(trials: Sequence[FrozenTrial]) -> str:
    found = {key.partition(":")[0] for trial in trials for key in trial.system_attrs}
    signs = {
        "jaxhpo": "jaxhpo in Optuna",
        "grid_id": "grid",
        "cma": "CMA-ES",
        "NSGAIISampler": "NSGA-II",
        "NSGAIIISampler": "NSGA-III",
    }
    said = [text for sign, text in signs.items() if sign in found]
    return ", ".join(said) or "not recorded by Optuna"
