"""``jaxhpo report`` takes what a reader asks for, and says what it can't do."""

from __future__ import annotations

import json

import pytest

from jaxhpo.launch.cli import main as cli
from jaxhpo.report.lint import lint


def report(workdir, out, *more):
    return cli(["report", str(workdir), "--out", str(out), "--stamp", "then", *more])


def test_options_reach_the_report(workdir, tmp_path, capsys):
    more = ("--sections", "best,trials", "--format", "svg", "--elite", "0.2", "--baseline", "0")
    assert report(workdir, tmp_path, *more) == 0
    whole = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert whole["stamp"] == "then"
    assert set(whole["sentences"]) == {"best", "trials"}
    assert whole["options"]["elite"] == 0.2
    assert whole["options"]["baseline"]
    assert "--elite 0.2 --baseline 0 --sections best,trials --format svg" in whole["report_command"]
    assert str(tmp_path) not in whole["report_command"]


def test_two_reports_with_one_stamp_have_equal_bytes(workdir, tmp_path):
    for name in ("a", "b"):
        assert report(workdir, tmp_path / name, "--sections", "best,advice,course") == 0
    files = [p for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(files) >= 10
    for path in files:
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes(), path.name


def test_a_baseline_from_a_file(workdir, tmp_path):
    assert report(workdir, tmp_path / "a", "--sections", "best") == 0
    best = tmp_path / "a" / "best_config.json"
    assert report(workdir, tmp_path / "b", "--sections", "best", "--baseline", str(best)) == 0
    whole = json.loads((tmp_path / "b" / "report.json").read_text("utf-8"))
    assert whole["options"]["baseline"] == json.loads(best.read_text("utf-8"))["config"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--sections", "bets"), "got 'bets'; there are: best"),
        (("--format", "jpg"), "got 'jpg'"),
        (("--elite", "2"), "elite"),
        (("--baseline", "nowhere.yaml"), "--baseline=nowhere.yaml"),
        (("--baseline", "999"), "the study has 24 trials, from 0"),
    ],
)
def test_what_cannot_be_done_is_said(workdir, tmp_path, capsys, more, said):
    assert report(workdir, tmp_path, *more) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.json", b'{"lr": 0.', "it can't be read (Expecting"),
        ("bytes.yaml", b"\xff\xfe\x00", "it can't be read ('utf-8' codec"),
        ("list.yaml", b"- lr", "a configuration maps names to values"),
    ],
)
def test_a_baseline_that_is_none_is_said(workdir, tmp_path, capsys, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert report(workdir, tmp_path, "--baseline", str(tmp_path / name)) == 2
    assert said in capsys.readouterr().err


def test_two_studies_are_compared(workdir, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli(["compare", str(workdir), str(workdir), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "24 configurations are in both studies" in said
    whole = json.loads((out / "report.json").read_text("utf-8"))
    assert whole["report_command"].startswith("jaxhpo compare ")
    assert lint(out) == []
