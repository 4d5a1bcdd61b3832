"""The settings that every experiment shares, each a field that becomes a flag."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal


def option(
    default: Any,
    text: str,
    *,
    least: float | None = None,
    repeated: bool = False,
    shown: str = "",
    family: str = "",
) -> Any:
    """A field of an options dataclass.

    Args:
        default: its value where nothing is said. text: what it is, for ``--help``.
        least: the least value it may have.
        repeated: for tuples: the flag is given once for each value, not once with commas.
        shown: the default in words, where its value says little.
        family: the value is a name in this family (see `jaxhpo.registry`).
    """
    metadata = {
        "help": text,
        "least": least,
        "repeated": repeated,
        "shown": shown,
        "family": family,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """How a study is run, whatever the experiment."""

    trials: int = option(512, "how many trials the study has in the end", least=1)
    seed: int = option(0, "decides, with a trial's number, every random draw", least=0)
    workdir: str | None = option(
        None, "where records and report go", shown="runs/<experiment>-seed<seed>"
    )
    sampler: str = option("auto", "who proposes", family="samplers")
    sampler_option: tuple[str, ...] = option(
        (), "an argument of the sampler; may be repeated", repeated=True
    )
    scheduler: str = option("none", "who stops trials early", family="schedulers")
    scheduler_option: tuple[str, ...] = option(
        (), "an argument of the scheduler; may be repeated", repeated=True
    )
    batch: int | None = option(
        None, "trials proposed together", least=1, shown="16, or a quarter of a short study"
    )
    lookahead: int | None = option(
        None,
        "trials in training while the next are chosen; more keeps more lanes busy, fewer lets "
        "the sampler know more",
        least=0,
        shown="an eighth of the trials, 8 to 128; with early stopping a quarter, 4 to 160",
    )
    width: int | None = option(
        None, "lanes trained by one program (also --lanes)", least=1, shown="by model and device"
    )
    drivers: int | None = option(
        None, "threads that drive one device", least=1, shown="by device and cores"
    )
    replicates: int = option(
        1, "how many seeds train every trial; its objective is their mean", least=1
    )
    plan: tuple[str, ...] = option(
        (),
        "whether a structure or batch size is traced (one program for all its values) or makes "
        "cohorts (a program each), or those of a like form share one, as NAME=traced, "
        "NAME=cohorts or NAME=grouped; may be repeated",
        repeated=True,
        shown="what costs less",
    )
    confirm: int = option(
        0, "train so many of the best again with five fresh seeds each, in the end", least=0
    )
    warm_start: str | None = option(
        None,
        "an earlier study whose results the sampler is told first, as far as they fit: its "
        "directory or URL, an Optuna storage, or a table (CSV, TSV, Parquet)",
    )
    checkpoint_seconds: float = option(
        60.0, "how often what is in training is saved; 0: only when asked to stop", least=0.0
    )
    space: str | None = option(None, "a YAML file with a space to search instead")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DisplayOptions:
    """What is shown and kept."""

    smoke: bool = option(False, "a few short trials, to see that everything works")
    progress: Literal["auto", "live", "plain", "none"] = option(
        "auto", "live lines, plain lines now and then, or nothing; auto: live on a terminal"
    )
    report: bool = option(True, "write the report at the end")
    compile_cache: bool = option(True, "keep compiled programs for the next run")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line said. `given` are the flags that stood there, as plain JSON values,
    and `arguments` the command line itself."""

    study: StudyOptions
    display: DisplayOptions
    experiment: Any
    given: Mapping[str, Any]
    arguments: tuple[str, ...]
