"""Opens a study's records, and settles what the caller left open by what the records say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxhpo.store.memory import MemoryRecords


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
