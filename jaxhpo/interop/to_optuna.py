"""Writes a study into an Optuna storage, so that Optuna's dashboard and plots can show it."""

from __future__ import annotations

import datetime
import math
import warnings
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from jaxhpo.goals import Goals, stated
from jaxhpo.interop.optuna import PHASE
from jaxhpo.interop.sources import opened
from jaxhpo.space import Choice, Constant, Domain, Float, Int, Space
from jaxhpo.trial import Status, Trial

_STATE = {
    Status.COMPLETE: TrialState.COMPLETE,
    Status.STOPPED: TrialState.PRUNED,
    Status.DIVERGED: TrialState.FAIL,
    Status.FAILED: TrialState.FAIL,
}


def to_optuna(source: Any, storage: str, name: str | None = None, **options: Any) -> Study:
    """Writes the trials of a study that have ended as a new study of Optuna.

    Stopped trials are pruned ones there, diverged and failed ones failed; curves are reports, from
    step 1, where there is one objective. Constraints are values that must be at most 0. Metrics,
    units and errors are user attributes of the trials, constants one of the study. Conditions are
    lost, Optuna having none: a trial holds the parameters that were active. Choices that are tuples
    become their text.

    Args:
        source: whatever `jaxhpo.interop.sources.opened` takes; so are the options.
        storage: the URL of an Optuna storage, made if need be: ``sqlite:///optuna.db``.
        name: what to call the study there; by default as it is called here.

    Returns:
        The new study.

    Raises:
        ValueError: if there is a study of that name in the storage.
    """
    with opened(source, **options) as records:
        identity, trials = records.identity, records.trials()
    space, task = Space.from_dict(identity["space"]), identity["task"]
    goals = stated(task)
    name = task["name"] if name is None else name
    try:
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            directions=["maximize" if up else "minimize" for _, up in goals.objectives],
        )
    except optuna.exceptions.DuplicatedStudyError as error:
        raise ValueError(
            f"to_optuna(name=...) must be new in the storage, got name={name!r}, which is there; "
            "give another name"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(goals.names))
    constants = {n: d.value for n, d in space.parameters.items() if isinstance(d, Constant)}
    if constants:
        study.set_user_attr("constants", {n: _shown(v) for n, v in constants.items()})
    distributions = {
        n: _distribution(d) for n, d in space.parameters.items() if not isinstance(d, Constant)
    }
    ended = [trial for trial in trials if trial.status.ended]
    study.add_trials([_frozen(t, distributions, goals) for t in ended])
    return study


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Float):
        return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    if isinstance(domain, Int):
        if domain.log and domain.step not in (None, 1):  # Optuna has no such thing
            return IntDistribution(domain.low, domain.high, step=domain.step or 1)
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step or 1)
    choices = domain.choices if isinstance(domain, Choice) else (False, True)
    return CategoricalDistribution([_shown(value) for value in choices])


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, tuple) else value


def _frozen(trial: Trial, distributions: dict[str, BaseDistribution], goals: Goals) -> FrozenTrial:
    attributes: dict[str, Any] = {k: v for k, v in trial.metrics.items() if math.isfinite(v)}
    attributes |= {"jaxhpo number": trial.number, "units": trial.units, "budget": trial.budget}
    attributes |= {"status": trial.status.value}
    if trial.error is not None:
        attributes["error"] = trial.error
    # Optuna has no reports where there are several objectives.
    curve = () if goals.several else trial.curves.get(goals.names[0], ())
    complete = trial.status is Status.COMPLETE and trial.loss is not None
    values = (goals.signs * goals.losses([trial])[0] + 0.0).tolist() if complete else None
    system: dict[str, Any] = {PHASE: trial.phase.value}
    known = [trial.metrics.get(name, math.nan) - bound for name, bound in goals.constraints]
    if known and complete and all(map(math.isfinite, known)):
        system["constraints"] = known
    started = trial.started if trial.started is not None else 0.0
    finished = trial.finished if trial.finished is not None else started
    return FrozenTrial(
        number=trial.number,
        trial_id=-1,  # given by the storage
        state=_STATE[trial.status],
        value=None if goals.several or values is None else values[0],
        values=values if goals.several else None,
        datetime_start=datetime.datetime.fromtimestamp(started),
        datetime_complete=datetime.datetime.fromtimestamp(finished),
        params={n: _shown(v) for n, v in trial.config.items() if n in distributions},
        distributions={n: distributions[n] for n in trial.config if n in distributions},
        user_attrs=attributes,
        system_attrs=system,
        intermediate_values={
            step: float(v) for step, v in enumerate(curve, 1) if math.isfinite(float(v))
        },
    )
