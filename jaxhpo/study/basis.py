"""What a study stands on: its algorithms, its identity, its records, and how trials are trained.

All that can be refused is refused here, before anything is proposed; what was left open is settled
by the records, or for a new study by the model and the machine.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Mapping
from typing import Any

import jax

from jaxhpo import registry
from jaxhpo.contracts import Sampler, Scheduler, Task
from jaxhpo.slips import explained
from jaxhpo.study import arguments, identity, opening
from jaxhpo.study.arrangement import Arrangement
from jaxhpo.study.brackets import largest_group
from jaxhpo.study.plan import Plan
from jaxhpo.study.warm_start import Prior


class Stream(enum.IntEnum):
    """The streams of a study's key, each folded from it by its number."""

    SAMPLER = 0
    TRIALS = 1
    BRACKETS = 2
    CONFIRM = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Basis:
    """What is certain of a study from its first trial on.

    Attributes:
        task, sampler, scheduler: what is searched, who proposes, who stops.
        replicates: how many members train a trial.
        prior: what the sampler is told before the first trial, or None.
        arranged: by which programs, in which lanes, on which devices trials are trained.
        identity: what the trials are a function of (`jaxhpo.study.identity`).
        records: where they are kept, open.
    """

    task: Task
    sampler: Sampler
    scheduler: Scheduler
    replicates: int
    prior: Prior | None
    arranged: Arrangement
    identity: dict[str, Any]
    records: Any

    def key(self, stream: Stream) -> jax.Array:
        """The typed key of one of the streams."""
        return jax.random.fold_in(jax.random.key(self.identity["seed"]), stream.value)


def settled(task: Task, given: Mapping[str, Any]) -> Basis:
    """The basis of a study, its records opened.

    Args:
        given: the arguments of `jaxhpo.Study` but the task, by name.

    Raises:
        ValueError, StudyMismatch, StudyInUse: as `jaxhpo.Study`. No records are held then.
    """
    arguments.check(task, **given)
    replicates = arguments.replicates(task, given["replicates"])
    sampler, scheduler = _algorithms(task, given)
    group = largest_group(scheduler, given["trials"]) if sampler.adaptive else 0
    arguments.lookahead(given["lookahead"], group)
    prior = opening.prior(given["workdir"], given["warm_start"], task)
    arguments.warm_start(prior, given["sampler"], sampler)
    devices = given["devices"]
    arranged = Arrangement(
        task=explained(task),
        scheduler=scheduler,
        adaptive=sampler.adaptive,
        replicates=replicates,
        devices=list(jax.local_devices() if devices is None else devices),
        drivers=given["drivers"],
    )
    certain = identity.certain(task, given, replicates, prior)
    reserves = sampler.adaptive and _reserves(given, prior)
    records, whole, plan = _opened(given, certain, arranged, None if reserves else 0)
    if reserves:
        sampler = _sampler(task, given, startup=whole["startup"])
    try:
        arguments.lookahead(whole["lookahead"], group)
        if plan is not None:
            records.put_fact("plan", plan.lines())
        if prior is not None and "warm_start" not in records.facts():
            records.put_fact("warm_start", prior.to_dict())
    except BaseException:
        records.close()
        raise
    arranged.how, arranged.width = whole["plan"], whole["width"]
    return Basis(
        task=task,
        sampler=sampler,
        scheduler=scheduler,
        replicates=replicates,
        prior=prior,
        arranged=arranged,
        identity=whole,
        records=records,
    )


def _algorithms(task: Task, given: Mapping[str, Any]) -> tuple[Sampler, Scheduler]:
    """Sampler and scheduler, found by name, if a study of the task can be run with them."""
    sampler = _sampler(task, given)
    arguments.several(task, given["sampler"], sampler)
    name, options = given["scheduler"], dict(given["scheduler_options"] or {})
    return sampler, arguments.scheduler(name, registry.made("schedulers", name, (), options))


def _sampler(task: Task, given: Mapping[str, Any], **more: Any) -> Sampler:
    """The sampler that is asked for. `more`: options besides those that are given."""
    options = {**(given["sampler_options"] or {}), **more}
    return registry.made("samplers", given["sampler"], (task.space.layout,), options)


def _reserves(given: Mapping[str, Any], prior: Prior | None) -> bool:
    """Whether the study decides how many trials come before the sampler goes by results: not if
    the user has, or there are results to begin with, or the sampler has no such option."""
    options = inspect.signature(registry.get("samplers", given["sampler"])).parameters
    told = "startup" in (given["sampler_options"] or {}) or prior is not None
    return "startup" in options and not told


def _opened(
    given: Mapping[str, Any], certain: Mapping[str, Any], arranged: Arrangement, startup: int | None
) -> tuple[Any, dict[str, Any], Plan | None]:
    """The records, the whole identity, and the plan if it had to be made.

    Args:
        startup: 0, or None: the study's default.
    """
    asked: dict[str, str] = dict(given["plan"] or {})
    plans: list[Plan] = []
    sizes = {name: given[name] for name in ("batch", "lookahead", "width")} | {"startup": startup}

    def defaults() -> dict[str, Any]:
        plans.append(arranged.plan(given["trials"], asked, sizes))
        return arranged.defaults(plans[0], given["trials"])

    records, whole = opening.opened(given["workdir"], certain, {**sizes, "plan": asked}, defaults)
    return records, whole, plans[0] if plans else None
