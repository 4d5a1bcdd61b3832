"""The commands that look at a study, and the one that trains a trial again."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jaxhpo import Float, Space, Status, Study
from jaxhpo.launch.cli import main as cli
from jaxhpo.launch.show import sparkline
from jaxhpo.store.models import load_model
from jaxhpo.store.records import open_records
from jaxhpo.tasks.objective import objective


def contents(workdir):
    with open_records(workdir, read_only=True) as records:
        return repr(records.trials()), records.facts(), records.sessions(), records.identity


def test_show(workdir, capsys):
    assert cli(["show", str(workdir)]) == 0
    said = capsys.readouterr().out
    for part in ("bowl, height minimised, seed 0", "24 complete", "best: trial", "complete"):
        assert part in said
    assert cli(["show", str(workdir), "--trials"]) == 0
    numbers = [line.split()[0] for line in capsys.readouterr().out.splitlines()[-24:]]
    assert numbers == [str(number) for number in range(24)]


def test_show_a_trial(workdir, capsys):
    assert cli(["show", str(workdir), "--trial", "5"]) == 0
    said = capsys.readouterr().out
    assert "trial 5: complete, 1 of 1 units" in said
    assert "(objective)" in said
    for number in ("99", "-1"):
        assert cli(["show", str(workdir), f"--trial={number}"]) == 2
        assert "trials 0 to 23" in capsys.readouterr().err


def test_trials_of_an_interrupted_study_do_not_run(tmp_path, capsys):
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))
    with Study(task, trials=64, sampler="random", width=4, workdir=tmp_path) as study:
        assert study.run(stop=iter([True]).__next__).ended == "interrupted"
        first = study.trials[0]
        study.records.write([dataclasses.replace(first, status=Status.RUNNING, loss=None)])
    assert cli(["show", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "1 begun" in said
    assert "running" not in said


@pytest.mark.parametrize("command", ["export", "report"])
def test_a_place_that_cannot_be_written_is_named(workdir, tmp_path, capsys, monkeypatch, command):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / "here"))

    monkeypatch.setattr(Path, "mkdir", refused)
    assert cli([command, str(workdir), "--out", str(tmp_path / "here")]) == 2
    said = capsys.readouterr().err
    assert f"can't write {tmp_path / 'here'}: Permission denied; name another place" in said


def test_a_file_of_another_kind_is_no_study(tmp_path, capsys):
    (tmp_path / "notes.md").write_text("# What I tried")
    assert cli(["show", str(tmp_path / "notes.md")]) == 2
    said = capsys.readouterr().err
    for part in ("notes.md'): the file is no study", "SQLite", "journal of Optuna", ".csv"):
        assert part in said


def test_best_is_ready_to_paste(workdir, capsys):
    assert cli(["best", str(workdir)]) == 0
    as_yaml = yaml.safe_load(capsys.readouterr().out)
    assert cli(["best", str(workdir), "--json"]) == 0
    as_json = json.loads(capsys.readouterr().out)
    assert as_json["config"] == as_yaml
    with open_records(workdir, read_only=True) as records:
        trials = records.trials()
    assert as_json["metrics"]["height"] == min(trial.loss for trial in trials)


def test_a_study_without_a_complete_trial_has_no_best(tmp_path, toy, capsys):
    assert toy("--broken", f"--workdir={tmp_path}") == 1
    capsys.readouterr()
    assert cli(["best", str(tmp_path)]) == 2
    assert "no trial is complete yet" in capsys.readouterr().err
    assert cli(["show", str(tmp_path)]) == 0
    assert cli(["show", str(tmp_path), "--trial", "0"]) == 0
    assert "trial 0: waiting" in capsys.readouterr().out


def test_export_writes_where_it_is_told(workdir, tmp_path, capsys):
    assert cli(["export", str(workdir), "--out", str(tmp_path / "e")]) == 0
    names = {path.name for path in (tmp_path / "e").iterdir()}
    assert {"trials.csv", "curves.csv", "timings.csv", "trials.parquet"} <= names
    assert str(tmp_path / "e" / "trials.csv") in capsys.readouterr().out


def test_report_writes_where_it_is_told(workdir, tmp_path, capsys):
    assert cli(["report", str(workdir), "--out", str(tmp_path / "r")]) == 0
    assert (tmp_path / "r" / "report.html").exists()
    assert str(tmp_path / "r" / "report.md") in capsys.readouterr().out


def test_rerun_compares_saves_the_model_and_changes_no_record(workdir, tmp_path, capsys):
    before = contents(workdir)
    assert cli(["rerun", str(workdir), "--trial", "3", "--out", str(tmp_path / "m")]) == 0
    assert "bit for bit" in capsys.readouterr().out
    _, info = load_model(tmp_path / "m")
    assert info["number"] == 3
    assert info["same"] is True
    assert contents(workdir) == before


def test_rerun_says_what_differs(toy, tmp_path, capsys):
    assert toy("--trials=3", "--noreport", f"--workdir={tmp_path}") == 0
    with open_records(tmp_path) as records:
        launch = records.facts()["launch"]
        records.put_fact("launch", {**launch, "options": {**launch["options"], "noise": 0.5}})
    capsys.readouterr()
    assert cli(["rerun", str(tmp_path), "--trial", "1"]) == 1
    said = capsys.readouterr()
    assert "NOT what was recorded" in said.err
    assert "height: differs first after unit 1" in said.err
    assert "bit for bit" not in said.out


def test_rerun_needs_a_task_that_can_be_made_again(toy, tmp_path, capsys):
    assert toy("--trials=3", "--noreport", f"--workdir={tmp_path}") == 0
    with open_records(tmp_path) as records:
        launch = records.facts()["launch"]
        records.put_fact("launch", {**launch, "options": {"gone": 1}})
    assert cli(["rerun", str(tmp_path), "--trial", "1"]) == 2
    assert "'gone'" in capsys.readouterr().err
    with open_records(tmp_path) as records:
        records.put_fact("launch", {**launch, "module": "not.here"})
    assert cli(["rerun", str(tmp_path), "--trial", "1"]) == 2
    assert "'not.here' can't be imported" in capsys.readouterr().err
    with open_records(tmp_path) as records:
        records.put_fact("launch", None)
    assert cli(["rerun", str(tmp_path), "--trial", "1"]) == 2
    assert "not started from the command line" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["show"], ["best"], ["report"], ["export"], ["rerun", "--trial=0"]]
)
def test_what_is_no_study_is_said_so(tmp_path, capsys, command):
    for where in (tmp_path, tmp_path / "nowhere"):
        assert cli([*command, str(where)]) == 2
        assert "there is no study in" in capsys.readouterr().err
    (tmp_path / "study.db").write_text("something else altogether, and long enough to be read")
    assert cli([*command, str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "study.db" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [[], ["shew"], ["show"], ["rerun", "x"]])
def test_what_is_no_command_is_refused(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        cli(arguments)
    assert stop.value.code == 2
    assert "usage: jaxhpo" in capsys.readouterr().err


def test_looking_does_not_wait_for_jax(workdir):
    code = (
        "import sys; from jaxhpo.launch.cli import main\n"
        "for command in ('show', 'best'):\n"
        "    assert main([command, sys.argv[1]]) == 0\n"
        "assert main(['show', sys.argv[1], '--trial=2']) == 0\n"
        "heavy = {'jax', 'matplotlib', 'pandas', 'flax', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(workdir)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(workdir):
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "jaxhpo.launch.cli", "show", str(workdir), "--trials"]
    done = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    assert done.returncode == 0
    assert done.stderr == ""


def test_sparklines():
    assert sparkline([0, 1, 2, 3]) == "▁▃▅█"
    assert sparkline([1, float("nan"), 1]) == "▁ ▁"
    assert sparkline([float("nan")]) == ""
    assert len(sparkline(range(1000))) == 40


def test_an_argument_that_a_command_does_not_have_is_named(workdir, capsys):
    for given, parts in (
        (["show", str(workdir), "--trails"], ["jaxhpo show has no option --trails", "--trials?"]),
        (["best", str(workdir), "--jsn=1"], ["no option --jsn", "did you mean --json?"]),
        (["best", str(workdir), "more"], ["no place for 'more'", "jaxhpo best --help"]),
    ):
        assert cli(given) == 2
        said = capsys.readouterr().err
        assert all(part in said for part in parts), said


def test_what_is_wrong_with_a_table_is_said_of_the_option(tmp_path, capsys):
    (tmp_path / "runs.csv").write_text("lr,val/acc\n0.1,0.5\n0.2,0.6\n")
    table = str(tmp_path / "runs.csv")
    assert cli(["report", table]) == 2
    assert "--objective=... must name a column" in capsys.readouterr().err
    assert cli(["report", table, "--objective=val_acc"]) == 2
    assert "did you mean 'val/acc'?" in capsys.readouterr().err
