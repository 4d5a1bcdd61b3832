"""Opens a study's records, and settles what the caller left open by what the records say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxhpo.contracts import Task
from jaxhpo.goals import goals
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.study.warm_start import Prior, mapped, named, source_of


def opened(
    where: str | Path | None,
    known: Mapping[str, Any],
    sizes: Mapping[str, Any],
    defaults: Callable[[], Mapping[str, Any]],
) -> tuple[Any, dict[str, Any]]:
    """The records, and the study's whole identity.

    Args:
        where: a study directory or database URL, or None for records in memory.
        known: the part of the identity that is certain.
        sizes: the part that may be None: then as recorded, or for a new study the default. A
            mapping is a part of a mapping, completed in the same way.
        defaults: makes the defaults, which may take a moment.

    Raises:
        StudyMismatch: if the records are another study's.
        StudyInUse: if another process writes to them.
    """
    stored = _stored(where)
    settled = dict(sizes)
    missing = [n for n, value in sizes.items() if value is None or isinstance(value, Mapping)]
    if missing:
        whole = all(name in stored for name in missing)
        fallback = {name: stored[name] for name in missing} if whole else defaults()
        for name in missing:
            settled[name] = fallback[name] if sizes[name] is None else fallback[name] | sizes[name]
    identity = {**known, **settled}
    if where is None:
        return MemoryRecords(identity), identity
    from jaxhpo.store.records import open_records

    return open_records(where, identity), identity


def prior(where: str | Path | None, given: Any, task: Task) -> Prior | None:
    """What the sampler is told first: as the records have it, else from the study that is given.

    Raises:
        ValueError: if the study that is given can't be used, or the records lack what they need.
    """
    noted = _stored(where).get("warm_start")
    if noted and (given is None or named(given) == noted["source"]):
        from jaxhpo.store.records import open_records

        with open_records(where or "", read_only=True) as records:
            kept = records.facts().get("warm_start")
        if kept is not None:
            return Prior.from_dict(kept, len(task.space))
        if given is None:
            raise ValueError(
                f"Study(warm_start=None): the study was to start from {noted['source']!r}, but was "
                "interrupted before it had recorded that; give it again"
            )
    if given is None:
        return None
    found = source_of(given)
    further = None if goals(task).plain else goals(task)
    return mapped(
        found, task.space, objective=task.objective, maximize=task.maximize, goals=further
    )


def _stored(where: str | Path | None) -> Mapping[str, Any]:
    """The identity in the records, or nothing if there are none yet."""
    if where is None:
        return {}
    try:
        from jaxhpo.store.records import stored_identity
    except ImportError as error:
        raise ImportError(
            f"Study(workdir={str(where)!r}) keeps records with SQLAlchemy, which is not installed: "
            'pip install "jaxhpo[store]", or leave workdir out to keep them in memory'
        ) from error
    return stored_identity(where) or {}
