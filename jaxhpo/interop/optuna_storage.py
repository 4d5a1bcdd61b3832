"""Finds an Optuna study in a storage: a database, or the file or server of a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
from optuna.study import Study
from sqlalchemy.exc import SQLAlchemyError


def opened(storage: str, name: str | None = None) -> Study:
    """The study in a storage: a database URL, or the file of a journal. Nothing is made or changed.

    Raises:
        ValueError: if there is none, or several and `name` is None, or none of that name, or if the
            storage can't be reached.
    """
    try:
        found = _storage(storage)
        names = [study.study_name for study in optuna.get_all_study_summaries(found, False)]
    except (ImportError, SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ or error
        said = str(cause).strip().partition("\n")[0] or type(cause).__name__
        raise ValueError(
            f"load(source={_shown(storage)!r}) must be a storage that can be opened here, got: "
            f"{said}; see that the server runs and that its driver is installed"
        ) from error
    if not names:
        raise ValueError(f"load(source={_shown(storage)!r}): the storage holds no study")
    if (name is None and len(names) > 1) or (name is not None and name not in names):
        got = f"study={name!r}" if name is not None else f"{len(names)} studies"
        raise ValueError(
            f"load(source={_shown(storage)!r}, study=...) must name a study of the storage, got "
            f"{got}; it holds: {', '.join(map(repr, names[:50]))}"
        )
    return optuna.load_study(study_name=name or names[0], storage=found)


def _storage(where: str) -> Any:
    if "://" not in where:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        return JournalStorage(JournalFileBackend(where))
    if where.startswith(("redis://", "rediss://", "unix://")):
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalRedisBackend

        return JournalStorage(JournalRedisBackend(where))
    from optuna.storages import RDBStorage

    return RDBStorage(where, skip_table_creation=True)


def _shown(where: str) -> str:
    """Without a password."""
    head, at, tail = where.rpartition("@")
    return (
        f"{head.rpartition(':')[0]}:***@{tail}" if at and ":" in head.partition("//")[2] else where
    )


def from_file(path: Path) -> str:
    """The storage that a file is: the URL of a SQLite database, or the path of a journal."""
    with path.open("rb") as file:
        head = file.read(16)
    return f"sqlite:///{path}" if head.startswith(b"SQLite format 3") else str(path)
