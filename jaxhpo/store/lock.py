"""One writer a study: a lock that the operating system lets go of however a process ends.

``flock`` where there is one. It belongs to the open file, so that two studies of one process can't
hold it together either; on Windows a byte of the file is locked instead.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from jaxhpo.store.errors import StudyInUse, StudyWriteError

if sys.platform == "win32":
    import msvcrt

    _BYTE = 1024  # far from the holder's number, which others must be able to read

    def _take(file: int) -> None:
        os.lseek(file, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
else:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """Holds the lock file `path` from construction until `release`, or the end of the process.

    Raises:
        StudyInUse: if another process, or another study object of this one, holds it.
        StudyWriteError: if the file can't be made, or its file system knows no locks.
    """

    def __init__(self, path: Path) -> None:
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            _take(self._file)
        except BlockingIOError as error:
            holder = self._holder()
            self._shut()
            raise in_use(str(path.parent), holder) from error
        except OSError as error:
            self._shut()
            raise StudyWriteError(
                f"can't lock {path}: {error.strerror}. A study needs a directory that may be "
                "written to, on a file system with locks"
            ) from error
        with contextlib.suppress(OSError):  # a full disk: the lock is held all the same
            self._note(str(os.getpid()))

    def release(self) -> None:
        """Lets go. Doing so twice is no error."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                self._note("")
            self._shut()

    def _holder(self) -> str:
        os.lseek(self._file, 0, os.SEEK_SET)
        return os.read(self._file, 64).decode("ascii", "replace").strip()

    def _note(self, text: str) -> None:
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, text.encode("ascii"))

    def _shut(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def in_use(where: str, holder: str) -> StudyInUse:
    """The error for a study that another process holds; `holder` is its number, or empty."""
    return StudyInUse(
        f"the study in {where} is in use"
        + (f" by process {holder}" if holder else "")
        + "; wait for it, stop it, or use another workdir "
        "(looking at it with `jaxhpo show` is always possible)"
    )
