"""What can go wrong with a study's records, said in words that name the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN = 12  # differences
_LONG = 60  # characters of a list, beyond which its elements are compared one by one
_LONGEST = 200  # characters of a value


class StudyMismatch(ValueError):
    """The records are those of another study than the one that was to be opened."""


class StudyInUse(RuntimeError):
    """Another process is writing to the records."""


class StudyUnreadable(RuntimeError):
    """The records can't be read: damaged, foreign, or of another version."""


class StudyNotFound(FileNotFoundError):
    """There are no records where they were looked for."""


class StudyWriteError(OSError):
    """Writing failed (a full disk, say). What was recorded before is safe."""


def mismatch(where: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> StudyMismatch:
    """The error for two identities, with every difference named."""
    found = differences(stored, wanted)
    lines = [f"  {line}" for line in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN} more")
    return StudyMismatch(
        f"the study in {where} is another one:\n"
        + "\n".join(lines)
        + "\nUse the same settings to go on with it, or another workdir for a new study."
    )


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What tells two identities apart, one line each; empty if nothing does.

    Values are compared with their types, since ``[1, 2]`` and ``[1.0, 2.0]`` are not the same
    choices. The order of keys counts in ``space`` alone: it is the order of the cube's columns.
    """
    found = list(_differences("", stored, wanted))
    spaces = stored.get("space"), wanted.get("space")
    if all(isinstance(space, Mapping) for space in spaces):
        theirs, ours = (list(space) for space in spaces)  # type: ignore[arg-type]
        if theirs != ours and set(theirs) == set(ours):
            orders = (", ".join(names) for names in (theirs, ours))
            found.append("space: the study has the order {}, this run has {}".format(*orders))
    return found


def _differences(path: str, stored: Any, wanted: Any) -> Iterator[str]:
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        for key in [*stored, *(k for k in wanted if k not in stored)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in stored:
                yield f"{inner}: the study has none, this run has {_shown(wanted[key])}"
            elif key not in wanted:
                yield f"{inner}: the study has {_shown(stored[key])}, this run has none"
            else:
                yield from _differences(inner, stored[key], wanted[key])
    elif _alike(stored, wanted) and not any(len(repr(v)) <= _LONG for v in (stored, wanted)):
        for place, (one, other) in enumerate(zip(stored, wanted, strict=True)):
            yield from _differences(f"{path}[{place}]", one, other)
    elif not _equal(stored, wanted):
        yield f"{path}: the study has {_shown(stored)}, this run has {_shown(wanted)}"


def _alike(stored: Any, wanted: Any) -> bool:
    """Whether both are lists, or both tuples, of the same length."""
    return (
        isinstance(stored, list | tuple)
        and type(stored) is type(wanted)
        and len(stored) == len(wanted)
    )


def _equal(stored: Any, wanted: Any) -> bool:
    if isinstance(stored, Mapping) and isinstance(wanted, Mapping):
        return stored.keys() == wanted.keys() and all(_equal(stored[k], wanted[k]) for k in stored)
    if _alike(stored, wanted):
        return all(_equal(one, other) for one, other in zip(stored, wanted, strict=True))
    return type(stored) is type(wanted) and repr(stored) == repr(wanted)  # NaN is NaN


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
