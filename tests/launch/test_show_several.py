"""What the command line says of a study with several objectives and constraints."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from jaxhpo.launch.cli import main
from jaxhpo.launch.progress import line
from jaxhpo.store.export import export
from jaxhpo.store.records import open_records
from jaxhpo.study.snapshot import Snapshot
from jaxhpo.trial import Status
from tests.report.test_front import made

pytest.importorskip("sqlalchemy")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """name of a case to the directory of its records."""
    root = tmp_path_factory.mktemp("several")
    for name in ("two within bounds", "bounds", "nothing feasible", "four"):
        source = made(name, n=90)
        sizes = {"batch": 8, "lookahead": 8, "width": 8}
        with open_records(root / name, {**source.identity, **sizes}) as records:
            records.write(source.trials())
    return root


def test_show_tells_the_front_and_what_is_feasible(home, capsys):
    assert main(["show", str(home / "two within bounds")]) == 0
    said = capsys.readouterr().out
    assert "score maximised, cost minimised, other at most 1, size at most 0.8" in said
    assert "of 87 complete (other at most 1 87, size at most 0.8 " in said
    assert "trials that no other beats in all objectives" in said
    assert "best:" not in said
    assert main(["show", str(home / "four"), "--trials"]) == 0
    said = capsys.readouterr().out
    assert "12 of them spread out" in said
    assert ", speed " in said.splitlines()[-1]


def test_best_is_the_front(home, capsys):
    assert main(["best", str(home / "two within bounds"), "--json"]) == 0
    front = json.loads(capsys.readouterr().out)
    losses = np.array([[-t["metrics"]["score"], t["metrics"]["cost"]] for t in front])
    assert len(front) > 2
    assert (np.diff(losses[:, 0]) > 0).all()
    assert (np.diff(losses[:, 1]) < 0).all()
    assert all(t["metrics"]["size"] <= 0.8 for t in front)
    assert main(["best", str(home / "two within bounds")]) == 0
    said = capsys.readouterr().out
    assert [*yaml.safe_load_all(said)] == [t["config"] for t in front]


def test_best_with_a_constraint_keeps_it(home, capsys):
    assert main(["best", str(home / "bounds"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["size"] <= 0.5
    assert main(["best", str(home / "nothing feasible")]) == 2
    assert "no trial is complete and keeps the constraints" in capsys.readouterr().err


def test_exported_tables_say_who_is_in_front(home, tmp_path):
    with open_records(home / "two within bounds", read_only=True) as records:
        export(records, tmp_path)
    head = (tmp_path / "trials.csv").read_text().splitlines()[0].split(",")
    assert {"feasible", "front"} <= set(head)


def test_a_line_of_progress_counts_the_front():
    snapshot = Snapshot(
        trials=10,
        counts=dict.fromkeys(Status, 0) | {Status.COMPLETE: 9},
        best=None,
        objective="cost",
        maximize=False,
        useful=1.0,
        units_per_second=5.0,
        steps_per_second=None,
        elapsed=2.0,
        remaining=1.0,
        cohorts=1,
        lanes=8,
        front=4,
        feasible=7,
    )
    assert "9/10 trials, 7 feasible, front of 4," in line(snapshot)
