"""A report is complete, true to the analysis, and safe to open."""

from __future__ import annotations

import csv
import dataclasses
import json
import re

import pytest
from pages import Page
from studies import WIDE, records

from jaxhpo.analysis import Options, analysed
from jaxhpo.report.bundle import write_report
from jaxhpo.report.drawing import saved
from jaxhpo.report.lint import lint
from jaxhpo.report.markdown import markdown
from jaxhpo.report.parts import Table
from jaxhpo.report.report import report
from jaxhpo.report.sections import NAMES, sections
from jaxhpo.report.words import number
from jaxhpo.space import Choice, Float, Int, Space

FIGURES = ("progress", "importance", "slices", "associations", "learning")
TABLES = (
    "best",
    "top",
    "importance",
    "top_region",
    "associations",
    "boolean",
    "counts",
    "diverged",
)
QUICK = Options(resamples=20)
STAMP = "2026-11-21 00:00 UTC"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    made = records(stopped=4)
    made.put_fact("test", {"number": 1, "metrics": {"score": 0.5}})
    out = tmp_path_factory.mktemp("report")
    return made, {
        str(p.relative_to(out)): p for p in write_report(made, out, stamp=STAMP, options=QUICK)
    }


@pytest.fixture(scope="module")
def found(bundle):
    """The analysis of the records of the bundle."""
    return analysed(bundle[0], QUICK)


def test_everything_is_there(bundle, found):
    made = report(found, STAMP)
    assert {
        "report.md",
        "report.html",
        "report.json",
        "full.log",
        "best_config.json",
        "empirical_ranges.yaml",
        *(f"figures/{name}.png" for name in FIGURES),
        *(f"tables/{name}.csv" for name in TABLES),
    } <= set(bundle[1])
    assert {f"figures/{p.name}.png" for f in made.figures for p in f.plots} <= set(bundle[1])
    assert {f"tables/{t.name}.csv" for t in made.tables} <= set(bundle[1])
    for path in bundle[1].values():
        assert path.stat().st_size > 20
    assert bundle[1]["figures/progress.png"].read_bytes().startswith(b"\x89PNG")


def test_the_json_is_strict_and_holds_what_is_said(bundle, found):
    text = bundle[1]["report.json"].read_text("utf-8")
    whole = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    best = found.summary.best
    assert whole["summary"]["best"]["number"] == best.number
    assert whole["stamp"] == STAMP
    for said in (s for group in whole["sentences"].values() for s in group):
        place = whole
        for step in said["evidence"].split("/")[1:]:
            place = place[int(step) if isinstance(place, list) else step]
        assert place is not None, said
    for place, a in enumerate(whole["associations"]):
        for said in whole["sentences"]["parameters"]:
            if said["evidence"] == f"/associations/{place}":
                assert a["parameter"] in said["text"]


def test_page_and_markdown_say_the_same(bundle, found):
    markdown = re.sub(r"\\(.)", r"\1", bundle[1]["report.md"].read_text("utf-8"))
    page = "".join(Page(bundle[1]["report.html"].read_text("utf-8")).words)
    made = report(found, STAMP)
    for said in (one for section in made.sections for one in section.sentences):
        assert said.text in markdown
        assert said.text in page
        assert f"{said.text}  [{said.evidence}]" in bundle[1]["full.log"].read_text("utf-8")
    for table in made.tables:
        for row in table.shown():
            assert f"| {' | '.join(row)} |" in markdown
            assert "".join(row) in page
        text = bundle[1][f"tables/{table.name}.csv"].read_text("utf-8")
        rows = list(csv.reader(text.splitlines()))
        assert rows[0] == [column.name for column in table.columns]
        assert len(rows) == len(table.rows) + 1
    rows = list(csv.DictReader(bundle[1]["tables/top.csv"].read_text("utf-8").splitlines()))
    assert [float(r["score"]) for r in rows] == [r.value for r in found.summary.top]  # not rounded


def words_of(found, *wanted):
    return " ".join(said.text for part in sections(found, wanted) for said in part.sentences)


