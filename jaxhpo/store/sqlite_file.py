"""A study's database as a SQLite file: one process writes, any number look on.

The writer holds a lock and keeps a write-ahead log (WAL), so that readers and it never wait for
each other. A reader makes no file and needs no right to write. Not for network file systems, which
write-ahead logs don't work on.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc, pool

from jaxhpo.store.errors import StudyNotFound, StudyUnreadable, StudyWriteError
from jaxhpo.store.lock import Lock
from jaxhpo.store.writing import written

T = TypeVar("T")
Stamp = tuple[int, int, int]

_BUSY_MS = 30_000
_TRIES = 20
_NO_RIGHT = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class SqliteFile:
    """The database file `path`, held until `close`.

    Raises:
        StudyNotFound: if it is not there and is not to be made.
        StudyInUse: if another process writes to it (not for a reader).
        StudyUnreadable: if it has 0 bytes, which is no study, nor a new one.
        StudyWriteError: if the file or its lock can't be made.
    """

    def __init__(self, path: Path, *, make: bool, read_only: bool) -> None:
        self.path = path
        self.name = str(path)
        self.study = str(path.parent)
        if not make and not path.exists():
            raise StudyNotFound(
                f"there is no study in {path.parent} (no {path.name}); start one there with "
                f"--workdir={path.parent}, or give the directory of one"
            )
        self._lock: Lock | None = None
        self._copies: tempfile.TemporaryDirectory | None = None
        self._stamp: Stamp | None = None
        if read_only:
            self._engine = sa.create_engine(
                "sqlite://", creator=self._looked_at, poolclass=pool.NullPool
            )
        else:
            self._lock = _locked(path)
            self._engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
            event.listen(self._engine, "connect", _prepared)
        event.listen(self._engine, "begin", _begin)
        try:
            self._begun()
        except BaseException:
            self.close()
            raise

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` finds, seeing one state of the study throughout.

        Raises:
            StudyUnreadable: if the file is damaged, or no database.
        """
        for _ in range(_TRIES):
            try:
                with self._engine.connect() as connection:
                    found = work(connection)
            except exc.DatabaseError as error:
                if self._steady():
                    raise StudyUnreadable(_unreadable(self.name, error.orig)) from error
            else:
                if self._steady():
                    return found
        raise StudyUnreadable(f"{self.name} can't be read: it changes all the time")

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, all of its changes having been made; none if it fails.

        Raises:
            StudyWriteError: if the file can't be written to.
        """
        way = "make room, or mend the cause"
        return written(self._engine, work, self.name, way)

    def close(self) -> None:
        """Lets go of the file and the lock. Doing so twice is no error."""
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()
        if self._copies is not None:
            self._copies.cleanup()
            self._copies = None

    def _begun(self) -> None:
        """Makes the file if it is not there, in one step: none of ours ever has 0 bytes."""
        if not self.path.exists():
            _made(self.path)
        elif not self.path.stat().st_size:
            raise StudyUnreadable(
                f"{self.name} has 0 bytes: what is left of a study, perhaps a copy that was cut "
                "short. Put back a whole copy, or remove the file to begin anew"
            )

    # -- looking on --------------------------------------------------------------------------------

    def _looked_at(self) -> sqlite3.Connection:
        """A connection that changes nothing, not even the files beside the database.

        Without a log nobody has the study open, and the file can be read as it is; that it stayed
        so is looked up afterwards (`_steady`). With one, its readers share an index of it; where
        they can't, for want of the right to write, they read a copy.
        """
        self._stamp = None
        log = _beside(self.path, "-wal")
        if not log.exists():
            self._stamp = _stamp(self.path)
            return _connected(self.path, "mode=ro&immutable=1")
        try:
            return _connected(self.path, "mode=ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _NO_RIGHT:
                raise
        if self._copies is None:
            self._copies = tempfile.TemporaryDirectory(prefix="jaxhpo-")
        copy = Path(self._copies.name) / self.path.name
        for suffix in ("", "-wal"):
            shutil.copyfile(_beside(self.path, suffix), _beside(copy, suffix))
        return _connected(copy, "mode=rw")

    def _steady(self) -> bool:
        """Whether a file that was read without regard to others stayed as it was."""
        if self._stamp is None:
            return True
        log = _beside(self.path, "-wal")
        return _stamp(self.path) == self._stamp and not (log.exists() and log.stat().st_size)


def _made(path: Path) -> None:
    """An empty database with nothing but its header, complete from the moment it has its name."""
    draft = _beside(path, ".new")
    try:
        draft.unlink(missing_ok=True)
        # A log that outlived its database would be taken for the log of this one.
        _beside(path, "-wal").unlink(missing_ok=True)
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        draft.rename(path)
    except (OSError, sqlite3.Error) as error:
        raise StudyWriteError(f"can't make {path}: {error}; use another workdir") from error


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(
        address, uri=True, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA schema_version").fetchall()  # opens it: a right may be missing
    except BaseException:
        connection.close()
        raise
    return connection


def _prepared(connection: Any, _: Any) -> None:
    """Readers and the writer don't wait for each other; a commit survives the process's death."""
    connection.isolation_level = None  # transactions begin and end where we say (`_begin`)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    """Python's driver would begin none for reading, nor for making tables."""
    connection.exec_driver_sql("BEGIN")


def _locked(path: Path) -> Lock:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyWriteError(
            f"can't make the directory {path.parent}: {error.strerror}; use another workdir"
        ) from error
    return Lock(path.with_suffix(".lock"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _unreadable(name: str, cause: object) -> str:
    return (
        f"{name} can't be read: {cause}. If it is damaged, put back a copy of it, or use another "
        "workdir"
    )
