"""Two studies beside each other: the report says what the comparison found."""

from __future__ import annotations

import json

import pytest
from pages import Page
from studies import WIDE, random_records, records

from jaxhpo.analysis import Options
from jaxhpo.analysis.compare import compared, side
from jaxhpo.report.bundle import write_comparison
from jaxhpo.report.lint import lint
from jaxhpo.space import Float, Space

QUICK = Options(resamples=20)
REFINED = Space(dict(WIDE.parameters) | {"lr": Float(1e-2, 1e0, log=True)})


@pytest.fixture(scope="module")
def found():
    first = side(records(name="<b>first</b>"), "<b>first</b>", QUICK)
    return compared(first, side(records(REFINED, seed=1), "second", QUICK))


def test_everything_is_there_and_sound(found, tmp_path):
    files = {p.name: p for p in write_comparison(found, tmp_path, stamp="then", command="again")}
    assert {"report.html", "report.md", "report.json", "full.log"} <= set(files)
    assert lint(tmp_path) == []
    page = Page(files["report.html"].read_text("utf-8"))
    assert page.open == []
    assert "b" not in page.tags or "<b>first" not in files["report.html"].read_text("utf-8")
    assert "<b>first</b>" in "".join(page.words)
    whole = json.loads(files["report.json"].read_text("utf-8"))
    assert whole["verdict"] == found.verdict
    said = [line["text"] for line in whole["sentences"]["advice"]]
    assert len(said) == max(1, len(found.outcomes))
    again = write_comparison(found, tmp_path / "b", stamp="then", command="again")
    assert {p.name: p.read_bytes() for p in again} == {n: p.read_bytes() for n, p in files.items()}


@pytest.mark.parametrize("seeds", [(1, 2), (3, 8), (5, 6), (9, 10)])
def test_any_two_studies_with_one_goal_can_be_compared(tmp_path, seeds):
    sides = [side(random_records(seed, maximize=True), str(seed), QUICK) for seed in seeds]
    write_comparison(compared(*sides), tmp_path, stamp="then")
    assert lint(tmp_path) == []