def test_sentences_are_true_of_the_numbers(bundle, found):
    said = words_of(found, "best", "trials")
    best = max((t for t in bundle[0].trials() if t.status == "complete"), key=lambda t: -t.loss)
    assert f"{-best.loss:.5g}, of trial {best.number}: the highest of 113 complete trials" in said
    assert "113 complete, 4 stopped and 3 diverged" in said
    assert "4 trials were stopped early" in said
    assert "trial 1 has score 0.5" in said  # the test score in the facts is another trial's
    direction = words_of(found, "parameters")
    assert "score tends to be better for larger lr" in direction
    verdicts = words_of(found, "importance")
    for e in found.evidence:
        assert e.parameter in verdicts


def test_a_number_looks_the_same_wherever_it_stands():
    assert [number(v) for v in (-0.0, 0.0, -1e-7, 123456.0)] == ["0", "0", "-1e-07", "1.2346e+05"]
    assert [number(v) for v in (None, float("nan"))] == ["unknown", "unknown"]


def test_the_direction_is_right_when_less_is_better():
    found = analysed(records(maximize=False), QUICK)
    direction = words_of(found, "parameters")
    assert "score tends to be better for larger lr" in direction  # the score falls as lr rises


def test_equal_records_give_equal_bytes(bundle, tmp_path):
    again = write_report(bundle[0], tmp_path, stamp=STAMP, options=QUICK)
    for path in again:
        assert path.read_bytes() == bundle[1][str(path.relative_to(tmp_path))].read_bytes()


BAD = '<script>alert("1")</script>|`*x*`_y_ & $z$'


def test_a_name_that_the_font_lacks_is_no_warning():
    assert saved("one", (2, 1), lambda canvas: canvas.text(0.5, 0.5, "\u65e5"), form="png")


def test_names_are_escaped_everywhere(tmp_path):
    space = Space({BAD: Float(0.0, 1.0), "c": Choice([BAD, "b"])})
    made = records(space, n=60, name=BAD)
    files = {p.name: p for p in write_report(made, tmp_path, stamp=STAMP, options=QUICK)}
    text = files["report.html"].read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert page.tags.count("script") == text.count("<script") == 2  # ours: data and code
    assert text.count("</script") == 2
    assert BAD in "".join(page.words)
    markdown = files["report.md"].read_text("utf-8")
    assert not re.search(r"(?<!\\)<(?!!--)", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL))
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
    files = {p.name: p for p in write_report(made, tmp_path, stamp=STAMP, options=QUICK)}
    assert Page(files["report.html"].read_text("utf-8")).open == []
    json.loads(files["report.json"].read_text("utf-8"))
    if analysed(made, QUICK).summary.best is None:
        said = files["report.md"].read_text("utf-8")
        assert "there is no best configuration" in said or "nothing to report" in said


def test_many_parameters_are_spread_over_several_figures(tmp_path):
    space = Space({f"parameter_{i}": Float(0.0, 1.0) for i in range(19)} | {"n": Int(1, 5000)})
    made = records(space, n=60)
    told = {"stamp": STAMP, "options": QUICK, "sections": ("parameters",)}
    files = {p.name for p in write_report(made, tmp_path, **told)}
    assert {"slices1.png", "slices2.png", "slices3.png"} <= files


@pytest.mark.slow
def test_five_thousand_trials_stay_small(tmp_path):
    files = {
        p.name: p for p in write_report(records(WIDE, n=5000), tmp_path, stamp=STAMP, options=QUICK)
    }
    assert files["report.html"].stat().st_size < 3_000_000


def test_figures_come_in_the_formats_that_are_asked_for(tmp_path):
    made = records(n=40)
    told = {"stamp": STAMP, "options": QUICK, "formats": ("svg", "pdf")}
    told["sections"] = ("course", "importance", "training")  # lines, points, bars
    files = {p.name: p.read_bytes() for p in write_report(made, tmp_path, **told)}
    assert files["progress.pdf"].startswith(b"%PDF")
    assert files["progress.svg"].startswith(b"<?xml")
    assert "progress.png" not in files
    assert b"(figures/progress.svg)" in files["report.md"]
    again = write_report(made, tmp_path, **told)
    assert {p.name: p.read_bytes() for p in again} == files
    with pytest.raises(ValueError, match=r"formats=.*png, svg, pdf, got 'jpg'"):
        write_report(made, tmp_path, formats=("jpg",))


