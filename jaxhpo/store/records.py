"""Trial records in a database, through SQLAlchemy Core: a SQLite file, or a PostgreSQL server.

A database holds one study. Every write is one transaction, so that a process may be killed at any
moment and nothing that was written before is lost; reading is possible while another process
writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa

from jaxhpo.store import codec, rows, schema
from jaxhpo.store.environment import masked
from jaxhpo.store.errors import StudyNotFound, StudyUnreadable, differences, mismatch
from jaxhpo.store.server import Server
from jaxhpo.store.sqlite_file import SqliteFile
from jaxhpo.trial import Trial

T = TypeVar("T")

FILE = "study.db"
_BATCH = 500  # numbers in one statement


def open_records(
    where: str | Path,
    identity: Mapping[str, Any] | None = None,
    *,
    create: bool = True,
    read_only: bool = False,
) -> Records:
    """Opens a study's records.

    Args:
        where: a study directory (holds ``study.db``), or a database URL: ``sqlite:///`` and the
            file, or ``postgresql+psycopg://`` (see `jaxhpo.store.server`).
        identity: what the records must be of; JSON values and tuples. None: whatever is there.
        create: whether to make them if there are none (needs `identity`).
        read_only: looks only; needs no lock and no right to write, and makes nothing.

    Raises:
        StudyNotFound: if there are none and they are not to be made.
        StudyMismatch: if they are of another study; every difference is named.
        StudyInUse: if another process is writing to them.
        StudyUnreadable: if the file is damaged, foreign, or of another version.
        StudyWriteError: if the directory, the file or its lock can't be made.
        ValueError: for a URL of another kind, or a directory that is a file.
    """
    make = create and not read_only and identity is not None
    place = _place(where)
    if isinstance(place, Path):
        database = SqliteFile(place, make=make, read_only=read_only)
    else:
        database = Server(place, read_only=read_only)
    try:
        return Records(database, identity, make=make)
    except BaseException:
        database.close()
        raise


def stored_identity(where: str | Path) -> dict[str, Any] | None:
    """The identity of the study in `where`, or None if there is none yet."""
    try:
        with open_records(where, read_only=True) as records:
            return records.identity
    except StudyNotFound:
        return None


def _place(where: str | Path) -> Path | sa.URL:
    """The database file of a study directory or URL, or the URL of a server."""
    text = str(where)
    if "://" not in text:
        directory = Path(where)
        if directory.exists() and not directory.is_dir():
            raise ValueError(
                f"workdir={text!r} must be a directory, but it is a file; give its directory or "
                "another one"
            )
        return directory / FILE
    url = sa.make_url(text)
    if url.get_backend_name() == "postgresql":
        return url
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        raise ValueError(
            f"workdir={masked(text)!r}: records are kept in SQLite files or PostgreSQL; give a "
            "directory, sqlite:///path/to/study.db or postgresql+psycopg://host/database"
        )
    return Path(str(url.database))


class Records:
    """The records of one study. Use `open_records`.

    Attributes:
        identity: what the study is a function of.
        path: the database file, or None on a server.
    """

    def __init__(
        self, database: SqliteFile | Server, identity: Mapping[str, Any] | None, *, make: bool
    ) -> None:
        self._database = database
        self.path = database.path
        # As it will be read back, so that both sides of a comparison have the same form.
        wanted = None if identity is None else codec.loads(codec.dumps(identity))
        stored = self._read(self._stored)
        if stored is None:
            if not make or wanted is None:
                raise StudyNotFound(f"there is no study in {database.name} yet")
            stored = self._made(wanted)
        elif wanted is not None and differences(stored, wanted):
            raise mismatch(database.study, stored, wanted)
        self.identity: dict[str, Any] = stored

    def _stored(self, connection: sa.Connection) -> dict[str, Any] | None:
        names = sa.inspect(connection).get_table_names()
        if not names:
            return None
        name, ours = self._database.name, schema.STUDY
        if ours.name not in names:
            raise StudyUnreadable(
                f"{name} is a database, but not of a jaxhpo study, which needs one to itself"
            )
        version = connection.execute(sa.select(ours.c.schema_version)).scalar()
        if version != schema.VERSION:
            newer = isinstance(version, int) and version > schema.VERSION
            raise StudyUnreadable(
                f"{name} was written by {'a newer' if newer else 'another'} jaxhpo (schema "
                f"{version}, this one knows {schema.VERSION}); "
                + ("update jaxhpo to read it" if newer else "read it with the one that wrote it")
            )
        return codec.loads(connection.execute(sa.select(ours.c.identity)).scalar_one())

    def _made(self, identity: dict[str, Any]) -> dict[str, Any]:
        row = {
            "id": 1,
            "schema_version": schema.VERSION,
            "identity": codec.dumps(identity),
            "created": time.time(),
        }

        def make(connection: sa.Connection) -> None:
            schema.METADATA.create_all(connection)
            connection.execute(schema.STUDY.insert(), row)

        self._database.write(make)
        return identity

    # -- trials ------------------------------------------------------------------------------------

    def trials(self) -> list[Trial]:
        """All trials, in number order."""

        def read(connection: sa.Connection) -> list[Trial]:
            curves: dict[int, dict[str, np.ndarray]] = {}
            order = (schema.CURVES.c.number, schema.CURVES.c.metric)
            for number, metric, values in connection.execute(
                sa.select(schema.CURVES).order_by(*order)
            ):
                curves.setdefault(number, {})[metric] = rows.values(values)
            found = connection.execute(sa.select(schema.TRIALS).order_by(schema.TRIALS.c.number))
            return [rows.trial_of(row._asdict(), curves.get(row.number, {})) for row in found]

        return self._read(read)

    def write(self, trials: Sequence[Trial]) -> None:
        """Adds trials, or replaces those of the same number, in one transaction.

        Of trials of the same number the last counts.

        Raises:
            StudyWriteError: if that fails. Then none of them is written.
            TypeError: for a configuration or metric that can't be recorded. Likewise.
        """
        if not trials:
            return
        last = {int(trial.number): trial for trial in trials}
        numbers, found = list(last), [rows.trial_row(trial) for trial in last.values()]
        curves = rows.curve_rows(last.values())

        def write(connection: sa.Connection) -> None:
            for start in range(0, len(numbers), _BATCH):
                part = numbers[start : start + _BATCH]
                for table in (schema.TRIALS, schema.CURVES):
                    connection.execute(table.delete().where(table.c.number.in_(part)))
            connection.execute(schema.TRIALS.insert(), found)
            if curves:
                connection.execute(schema.CURVES.insert(), curves)

        self._database.write(write)

    # -- the study as a whole ----------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """What was noted about the study as a whole."""
        query = sa.select(schema.FACTS).order_by(schema.FACTS.c.key)
        return self._read(
            lambda connection: {
                row.key: codec.loads(row.value) for row in connection.execute(query)
            }
        )

    def put_fact(self, key: str, value: Any) -> None:
        """Notes something about the study as a whole: JSON values and tuples."""
        text = codec.dumps(value)

        def write(connection: sa.Connection) -> None:
            connection.execute(schema.FACTS.delete().where(schema.FACTS.c.key == key))
            connection.execute(schema.FACTS.insert(), {"key": key, "value": text})

        self._database.write(write)

    def begin_session(self, info: Mapping[str, Any]) -> int:
        """Notes that a run began; returns its number."""
        row = {"started": time.time(), "info": codec.dumps(info)}

        def write(connection: sa.Connection) -> int:
            made = connection.execute(schema.SESSIONS.insert(), row)
            return int(made.inserted_primary_key[0])  # type: ignore[index]

        return self._database.write(write)

    def end_session(self, session: int, how: str) -> None:
        """Notes how a run ended. A run that was killed has no end."""
        change = schema.SESSIONS.update().where(schema.SESSIONS.c.id == session)
        values = {"ended": time.time(), "how": how}
        self._database.write(lambda connection: connection.execute(change.values(**values)))

    def sessions(self) -> list[dict[str, Any]]:
        """All runs, the oldest first: id, started, ended, how, info."""
        query = sa.select(schema.SESSIONS).order_by(schema.SESSIONS.c.id)
        return self._read(
            lambda connection: [
                {**row, "info": codec.loads(row["info"])}
                for row in connection.execute(query).mappings()
            ]
        )

    def close(self) -> None:
        """Lets go of the database and the lock. Doing so twice is no error."""
        self._database.close()

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            return self._database.read(work)
        except (TypeError, ValueError) as error:  # of a value that is not what we write
            raise StudyUnreadable(f"{self._database.name} is damaged: {error}") from error
