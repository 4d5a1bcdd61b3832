"""Records on a PostgreSQL server: one writer, any number of readers, a study a schema."""

from __future__ import annotations

import os
import time

import pytest
import sqlalchemy as sa
from rows_made import IDENTITY, trial
from test_sqlite_file import kill, told, writer

from jaxhpo.store import server
from jaxhpo.store.errors import (
    StudyInUse,
    StudyMismatch,
    StudyNotFound,
    StudyUnreadable,
    StudyWriteError,
)
from jaxhpo.store.records import open_records, stored_identity


def test_a_server_without_a_driver_says_what_to_install(monkeypatch):
    def missing(*_, **__):
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(server.sa, "create_engine", missing)
    with pytest.raises(ImportError, match=r'psycopg.*host/db needs a driver: pip install "psycopg'):
        open_records("postgresql://me:secret@host/db", IDENTITY)


def test_one_writer_a_server(database):
    with open_records(database, IDENTITY) as first:
        first.write([trial(0)])
        with pytest.raises(StudyInUse, match=f"in use by process {os.getpid()}"):
            open_records(database, IDENTITY)
        with open_records(database, read_only=True) as reader:
            first.write([trial(1)])
            assert len(reader.trials()) == 2
            with pytest.raises(StudyWriteError, match="read-only"):
                reader.write([trial(2)])
    with pytest.raises(StudyMismatch, match="seed: the study has 0, this run has 1"):
        open_records(database, {**IDENTITY, "seed": 1})


def test_a_lost_connection_loses_the_lock_and_no_more(database):
    with open_records(database, IDENTITY) as opened:
        opened.write([trial(0)])
        engine = sa.create_engine(database)
        with engine.connect() as other:
            other.exec_driver_sql(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name like 'jaxhpo %%' and datname = current_database()"
            )
        engine.dispose()
        with pytest.raises(StudyWriteError, match=r"can't write to postgresql.*is safe"):
            opened.write([trial(1)])
        opened.write([trial(1)])  # connects again, and takes the lock again
        assert len(opened.trials()) == 2
        with pytest.raises(StudyInUse):
            open_records(database, IDENTITY)


def test_an_empty_server_holds_no_study(database):
    assert stored_identity(database) is None
    with pytest.raises(StudyNotFound, match="there is no study in postgresql"):
        open_records(database, IDENTITY, create=False)


def in_schema(url: str, name: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"


@pytest.fixture
def two_schemas(database):
    names = ("study7", "study8")
    engine = sa.create_engine(database)
    with engine.begin() as connection:
        for name in names:
            connection.exec_driver_sql(f"drop schema if exists {name} cascade")
            connection.exec_driver_sql(f"create schema {name}")
    yield [in_schema(database, name) for name in names]
    with engine.begin() as connection:
        for name in names:
            connection.exec_driver_sql(f"drop schema {name} cascade")
    engine.dispose()


def test_a_schema_a_study(two_schemas, database):
    first, second = two_schemas
    with open_records(first, IDENTITY) as one, open_records(second, {**IDENTITY, "seed": 5}) as two:
        one.write([trial(0)])
        two.write([trial(1), trial(2)])
        assert [t.number for t in one.trials()] == [0]
        assert [t.number for t in two.trials()] == [1, 2]
        with pytest.raises(StudyInUse):
            open_records(first, IDENTITY)
    assert stored_identity(second)["seed"] == 5
    assert stored_identity(database) is None


def test_a_killed_writer_loses_the_lock_and_nothing_written(database):
    process = writer(database)
    while (known := told(process)) < 40:
        pass
    with pytest.raises(StudyInUse, match=f"by process {process.pid}"):
        open_records(database, IDENTITY)
    kill(process)
    deadline = time.monotonic() + 30
    while True:  # the server finds out in a moment
        try:
            opened = open_records(database, IDENTITY)
            break
        except StudyInUse:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    with opened:
        found = [t.number for t in opened.trials()]
        assert found == list(range(len(found)))
        assert len(found) >= known
        assert len(found) % 5 == 0  # a transaction is there as a whole or not at all


def test_a_server_that_is_not_there(server_url):
    nowhere = "postgresql://me:secret@127.0.0.1:1/db?connect_timeout=5&sslpassword=hidden"
    with pytest.raises(
        StudyUnreadable, match=r"me:\*\*\*@127\.0\.0\.1:1/db.* can't be read: "
    ) as caught:
        open_records(nowhere, IDENTITY)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
