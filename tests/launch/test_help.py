"""What the commands say about themselves, and about what a study ran on."""

from __future__ import annotations

import pytest

import jaxhpo
from jaxhpo.launch.cli import main as cli


@pytest.mark.parametrize("command", ["show", "best", "report", "export", "rerun"])
def test_help_has_an_example(capsys, command):
    with pytest.raises(SystemExit) as stop:
        cli([command, "--help"])
    assert stop.value.code == 0
    assert f"  jaxhpo {command} runs/digits" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as stop:
        cli(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"jaxhpo {jaxhpo.__version__}\n"


def test_show_tells_what_the_study_ran_on(workdir, capsys):
    assert cli(["show", str(workdir)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (last,) = [line for line in lines if line.startswith("  last run: ")]
    assert last.startswith("  last run: one program, ")
    assert last.endswith(" units/s")
    (command,) = [line for line in lines if line.startswith("  command: ")]
    assert command.startswith("  command: python -m toy --trials=24 --label=bowl")
    runs = [line for line in lines if line.startswith("  run of ")]
    assert ": complete, " in runs[0]
    assert "; jax " in runs[0]
