"""Opens a study of any kind for the analysis: ours, one of Optuna, or a table.

`opened` gives what `jaxhpo.report` takes; `load` the parts, for a notebook. What had to be found
out or taken to be so about a study of another kind stands in its notes, which the report shows.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxhpo.store.memory import MemoryRecords
from jaxhpo.trial import Status, Trial

if TYPE_CHECKING:  # a look at a study of ours needs neither, nor JAX
    import pandas as pd

    from jaxhpo.space import Space

TABLES = (".csv", ".tsv", ".parquet")
_OPTUNA_FILES = (b"SQLite format 3", b"{")  # what they begin with: a journal has lines of JSON
_OPTUNAS = ("studies", "study_directions", "trials")


class Loaded(NamedTuple):
    """A study for the analysis.

    Attributes:
        space: what was searched.
        table: the trials, in the form of `jaxhpo.table.trials_table`.
        facts: ``name``, ``objective``, ``maximize``, ``trials`` (`jaxhpo.trial.Trial`), ``notes``.
    """

    space: Space
    table: pd.DataFrame
    facts: dict[str, Any]


def load(source: Any, **options: Any) -> Loaded:
    """A study of any kind in the form that `jaxhpo.analysis` takes. See `opened`."""
    from jaxhpo.goals import stated
    from jaxhpo.space import Space
    from jaxhpo.table import trials_table

    with opened(source, **options) as records:
        identity, trials = records.identity, records.trials()
        notes = list(records.facts().get("notes", ()))
    space, task = Space.from_dict(identity["space"]), identity["task"]
    objective, maximize = task["objective"], task["maximize"]
    return Loaded(
        space=space,
        table=trials_table(
            trials, space=space, objective=objective, maximize=maximize, goals=stated(task)
        ),
        facts={
            "name": task["name"],
            "objective": objective,
            "maximize": maximize,
            "trials": trials,
            "notes": notes,
        },
    )


def opened(
    source: Any,
    *,
    study: str | None = None,
    space: Space | str | Path | None = None,
    objective: str | None = None,
    maximize: bool | None = None,
    startup: int | None = None,
) -> Any:
    """The records of a study, read only; close them, or use ``with``.

    Args:
        source: a study of ours (its directory, or its database URL); a study of Optuna (a storage
            URL, a SQLite or journal file, or an ``optuna.Study``); a table (a CSV, TSV or Parquet
            file, or a DataFrame).
        study: which study of an Optuna storage that holds several.
        space: of a table: what was searched, or the YAML file that says so.
        objective: of a table: the column; of Optuna: one of several objectives, alone; of a study
            of ours: another of its metrics.
        maximize: of a table or another metric: whether more is better.
        startup: of a table or Optuna: how many of the first trials were drawn without looking at
            results; on the others nothing is tested.

    Raises:
        ValueError: for an option that this kind of source does not take, or a source that can't be
            read.
        ImportError: if Optuna is needed and not installed.
        FileNotFoundError: if there is no such file.
    """
    given = {"study": study, "space": space, "objective": objective, "maximize": maximize,
             "startup": startup}  # fmt: skip
    if hasattr(source, "iloc"):  # a DataFrame
        _refuse(given, "a table", "study")
        return _table(source.copy(), "table", given)
    if not isinstance(source, str | Path):
        return _optuna(source, given)
    kind = _kind(str(source))
    if kind == "table":
        from jaxhpo.interop import tables

        _refuse(given, "a table", "study")
        return _table(tables.read(source, objective), Path(source).stem, given)
    if kind == "optuna":
        return _optuna(str(source), given)
    try:
        from jaxhpo.store.records import open_records
    except ImportError as error:
        raise ImportError(f'{error}; records need: pip install "jaxhpo[store]"') from error
    is_file = "://" not in str(source) and Path(source).is_file()
    records = open_records(f"sqlite:///{source}" if is_file else source, read_only=True)
    try:
        _refuse(given, "a study of jaxhpo", "study", "space", "startup")
    except ValueError:
        records.close()
        raise
    if objective is None and maximize is None:
        return records
    with records:
        return _judged_by(records, objective, maximize)


def _judged_by(records: Any, objective: str | None, maximize: bool | None) -> MemoryRecords:
    """Records of ours as they would be by another of their metrics.

    Phases stay: what the sampler chose, it chose by results, which the metrics have in common.
    """
    identity, trials = records.identity, records.trials()
    task = dict(identity["task"])
    known = sorted({name for trial in trials for name in trial.metrics})
    if objective is not None and objective not in known:
        raise ValueError(
            f"load(objective=...) must name a metric of the study, got objective={objective!r}; it "
            f"has: {', '.join(map(repr, known))}"
        )
    own = task["objective"], task["maximize"]
    if objective is not None:
        task.pop("others", None)  # this one alone is to be looked at
    task["objective"] = own[0] if objective is None else objective
    if maximize is not None:
        task["maximize"] = maximize
    elif objective not in (None, own[0]):
        raise ValueError(
            f"load(objective={objective!r}, maximize=...) must say whether more is better, got "
            f"nothing; only of {own[0]!r} the study knows it"
        )
    made = MemoryRecords({**identity, "task": task})
    sign = -1.0 if task["maximize"] else 1.0
    made.write([_with_loss(trial, task["objective"], sign) for trial in trials])
    for key, value in records.facts().items():
        made.put_fact(key, value)
    if own != (task["objective"], task["maximize"]):
        better = "higher" if own[1] else "lower"
        made.put_fact("notes", [f"the search went by {own[0]!r}, {better} is better"])
    return made


def _with_loss(trial: Trial, objective: str, sign: float) -> Trial:
    if not trial.status.scored:
        return trial
    value = trial.metrics.get(objective, math.nan)
    if not math.isfinite(value):
        return dataclasses.replace(trial, status=Status.DIVERGED, loss=None)
    return dataclasses.replace(trial, loss=sign * value)


def _kind(source: str) -> str:
    """ "table", "optuna" or "jaxhpo"."""
    path = Path(source)
    if source.lower().endswith(TABLES) and "://" not in source:
        if not path.is_file():
            raise FileNotFoundError(f"load(source={source!r}): there is no such file")
        return "table"
    if "://" not in source:
        if not path.is_file():
            return "jaxhpo"
        if _is_ours(f"sqlite:///{path}"):
            return "jaxhpo"
        with path.open("rb") as file:
            begins = file.read(16)
        if not begins.startswith(_OPTUNA_FILES):
            raise ValueError(
                f"load(source={source!r}): the file is no study: no SQLite database, no journal of "
                f"Optuna, no table ({', '.join(TABLES)}); give a study's directory, or one of these"
            )
        return "optuna"
    if source.startswith("sqlite:///") and not Path(source.removeprefix("sqlite:///")).is_file():
        return "jaxhpo"  # which says that there is none, and makes nothing
    if not source.startswith(("sqlite", "postgresql")):
        return "optuna"
    return "jaxhpo" if _is_ours(source) else "optuna"


def _is_ours(url: str) -> bool:
    """Whether a database holds a study of ours; False also if that can't be found out."""
    try:
        import sqlalchemy as sa
        from sqlalchemy.exc import ArgumentError, DatabaseError
    except ImportError:
        return True  # which says what to install
    try:
        engine = sa.create_engine(url)
    except (ImportError, ArgumentError):
        return False  # no driver, or no URL: the storage is opened once more, and says so
    try:
        return not set(_OPTUNAS) <= set(sa.inspect(engine).get_table_names())
    except DatabaseError:
        return False  # no database: a journal
    finally:
        engine.dispose()


