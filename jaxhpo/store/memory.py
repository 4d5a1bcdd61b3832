"""Trial records in memory, with the interface of `jaxhpo.store.records.Records`, for studies that
need not outlive their process."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from jaxhpo.trial import Trial


class MemoryRecords:
    """Records that are lost with the process."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.identity = dict(identity)
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
        return dict(self._facts)

    def put_fact(self, key: str, value: Any) -> None:
        """Notes something about the study as a whole."""
        self._facts[key] = value

    def begin_session(self, info: Mapping[str, Any]) -> int:
        """Notes that a run began; returns its number."""
        session = {"started": time.time(), "ended": None, "how": None, "info": dict(info)}
        self._sessions.append(session)
        return len(self._sessions)

    def end_session(self, session: int, how: str) -> None:
        """Notes how a run ended."""
        self._sessions[session - 1] |= {"ended": time.time(), "how": how}

    def sessions(self) -> list[dict[str, Any]]:
        """All runs, the oldest first."""
        return [dict(session) for session in self._sessions]

    def close(self) -> None:
        """Does nothing."""
