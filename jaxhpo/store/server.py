"""A study's database on a PostgreSQL server: the tables of a SQLite file, in a schema of their own.

One schema holds one study; another schema of the same database holds another
(``postgresql+psycopg://host/hpo?options=-csearch_path%3Dstudy7``). The writer does everything on
one connection, which also holds the lock: if the connection is lost, so are both together.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc

from jaxhpo.store.environment import masked
from jaxhpo.store.errors import StudyUnreadable
from jaxhpo.store.lock import in_use
from jaxhpo.store.writing import written

T = TypeVar("T")

_LOCK = 0x6A617868  # "jaxh": the first half of the lock's name; the second is the schema's
_CLAIM = f"""
    select pg_try_advisory_lock({_LOCK}, hashtext(current_schema())), (
        select max(a.application_name) from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.granted and l.classid = {_LOCK}
        and l.database = (select oid from pg_database where datname = current_database())
        and l.objid = hashtext(current_schema())::bigint & 4294967295
    )
"""


class Server:
    """The database at `url`, held until `close`.

    Raises:
        ImportError: if the driver is not installed.
    """

    path = None

    def __init__(self, url: sa.URL, *, read_only: bool) -> None:
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        self.name = self.study = masked(url.render_as_string(hide_password=True))
        try:
            engine = sa.create_engine(url, pool_size=1, max_overflow=0)
        except ImportError as error:
            raise ImportError(
                f'{error}; {self.name} needs a driver: pip install "psycopg[binary]"'
            ) from error
        if read_only:
            self._engine = engine.execution_options(postgresql_readonly=True)
        else:
            self._engine = engine
            event.listen(engine, "connect", self._claimed)
        self._engine = self._engine.execution_options(isolation_level="REPEATABLE READ")

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` finds, seeing one state of the study throughout.

        Raises:
            StudyUnreadable: if the server can't be reached, or refuses.
            StudyInUse: if another process writes to the study (not for a reader).
        """
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except exc.DBAPIError as error:
            raise StudyUnreadable(f"{self.name} can't be read: {error.orig}") from error

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, all of its changes having been made; none if it fails.

        Raises:
            StudyWriteError: if the server can't be reached, or refuses.
        """
        return written(self._engine, work, self.name, "mend the cause")

    def close(self) -> None:
        """Lets go of the connection and the lock. Doing so twice is no error."""
        self._engine.dispose()

    def _claimed(self, connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM)
            claimed, holder = cursor.fetchone()
            if not claimed:
                raise in_use(self.name, (holder or "").removeprefix("jaxhpo "))
            cursor.execute(f"set application_name = 'jaxhpo {os.getpid()}'")
        connection.commit()
