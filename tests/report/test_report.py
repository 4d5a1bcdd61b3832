"""A report is complete, true to the analysis, and safe to open."""

from __future__ import annotations

import csv
import html.parser
import itertools
import json
import re

import pytest
from studies import WIDE, records

from jaxhpo.analysis import analysed
from jaxhpo.report import sentences
from jaxhpo.report.bundle import write_report
from jaxhpo.report.tables import tables
from jaxhpo.space import Choice, Float, Int, Space

STAMP = "2026-11-21 00:00 UTC"


class Page(html.parser.HTMLParser):
    """Collects tags, text, and everything that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if tag not in ("meta", "link", "br", "img", "input"):
            self.open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        for name in ("src", "href", "xlink:href", "action", "data"):
            if given.get(name):
                self.fetched.append(given[name])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    made = records(stopped=4)
    made.put_fact("test", {"number": 1, "metrics": {"score": 0.5}})
    out = tmp_path_factory.mktemp("report")
    return made, {str(p.relative_to(out)): p for p in write_report(made, out, stamp=STAMP)}


def test_everything_is_there(bundle):
    assert {
        "report.md",
        "report.html",
        "report.json",
        "figures/progress.png",
        "figures/slices.png",
        "figures/associations.png",
        "figures/learning.png",
        "tables/best.csv",
        "tables/top.csv",
        "tables/counts.csv",
        "tables/associations.csv",
        "tables/groups.csv",
        "tables/space.csv",
        "tables/study.csv",
    } == set(bundle[1])
    for path in bundle[1].values():
        assert path.stat().st_size > 50
    assert bundle[1]["figures/progress.png"].read_bytes().startswith(b"\x89PNG")


def test_the_page_is_well_formed_and_fetches_nothing(bundle):
    text = bundle[1]["report.html"].read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert all(f.startswith(("#", "data:,")) for f in page.fetched), page.fetched
    assert "<script" not in text
    assert "@import" not in text
    assert len(page.ids) == len(set(page.ids))
    targets = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)", text))
    assert targets
    assert targets <= set(page.ids)
    assert page.tags.count("h1") == 1
    # Three figures for two widths and seven panels have words; the four marks of the key need none.
    assert text.count('role="img" aria-label="') == 13
    assert text.count("<svg ") == text.count('aria-hidden="true"') == 13 + 4
    headings = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in itertools.pairwise(headings))
    assert page.tags.count("caption") == page.tags.count("table") == 7
    assert text.count("http") == text.count("http://www.w3.org/")  # names of SVG, never fetched
    assert "prefers-color-scheme: dark" in text
    assert len(text) < 3_000_000


def test_the_json_is_strict_and_holds_what_is_said(bundle):
    text = bundle[1]["report.json"].read_text("utf-8")
    found = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    best = analysed(bundle[0]).summary.best
    assert found["summary"]["best"]["number"] == best.number
    assert found["stamp"] == STAMP
    for said in (s for group in found["sentences"].values() for s in group):
        place = found
        for step in said["evidence"].split("/")[1:]:
            place = place[int(step) if isinstance(place, list) else step]
        assert place is not None, said
    for place, a in enumerate(found["associations"]):
        for said in found["sentences"]["directions"]:
            if said["evidence"] == f"/associations/{place}":
                assert a["parameter"] in said["text"]


def test_page_and_markdown_say_the_same(bundle):
    markdown = re.sub(r"\\(.)", r"\1", bundle[1]["report.md"].read_text("utf-8"))
    page = "".join(Page(bundle[1]["report.html"].read_text("utf-8")).words)
    found = analysed(bundle[0])
    for group in sentences.sentences(found).values():
        for said in group:
            assert said.text in markdown
            assert said.text in page
    for name, table in tables(found).items():
        for row in table.shown():
            assert f"| {' | '.join(row)} |" in markdown
            assert "".join(row) in page
        text = bundle[1][f"tables/{name}.csv"].read_text("utf-8")
        rows = list(csv.reader(text.splitlines()))
        assert rows[0] == [column.name for column in table.columns]
        assert len(rows) == len(table.rows) + 1
    rows = list(csv.DictReader(bundle[1]["tables/top.csv"].read_text("utf-8").splitlines()))
    assert [float(r["score"]) for r in rows] == [r.value for r in found.summary.top]  # not rounded


def test_sentences_are_true_of_the_numbers(bundle):
    found = analysed(bundle[0])
    said = " ".join(s.text for s in sentences.headline(found) + sentences.trials(found))
    best = max((t for t in bundle[0].trials() if t.status == "complete"), key=lambda t: -t.loss)
    assert f"{-best.loss:.5g}, of trial {best.number}: the highest of 113 complete trials" in said
    assert "113 complete, 4 stopped and 3 diverged" in said
    assert "4 trials were stopped early" in said
    assert "trial 1 has score 0.5" in said  # the test score in the facts is another trial's
    direction = " ".join(s.text for s in sentences.directions(found))
    assert "score tends to be better for larger lr" in direction
    for a in found.associations:
        assert a.parameter in direction


def test_the_direction_is_right_when_less_is_better():
    found = analysed(records(maximize=False))
    direction = " ".join(s.text for s in sentences.directions(found))
    assert "score tends to be better for larger lr" in direction  # the score falls as lr rises


def test_equal_records_give_equal_bytes(bundle, tmp_path):
    again = write_report(bundle[0], tmp_path, stamp=STAMP)
    for path in again:
        assert path.read_bytes() == bundle[1][str(path.relative_to(tmp_path))].read_bytes()


BAD = '<script>alert("1")</script>|`*x*`_y_ & $z$'


def test_names_are_escaped_everywhere(tmp_path):
    space = Space({BAD: Float(0.0, 1.0), "c": Choice([BAD, "b"])})
    made = records(space, n=60, name=BAD)
    files = {p.name: p for p in write_report(made, tmp_path, stamp=STAMP)}
    text = files["report.html"].read_text("utf-8")
    assert "<script" not in text
    page = Page(text)
    assert page.open == []
    assert BAD in "".join(page.words)
    markdown = files["report.md"].read_text("utf-8")
    assert "<script" not in markdown.replace("\\<", "")
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    tables = {}
    for row in rows:
        cells = len(re.findall(r"(?<!\\)\|", row))
        tables.setdefault(cells, []).append(row)
    assert all(len(found) >= 3 for found in tables.values())  # no row has a cell too many


@pytest.mark.parametrize(
    "arguments",
    [
        {"n": 0},
        {"n": 1},
        {"n": 1, "diverged": 1},
        {"n": 40, "diverged": 40},
        {"n": 30, "stopped": 27},
    ],
)
def test_every_study_gets_a_report(tmp_path, arguments):
    made = records(**{"diverged": 0, **arguments})
    files = {p.name: p for p in write_report(made, tmp_path, stamp=STAMP)}
    assert Page(files["report.html"].read_text("utf-8")).open == []
    json.loads(files["report.json"].read_text("utf-8"))
    if analysed(made).summary.best is None:
        said = files["report.md"].read_text("utf-8")
        assert "there is no best configuration" in said or "nothing to report" in said


def test_many_parameters_are_spread_over_several_figures(tmp_path):
    space = Space({f"parameter_{i}": Float(0.0, 1.0) for i in range(19)} | {"n": Int(1, 5000)})
    files = {p.name for p in write_report(records(space, n=60), tmp_path, stamp=STAMP)}
    assert {"slices1.png", "slices2.png", "slices3.png"} <= files


@pytest.mark.slow
def test_five_thousand_trials_stay_small(tmp_path):
    files = {p.name: p for p in write_report(records(WIDE, n=5000), tmp_path, stamp=STAMP)}
    assert files["report.html"].stat().st_size < 3_000_000
