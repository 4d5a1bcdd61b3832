"""What can go wrong with a study's records, said in words that name the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN = 12


class StudyMismatch(ValueError):
    """The records are those of another study than the one that was to be opened."""


class StudyInUse(RuntimeError):
    """Another process is writing to the records."""


class StudyUnreadable(RuntimeError):
    """The records can't be read: damaged, foreign, or of a newer version."""


class StudyNotFound(FileNotFoundError):
    """There are no records where they were looked for."""


class StudyWriteError(RuntimeError):
    """Writing failed (a full disk, say). What was recorded before is safe."""


def mismatch(where: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> StudyMismatch:
    """The error for two identities, with every difference named."""
    found = list(_differences("", stored, wanted))
    lines = [f"  {line}" for line in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN} more")
    return StudyMismatch(
        f"the study in {where} is another one:\n"
        + "\n".join(lines)
        + "\nUse the same settings to go on with it, or another workdir for a new study."
    )


def _differences(path: str, stored: Any, wanted: Any) -> Iterator[str]:
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        for key in [*stored, *(k for k in wanted if k not in stored)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in stored:
                yield f"{inner}: the study has none, this run has {wanted[key]!r}"
            elif key not in wanted:
                yield f"{inner}: the study has {stored[key]!r}, this run has none"
            else:
                yield from _differences(inner, stored[key], wanted[key])
        if list(stored) != list(wanted) and set(stored) == set(wanted) and path.startswith("space"):
            yield f"{path}: the order differs"
    elif stored != wanted or isinstance(stored, bool) is not isinstance(wanted, bool):
        yield f"{path}: the study has {stored!r}, this run has {wanted!r}"
