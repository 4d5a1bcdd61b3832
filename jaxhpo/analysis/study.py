"""All results of a study together: what a report is rendered from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from jaxhpo.analysis.association import Association, associations
from jaxhpo.analysis.learning import Learning, learning
from jaxhpo.analysis.parameters import Parameter, parameters
from jaxhpo.analysis.progress import Progress, progress
from jaxhpo.analysis.slices import Slice, slices
from jaxhpo.analysis.summary import Summary, summary
from jaxhpo.space import Space
from jaxhpo.table import trials_table


@dataclasses.dataclass(frozen=True, kw_only=True)
class Test:
    """What the chosen configuration scored on data that nothing was chosen by."""

    number: int
    metrics: Mapping[str, float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the process; `seconds` and `how` are None if it runs still, or was killed."""

    started: float
    seconds: float | None
    how: str | None
    info: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Analysis:
    """Everything that a report says.

    Attributes:
        name: the task's. identity: what the study is a function of (its space is `parameters`).
        command: what was typed to start it, or None. runs: of its process, the oldest first.
        parameters: one a parameter of the space, constants too.
        summary, progress, associations, slices, learning: see the modules of these names.
        test: see `Test`, or None where there is none.
    """

    name: str
    identity: Mapping[str, Any]
    command: Sequence[str] | None
    runs: Sequence[Run]
    parameters: tuple[Parameter, ...]
    summary: Summary
    progress: Progress
    associations: tuple[Association, ...]
    slices: tuple[Slice, ...]
    learning: Learning
    test: Test | None


def analysed(records: Any) -> Analysis:
    """All results, of open records."""
    identity, trials = records.identity, records.trials()
    space, task = Space.from_dict(identity["space"]), identity["task"]
    objective, maximize = task["objective"], task["maximize"]
    table = trials_table(trials, space=space, objective=objective, maximize=maximize)
    facts = records.facts()
    test = facts.get("test")
    return Analysis(
        name=task["name"],
        identity={key: value for key, value in identity.items() if key != "space"},
        command=(facts.get("launch") or {}).get("command"),
        parameters=parameters(space),
        runs=tuple(
            Run(
                started=session["started"],
                seconds=None if session["ended"] is None else session["ended"] - session["started"],
                how=session["how"],
                info=session["info"],
            )
            for session in records.sessions()
        ),
        summary=summary(table, space, objective=objective, maximize=maximize),
        progress=progress(table, maximize=maximize),
        associations=associations(table, space),
        slices=slices(table, space),
        learning=learning(trials, objective=objective),
        test=None if not test or not test["metrics"] else Test(**test),
    )
