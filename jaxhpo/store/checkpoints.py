"""Checkpoints of a population in flight, through Orbax: the last few, each whole or not there.

A checkpoint is a directory ``checkpoint-N`` that gets its name when all is in it
(`jaxhpo.store.checkpoint_files`). One that is damaged, or of another study, is passed over with a
warning, and the one before it is taken.

Arrays are copied to host memory and restored to it, so that a checkpoint knows nothing of devices.
For runs of one process: in one of several, Orbax would have all of them take part in every save.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxhpo.store import checkpoint_files as files
from jaxhpo.store import packed
from jaxhpo.store.errors import StudyWriteError

_NAME = re.compile(r"checkpoint-(\d{6,})")
_SYSTEM = re.compile(r"os_error_code='(\d+)'")  # in what Orbax says of the operating system


class CheckpointSkipped(UserWarning):
    """A checkpoint was passed over: it is damaged, of another study, or of another version."""


class Checkpoint(NamedTuple):
    """What a checkpoint holds.

    step: the number it was saved under.
    arrays: the trees that were saved, by name: NumPy arrays (typed keys as such), dicts, lists and
        tuples; named tuples and dataclasses as dicts, which `jaxhpo.store.packed.fitted` turns
        back.
    host: likewise.
    """

    step: int
    arrays: dict[str, Any]
    host: dict[str, Any]


def digest(arrays: Mapping[str, Any], host: Mapping[str, Any]) -> str:
    """The SHA-256 of what a checkpoint holds, in hex, whenever and however it was saved."""
    return packed.digest({"arrays": dict(arrays), "host": dict(host)})


def newest(directory: str | Path, identity_digest: str | None = None) -> Checkpoint | None:
    """The newest checkpoint in `directory` that is whole, or None. Changes nothing.

    Args:
        identity_digest: of the study that it must be of; None: of any.
    """
    return _newest(Path(directory), identity_digest)[0]


class Checkpoints:
    """A study's checkpoints in `directory`, of which the last `keep` whole ones are kept.

    Only for the one process that holds the study's lock: what a killed process left half-written is
    removed here. Others look with `newest`. To be closed: a save that is still under way when the
    interpreter ends is lost (the checkpoints before it are not).

    Args:
        directory: made if need be; nothing else is to be in it.
        identity_digest: names the study; a checkpoint with another one is not restored.
        keep: how many, at least 1.

    Raises:
        StudyWriteError: if the directory can't be made.
        ValueError: for another argument that can't be, or in a run of several processes.
    """

    def __init__(self, directory: str | Path, identity_digest: str, keep: int = 2) -> None:
        if not isinstance(identity_digest, str) or not identity_digest:
            raise ValueError(
                "Checkpoints(identity_digest=...) must be a string that names the study, got "
                f"identity_digest={identity_digest!r}"
            )
        if not isinstance(keep, int) or keep < 1:
            raise ValueError(f"Checkpoints(keep=...) must be at least 1, got keep={keep!r}")
        self.directory = Path(directory).absolute()
        self._identity = identity_digest
        self._keep = keep
        self._damaged: set[Path] = set()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._closed = False
        if jax.process_count() > 1:
            raise ValueError(
                f"Checkpoints(...) are for runs of one process, this one has {jax.process_count()}"
            )
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyWriteError(
                f"can't make the directory {self.directory}: {error.strerror}; use another workdir"
            ) from error
        for left in self.directory.glob(".checkpoint-*"):
            files.remove(left)

    def save(self, step: int, arrays: Mapping[str, Any], host: Mapping[str, Any]) -> None:
        """Copies all to host memory and returns; the rest is done by another thread.

        A save that is still under way is waited for. Not to be called while another thread begins
        something with Orbax.

        Args:
            step: a number of the caller's choice, at least 0.
            arrays: trees of arrays, by name (see `jaxhpo.store.packed.pack`).
            host: likewise; for what lives on the host. Both may hold arrays and plain values.

        Raises:
            StudyWriteError: if the save before this one failed, and this one is not begun; or if
                this one can't be begun.
            TypeError: for what can't be saved.
            ValueError: for a step that is no such number, or after `close`.
        """
        if not isinstance(step, int | np.integer) or isinstance(step, bool) or step < 0:
            raise ValueError(f"save(step=...) must be an integer of at least 0, got step={step!r}")
        if self._closed:
            raise ValueError(f"save(step={step}) after close() of the checkpoints")
        self.wait()
        content = packed.pack({"arrays": dict(arrays), "host": dict(host)})
        serial = 1 + max((number for number, _ in _listed(self.directory)), default=0)
        path = self.directory / f"checkpoint-{serial:06d}"
        try:
            finish = files.begin(path, self._identity, int(step), content)
        except Exception as error:
            raise self._failed(step, error) from error
        self._thread = threading.Thread(target=self._run, args=(step, finish), name="checkpoint")
        self._thread.start()

    def restored(self) -> Checkpoint | None:
        """The newest checkpoint that is whole and of this study, or None.

        Each that is passed over is told of by a warning, `CheckpointSkipped`.

        Raises:
            StudyWriteError: if a save that was under way failed.
        """
        self.wait()
        found, damaged = _newest(self.directory, self._identity)
        self._damaged.update(damaged)
        return found

    def wait(self) -> None:
        """Returns when nothing is being saved any more.

        Raises:
            StudyWriteError: if the last save failed; told once.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Waits for a save under way. Doing so twice is no error.

        Raises:
            StudyWriteError: if it failed.
        """
        self._closed = True
        self.wait()

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        with contextlib.suppress(StudyWriteError) if kind else contextlib.nullcontext():
            self.close()

    # -- in the background -------------------------------------------------------------------------

    def _run(self, step: int, finish: Callable[[], None]) -> None:
        try:
            finish()
            self._thin_out()
        except Exception as error:
            self._error = self._failed(step, error)
            self._error.__cause__ = error

    def _failed(self, step: int, error: Exception) -> StudyWriteError:
        number = _SYSTEM.search(str(error))
        cause: object = error if number is None else os.strerror(int(number[1]))
        if isinstance(error, OSError) and error.strerror:
            cause = error.strerror
        return StudyWriteError(
            f"can't write the checkpoint of step {step} to {self.directory}: {cause}. What was "
            "saved before is safe; make room, or mend the cause, and start the same command again"
        )

    def _thin_out(self) -> None:
        """Removes damaged ones, and of the whole ones all but the last. Foreign ones stay."""
        for path in self._damaged:
            files.remove(path)
        self._damaged.clear()
        mine = []
        for _, path in _listed(self.directory):
            with contextlib.suppress(files.Unusable):
                if files.about(path).get("identity") == self._identity:
                    mine.append(path)
        for path in mine[: -self._keep]:
            files.remove(path)


def _newest(directory: Path, identity: str | None) -> tuple[Checkpoint | None, list[Path]]:
    """And the damaged ones that were passed over."""
    damaged = []
    for _, path in reversed(_listed(directory)):
        try:
            step, tree = files.read(path, identity)
            return Checkpoint(step, tree["arrays"], tree["host"]), damaged
        except files.Unusable as why:
            if not why.foreign:
                damaged.append(path)
            warnings.warn(f"checkpoint {path} is skipped: {why}", CheckpointSkipped, stacklevel=3)
    return None, damaged


def _listed(directory: Path) -> list[tuple[int, Path]]:
    """All that have a checkpoint's name, the oldest first."""
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    found = [
        (int(match[1]), directory / match[0]) for match in map(_NAME.fullmatch, names) if match
    ]
    return sorted(found)
