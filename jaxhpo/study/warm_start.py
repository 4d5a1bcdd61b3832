"""Trials of an earlier study, as a sampler is told them before the first trial of this one.

A trial is told if its configuration can be one of this study's. Where the spaces differ:

    a value that is not in this study's domain      the trial is left out
    a parameter that this study fixes otherwise     likewise for names and switches; a number that
                                                    was searched there is let go
    a parameter that only the earlier study has     let go
    a parameter that only this study has            drawn at random for each trial, so that nothing
                                                    is said of it

Where this study has several objectives, or constraints, the trials' metrics of the same names are
what is told of these; a trial that lacks one is left out.

What was let go, left out or drawn is said. The points and losses that are told are kept in the new
study's records, so that it goes on without the earlier one, whatever becomes of that.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from jaxhpo.backend import placed
from jaxhpo.goals import Goals
from jaxhpo.space import Constant, Float, Int, Space
from jaxhpo.space.axes import Axis, axis
from jaxhpo.store.environment import masked
from jaxhpo.study.grades import Grades
from jaxhpo.trial import Trial


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Prior:
    """What a sampler is told first.

    Attributes:
        source: where it is from. notes: what was done to it, a sentence each.
        points: float32 [m, d]. losses: float32 [m], or [m, k] of k objectives, NaN where `valid`
            [m] is False.
        violations: float32 [m, c], by how much each constraint is broken; None without any.
    """

    source: str
    notes: tuple[str, ...]
    points: np.ndarray
    losses: np.ndarray
    valid: np.ndarray
    violations: np.ndarray | None = None

    @property
    def told(self) -> tuple[np.ndarray, ...]:
        """What `Sampler.tell` takes."""
        one = (self.points, self.losses, self.valid)
        return one if self.violations is None else (*one, self.violations)

    @property
    def identity(self) -> dict[str, Any]:
        """The part of a study's identity."""
        found = hashlib.sha256()
        for array in self.told:
            found.update(np.ascontiguousarray(array).tobytes())
        return {
            "source": self.source,
            "trials": len(self.points),
            "digest": found.hexdigest()[:16],
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        found: dict[str, Any] = {
            "source": self.source,
            "notes": list(self.notes),
            "points": self.points.tolist(),
            "losses": [
                loss if valid else None
                for loss, valid in zip(self.losses.tolist(), self.valid, strict=True)
            ],
        }
        if self.losses.ndim == 2:
            found["objectives"] = self.losses.shape[1]
        if self.violations is not None:
            found["violations"] = [
                [value if math.isfinite(value) else None for value in row]
                for row in self.violations.tolist()
            ]
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], d: int) -> Prior:
        """The same again."""
        rows = found["losses"]
        k = found.get("objectives")
        nothing = math.nan if k is None else [math.nan] * k
        losses = np.array([nothing if row is None else row for row in rows], np.float32)
        broken = found.get("violations")
        if broken is not None:
            broken = [[math.inf if v is None else v for v in row] for row in broken]
        return cls(
            source=found["source"],
            notes=tuple(found["notes"]),
            points=np.array(found["points"], np.float32).reshape(-1, d),
            losses=losses,
            valid=np.array([row is not None for row in rows], bool),
            violations=None if broken is None else np.array(broken, np.float32),
        )


class Source(NamedTuple):
    """An earlier study: `losses` in its trials are lower for better, whatever `maximize` says."""

    name: str
    space: Space
    trials: Sequence[Trial]
    objective: str
    maximize: bool


def source_of(given: Any) -> Source:
    """What stands behind the argument `warm_start`.

    Args:
        given: a study of ours (its directory, its database URL, or the `Study` itself); open
            records, or what `jaxhpo.interop.sources.load` gives, for studies of other kinds.

    Raises:
        ValueError: for anything else.
        StudyNotFound: if there is no study in the directory.
    """
    if isinstance(given, Source):
        return given
    if isinstance(given, str | Path):
        from jaxhpo.store.records import open_records

        with open_records(given, read_only=True) as records:
            return source_of(records)._replace(name=named(given))
    facts = getattr(given, "facts", None)
    if isinstance(facts, Mapping) and hasattr(given, "space"):  # as interop loads it
        space, name = given.space, facts["name"]
        return Source(name, space, facts["trials"], facts["objective"], facts["maximize"])
    records = getattr(given, "records", given)
    identity = getattr(records, "identity", None)
    if not isinstance(identity, Mapping) or not callable(getattr(records, "trials", None)):
        raise ValueError(
            f"Study(warm_start=...) must be an earlier study: its directory or database URL, a "
            f"Study, or what jaxhpo.interop.sources.load(source) gives, got {given!r}"
        )
    task = identity["task"]
    name = f"{task['name']}, seed {identity['seed']}" if "seed" in identity else task["name"]
    space = Space.from_dict(identity["space"])
    return Source(name, space, records.trials(), task["objective"], task["maximize"])


def named(given: Any) -> str:
    """What a source is called in records, which don't hold passwords."""
    if not isinstance(given, str | Path):
        return source_of(given).name
    return masked(str(given))


