"""What a run says before its first trial and after its last."""

from __future__ import annotations

import dataclasses
from typing import Any

from jaxhpo.goals import goals
from jaxhpo.launch import show
from jaxhpo.launch.places import shown
from jaxhpo.launch.settings import Settings


def greet(module: str, study: Any, settings: Settings, where: str) -> None:
    """What will be searched, how, and where it is recorded.

    Args:
        module: the experiment's package. where: the study's directory or server.
    """
    import jax

    from jaxhpo.study.crowd import crowded

    devices, known = jax.local_devices(), len([t for t in study.trials if t.status.ended])
    task, wanted = study.task, settings.study.trials
    cohorts = study.programs
    print(f"{module}: {wanted} trials, seed {settings.study.seed}, {goals(task).words()}")
    for name, domain in task.space.parameters.items():
        print(f"  {name:<18}{_short(domain)}")
    print(f"Sampler {settings.study.sampler}, scheduler {settings.study.scheduler}; ", end="")
    print(f"{show.programs(cohorts)} with {study.identity['width']} lanes a tile, ", end="")
    print(f"on {len(devices)} x {devices[0].device_kind}")
    many = crowded(cohorts, wanted)
    if many is not None and not settings.display.smoke:
        print(many)
    if study.prior is not None:
        show.prior(study.prior.to_dict())
    print(f"Records: {study.records.path or shown(where)}")
    if known:
        print(f"{known} trials have ended already; going on with the others.")
    print(flush=True)


def farewell(study: Any, where: str) -> None:
    """The best trial, or the front, of a study that is complete, and how to look further.

    Args:
        where: the study's directory or server, as the command line wants it.
    """
    best, task = study.best, study.task
    if best is None:
        kept = " and keeps the constraints" if task.constraints else ""
        print(f"No trial is complete{kept}, so there is no best one: jaxhpo show {where} --trials")
        return
    if task.others:
        print(f"{len(study.front)} trials are in the front: no other beats them in all of")
        print(f"{goals(task).words()}. Which of them is best is yours to say: jaxhpo best {where}")
        print(f"Then, for its model and test data: jaxhpo rerun {where} --trial N")
        return
    print(f"Best of them by {task.objective}: trial {best.number}")
    for name, value in best.config.items():
        print(f"  {name:<18}{value}")
    score = ", ".join(f"{name} {value:.5g}" for name, value in best.metrics.items())
    print(f"  after {best.units} units: {score}")
    test = study.records.facts().get("test")
    if test and test["metrics"]:
        score = ", ".join(f"{name} {value:.5g}" for name, value in test["metrics"].items())
        print(f"  on test data, which nothing was chosen by: {score}")
    print(f"Look further: jaxhpo show {where}; jaxhpo rerun {where} --trial {best.number}")


def _short(domain: Any) -> str:
    """A domain without what it does not say: ``Float(0.001, 0.1, log=True)``."""
    shown = []
    for field in dataclasses.fields(domain):
        value = getattr(domain, field.name)
        if field.default is dataclasses.MISSING:
            shown.append(repr(value))
        elif value != field.default and not (field.name == "static" and value is False):
            shown.append(f"{field.name}={value!r}")
    return f"{type(domain).__name__}({', '.join(shown)})"