def _refuse(given: dict[str, Any], kind: str, *names: str) -> None:
    for name in names:
        if given[name] is not None:
            raise ValueError(
                f"load({name}=...) does not apply to {kind}, got {name}={given[name]!r}; leave it "
                "out"
            )


def _table(table: pd.DataFrame, name: str, given: dict[str, Any]) -> Any:
    from jaxhpo.interop import tables
    from jaxhpo.space import Space

    space = given["space"]
    if space is not None and not isinstance(space, Space):
        space = Space.from_yaml(Path(space))
    rest = {key: given[key] for key in ("objective", "maximize", "startup")}
    return tables.records_of(table, space, name=name, **rest)


def _optuna(source: Any, given: dict[str, Any]) -> Any:
    _refuse(given, "an Optuna study, which knows it", "space", "maximize")
    try:
        from jaxhpo.interop import optuna_storage, optuna_study
    except ImportError as error:
        raise ImportError(
            f'{error}; an Optuna study needs: pip install "jaxhpo[optuna]"'
        ) from error
    if isinstance(source, str):
        path = Path(source)
        storage = optuna_storage.from_file(path) if "://" not in source else source
        source = optuna_storage.opened(storage, given["study"])
    elif not hasattr(source, "get_trials"):
        raise ValueError(
            f"load(source=...) must be a directory, a URL, a file, a DataFrame or an Optuna study, "
            f"got {type(source).__name__}"
        )
    else:
        _refuse(given, "a study that is given itself", "study")
    return optuna_study.records_of(source, objective=given["objective"], startup=given["startup"])
