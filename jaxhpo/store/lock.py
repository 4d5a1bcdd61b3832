"""One writer a study: a lock that the operating system lets go of however a process ends.

``flock`` where there is one. It belongs to the open file, so that two studies of one process can't
hold it together either; on Windows a byte of the file is locked instead.
"""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from pathlib import Path
from typing import ClassVar

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
    """Holds the lock file `path` from construction until `release`, until nobody knows it any more,
    or until the process ends.

    Raises:
        StudyInUse: if another process, or another study object of this one, holds it.
        StudyWriteError: if the file can't be made, or its file system knows no locks.
    """

    _held: ClassVar[weakref.WeakSet[Lock]] = weakref.WeakSet()  # by this process

    def __init__(self, path: Path) -> None:
        self._file, self._path = -1, path.resolve()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            _take(self._file)
        except BlockingIOError as error:
            holder, ours = self._holder(), any(held._path == self._path for held in self._held)
            self._shut()
            raise in_use(str(path.parent), holder, ours=ours) from error
        except OSError as error:
            self._shut()
            raise StudyWriteError(
                f"can't lock {path}: {error.strerror}. A study needs a directory that may be "
                "written to, on a file system with locks"
            ) from error
        self._forgotten = weakref.finalize(self, os.close, self._file)
        self._held.add(self)
        with contextlib.suppress(OSError):  # a full disk: the lock is held all the same
            self._note(str(os.getpid()))

    def release(self) -> None:
        """Lets go. Doing so twice is no error."""
        if self._file >= 0:
            self._forgotten.detach()
            self._held.discard(self)
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


def in_use(where: str, holder: str, *, ours: bool = False) -> StudyInUse:
    """The error for a study that is held by a process, `holder` if that is known, or by this one
    (`ours`)."""
    if ours:
        return StudyInUse(
            f"the study in {where} is open in this process already; close that one with its method "
            "close(), or open studies in a `with` block"
        )
    return StudyInUse(
        f"the study in {where} is in use"
        + (f" by process {holder}" if holder else "")
        + "; wait for it, stop it, or use another workdir "
        "(looking at it with `jaxhpo show` is always possible)"
    )
