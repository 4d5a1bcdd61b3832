"""Command lines that can't be right."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from jaxhpo.launch import cli, option
from jaxhpo.launch.errors import Usage
from jaxhpo.launch.experiments import experiment
from jaxhpo.launch.flags import parsed
from tests.bad_input.rows import Bad, each_row, refused, study


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    widths: tuple[int, ...] = option((64,), "of layers")
    noise: float = option(0.1, "what is added", least=0.0)
    power: Literal[2, 4] = option(2, "how steep")


def flags(*arguments: str) -> Callable[[Path], Any]:
    return lambda _: parsed("mine", Options, arguments, smoke={})


class Said(Exception):
    """What a command wrote to stderr before it ended with status 2."""


def command(*arguments: str) -> Callable[[Path], None]:
    """A command of `jaxhpo`, run where ``made`` is a study without trials and ``empty`` is none."""

    def act(where: Path) -> None:
        (where / "empty").mkdir()
        study(workdir=where / "made").close()
        with contextlib.redirect_stderr(io.StringIO()) as told:
            code = cli.main([argument.replace("HERE", str(where)) for argument in arguments])
        assert code == 2
        raise Said(told.getvalue())

    return act


FLAGS = {
    "unknown flag": Bad(flags("--trails=8"), Usage, ["trails", "Did you mean: trials", "--help"]),
    "trials in words": Bad(flags("--trials=many"), Usage, ["--trials=many", "a whole number, got"]),
    "noise in words": Bad(flags("--noise=some"), Usage, ["--noise=some", "a number, got 'some'"]),
    "no trials at all": Bad(
        flags("--trials=0"), Usage, ["--trials=0", "not a positive integer", "--help"]
    ),
    "no flag at all": Bad(flags("trials=8"), Usage, ["'trials=8'", "begin with --"]),
    "sampler that is mistyped": Bad(
        flags("--sampler=tep"), Usage, ["sampler='tep'", "Did you mean tpe?", "sobol"]
    ),
    "scheduler that is mistyped": Bad(
        flags("--scheduler=medain"), Usage, ["scheduler='medain'", "Did you mean median?"]
    ),
    "choice that is none": Bad(flags("--power=3"), Usage, ["--power=3", "2|4"]),
    "number below its least": Bad(
        flags("--noise=-1"), Usage, ["--noise=-1", "not a non-negative number"]
    ),
    "list of words": Bad(flags("--widths=8,wide"), Usage, ["--widths=8,wide", "ints", "commas"]),
    "experiment that is not there": Bad(
        lambda _: experiment("no_such_experiment"), Usage, ["'no_such_experiment'", "run this in"]
    ),
    "no study there": Bad(
        command("show", "HERE/empty"), Said, ["there is no study in", "empty", "--workdir="]
    ),
    "no best trial yet": Bad(
        command("best", "HERE/made"), Said, ["made", "no trial is complete yet"]
    ),
    "trial that is not there": Bad(
        command("show", "HERE/made", "--trial=7"), Said, ["--trial=7", "no trials yet"]
    ),
}


@each_row(FLAGS)
def test_the_command_line_refuses(bad, tmp_path):
    refused(bad, tmp_path)
