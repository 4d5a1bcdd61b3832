"""The linter finds what it is for, and finds nothing in reports of many random studies."""

from __future__ import annotations

import json
import shutil

import pytest
from studies import random_records, records

from jaxhpo.analysis import Options
from jaxhpo.report import bundle
from jaxhpo.report.lint import _tokens, lint, main

QUICK = Options(resamples=20)
STAMP = "2026-11-21 00:00 UTC"


@pytest.fixture
def undrawn(monkeypatch):
    """Reports without drawings, which the linter does not look at."""
    monkeypatch.setattr(bundle, "page", lambda made: "")
    monkeypatch.setattr(bundle, "saved", lambda *given, form: b"")


@pytest.mark.parametrize("seed", range(40))
def test_reports_of_random_studies_do_not_contradict_themselves(tmp_path, seed, undrawn):
    bundle.write_report(random_records(seed), tmp_path, stamp=STAMP, options=QUICK)
    assert lint(tmp_path) == []


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    out = tmp_path_factory.mktemp("sound")
    bundle.write_report(records(stopped=4), out, stamp=STAMP, options=QUICK)
    return out


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "copy")


def rules(where):
    return {finding.rule for finding in lint(where)}


def reworded(where, change):
    """The sentence on the best, in every file that has it."""
    path = where / "report.json"
    whole = json.loads(path.read_text("utf-8"))
    line = next(s for s in whole["sentences"]["best"] if s["evidence"] == "/summary/best")
    before = line["text"]
    change(line)
    path.write_text(json.dumps(whole), "utf-8")
    for name in ("report.md", "full.log"):
        text = (where / name).read_text("utf-8")
        (where / name).write_text(text.replace(before, line["text"]), "utf-8")


def test_a_sound_report_has_no_findings(sound, capsys):
    assert lint(sound) == []
    assert main([str(sound)]) == 0
    assert capsys.readouterr().out == ""


def test_a_number_that_the_results_do_not_hold(copy, capsys):
    reworded(copy, lambda line: line.update(text="The best score is 0.7431, of 113 trials."))
    assert rules(copy) == {"number"}
    assert main([str(copy)]) == 1
    assert "0.7431 is not in /summary/best" in capsys.readouterr().out


def test_evidence_that_is_not_there(copy):
    reworded(copy, lambda line: line.update(evidence="/summary/worst"))
    assert rules(copy) == {"evidence"}


def test_a_claim_without_n(copy):
    reworded(copy, lambda line: line.update(text="The mean is good."))
    assert rules(copy) == {"n"}


def test_files_that_disagree(copy):
    path = copy / "report.md"
    path.write_text(path.read_text("utf-8").replace("The best score", "The worst score"), "utf-8")
    assert rules(copy) == {"shown"}


def test_files_that_are_missing_or_left_over(copy):
    (copy / "figures" / "progress.png").unlink()
    (copy / "tables" / "old.csv").write_text("a\n1\n")
    assert {f.where for f in lint(copy)} == {"figures/progress.png", "tables/old.csv", "report.md"}


def test_two_values_under_one_name(copy):
    (copy / "tables" / "space.csv").write_text("parameter,where in the range\nlr,0.5\n")
    assert rules(copy) == {"two values"}


def test_another_best(copy):
    path = copy / "best_config.json"
    path.write_text(path.read_text("utf-8").replace('"trial": ', '"trial": 1'), "utf-8")
    assert rules(copy) == {"best"}


def test_advice_that_is_no_space(copy):
    path = copy / "next_space_aggressive.yaml"
    path.write_text("lr: {type: float, low: 1.0, high: 0.1}\n")
    assert rules(copy) == {"advice"}


def changed(where, **fields):
    """report.json with some results replaced."""
    path = where / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")


def advised(whole, **fields):
    one = next(a for a in whole["advice"] if a["parameter"] == "lr")
    return {"advice": [a if a is not one else one | fields for a in whole["advice"]]}


@pytest.mark.parametrize(
    "fields",
    [
        {"rules": ["expand high", "narrow high"]},
        {"rules": ["fix", "narrow low"]},
        {"action": "narrow", "rules": ["narrow low"], "low": 0.004, "high": 0.01},
    ],
)
def test_advice_that_contradicts_itself_or_its_file(copy, fields):
    whole = json.loads((copy / "report.json").read_text("utf-8"))
    changed(copy, **advised(whole, **fields))
    assert "advice" in rules(copy)


def test_a_parameter_that_is_fixed_though_another_objective_depends_on_it(copy):
    whole = json.loads((copy / "report.json").read_text("utf-8"))
    seen = [{"parameter": "lr", "verdict": "matters"}]
    others = {"targets": {**whole["targets"], "others": [{"name": "cost", "evidence": seen}]}}
    changed(copy, **others, **advised(whole, action="fix", rules=["fix"]))
    assert any("matters for cost" in f.text for f in lint(copy))


def test_a_bound_that_should_be_crossed_and_is_not(copy):
    whole = json.loads((copy / "report.json").read_text("utf-8"))
    names = {a["parameter"]: a["rules"] for a in whole["advice"]}
    bounds = [b | {"expand": "expand high" not in names[b["parameter"]]} for b in whole["bounds"]]
    changed(copy, bounds=[b for b in bounds if b["side"] == "high"])
    assert "advice" in rules(copy)


def test_two_kinds_of_advice_for_one_parameter(copy):
    whole = json.loads((copy / "report.json").read_text("utf-8"))
    changed(copy, advice=[*whole["advice"], whole["advice"][0]])
    assert "advice" in rules(copy)


def test_a_revision_of_digits_alone_is_no_number():
    text = "ended complete after 33.2 s; git 056339019721."
    assert _tokens(text, []) == [("33.2", "")]
