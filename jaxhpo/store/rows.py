"""A trial as rows of the tables, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jaxhpo.store import codec
from jaxhpo.trial import Phase, Status, Trial


def trial_row(trial: Trial) -> dict[str, Any]:
    """The trial's row, without its curves.

    Raises:
        TypeError: for a configuration that can't be recorded.
    """
    return {
        "number": int(trial.number),
        "status": trial.status.value,
        "phase": trial.phase.value,
        "known": int(trial.known),
        "config": codec.dumps(trial.config),
        "point": blob(trial.point),
        "budget": int(trial.budget),
        "units": int(trial.units),
        "loss": _float(trial.loss),
        "metrics": codec.dumps(trial.metrics),
        "attempts": int(trial.attempts),
        "started": _float(trial.started),
        "finished": _float(trial.finished),
        "seconds": _float(trial.seconds),
        "error": None if trial.error is None else _writable(trial.error),
        "replicates": codec.dumps([float(loss) for loss in trial.replicates]),
        "history": codec.dumps(list(trial.history)),
    }


def curve_rows(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """A row for each curve of the trials."""
    return [
        {"number": int(trial.number), "metric": name, "values": blob(curve)}
        for trial in trials
        for name, curve in trial.curves.items()
    ]


def trial_of(row: Mapping[str, Any], curves: Mapping[str, np.ndarray]) -> Trial:
    """The trial of a row.

    Raises:
        ValueError: if the row is damaged, naming the trial.
    """
    try:
        changed = {
            "status": Status(row["status"]),
            "phase": Phase(row["phase"]),
            "config": codec.loads(row["config"]),
            "point": values(row["point"]),
            "metrics": codec.loads(row["metrics"]),
            "curves": curves,
            "replicates": tuple(codec.loads(row["replicates"])),
            "history": tuple(codec.loads(row["history"])),
        }
    except (TypeError, ValueError) as error:
        raise ValueError(f"the row of trial {row['number']} is damaged: {error}") from error
    return Trial(**{**row, **changed})


def blob(array: Any) -> bytes:
    """float32 values as bytes, little-endian."""
    return np.asarray(array, "<f4").tobytes()


def values(stored: bytes) -> np.ndarray:
    """float32 [n], what `blob` wrote.

    Raises:
        ValueError: if that is no whole number of values.
    """
    return np.frombuffer(stored, "<f4").astype(np.float32, copy=False)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _writable(text: str) -> str:
    """Text that every database takes: no halves of characters, no zero."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