def test_sections_can_be_chosen_and_old_files_go(tmp_path):
    made, more = records(n=40), ("best", "course", "importance", "trials")
    write_report(made, tmp_path, stamp=STAMP, options=QUICK, sections=more)
    assert (tmp_path / "figures" / "progress.png").exists()
    files = write_report(made, tmp_path, stamp=STAMP, options=QUICK, sections=("best", "trials"))
    assert {p.name for p in (tmp_path / "tables").iterdir()} == {"best.csv", "counts.csv"}
    assert set(json.loads((tmp_path / "report.json").read_text("utf-8"))["sentences"]) == {
        "best",
        "trials",
    }
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(files)
    with pytest.raises(ValueError, match="got 'bets'; there are: best"):
        write_report(made, tmp_path, sections=("bets",))
    assert NAMES[0] == "best"


def test_a_long_table_is_cut_and_says_so():
    table = Table(name="t", title="t", columns=(), rows=((),) * 30, most=20)
    assert len(table.shown()) == 20
    assert table.rest == "10 more rows are in tables/t.csv."
    assert dataclasses.replace(table, most=29).rest == "1 more row is in tables/t.csv."


@pytest.mark.parametrize("stood", [True, False])
def test_fresh_seeds_decide_whether_the_best_is_confirmed(stood, tmp_path, monkeypatch):
    made = records(n=40)
    best = analysed(made, QUICK).summary.best.number
    other = 9 if best != 9 else 10
    entry = {"value": 0.9, "values": [0.7, 0.8], "mean": 0.75, "sd": 0.07, "test": {"t": [0.6]}}
    worse = {**entry, "values": [0.6, None] if stood else [0.9, 0.8]}
    entries = [{"number": best, **entry}, {"number": other, **worse}]
    winner = best if stood else other
    made.put_fact("confirm", {"seeds": 2, "entries": entries, "winner": winner, "stood": stood})
    said = words_of(analysed(made, QUICK), "best", "advice")
    assert f"Confirmed: trained again with fresh seeds, the configuration of trial {best}" in said
    assert "reached 0.75 (0.11469 to 1.3853) in the mean (n = 2)" in said
    which = "the best of the search" if stood else "not the search's best"
    assert f"Use the configuration of trial {winner}, {which}: of the 2 best that were" in said
    assert ("by 0.1 (" in said) is not stood
    assert "Confirm the best before" not in said
    monkeypatch.setattr("jaxhpo.report.bundle.page", lambda made: "")
    write_report(made, tmp_path, stamp=STAMP, options=QUICK)
    assert (tmp_path / "tables" / "confirmed.csv").exists()
    kept = json.loads((tmp_path / "best_config.json").read_text("utf-8"))
    found = analysed(made, QUICK)
    trial = next(t for t in made.trials() if t.number == winner)
    assert (kept["trial"], kept["config"]) == (winner, json.loads(json.dumps(trial.config)))
    assert kept["fresh"]["n"] == 2
    assert found.summary.best.number == best
    first = next(x for x in sections(found) if x.name == "best").parts[0][0]
    assert first.value == number(found.chosen.fresh.value)
    assert first.note == f"trial {winner}, mean of 2 fresh"
    for place, one in zip(trial.point, found.elites.parameters, strict=True):
        if one.best is not None:  # what the rules and the stars of the figures look at
            assert one.best == pytest.approx(float(place), abs=1e-5)
    assert lint(tmp_path) == []


def test_a_sampled_analysis_says_so():
    made = records(n=1200)
    found = analysed(made, Options(resamples=20, rows=1000))
    assert "is of 1,000 trials drawn at random of 1,200" in words_of(found, "anomalies")


