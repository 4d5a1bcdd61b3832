"""The spectral experiment from one command to a comparison with the baseline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import environment

from experiments.spectral import comparison, experiment
from experiments.spectral.options import SMOKE, Options
from jaxhpo.space import Choice, Space
from jaxhpo.store.models import load_model
from jaxhpo.store.records import open_records

ROOT = Path(__file__).parents[2]


def ran(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.spectral", *flags]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)


@pytest.mark.slow
def test_one_command_ends_in_a_comparison_and_a_saved_winner(tmp_path):
    few = dict(experiment.space(Options(epochs=(2, 4))).parameters)  # one program
    few |= {"widths": Choice([(64,)]), "activation": Choice(["elu"]), "batch_size": 16}
    Space(few).to_yaml(tmp_path / "space.yaml")
    flags = ("--smoke", f"--workdir={tmp_path}", "--trials=12", f"--space={tmp_path}/space.yaml")
    done = ran(*flags)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert found["network"]["trials"] == found["baseline"]["trials"] == 12
    with open_records(tmp_path, read_only=True) as records:
        best = min(records.trials(), key=lambda t: t.loss)
        assert records.facts()["test"]["metrics"]["score"] == found["network"]["test"]["score"]
    assert found["network"]["number"] == best.number
    assert [row["rank"] for row in found["top"]] == list(range(1, 11))
    assert found["top"][0]["trial"] == best.number
    scores = [row["score"] for row in found["top"]]
    assert scores == sorted(scores)
    state, info = load_model(tmp_path / "models" / "winner")
    assert info["config"]["widths"] == best.config["widths"]
    assert info["same"]
    assert state["params"]["lab"]["bias"].shape == (3,)
    text = (tmp_path / "comparison.md").read_text("utf-8")
    assert text in done.stdout
    assert (tmp_path / "report" / "report.html").exists()
    again = ran(*flags, "--noreport")
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "comparison.json").read_text("utf-8")) == found


def test_help_tells_how_many_trials_there_are():
    done = ran("--help")
    assert done.returncode == 0
    assert "how many trials the study has in the end [2048]" in done.stdout
    assert f"--trials={SMOKE['trials']}" in done.stdout


def model(score: float) -> dict:
    metrics = dict.fromkeys(comparison.METRICS, 0.5) | {"score": score}
    return {
        "trials": 9,
        "number": 3,
        "config": {"lr": 0.00123456, "widths": (64,)},
        "parameters": 7,
        "epochs": 2,
        "seconds": 0.25,
        "validation": metrics,
        "test": metrics,
    }


def test_the_comparison_says_which_is_better():
    text = comparison.written({"network": model(0.4), "baseline": model(0.1), "top": []})
    assert "Tuned equally, the baseline has 0.25 of the score of the network." in text
    assert "| score | 0.4 | 0.1 |" in text
    assert "lr=0.00123, widths=(64,)" in text
    alone = comparison.written({"network": model(0.4), "top": []})
    assert "baseline" not in alone
