"""One transaction that changes a study's records, wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from jaxhpo.store.errors import StudyWriteError

T = TypeVar("T")


def written(engine: sa.Engine, work: Callable[[sa.Connection], T], name: str, way: str) -> T:
    """What `work` returns, all of its changes having been made; none if it fails.

    Args:
        name: of the records. way: what to do where they can't be written to.

    Raises:
        StudyWriteError: if they can't.
    """
    try:
        with engine.begin() as connection:
            return work(connection)
    except exc.DBAPIError as error:
        raise StudyWriteError(
            f"can't write to {name}: {error.orig}. What was recorded before is safe; {way}, and "
            "start the same command again"
        ) from error