def test_what_was_assumed_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxhpo.report.bundle.page", lambda made: "")
    made = records(n=30)
    made.put_fact("notes", ["'<b>' is taken to be active"])
    write_report(made, tmp_path, stamp=STAMP, options=QUICK, sections=("anomalies",))
    whole = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert whole["notes"] == ["'<b>' is taken to be active"]
    assert "Assumed: '<b>' is taken" in whole["sentences"]["anomalies"][-1]["text"]
    assert lint(tmp_path) == []


def test_the_first_thing_that_is_said_is_what_to_do_next(bundle, found):
    first = report(found, STAMP).sections[0]
    assert [type(part).__name__ for part in first.parts[:2]] == ["list", "Steps"]
    steps = first.parts[1].sentences
    assert steps[0].text.startswith("Look into this first: The chosen configuration scores 0.5")
    assert steps[1].text.startswith("Confirm the best")
    moved = [a.parameter for a in found.advice if a.action != "keep"]
    assert all(name in steps[-1].text for name in moved)
    assert first.parts[0][0].note.endswith("not confirmed")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("--trials=64 --search=wide --workdir=runs/a", "--trials=64 --search=wide"),
        ("--seed 3 --folds 5 --space old.yaml", "--folds 5"),
        ("", ""),
    ],
)
def test_the_next_search_is_started_as_this_one_was(typed, kept):
    made = records(n=40)
    made.put_fact("launch", {"command": ["python", "-m", "my.search", *typed.split()]})
    (section,) = sections(analysed(made, QUICK), ("advice",))
    text = section.parts[-1].text
    flags = f"{kept} " if kept else ""
    new = "--space=next_space_aggressive.yaml --workdir=NEW --seed=1"
    assert text == f"python -m my.search {flags}{new}"


def test_ends_of_ranges_and_the_noise_between_seeds_are_shown(bundle, found):
    rows = list(csv.DictReader(bundle[1]["tables/bounds.csv"].read_text("utf-8").splitlines()))
    assert [(r["parameter"], r["end"]) for r in rows] == [
        (b.parameter, b.side) for b in found.bounds
    ]
    assert "from seed to seed is unknown" in words_of(found, "trials")
    made = records(Space(c=Choice(["a", "b"])), n=40, diverged=0)
    again = analysed(made, QUICK)
    assert again.replicates.sd.value is not None
    assert "From seed to seed a trial's score varies" in words_of(again, "trials")


def test_curves_without_a_clear_form_are_folded(bundle, found):
    (section,) = sections(found, ("directions",))
    figure = section.parts[0]
    drawn = [d for d in found.directions if d.predicted]
    assert len(figure.panels) + len(figure.folded) == len(drawn)
    assert figure.panels
    text = bundle[1]["report.html"].read_text("utf-8")
    assert (figure.rest in text) is bool(figure.folded)
    clear = [d for d in drawn if d.shape not in ("flat", "unclear")]
    for curve in clear:  # bands are of the form, so that the curve lies in them
        assert all(p.low <= p.value <= p.high for p in curve.predicted) or curve.n < 30


@pytest.mark.parametrize("curves", [True, False])
def test_a_report_over_survivors_says_what_its_tests_are_of(curves):
    made = records(stopped=20, explore=100, noise=0.3)
    if not curves:
        made.write([dataclasses.replace(t, curves={}) for t in made.trials()])
    found = analysed(made, Options(resamples=20))
    text = markdown(report(found, STAMP))
    assert "stopped 20 of the exploring trials" in text
    assert ("nothing is tested at the end of training" in text) is curves
    assert ("no p-value is given" in text) is not curves


@pytest.mark.parametrize(("foreign", "explore"), [(True, 0), (False, 10), (False, 40), (True, 40)])
def test_a_study_that_could_not_be_tested_says_how_one_could(foreign, explore):
    made = records(n=60, explore=explore)
    if foreign:
        made.identity["source"] = "elsewhere"
    said = words_of(analysed(made, QUICK), "best")
    assert ("--startup N" in said) is (foreign and explore == 0)
    assert ("--sampler_option=startup=32" in said) is (not foreign and explore == 10)
