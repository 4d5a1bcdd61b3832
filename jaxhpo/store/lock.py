"""One writer a study: a lock that the operating system lets go of however a process ends."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jaxhpo.store.errors import StudyInUse

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


class Lock:
    """Holds ``path`` from construction until `release`, or the end of the process.

    Raises:
        StudyInUse: if another process, or another study object of this one, holds it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 64, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StudyInUse(
                f"the study in {path.parent} is in use"
                + (f" by process {holder}" if holder else "")
                + "; wait for it, stop it, or use another workdir "
                "(looking at it with `jaxhpo show` is always possible)"
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode("ascii"), 0)

    def release(self) -> None:
        """Lets go. Doing so twice is no error."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1
