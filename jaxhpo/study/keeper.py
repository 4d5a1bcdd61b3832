"""When a study's population is saved, and whether what was saved can be taken up."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxhpo.population.member import Member
from jaxhpo.population.population import Population
from jaxhpo.study import in_flight
from jaxhpo.study.ledger import Ledger
from jaxhpo.trial import Trial

FOLDER = "checkpoints"


class Keeper:
    """Saves what is in training every so many seconds, and when the study is asked to stop.

    Args:
        home: the study's directory, or None: nothing is kept.
        identity: of the study. seconds: between two checkpoints; 0: only when asked to stop.
    """

    def __init__(self, home: Path | None, identity: Mapping[str, Any], seconds: float) -> None:
        text = json.dumps(identity, sort_keys=True, default=repr)
        self._home = None if home is None else home / FOLDER
        self._digest = hashlib.sha256(text.encode()).hexdigest()
        self._seconds = seconds
        self._last = time.monotonic()
        self._checkpoints: Any = None

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        waited = time.monotonic() - self._last
        return self._home is not None and 0 < self._seconds <= waited

    def save(self, population: Population, ledger: Ledger) -> None:
        """Copies what is in training, if anything is, and returns; it is written meanwhile. No tile
        may be running.

        Raises:
            StudyWriteError: if it, or the one before, can't be written.
        """
        if self._home is not None and (ledger.training or ledger.held):
            self._opened().save(ledger.ended, *in_flight.taken(population, ledger))
            self._last = time.monotonic()

    def restore(
        self, population: Population, ledger: Ledger, members: Callable[[Trial], list[Member]]
    ) -> set[int]:
        """Takes up the newest checkpoint that fits; the numbers of members that need not be queued.

        One that is damaged or does not fit is passed over with a warning.
        """
        if self._home is None or not any(self._home.glob("checkpoint-*")):
            return set()
        found = self._opened().restored()
        if found is None:
            return set()
        try:
            return in_flight.put_back(found.arrays, found.host, population, ledger, members)
        except in_flight.Unfit as error:
            warnings.warn(
                f"the checkpoint in {self._home} does not fit the study, so what was in training "
                f"is trained again from its beginning: {error}",
                stacklevel=2,
            )
            return set()

    def clear(self) -> None:
        """Removes the checkpoints of a study that has ended."""
        with contextlib.suppress(OSError):  # of one that could not be written: none is needed
            self.close()
        self._checkpoints = None
        if self._home is not None and self._home.exists():
            shutil.rmtree(self._home, ignore_errors=True)

    def close(self) -> None:
        """Waits for a checkpoint that is being written.

        Raises:
            StudyWriteError: if it can't be.
        """
        if self._checkpoints is not None:
            self._checkpoints.close()
            self._checkpoints = None

    def _opened(self) -> Any:
        if self._checkpoints is None:
            from jaxhpo.store.checkpoints import Checkpoints

            assert self._home is not None
            self._checkpoints = Checkpoints(self._home, self._digest)
        return self._checkpoints
