"""Command line options for studies that are not ours: of Optuna, or a table."""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jaxhpo.launch.errors import Usage
from jaxhpo.launch.places import shown

_OPTIONS = {n: f"--{n}" for n in ("study", "space", "objective", "startup")}
_OPTIONS["maximize"] = "--direction"
_ARGUMENT = re.compile(rf"\bload\(({'|'.join(_OPTIONS)})(=[^)]*)\)")


def foreign(parser: argparse.ArgumentParser) -> None:
    """Adds the options, and says what else the source may be."""
    for action in parser._actions:
        if action.dest == "dir":
            action.metavar = "SOURCE"
            action.help = (
                "the study's directory or database URL; the storage URL, SQLite or journal file of "
                "an Optuna study; or a table (CSV, TSV, Parquet)"
            )
    group = parser.add_argument_group("studies from elsewhere")
    group.add_argument("--study", metavar="NAME", help="which study of an Optuna storage")
    group.add_argument("--space", metavar="FILE", help="YAML file: what was searched (for a table)")
    group.add_argument(
        "--objective", metavar="NAME", help="column, or one of several objectives, alone"
    )
    group.add_argument(
        "--direction", choices=("minimize", "maximize"), help="of a table; minimize if not given"
    )
    group.add_argument(
        "--startup",
        type=int,
        metavar="N",
        help="the first N trials were drawn without looking at results, so they can be tested on",
    )


def opened(given: argparse.Namespace) -> Any:
    """The records of the source; what had to be taken to be so is told on standard error."""
    from jaxhpo.interop.sources import opened as open_source

    with warnings.catch_warnings(), _by_option():
        warnings.simplefilter("ignore", UserWarning)  # what they say is among the notes
        records = open_source(
            given.dir,
            study=given.study,
            space=given.space,
            objective=given.objective,
            maximize=None if given.direction is None else given.direction == "maximize",
            startup=given.startup,
        )
    for note in records.facts().get("notes", ()):
        print(f"note: {note}", file=sys.stderr)
    return records


@contextmanager
def _by_option() -> Iterator[None]:
    """Errors that name an argument of the function beneath, by the option it was given as."""
    try:
        yield
    except ValueError as error:
        said = _ARGUMENT.sub(lambda found: _OPTIONS[found[1]] + found[2], str(error))
        if said == str(error):
            raise
        raise Usage(f"error: {said}") from error


def prior_source(where: str, task: Any) -> Any:
    """An earlier study of any kind, for `jaxhpo.study.Study(warm_start=...)`."""
    from jaxhpo.interop.sources import TABLES
    from jaxhpo.interop.sources import opened as open_source
    from jaxhpo.study.warm_start import source_of

    table = {"objective": task.objective, "maximize": task.maximize}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on the space, which the study's is put for
        records = open_source(where, **(table if where.lower().endswith(TABLES) else {}))
    with records:
        return source_of(records)._replace(name=shown(where))


def export_to_optuna(given: argparse.Namespace) -> int:
    """Writes the study into an Optuna storage."""
    try:
        from jaxhpo.interop.to_optuna import to_optuna
    except ImportError as error:
        raise Usage(f'error: {error}; Optuna\'s needs: pip install "jaxhpo[optuna]"') from error
    study = to_optuna(given.dir, given.optuna)
    print(
        f"{len(study.get_trials(deepcopy=False))} trials are in {shown(given.optuna)}, study "
        f"{study.study_name!r}"
    )
    return 0
