"""Trial records in SQLite, through SQLAlchemy Core.

One file holds one study. Every write is one transaction, so that a process may be killed at any
moment and nothing that was written before is lost; reading is possible while another process
writes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import event, exc, pool

from jaxhpo.store import codec, schema
from jaxhpo.store.errors import (
    StudyNotFound,
    StudyUnreadable,
    StudyWriteError,
    mismatch,
)
from jaxhpo.store.lock import Lock
from jaxhpo.trial import Phase, Status, Trial

FILE = "study.db"
_BUSY_MS = 30_000
_BATCH = 500


def open_records(
    where: str | Path,
    identity: Mapping[str, Any] | None = None,
    *,
    create: bool = True,
    read_only: bool = False,
) -> Records:
    """Opens a study's records.

    Args:
        where: a study directory (holds ``study.db``), or a ``sqlite:///`` URL of the file.
        identity: what the records must be of; JSON values. None: whatever is there.
        create: whether to make them if there are none (needs `identity`).
        read_only: looks only; needs no lock and no right to write.

    Raises:
        StudyNotFound: if there are none and they are not to be made.
        StudyMismatch: if they are of another study; every difference is named.
        StudyInUse: if another process is writing to them.
        StudyUnreadable: if the file is damaged, foreign, or of a newer version.
    """
    path = file_of(where)
    if not path.exists() and (read_only or not create or identity is None):
        raise StudyNotFound(
            f"there is no study in {path.parent} (no {path.name}); start one there with "
            f"--workdir={path.parent}, or give the directory of one"
        )
    return Records(path, identity, read_only=read_only)


def stored_identity(where: str | Path) -> dict[str, Any] | None:
    """The identity of the study in `where`, or None if there is none yet."""
    if not file_of(where).exists():
        return None
    with open_records(where, read_only=True) as records:
        return records.identity


def file_of(where: str | Path) -> Path:
    """The database file of a study directory or URL.

    Raises:
        ValueError: for a URL of another kind, or a directory that is a file.
    """
    text = str(where)
    if "://" in text:
        url = sa.make_url(text)
        if url.get_backend_name() != "sqlite" or not url.database:
            raise ValueError(
                f"workdir={text!r}: records are kept in SQLite files; give a directory, or "
                "sqlite:///path/to/study.db"
            )
        return Path(url.database)
    directory = Path(text)
    if directory.exists() and not directory.is_dir():
        raise ValueError(
            f"workdir={text!r} must be a directory, but it is a file; give its directory or "
            "another one"
        )
    return directory / FILE


class Records:
    """The records of one study. Use `open_records`."""

    def __init__(self, path: Path, identity: Mapping[str, Any] | None, *, read_only: bool) -> None:
        self.path = path
        self._lock: Lock | None = None
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(path.with_suffix(".lock"))
        self._engine = _engine(path, read_only=read_only)
        try:
            self.identity = self._met(None if identity is None else _plain(identity), read_only)
        except BaseException:
            self.close()
            raise

    def _met(self, wanted: dict[str, Any] | None, read_only: bool) -> dict[str, Any]:
        """The stored identity, written first if the file is new."""
        with self._reading() as connection:
            names = sa.inspect(connection).get_table_names()
            row = None
            if schema.STUDY.name in names:
                row = connection.execute(sa.select(schema.STUDY)).first()
        if row is None and names and schema.STUDY.name not in names:
            raise StudyUnreadable(f"{self.path} is a database, but not of a jaxhpo study")
        if row is None:
            if wanted is None or read_only:
                raise StudyNotFound(f"{self.path} holds no study yet")
            return self._made(wanted)
        if row.schema_version > schema.VERSION:
            raise StudyUnreadable(
                f"{self.path} was written by a newer jaxhpo (schema {row.schema_version}, this one "
                f"knows {schema.VERSION}); update jaxhpo to read it"
            )
        stored = codec.loads(row.identity)
        if wanted is not None and codec.dumps(stored) != codec.dumps(wanted):
            raise mismatch(str(self.path.parent), stored, wanted)
        return stored

    def _made(self, identity: dict[str, Any]) -> dict[str, Any]:
        with self._writing() as connection:
            schema.METADATA.create_all(connection)
            row = {
                "id": 1,
                "schema_version": schema.VERSION,
                "identity": codec.dumps(identity),
                "created": time.time(),
            }
            connection.execute(schema.STUDY.insert(), row)
        return identity

    # -- trials ------------------------------------------------------------------------------------

    def trials(self) -> list[Trial]:
        """All trials, in number order."""
        with self._reading() as connection:
            curves: dict[int, dict[str, np.ndarray]] = {}
            for row in connection.execute(sa.select(schema.CURVES).order_by("number", "metric")):
                curves.setdefault(row.number, {})[row.metric] = np.frombuffer(row[2], "<f4")
            rows = connection.execute(sa.select(schema.TRIALS).order_by("number"))
            return [_trial(dict(row._mapping), curves.get(row.number, {})) for row in rows]

    def write(self, trials: Sequence[Trial]) -> None:
        """Adds trials, or replaces those of the same number, in one transaction.

        Raises:
            StudyWriteError: if that fails. Then none of them is written.
        """
        if not trials:
            return
        numbers = [trial.number for trial in trials]
        curves = [
            {"number": t.number, "metric": name, "values": np.asarray(c, "<f4").tobytes()}
            for t in trials
            for name, c in t.curves.items()
        ]
        with self._writing() as connection:
            for start in range(0, len(numbers), _BATCH):
                part = numbers[start : start + _BATCH]
                for table in (schema.TRIALS, schema.CURVES):
                    connection.execute(table.delete().where(table.c.number.in_(part)))
            connection.execute(schema.TRIALS.insert(), [_row(trial) for trial in trials])
            if curves:
                connection.execute(schema.CURVES.insert(), curves)

    # -- the study as a whole ----------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """What was noted about the study as a whole."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(schema.FACTS).order_by("key"))
            return {row.key: codec.loads(row.value) for row in rows}

    def put_fact(self, key: str, value: Any) -> None:
        """Notes something about the study as a whole: JSON values and tuples."""
        with self._writing() as connection:
            connection.execute(schema.FACTS.delete().where(schema.FACTS.c.key == key))
            connection.execute(schema.FACTS.insert(), {"key": key, "value": codec.dumps(value)})

    def begin_session(self, info: Mapping[str, Any]) -> int:
        """Notes that a run began; returns its number."""
        row = {"started": time.time(), "info": codec.dumps(dict(info))}
        with self._writing() as connection:
            made = connection.execute(schema.SESSIONS.insert(), row)
            return int(made.inserted_primary_key[0])  # type: ignore[index]

    def end_session(self, session: int, how: str) -> None:
        """Notes how a run ended. A run that was killed has no end."""
        with self._writing() as connection:
            connection.execute(
                schema.SESSIONS.update()
                .where(schema.SESSIONS.c.id == session)
                .values(ended=time.time(), how=how)
            )

    def sessions(self) -> list[dict[str, Any]]:
        """All runs, the oldest first: started, ended, how, info."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(schema.SESSIONS).order_by("id"))
            return [
                {
                    "started": row.started,
                    "ended": row.ended,
                    "how": row.how,
                    "info": codec.loads(row.info),
                }
                for row in rows
            ]

    def close(self) -> None:
        """Lets go of the file and the lock. Doing so twice is no error."""
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- the database ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except exc.DatabaseError as error:
            raise StudyUnreadable(f"{self.path} can't be read: {error.orig}") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except exc.DatabaseError as error:
            raise StudyWriteError(
                f"can't write to {self.path}: {error.orig}. What was recorded before is safe; make "
                "room, or mend the cause, and start the same command again"
            ) from error


def _engine(path: Path, *, read_only: bool) -> sa.Engine:
    if not read_only:
        engine = sa.create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", _prepared)
        return engine
    # A directory that can't be written to can't hold the files that readers of a live database
    # share; then nobody can be writing either.
    mode = "mode=ro" if os.access(path.parent, os.W_OK) else "mode=ro&immutable=1"
    address = f"{path.resolve().as_uri()}?{mode}"
    return sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(address, uri=True, timeout=_BUSY_MS / 1000),
        poolclass=pool.NullPool,
    )


def _prepared(connection: Any, _: Any) -> None:
    """Readers and the writer don't wait for each other; a commit survives the process's death."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _plain(identity: Mapping[str, Any]) -> dict[str, Any]:
    """As it will be read back, so that both sides of a comparison have the same form."""
    return codec.loads(codec.dumps(dict(identity)))


def _row(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "status": trial.status.value,
        "phase": trial.phase.value,
        "known": trial.known,
        "config": codec.dumps(dict(trial.config)),
        "point": np.asarray(trial.point, "<f4").tobytes(),
        "budget": trial.budget,
        "units": trial.units,
        "loss": trial.loss,
        "metrics": codec.dumps(dict(trial.metrics)),
        "attempts": trial.attempts,
        "started": trial.started,
        "finished": trial.finished,
        "seconds": trial.seconds,
        "error": trial.error,
    }


def _trial(row: Mapping[str, Any], curves: Mapping[str, np.ndarray]) -> Trial:
    changed = {
        "status": Status(row["status"]),
        "phase": Phase(row["phase"]),
        "config": codec.loads(row["config"]),
        "point": np.frombuffer(row["point"], "<f4"),
        "metrics": codec.loads(row["metrics"]),
        "curves": curves,
    }
    return Trial(**{**row, **changed})
