"""A small experiment, `toy`, in a folder of its own, and studies of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import environment

from jaxhpo.launch import main

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "folder"
sys.path.append(str(FOLDER))

Run = Callable[..., int]


def _run(*arguments: str) -> int:
    from toy.options import SMOKE, Options

    with pytest.raises(SystemExit) as stop:
        main("toy", Options, smoke=SMOKE, arguments=arguments)
    return int(stop.value.code or 0)


@pytest.fixture(scope="session")
def toy() -> Run:
    """Runs the toy in this process; returns the exit status."""
    return _run


# Whoever runs these tests in the background may be deaf to Ctrl-C, and its children with it.
HEARING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the toy in a process of its own, in the directory `study` of the test's."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        arguments = ("-m", "toy", f"--workdir={tmp_path / 'study'}", *arguments)
        process = subprocess.Popen(
            [sys.executable, "-c", HEARING, *arguments],
            cwd=FOLDER,
            env=environment(PYTHONPATH=str(ROOT)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:  # also those that a failed test left behind
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory, toy: Run) -> Path:
    """A finished study of 24 trials, without a report."""
    where = tmp_path_factory.mktemp("toy")
    assert toy("--trials=24", "--label=bowl", "--noreport", f"--workdir={where}") == 0
    return where
