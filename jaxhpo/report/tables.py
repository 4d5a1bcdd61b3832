"""The tables of a report, once, as rows of text: Markdown, HTML and CSV are made from these."""

from __future__ import annotations

import dataclasses
from typing import Any

from jaxhpo.analysis.study import Analysis
from jaxhpo.report.sentences import number


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table: `name` is its file's, `title` what it shows, `numeric` which columns are numbers."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def best_table(found: Analysis) -> Table | None:
    """The best configuration."""
    best = found.summary.best
    if best is None:
        return None
    return Table(
        name="best",
        title=f"Best configuration: trial {best.number}, after {best.units} units",
        columns=("parameter", "value"),
        rows=tuple((name, text(value)) for name, value in best.config.items()),
        numeric=(False, True),
    )


def top_table(found: Analysis) -> Table | None:
    """The ten best complete trials."""
    top = found.summary.top
    if not top:
        return None
    names = list(dict.fromkeys(name for row in top for name in row.config))
    others = [m for m in top[0].metrics if m != found.summary.objective]
    return Table(
        name="top",
        title=f"The best {len(top)} of {found.summary.spread.n} complete trials",
        columns=("rank", "trial", found.summary.objective, *others, "units", *names),
        rows=tuple(
            (
                str(rank),
                str(row.number),
                number(row.value),
                *(number(row.metrics[m]) for m in others),
                str(row.units),
                *(text(row.config[n]) if n in row.config else "inactive" for n in names),
            )
            for rank, row in enumerate(top, start=1)
        ),
        numeric=(True, True, True, *(True for _ in others), True, *(True for _ in names)),
    )


def counts_table(found: Analysis) -> Table:
    """Trials by how they ended and how they were chosen."""
    said = found.summary
    rows = [("status", name, f"{count:,}") for name, count in said.statuses.items()]
    rows += [("chosen by", name, f"{count:,}") for name, count in said.phases.items()]
    return Table(
        name="counts",
        title=f"All {said.trials:,} trials",
        columns=("what", "which", "trials"),
        rows=tuple(rows),
        numeric=(False, False, True),
    )


def association_table(found: Analysis) -> Table | None:
    """Every parameter's correlation with the objective, and what may be concluded."""
    if not found.associations:
        return None
    return Table(
        name="associations",
        title=f"Parameters and {found.summary.objective}, the strongest first",
        columns=("parameter", "measure", "all", "n", "exploring", "n exploring", "q", "verdict"),
        rows=tuple(
            (
                a.parameter,
                "Spearman's rho" if a.ordered else "epsilon squared",
                number(a.strength),
                str(a.n),
                number(a.rho_independent),
                str(a.independent),
                "unknown" if a.q is None else f"{a.q:.2g}",
                a.verdict + (f": {a.reason}" if a.reason else ""),
            )
            for a in found.associations
        ),
        numeric=(False, False, True, True, True, True, True, False),
    )


def tables(found: Analysis) -> list[Table]:
    """All tables that there is something for."""
    made = [best_table(found), top_table(found), counts_table(found), association_table(found)]
    return [table for table in made if table is not None]


def text(value: Any) -> str:
    """A parameter's value as text."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else repr(value)
