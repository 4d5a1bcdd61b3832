"""The sections of a report, one file each, in the order in which they are read.

A section is a module with a ``TITLE`` and ``parts(found)``, which makes sentences, tables, figures
and code from an `jaxhpo.analysis.Analysis`. What there is nothing for it leaves out; a section
without parts is left out itself. To add one: write the file, and name it in `ORDER`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

from jaxhpo.analysis.result import Analysis
from jaxhpo.report.parts import Part, Section
from jaxhpo.report.sections import (
    advice,
    anomalies,
    best,
    cost,
    course,
    directions,
    diverged,
    elites,
    front,
    gains,
    importance,
    interactions,
    parameters,
    study,
    targets,
    training,
    trials,
)

ORDER: tuple[ModuleType, ...] = (
    best,
    front,
    advice,
    anomalies,
    course,
    importance,
    targets,
    elites,
    parameters,
    directions,
    interactions,
    gains,
    training,
    diverged,
    cost,
    trials,
    study,
)
NAMES = tuple(module.__name__.rpartition(".")[2] for module in ORDER)


def sections(found: Analysis, wanted: Sequence[str] | None = None) -> tuple[Section, ...]:
    """All sections that there is something for, or those `wanted`, in the order of reading.

    Raises:
        ValueError: for a name that no section has.
    """
    unknown = [name for name in wanted or () if name not in NAMES]
    if unknown:
        raise ValueError(
            f"sections(wanted=...) must name sections, got {unknown[0]!r}; there are: "
            f"{', '.join(NAMES)}"
        )
    made = [
        Section(name=name, title=module.TITLE, parts=_full(module.parts(found)))
        for name, module in zip(NAMES, ORDER, strict=True)
        if wanted is None or name in wanted
    ]
    return tuple(section for section in made if section.parts)


def _full(parts: Iterable[Part | None]) -> tuple[Part, ...]:
    """Without those that have nothing to show."""
    return tuple(p for p in parts if p and getattr(p, "rows", True))
