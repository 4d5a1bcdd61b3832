"""The benchmark of samplers: scores, paired differences, runs that go on, tables of training."""

import argparse
import gzip
import json

import numpy as np
import pytest

from scripts import bench_sampler, bench_sampler_scores, bench_sampler_speed, bench_tables
from scripts.bench_contenders import search
from scripts.bench_problems import problems, table_problem
from scripts.bench_sampler_scores import (
    difference,
    entry,
    joined,
    random_median,
    score,
    scores,
)

AXES = {
    "kind": bench_tables.kinds("plain", "heavy"),
    "momentum": bench_tables.ordered(0.0, 0.9, when={"kind": ("heavy",)}),
    "widths": bench_tables.kinds((8,), (8, 8)),
}


def _run(runs, **changed):
    given = {"samplers": "random;sobol", "problems": "branin", "batch": 32, "trials": 96}
    given |= {"seeds": 1, "first_seed": 0, "runs": str(runs)} | changed
    bench_sampler.run(argparse.Namespace(**given))
    return [json.loads(line) for line in runs.read_text("utf-8").splitlines()]


def test_the_score_is_0_at_the_median_of_random_search_and_1_at_the_optimum():
    middle = random_median("branin", 64)
    assert score("branin", middle, 64) == 0.0
    assert score("branin", problems()["branin"].optimum, 64) == 1.0
    assert score("branin", 1e9, 64) == -1.0
    assert random_median("branin", 512) < middle


def test_a_problem_that_random_search_solves_has_no_score(monkeypatch):
    best = problems()["branin"].optimum
    monkeypatch.setattr(bench_sampler_scores, "random_median", lambda name, trials: best)
    assert score("branin", best, 64) is None


def test_differences_are_of_the_same_problem_and_seed():
    theirs = {"a": {0: 0.0, 1: 1.0}, "b": {0: 0.5}, "only theirs": {0: 0.0}}
    ours = {"a": {1: 1.25, 0: 0.25, 2: -9.0}, "b": {0: 0.75}}
    found = difference(ours, theirs)
    # Unpaired, the seeds of problem a would make an interval as wide as 1.
    assert found is not None
    assert found["mean"] == 0.25
    assert found["interval"] == [0.25, 0.25]
    assert (found["problems"], found["pairs"], found["better_on"]) == (2, 3, 2)
    assert difference(ours, {"c": {0: 0.0}}) is None


def test_an_interval_holds_the_mean_and_widens_with_disagreement():
    theirs = {f"p{i}": {0: 0.0} for i in range(12)}
    narrow = difference({f"p{i}": {0: 0.3 + 0.01 * i} for i in range(12)}, theirs)
    wide = difference({f"p{i}": {0: 0.3 + 0.2 * (-1) ** i} for i in range(12)}, theirs)
    assert narrow is not None
    assert wide is not None
    for found in (narrow, wide):
        assert found["interval"][0] < found["mean"] < found["interval"][1]
    assert np.ptp(wide["interval"]) > 3 * np.ptp(narrow["interval"])


def test_a_run_goes_on_where_it_was_cut(tmp_path):
    runs = tmp_path / "runs.jsonl"
    first = _run(runs)
    assert [line["sampler"] for line in first] == ["random", "sobol"]
    assert list(first[0]["found"]) == ["64", "96"]
    assert first[0]["found"]["96"] <= first[0]["found"]["64"]
    text = runs.read_text("utf-8")
    runs.write_text(text[:-20], "utf-8")  # killed in the middle of the second line
    again = _run(runs)
    whole = [{k: v for k, v in line.items() if k != "cpu_seconds"} for line in first]
    assert [{k: v for k, v in line.items() if k != "cpu_seconds"} for line in again] == whole
    more = _run(runs, seeds=2)
    assert [(line["sampler"], line["seed"]) for line in more[2:]] == [("random", 1), ("sobol", 1)]


def test_scores_prefer_the_search_that_had_just_this_budget():
    line = {"sampler": "s", "problem": "branin", "batch": 64, "seed": 0}
    best = problems()["branin"].optimum
    long = {**line, "trials": 128, "found": {"64": 1e9, "128": 1e9}}
    short = {**line, "trials": 64, "found": {"64": best}}
    found = scores([json.dumps(short), json.dumps(long)])
    assert found[64, 64]["s"]["branin"][0] == 1.0
    assert found[64, 128]["s"]["branin"][0] == -1.0
    made = entry("s", found[64, 64], ["optuna-tpe"])
    assert made["score"] == 1.0
    assert made["families"] == {"classic": 1.0}
    assert made["differences"] == {}


def test_searches_are_read_from_all_files_packed_or_not(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"b": 1}\n{"b": 2}\n', "utf-8")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n'))
    found = bench_sampler_scores.searches(str(tmp_path / "*.jsonl*"))
    assert found == ['{"a": 1}', '{"b": 1}', '{"b": 2}']