def mapped(
    source: Source, space: Space, *, objective: str, maximize: bool, goals: Goals | None = None
) -> Prior:
    """The trials of `source` as points of `space`. A function of these alone.

    Args:
        goals: this study's, where there are more than its objective: the further metrics are those
            of the same names there.

    Raises:
        ValueError: if losses can't be compared, or no trial can be told.
    """
    if source.maximize != maximize:
        ways = ("minimised", "maximised")
        raise ValueError(
            f"Study(warm_start=...): {source.name!r} {ways[source.maximize]} "
            f"{source.objective!r}, this study has {objective!r} {ways[maximize]}, so that losses "
            "can't be compared; load(source, objective=...) judges a study of ours by another "
            "metric"
        )
    notes = _notes(source, space, objective)
    ended = [trial for trial in source.trials if trial.status.ended]
    left: collections.Counter[str] = collections.Counter()
    kept, units = [], []
    wanted = _further(source, goals, ended)
    domains = space.parameters
    axes = {name: axis(cast(Any, domains[name]), name) for name in space.names}
    let_go = set(_let_go(source.space, space))
    for trial in ended:
        row, why = _units(trial.config, space, axes, let_go)
        lacks = [name for name in wanted if trial.status.scored and name not in trial.metrics]
        if lacks:
            row, why = None, f"without a value of {', '.join(lacks)}"
        if row is None:
            left[why] += 1
        else:
            kept.append(trial)
            units.append(row)
    notes += [f"{n} of {len(ended)} trials are left out: {why}" for why, n in left.items()]
    if not any(trial.status.scored for trial in kept):
        said = "; ".join(notes) or "no trial of it has ended"
        raise ValueError(
            f"Study(warm_start=...): no trial of {source.name!r} with a result fits this study's "
            f"space ({said})"
        )
    found = np.array(units, np.float32).reshape(-1, len(space))
    drawn = np.random.default_rng(len(found)).random(found.shape, np.float32)
    points = np.asarray(space.layout.snap(placed(np.where(np.isnan(found), drawn, found))))
    sign = -1.0 if source.maximize else 1.0
    grades = Grades(lambda trial: _curve(trial, source.objective, sign))
    losses = np.array(grades.add(kept), np.float32)
    valid = np.array([trial.status.scored for trial in kept]) & np.isfinite(losses)
    broken = None
    if goals is not None and goals.several:
        table = goals.losses(kept).astype(np.float32)
        table[:, 0] = losses
        valid &= np.isfinite(table).all(axis=1)
        losses = table
    if goals is not None and goals.constraints:
        broken = goals.violations(kept).astype(np.float32)
    told = valid if losses.ndim == 1 else valid[:, None]
    return Prior(
        source=source.name,
        notes=tuple(notes),
        points=points,
        losses=np.where(told, losses, np.float32(np.nan)),
        valid=valid,
        violations=broken,
    )


def _further(source: Source, goals: Goals | None, trials: Sequence[Trial]) -> list[str]:
    """The metrics besides the objective that this study's goals need.

    Raises:
        ValueError: if no trial of the source has one of them.
    """
    if goals is None:
        return []
    names = [*goals.names[1:], *(name for name, _ in goals.constraints)]
    names = list(dict.fromkeys(names))
    known = {name for trial in trials for name in trial.metrics}
    if strange := [name for name in names if name not in known]:
        raise ValueError(
            f"Study(warm_start=...): {source.name!r} has no metric {', '.join(map(repr, strange))} "
            f"(it has {', '.join(sorted(known)) or 'none'}), which this study's goals need "
            f"({goals.words()}); enqueue=... takes its best configurations"
        )
    return names


def _curve(trial: Trial, objective: str, sign: float) -> np.ndarray | None:
    curve = trial.curves.get(objective)
    return None if curve is None else (sign * np.asarray(curve)).astype(np.float32)


def _notes(source: Source, space: Space, objective: str) -> list[str]:
    """What is said of all trials alike."""
    notes = []
    if source.objective != objective:
        notes.append(f"its {source.objective!r} is taken for this study's {objective!r}")
    if gone := _let_go(source.space, space):
        notes.append(f"let go, as this study does not search it: {', '.join(gone)}")
    new = [name for name in space.names if name not in source.space.parameters]
    if new:
        notes.append(f"drawn at random, as it was not searched there: {', '.join(new)}")
    return notes


def _let_go(theirs: Space, ours: Space) -> list[str]:
    """The parameters whose values there are not looked at."""
    return [
        name
        for name, domain in theirs.parameters.items()
        if name not in ours.parameters
        or (isinstance(ours.parameters[name], Constant) and _is_numeric(domain))
    ]


def _is_numeric(domain: Any) -> bool:
    value = domain.value if isinstance(domain, Constant) else None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or isinstance(domain, Int | Float)


def _units(
    config: Mapping[str, Any], space: Space, axes: Mapping[str, Axis], let_go: Collection[str]
) -> tuple[list[float] | None, str]:
    """A configuration's coordinates, NaN where it says nothing; or None, and why it does not
    fit."""
    row = []
    for name, domain in space.parameters.items():
        if isinstance(domain, Constant):
            if name not in let_go and config.get(name, domain.value) != domain.value:
                return None, f"this study has {name} = {domain.value!r} only"
            continue
        unit = np.nan
        if name in config:
            unit = float(axes[name].encode([config[name]])[0][0])
            if np.isnan(unit):
                return None, f"{name} has another value than this study searches"
        row.append(unit)
    return row, ""
