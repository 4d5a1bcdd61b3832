"""The commands, on a study that was started from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from experiments.digits.options import SMOKE, Options
from jaxhpo.launch import main
from jaxhpo.launch.cli import main as cli
from jaxhpo.launch.show import sparkline
from jaxhpo.store.models import load_model
from jaxhpo.store.records import open_records

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main("experiments.digits", Options, smoke=SMOKE, arguments=arguments)
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    where = tmp_path_factory.mktemp("digits")
    assert run("--smoke", "--search=wide", f"--workdir={where}") == 0
    return where


def test_a_run_leaves_records_and_a_report(workdir):
    with open_records(workdir, read_only=True) as records:
        trials, facts, sessions = records.trials(), records.facts(), records.sessions()
    assert len(trials) == SMOKE["trials"]
    assert all(t.status.ended for t in trials)
    assert facts["launch"]["module"] == "experiments.digits"
    assert facts["launch"]["flags"]["search"] == "wide"
    assert facts["test"]["number"] in range(24)
    assert [s["how"] for s in sessions] == ["complete"]
    assert sessions[0]["info"]["versions"]["jax"]
    for name in ("report.html", "report.md", "report.json", "figures/progress.png"):
        assert (workdir / "report" / name).stat().st_size > 500


def test_the_same_command_again_has_nothing_left_to_do(workdir, capsys):
    assert run("--smoke", "--search=wide", f"--workdir={workdir}", "--noreport") == 0
    said = capsys.readouterr().out
    assert "24 trials have ended already" in said
    assert "All 24 trials have ended" in said


def test_other_settings_are_refused_with_the_difference(workdir, capsys):
    assert run("--smoke", "--search=wide", f"--workdir={workdir}", "--seed=3") == 2
    said = capsys.readouterr().err
    assert "seed: the study has 0, this run has 3" in said
    assert "Traceback" not in said
    assert run("--smoke", f"--workdir={workdir}") == 2
    assert "space.hidden" in capsys.readouterr().err.replace("parameters.", "")


def test_a_study_in_use_is_refused(workdir, capsys):
    with open_records(workdir):
        assert run("--smoke", "--search=wide", f"--workdir={workdir}") == 2
    assert f"in use by process {os.getpid()}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sampler=tpee",), "sampler='tpee' is not known"),
        (("--sampler_option=gamma=1",), "no option 'gamma'"),
        (("--sampler_option=startup=-3",), "startup"),
        (("--space=nowhere.yaml",), "no such file"),
        (("--min_epochs=9", "--max_epochs=3"), "epochs"),
        (("--trials=1.5",), "trials=1.5"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_line(tmp_path, capsys, arguments, said):
    assert run(f"--workdir={tmp_path / 'new'}", *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_workdir_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("--smoke", f"--workdir={tmp_path / 'file'}") == 2
    assert "it is a file" in capsys.readouterr().err


def test_a_space_from_a_file_is_searched(tmp_path, capsys):
    file = tmp_path / "space.yaml"
    file.write_text(
        "lr: {type: float, low: 0.005, high: 0.02, log: true}\nbatch_size: 32\nepochs: 2\n"
    )
    where = tmp_path / "study"
    assert run("--trials=3", f"--space={file}", f"--workdir={where}", "--noreport") == 0
    with open_records(where, read_only=True) as records:
        configs = [t.config for t in records.trials()]
    assert all(c["batch_size"] == 32 and 0.005 <= c["lr"] <= 0.02 for c in configs)
    assert cli(["rerun", str(where), "--trial", "1"]) == 0


def test_show(workdir, capsys):
    assert cli(["show", str(workdir)]) == 0
    said = capsys.readouterr().out
    for part in ("accuracy maximised", "seed 0", "24", "best: trial", "on test data", "complete"):
        assert part in said
    assert cli(["show", str(workdir), "--trials"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 30
    assert cli(["show", str(workdir), "--trial", "5"]) == 0
    said = capsys.readouterr().out
    assert "trial 5: complete" in said
    assert "(objective)" in said
    assert cli(["show", str(workdir), "--trial", "99"]) == 2
    assert "trials 0 to 23" in capsys.readouterr().err


def test_best_is_ready_to_paste(workdir, capsys):
    assert cli(["best", str(workdir)]) == 0
    as_yaml = yaml.safe_load(capsys.readouterr().out)
    assert cli(["best", str(workdir), "--json"]) == 0
    as_json = json.loads(capsys.readouterr().out)
    assert as_json["config"] == as_yaml
    assert {"lr", "batch_size", "epochs", "hidden"} <= set(as_yaml)


def test_report_and_export_write_where_they_are_told(workdir, tmp_path, capsys):
    assert cli(["report", str(workdir), "--out", str(tmp_path / "r")]) == 0
    assert (tmp_path / "r" / "report.html").exists()
    assert cli(["export", str(workdir), "--out", str(tmp_path / "e")]) == 0
    names = {p.name for p in (tmp_path / "e").iterdir()}
    assert {"trials.csv", "curves.csv", "timings.csv", "trials.parquet"} <= names
    assert str(tmp_path / "e" / "trials.csv") in capsys.readouterr().out


def test_rerun_compares_and_saves_the_model(workdir, tmp_path, capsys):
    assert cli(["rerun", str(workdir), "--trial", "3", "--out", str(tmp_path / "m")]) == 0
    assert "bit for bit" in capsys.readouterr().out
    state, info = load_model(tmp_path / "m")
    assert info["number"] == 3
    assert info["same"] is True
    assert state["params"]["Dense_0"]["kernel"].shape[0] == 64


@pytest.mark.parametrize("command", [["show"], ["best"], ["report"], ["export"]])
def test_a_directory_without_a_study_is_said_so(tmp_path, capsys, command):
    assert cli([*command, str(tmp_path)]) == 2
    assert "there is no study in" in capsys.readouterr().err


def test_help_waits_for_nothing_heavy():
    code = (
        "import sys; from jaxhpo.launch import main\n"
        "from experiments.digits.options import Options\n"
        "try: main('experiments.digits', Options, arguments=['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'jax', 'sqlalchemy', 'matplotlib', 'pandas', 'flax'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--trials=int" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_stops_cleanly_and_the_study_goes_on(tmp_path, number, code):
    flags = ["--trials=4000", "--sampler=random", "--noreport", f"--workdir={tmp_path}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.digits", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline, ended = time.monotonic() + 120, 0
    while not ended and time.monotonic() < deadline:
        time.sleep(0.2)
        if (tmp_path / "study.db").exists():
            with open_records(tmp_path, read_only=True) as records:
                ended = sum(t.status.ended for t in records.trials())
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Stopping after this tick" in said
    assert "The same command goes on from here" in said
    with open_records(tmp_path, read_only=True) as records:
        assert sum(t.status.ended for t in records.trials()) >= ended > 0
        assert records.sessions()[-1]["how"] == "interrupted"


def test_sparklines():
    assert sparkline([0, 1, 2, 3]) == "▁▃▅█"
    assert sparkline([1, float("nan"), 1]) == "▁ ▁"
    assert sparkline([float("nan")]) == ""
    assert len(sparkline(range(1000))) == 40
