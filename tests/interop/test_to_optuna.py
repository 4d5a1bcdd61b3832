"""Our studies in an Optuna storage."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)

from jaxhpo.interop.sources import load  # noqa: E402
from jaxhpo.interop.to_optuna import to_optuna  # noqa: E402
from jaxhpo.launch.cli import main  # noqa: E402
from jaxhpo.store.records import open_records  # noqa: E402
from jaxhpo.trial import Status  # noqa: E402
from tests.report.studies import records as made_up  # noqa: E402


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    made = made_up(n=40, explore=25, stopped=4)
    with open_records(tmp_path / "ours", made.identity) as records:
        records.write(made.trials())
    return tmp_path / "ours"


def test_there_and_back(ours: Path, tmp_path: Path):
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = to_optuna(ours, url, "there")
    here, there = load(ours).facts["trials"], load(url).facts["trials"]
    assert [t.loss for t in there] == pytest.approx([t.loss for t in here])
    assert [t.phase for t in there] == [t.phase for t in here]
    assert [t.units for t in there] == [t.units for t in here]
    assert [t.seconds for t in there] == [1.0] * 40
    lost = {Status.DIVERGED: Status.FAILED}
    assert [t.status for t in there] == [lost.get(t.status, t.status) for t in here]
    shown = [{k: str(v) if k == "hidden" else v for k, v in t.config.items()} for t in here]
    assert [t.config for t in there] == shown
    assert study.best_value == max(-t.loss for t in here if t.status is Status.COMPLETE)
    assert study.metric_names == ["score"]
    with pytest.raises(ValueError, match=r"must be new in the storage, got name='there'"):
        to_optuna(ours, url, "there")


def test_from_the_command_line(ours: Path, tmp_path: Path, capsys: Any):
    url = f"sqlite:///{tmp_path}/optuna.db"
    assert main(["export", str(ours), "--optuna", url]) == 0
    assert "study 'made up'" in capsys.readouterr().out
    assert len(load(url).table) == 40
    assert main(["export", str(ours), "--optuna", url]) == 2
    assert "must be new in the storage" in capsys.readouterr().err


def test_several_objectives_and_constraints_there_and_back(tmp_path: Path):
    made = made_up(n=30, explore=25)
    task = {**made.identity["task"], "others": [["units", False]], "constraints": {"other": 1.0}}
    identity = {**made.identity, "task": task}
    with open_records(tmp_path / "ours", identity) as records:
        for trial in made.trials():
            metrics = {**trial.metrics, "units": trial.units, "other": trial.number % 3}
            records.write([dataclasses.replace(trial, metrics=metrics)])
    url = f"sqlite:///{tmp_path}/optuna.db"
    study = to_optuna(tmp_path / "ours", url, "there")
    here, there = load(tmp_path / "ours").table, load(url).table
    assert study.metric_names == ["score", "units"]
    assert {t.number for t in study.best_trials} == set(here.index[here["front"]])
    for column in ("value", "front"):
        assert there[column].equals(here[column])
    complete = here["status"] == "complete"
    assert there["feasible"][complete].equals(here["feasible"][complete])