def test_a_setting_of_more_searches_outlives_a_new_result_and_says_where_it_was_measured():
    def entries(seeds):
        return {"auto": {"seeds": seeds, "problems": {"a": 0.1, "b": 0.2}}}

    def made(day, **settings):
        named = {name.replace("_", " "): entries(seeds) for name, seeds in settings.items()}
        return {"date": day, "hardware": day, "versions": day, "settings": named}

    first = {**made("first", batch_4=9, batch_16=3), "speed": {"batch 4": {}}}
    second = joined(made("second", batch_4=2, batch_16=3, batch_1=1), first)
    was = {"date": "first", "hardware": "first", "versions": "first"}
    assert list(second["settings"]) == ["batch 1", "batch 4", "batch 16"]
    assert second["settings"]["batch 4"] == entries(9)
    assert second["older"] == {"batch 4": was, "speeds": was}
    assert second["speed"] == {"batch 4": {}}
    third = joined({**made("third", batch_16=4), "speed": {}}, second)
    assert third["older"]["batch 4"] == was
    assert third["older"]["batch 1"]["date"] == "second"
    assert third["settings"]["batch 16"] == entries(4)
    assert "speeds" not in third["older"]


def _problem(losses):
    described = {
        name: {"levels": axis.levels, "ordered": axis.ordered, "when": axis.when}
        for name, axis in AXES.items()
    }
    return table_problem("made up", json.loads(json.dumps(described)), losses)


def test_a_table_answers_every_configuration_with_what_was_stored(tmp_path):
    losses = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    losses[0, 1] = losses[0, 0]  # momentum is inactive
    losses[1, 1, 1] = np.nan
    problem = _problem(losses)
    assert problem.optimum == 0.0
    assert problem.space.layout.size == 6
    heavy = {"kind": "heavy", "momentum": 0.9}
    found = problem.fn(
        [
            {"kind": "plain", "widths": (8, 8)},
            {**heavy, "widths": (8,)},
            {**heavy, "widths": (8, 8)},
        ]
    )
    assert found.tolist() == [1.0, 6.0, 6.0]  # what diverged is as bad as the worst


@pytest.mark.slow
def test_a_table_holds_the_loss_of_every_combination(tmp_path):
    axes, build = bench_tables.TABLES["ridge"]
    small = {name: bench_tables.kinds(*axis.levels[:2]) for name, axis in axes.items()}
    losses = bench_tables.trained("ridge", small, build)
    assert losses.shape == (2,) * 5
    assert np.isfinite(losses).all()
    assert len(np.unique(losses)) > 16
    out = tmp_path / "tables.npz"
    bench_tables.stored(out, {"ridge": losses}, {"ridge": small})
    with np.load(out) as found:
        described = json.loads(str(found["described"]))
        problem = table_problem("ridge", described["ridge"], found["ridge"])
    config = {name: axis.levels[1] for name, axis in small.items()}
    assert problem.fn([config])[0] == losses[1, 1, 1, 1, 1]


def test_the_stored_tables_are_those_that_the_script_describes():
    tuning = [p for p in problems().values() if p.family == "tuning"]
    assert len(tuning) >= 6
    for problem in tuning:
        axes, _ = bench_tables.TABLES[problem.name]
        assert problem.space.names == bench_tables.space_of(axes).names
        size = problem.space.layout.size
        assert size is not None
        assert size > 1000
        points = np.random.default_rng(0).random((100, len(problem.space))).astype(np.float32)
        losses = problem.fn(problem.space.decode(points))
        assert np.isfinite(losses).all()
        assert (losses >= problem.optimum).all()
        assert len(np.unique(losses)) > 20


@pytest.mark.parametrize("name", ["tpe:candidates=8", "optuna-tpe", "nevergrad"])
def test_a_contender_proposes_within_the_space(name):
    package, _, _ = name.partition("-")
    if not name.startswith("tpe"):
        pytest.importorskip(package)
    problem = _problem(np.random.default_rng(0).random((2, 2, 2)))
    contender = search(name, problem.space, 0, batch=3, trials=12)
    for _ in range(2):
        configs = contender.ask(3)
        assert all("momentum" in c or c["kind"] == "plain" for c in configs)
        contender.tell(problem.fn(configs))


def test_a_speed_that_takes_too_long_is_said_to_be_below(monkeypatch):
    def slow(contender, batch):
        while True:
            pass

    monkeypatch.setattr(bench_sampler_speed, "_seconds", slow)
    assert bench_sampler_speed.rate("sobol", 10, 64, 1) == {"less_than": 64.0}
    assert bench_sampler_speed.rate("optuna-gp", 100_000, 64, 1) is None


def test_speeds_are_kept_sampler_by_sampler(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_sampler_speed, "_seconds", lambda contender, batch: 2.0)
    given = {"runs": str(tmp_path / "runs.jsonl"), "batch": 64, "cap": 9, "told": "10,20"}
    for samplers in ("sobol", "tpe"):
        bench_sampler_speed.speed(argparse.Namespace(samplers=samplers, **given))
    kept = json.loads(bench_sampler_speed.path(given["runs"]).read_text("utf-8"))
    assert [*kept.values()] == [{n: {"10": 32.0, "20": 32.0} for n in ("sobol", "tpe")}]
