"""The study: what was searched, on what it ran, what its trials are a function of."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from jaxhpo.analysis.result import Analysis, Run
from jaxhpo.report import words
from jaxhpo.report.parts import Column, Part, Sentence, Table

TITLE = "The study"


def parts(found: Analysis) -> Iterator[Part | None]:
    """Runs, space, settings."""
    yield [_run(run, place) for place, run in enumerate(found.runs)]
    yield _space(found)
    yield _settings(found)


def _run(run: Run, place: int) -> Sentence:
    began = datetime.datetime.fromtimestamp(run.started, datetime.UTC).strftime("%Y-%m-%d %H:%M")
    how = "is running, or was killed" if run.how is None else f"ended {run.how}"
    took = "" if run.seconds is None else f" after {words.duration(run.seconds)}"
    info: dict[str, Any] = dict(run.info)
    versions = {k: v for k, v in (info.get("versions") or {}).items() if v}
    devices, git = info.get("devices") or {}, info.get("git") or {}
    where = f"{devices['count']} x {devices['kind']}" if devices else "an unknown device"
    software = ", ".join(f"{k} {v}" for k, v in versions.items()) or "unknown versions"
    changed = " with changes" if git.get("changed") else ""
    revision = f"; git {str(git['revision'])[:12]}{changed}" if git.get("revision") else ""
    return Sentence(
        text=f"The run of {began} UTC {how}{took}, on {where} with {software}{revision}.",
        evidence=f"/runs/{place}",
    )


def _space(found: Analysis) -> Table:
    return Table(
        name="space",
        folded=True,
        title="What was searched",
        columns=(
            Column(name="parameter"),
            Column(name="values"),
            Column(name="active when"),
        ),
        rows=tuple(
            (
                p.name,
                words.domain(p)
                if p.kind != "constant"
                else f"constant {words.setting(p.values[0])}",
                " and ".join(
                    f"{parent} is {' or '.join(map(words.setting, values))}"
                    for parent, values in p.when.items()
                )
                or "always",
            )
            for p in found.parameters
        ),
    )


def _settings(found: Analysis) -> Table:
    plain = {
        key: value
        for key, value in found.identity.items()
        if value is None or isinstance(value, str | int | float)
    }
    options = {
        key: ", ".join(f"{k}={v}" for k, v in found.identity[key].items()) or "defaults"
        for key in ("sampler_options", "scheduler_options")
        if isinstance(found.identity.get(key), dict)
    }
    picked = {f"proposals from trial {first} on": says for first, says in found.picked}
    rows = {**plain, **options, **picked}
    if started := found.identity.get("warm_start"):
        rows["warm start"] = f"{started['trials']} trials of {started['source']}"
    if found.command:
        rows["command"] = " ".join(found.command)
    return Table(
        name="study",
        folded=True,
        title="What the trials are a function of, and the command",
        columns=(Column(name="setting"), Column(name="value")),
        rows=tuple((k.replace("_", " "), str(v)) for k, v in sorted(rows.items())),
    )
