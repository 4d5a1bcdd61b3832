"""The committed calibration says what the documents say, and its script runs."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path

from jaxhpo.analysis import Options

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "scripts/results/calibration.json").read_text("utf-8"))


def script(name="calibrate"):
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_of_noise_at_most_one_study_in_twenty_is_told_anything():
    rows = RESULT["noise"]["rows"]
    assert {(r["sampler"], r["trials"]) for r in rows} >= {
        (s, n) for s in ("random", "tpe") for n in (50, 200)
    }
    several = {r["sampler"] for r in rows if "objective" in r["sampler"]}
    assert several == {"random, 3 objectives", "random, 1 objective, 2 constraints"}
    everything = "anything at all"
    for row in rows:
        for claim in ("important", "matters", "fix, narrow or drop", "widen", everything):
            found = row["names any"][claim]
            assert found["studies"] >= (900 if "objective" in row["sampler"] else 1000)
            assert found["interval"][1] <= 0.05, (row["sampler"], row["trials"], claim)
        hits = row["names any"][everything]["hits"]
        assert all(found["hits"] <= hits for found in row["names any"].values())
    for part in RESULT.values():
        assert part["command"].startswith("python scripts/calibrate.py")
        assert part["hardware"]["cpu"]


def test_limits_hold_as_often_as_they_say():
    """95 % of studies (97.5 % of lower limits), and not fewer than the simulation can tell from
    that: the upper end of its own interval."""
    rows = [row for row in RESULT["coverage"]["rows"] if "interval" in row]
    assert len({row["interval"] for row in rows}) >= 6
    for row in rows:
        for claim, seen in row["covers"].items():
            said = 0.975 if "at least" in claim else 0.95
            assert seen["interval"][1] >= said - 0.01, (row["interval"], row["trials"], claim)
            assert seen["share"] >= 0.92, (row["interval"], row["trials"], claim)


def test_what_is_fixed_is_seldom_worth_more_than_it_says():
    rows = [row for row in RESULT["coverage"]["rows"] if row.get("rule") == "fix"]
    assert rows
    for row in rows:
        assert "wrongly" not in row or row["wrongly"]["interval"][0] <= 0.05


def test_a_run_goes_on_where_it_was(tmp_path):
    module = script()

    def tally(seed, options):
        return Counter({"even": seed % 2 == 0})

    def row(sums, n):
        return {"even": sums["even"], "of": n}

    cell = module.Cell("noise", {"sampler": "none"}, tally, row)
    first = list(module.run([cell], 40, [], Options()))
    assert [(c["first"], c["studies"]) for c in first] == [(0, 20), (20, 20)]
    file = tmp_path / "chunks.jsonl"
    file.write_text("".join(json.dumps(c) + "\n" for c in [first[0], first[0]]))
    held = module.done(file)
    more = list(module.run([cell], 50, held, Options()))
    assert [(c["first"], c["studies"]) for c in more] == [(20, 20), (40, 10)]
    assert module.rows([cell], [*held, *more]) == [{"sampler": "none", "even": 25, "of": 50}]


def test_what_is_there_is_found_with_enough_trials():
    rows = {
        (r["sampler"], r["trials"], r["effect"], r["share of variance"]): r["finds it"]
        for r in RESULT["power"]["rows"]
    }
    assert rows["random", 20, "rising", 0.4]["matters"]["share"] == 0  # too few to tell
    assert rows["random", 200, "rising", 0.4]["matters"]["share"] > 0.9
    assert rows["tpe", 1000, "rising", 0.4]["matters"]["share"] > 0.9


def test_the_script_simulates_a_study():
    module, core = script("calibration_studies"), script("calibration_core")
    space = script("calibration_coverage").ADDITIVE
    search = core.Search(space, "random", 40)
    table = search.table(lambda block, rng: 4 * block[:, 0] + 0.1 * rng.normal(size=len(block)), 1)
    assert len(table) == 40
    said = module.named(module.analysis(table, space, Options(resamples=20)))
    assert said["matters"] == {"x0"}
    assert core.rate(1, 20)["share"] == 0.05


def test_the_document_says_what_was_measured():
    text = (ROOT / "docs/analysis.md").read_text("utf-8")
    for row in RESULT["noise"]["rows"]:
        said = row["names any"]["anything at all"]
        low, high = said["interval"]
        figures = f"{100 * said['share']:.1f} % ({100 * low:.1f} % to {100 * high:.1f} %) |"
        assert f"| {row['sampler']} | {row['trials']} | " in text
        assert figures in text, figures
    for row in RESULT["power"]["rows"]:
        seen = row["finds it"]["matters"]
        what = f"{row['effect']}, {100 * row['share of variance']:.0f} %"
        line = next(x for x in text.splitlines() if x.startswith(f"| {row['sampler']} | {what} |"))
        place = [20, 50, 200, 1000].index(row["trials"])
        assert line.split("|")[3 + place].strip() == f"{100 * seen['share']:.0f} %"
    for row in RESULT["coverage"]["rows"]:
        held = [c["share"] for c in row.get("covers", {}).values()]
        if held:
            assert f"{100 * min(held):.1f} %" in text, row
    advice = json.loads((ROOT / "scripts/results/advice.json").read_text("utf-8"))
    rows = [row for row in advice["rows"] if row["problem"] == "all"]
    assert len(rows) == 2
    for row in rows:
        mean, (low, high) = row["aggressive"]["mean"], row["aggressive"]["interval"]
        assert f"{mean:.2f} ({low:.2f} to {high:.2f})" in text
        assert low > 0  # a second search does better where the report advises
    for row in advice["rows"]:
        for arm in ("conservative", "aggressive"):
            assert row[arm]["interval"][1] >= 0, (row["problem"], arm)
    report = json.loads((ROOT / "scripts/results/report.json").read_text("utf-8"))
    big = report["rows"][-1]
    assert big["trials"] == 100_000
    assert big["processor seconds"] < 60
    assert f"{big['processor seconds']} s of processor time" in text
