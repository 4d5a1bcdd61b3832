"""Trial records in memory, with the interface of `jaxhpo.store.records.Records`, for studies that
need not outlive their process."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from jaxhpo.store import codec
from jaxhpo.trial import Trial


class MemoryRecords:
    """Records that are lost with the process.

    Attributes:
        identity: what the study is a function of.
        path: None, there being no file.
    """

    path = None

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.identity: dict[str, Any] = _copied(identity)
        self._trials: dict[int, Trial] = {}
        self._facts: dict[str, Any] = {}
        self._sessions: list[dict[str, Any]] = []

    def trials(self) -> list[Trial]:
        """All trials, in number order."""
        return [self._trials[number] for number in sorted(self._trials)]

    def write(self, trials: Sequence[Trial]) -> None:
        """Adds trials, or replaces those of the same number."""
        self._trials |= {trial.number: trial for trial in trials}

    def facts(self) -> dict[str, Any]:
        """What was noted about the study as a whole."""
        return {key: _copied(self._facts[key]) for key in sorted(self._facts)}

    def put_fact(self, key: str, value: Any) -> None:
        """Notes something about the study as a whole: JSON values and tuples."""
        self._facts[key] = _copied(value)

    def begin_session(self, info: Mapping[str, Any]) -> int:
        """Notes that a run began; returns its number."""
        number = len(self._sessions) + 1
        session = {"id": number, "started": time.time(), "ended": None, "how": None}
        self._sessions.append({**session, "info": _copied(info)})
        return number

    def end_session(self, session: int, how: str) -> None:
        """Notes how a run ended."""
        self._sessions[session - 1] |= {"ended": time.time(), "how": how}

    def sessions(self) -> list[dict[str, Any]]:
        """All runs, the oldest first: id, started, ended, how, info."""
        return [{**session, "info": _copied(session["info"])} for session in self._sessions]

    def close(self) -> None:
        """Does nothing."""

    def __enter__(self) -> MemoryRecords:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _copied(value: Any) -> Any:
    """A value as a database would give it back: a change to one of the two is none to the other."""
    return codec.loads(codec.dumps(value))
