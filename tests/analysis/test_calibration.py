"""The committed calibration says what the documents say, and its script runs."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from jaxhpo.analysis import Options

ROOT = Path(__file__).parents[2]
RESULT = json.loads((ROOT / "scripts/results/calibration.json").read_text("utf-8"))


def script(name="calibrate"):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_of_noise_at_most_one_study_in_twenty_is_told_anything():
    rows = RESULT["noise"]["rows"]
    assert {(r["sampler"], r["trials"]) for r in rows} >= {
        (s, n) for s in ("random", "tpe") for n in (50, 200)
    }
    for row in rows:
        for claim in ("important", "matters", "fix, narrow or drop"):
            assert row["names any"][claim]["share"] <= 0.05, (row["sampler"], row["trials"], claim)
    for part in RESULT.values():
        assert part["command"].startswith("python scripts/calibrate.py")
        assert part["hardware"]["cpu"]


def test_what_is_there_is_found_with_enough_trials():
    rows = {
        (r["sampler"], r["trials"], r["effect"], r["share of variance"]): r["finds it"]
        for r in RESULT["power"]["rows"]
    }
    assert rows["random", 20, "rising", 0.4]["matters"]["share"] == 0  # too few to tell
    assert rows["random", 200, "rising", 0.4]["matters"]["share"] > 0.9
    assert rows["tpe", 1000, "rising", 0.4]["matters"]["share"] > 0.9


def test_the_script_simulates_a_study():
    module = script("calibration_studies")
    search = module.Search(module.ADDITIVE, "random", 40)
    table = search.table(lambda block, rng: 4 * block[:, 0] + 0.1 * rng.normal(size=len(block)), 1)
    assert len(table) == 40
    said = module.named(module.analysis(table, module.ADDITIVE, Options(resamples=20)))
    assert said["matters"] == {"x0"}
    assert module.rate(1, 20)["share"] == 0.05
