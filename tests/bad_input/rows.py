"""Rows of bad input: what a user does, the error that he gets, and what its message says.

Whatever is wrong with what a user gives, the error names the argument, the value, a way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jaxhpo import Choice, Float, Int, Space, Study
from jaxhpo.contracts import Task
from jaxhpo.tasks.objective import objective


class Bad(NamedTuple):
    """A row. act: ``(an empty directory) -> what fails``. said: all of it in the message."""

    act: Callable[[Path], Any]
    error: type[BaseException]
    said: Sequence[str]


def refused(bad: Bad, where: Path) -> None:
    """Does what is bad, and checks that it is refused, or warned of, in words that help."""
    if issubclass(bad.error, Warning):
        with pytest.warns(bad.error) as caught:
            bad.act(where)
        message = str(caught[0].message)
    else:
        with pytest.raises(bad.error) as raised:
            bad.act(where)
        assert type(raised.value) is bad.error
        message = str(raised.value)
    for words in bad.said:
        assert words in message, f"{words!r} is not in: {message}"


def each_row(table: Mapping[str, Bad]) -> pytest.MarkDecorator:
    """Parametrises a test with the rows of a table, by their names."""
    return pytest.mark.parametrize("bad", table.values(), ids=table.keys())


SPACE = Space(x=Float(0.0, 1.0), n=Int(1, 4), kind=Choice(["a", "b"]))


def bowl(key, hp):
    return hp["x"] ** 2


TASK = objective(bowl, SPACE)


def study(task: Any = TASK, **given: Any) -> Study:
    return Study(task, **{"trials": 4, "sampler": "random", "width": 4, **given})


def run(task: Task) -> None:
    with study(task) as opened:
        opened.run()


def a_file(where: Path) -> Path:
    (where / "file").write_text("")
    return where / "file"
