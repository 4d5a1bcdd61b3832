"""The parts that a study's loop works with, made from its basis. They know nothing of the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxhpo.goals import goals
from jaxhpo.study.basis import Basis, Stream
from jaxhpo.study.brackets import Brackets
from jaxhpo.study.fixed import fixed_columns
from jaxhpo.study.keeper import Keeper
from jaxhpo.study.ledger import Ledger
from jaxhpo.study.proposer import Proposer
from jaxhpo.trial import Trial


def ledger(basis: Basis) -> Ledger:
    """The trials so far, as they are recorded."""
    task = basis.task
    return Ledger(
        basis.records.trials(),
        objective=task.objective,
        maximize=task.maximize,
        scheduler=basis.scheduler,
        replicates=basis.replicates,
        configured=lambda point: task.space.decode(point[None])[0],
        goals=goals(task),
    )


def proposer(basis: Basis, ledger: Ledger, enqueue: Sequence[Mapping[str, Any]]) -> Proposer:
    """Who makes the next trials; those of `enqueue` come first."""
    rules = basis.scheduler
    stops = rules.limits is not None or rules.stop is not None or rules.group is not None
    return Proposer(
        basis.task.space,
        basis.sampler,
        basis.key(Stream.SAMPLER),
        batch=basis.identity["batch"],
        lookahead=basis.identity["lookahead"],
        gated=basis.arranged.gated,
        given=list(enqueue),
        budget=basis.arranged.budget,
        losses=ledger.losses if stops else None,
        prior=basis.prior,
        goals=goals(basis.task),
    )


def brackets(basis: Basis, ledger: Ledger, end: int) -> Brackets | None:
    """The groups of trials that are decided upon together, where the scheduler has any.

    Args:
        end: how many trials there will be.
    """
    if basis.scheduler.group is None:
        return None
    task, arranged = basis.task, basis.arranged
    form = arranged.form()
    static = sorted(arranged.static - set(form.options))

    def program(trial: Trial) -> tuple[Any, ...]:
        return form.program(arranged.filled(trial.config), static)[0]

    return Brackets(
        basis.scheduler,
        basis.key(Stream.BRACKETS),
        layout=task.space.layout,
        fixed=fixed_columns(task, arranged.static - arranged.traced),
        end=end,
        losses=ledger.losses,
        program=program,
    )


def keeper(basis: Basis, seconds: float) -> Keeper:
    """Who saves what is in training, beside the records where they are files."""
    path = basis.records.path
    home = None if path is None else Path(path).parent
    return Keeper(home, basis.identity, seconds)
