"""Where records are, and where what is made from them goes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from jaxhpo.launch.cli import main as cli
from jaxhpo.launch.places import folder, shown


def test_what_is_made_goes_beside_a_file_or_into_runs():
    identity = {"task": {"name": "a task/of mine"}, "seed": 3}
    file = SimpleNamespace(path=Path("x/study.db"), identity=identity)
    server = SimpleNamespace(path=None, identity=identity)
    assert folder(file) == Path("x")
    assert folder(server) == Path("runs/a-task-of-mine-seed3")


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("postgresql://me:secret@host:5432/hpo", "postgresql://me:***@host:5432/hpo"),
        (
            "--workdir=postgresql+psycopg://me:a%40b@h/d",
            "--workdir=postgresql+psycopg://me:***@h/d",
        ),
        ("postgresql://me@host:5432/hpo", "postgresql://me@host:5432/hpo"),
        ("runs/a:b@c", "runs/a:b@c"),
        ("sqlite:////x/a:b@c.db", "sqlite:////x/a:b@c.db"),
    ],
)
def test_passwords_are_not_shown(text, without):
    assert shown(text) == without


def test_a_study_may_be_named_by_a_url(toy, tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'bowl.db'}"
    assert toy("--trials=3", f"--workdir={url}") == 0
    said = capsys.readouterr().out
    assert f"Records: {tmp_path / 'bowl.db'}" in said
    assert f"jaxhpo show {url};" in said
    assert (tmp_path / "report" / "report.html").exists()
    assert cli(["show", url]) == 0
    assert cli(["rerun", url, "--trial=1"]) == 0
    assert (tmp_path / "models" / "trial-1").is_dir()
    assert cli(["export", url]) == 0
    assert (tmp_path / "export" / "trials.csv").exists()
