"""The tables of a report, once, as values: Markdown and HTML show them rounded, CSV whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxhpo.analysis.parameters import Parameter
from jaxhpo.analysis.study import Analysis
from jaxhpo.report import words
from jaxhpo.trial import Phase


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """`name` is its head, `show` makes text of a value, `right` sets it on the right."""

    name: str
    show: Callable[[Any], str] = str
    right: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table: `name` is its file's, `title` says what it shows and of which trials. A cell that
    is None has nothing to show."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    def shown(self) -> list[list[str]]:
        """The rows as text."""
        return [
            [
                "" if value is None else c.show(value)
                for c, value in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]


def tables(found: Analysis) -> dict[str, Table]:
    """All tables that there is something for, by name."""
    made = [
        _best(found),
        _top(found),
        _associations(found),
        _groups(found),
        _counts(found),
        _space(found),
        _study(found),
    ]
    return {table.name: table for table in made if table.rows}


def _best(found: Analysis) -> Table:
    best = found.summary.best
    searched = {p.name: p for p in found.parameters}
    return Table(
        name="best",
        title=""
        if best is None
        else f"Configuration of trial {best.number}, trained for "
        f"{best.units} unit{'' if best.units == 1 else 's'}",
        columns=(
            Column(name="parameter"),
            Column(name="value", show=words.setting, right=True),
            Column(name="searched"),
            Column(name="where in the range"),
        ),
        rows=tuple(
            (s.parameter, s.value, domain(searched[s.parameter]), _where(s.fraction, s.nth, s.of))
            for s in found.summary.settings
        ),
    )


def _where(fraction: float | None, nth: int | None, of: int | None) -> str | None:
    if fraction is not None:
        return f"{words.percent(fraction)} of the way"
    return None if nth is None else f"value {nth} of {of}"


def domain(p: Parameter) -> str:
    """A parameter's domain in words."""
    if p.kind == "constant":
        return "constant"
    if p.low is None or p.high is None:
        return ", ".join(map(str, p.values))
    scale = ", log" if p.log else ""
    step = "" if p.step in (None, 1) else f", step {p.step:g}"
    whole = "whole numbers " if p.kind == "int" else ""
    return f"{whole}{words.setting(p.low)} to {words.setting(p.high)}{scale}{step}"


def _top(found: Analysis) -> Table:
    said, top = found.summary, found.summary.top
    names = list(dict.fromkeys(name for row in top for name in row.config))
    others = [m for m in top[0].metrics if m != said.objective] if top else []
    return Table(
        name="top",
        title=f"The best {len(top)} of {words.trials(said.spread.n, 'complete')}",
        columns=(
            Column(name="rank", right=True),
            Column(name="trial", right=True),
            Column(name=said.objective, show=words.number, right=True),
            *(Column(name=m, show=words.number, right=True) for m in others),
            Column(name="units", right=True),
            *(Column(name=n, show=words.brief, right=True) for n in names),
        ),
        rows=tuple(
            (
                rank,
                row.number,
                row.value,
                *(row.metrics[m] for m in others),
                row.units,
                *(row.config.get(n, "inactive") for n in names),
            )
            for rank, row in enumerate(top, start=1)
        ),
    )


def _counts(found: Analysis) -> Table:
    phases = [p.value for p in Phase if any(c.phases[p] for c in found.summary.counts)]
    counted = Column(name="", show=words.count, right=True)
    return Table(
        name="counts",
        title=f"All {words.trials(found.summary.trials)}, by how they ended and who chose them",
        columns=(
            Column(name="status"),
            dataclasses.replace(counted, name="trials"),
            *(dataclasses.replace(counted, name=PHASES[p]) for p in phases),
        ),
        rows=tuple((c.status, c.n, *(c.phases[p] for p in phases)) for c in found.summary.counts),
    )


PHASES = {"explore": "exploring", "model": "proposed by the model", "given": "given by the user"}


def _associations(found: Analysis) -> Table:
    return Table(
        name="associations",
        title=f"Each parameter and {found.summary.objective}, over complete trials in which the "
        "parameter was active",
        columns=(
            Column(name="parameter"),
            Column(name="measure"),
            Column(name="exploring", show=words.strength, right=True),
            Column(name="n exploring", right=True),
            Column(name="p", show=words.chance, right=True),
            Column(name="q", show=words.chance, right=True),
            Column(name="all trials", show=words.strength, right=True),
            Column(name="n all", right=True),
            Column(name="verdict"),
        ),
        rows=tuple(
            (
                a.parameter,
                a.measure,
                a.independent.strength if a.q is not None else None,
                a.independent.n,
                a.p,
                a.q,
                a.every.strength,
                a.every.n,
                a.verdict + (f": {a.reason}" if a.reason else ""),
            )
            for a in found.associations
        ),
    )


def _groups(found: Analysis) -> Table:
    return Table(
        name="groups",
        title=f"Median {found.summary.objective} for each value of a choice, over complete "
        "exploring trials",
        columns=(
            Column(name="parameter"),
            Column(name="value"),
            Column(name="median", show=words.number, right=True),
            Column(name="n", right=True),
        ),
        rows=tuple(
            (a.parameter, g.label, g.median, g.n)
            for a in found.associations
            if a.independent.n
            for g in a.groups
        ),
    )


def _space(found: Analysis) -> Table:
    return Table(
        name="space",
        title="What was searched",
        columns=(
            Column(name="parameter"),
            Column(name="values"),
            Column(name="active when"),
        ),
        rows=tuple(
            (
                p.name,
                domain(p) if p.kind != "constant" else f"constant {words.setting(p.values[0])}",
                " and ".join(
                    f"{parent} is {' or '.join(map(words.setting, values))}"
                    for parent, values in p.when.items()
                )
                or "always",
            )
            for p in found.parameters
        ),
    )


def _study(found: Analysis) -> Table:
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
    rows = {**plain, **options}
    if found.command:
        rows["command"] = " ".join(found.command)
    return Table(
        name="study",
        title="What the trials are a function of, and the command",
        columns=(Column(name="setting"), Column(name="value")),
        rows=tuple((k.replace("_", " "), str(v)) for k, v in sorted(rows.items())),
    )
