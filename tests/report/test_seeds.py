"""Row by row: what the five hand-written reports contain is in the bundle of a study of that shape.

The rows are those of ``docs/seeds.md``. Of each it is tested that every file, section, figure and
place it names is in the bundle of its own seed, and that what is there is what the row says.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from pages import Page

from jaxhpo.analysis import Options
from jaxhpo.report import bundle
from jaxhpo.report.bundle import write_report
from jaxhpo.report.lint import at, lint
from jaxhpo.space import Space

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import seed_studies as studies  # noqa: E402

STAMP = "2026-11-21 00:00 UTC"
EPOCHS = (3, 6, 12)


def quick(seed):
    """The real experiments with fewer epochs, so that the test is quick; the rest as it is."""
    from experiments.digits import experiment as digits
    from experiments.spectral import experiment as spectral

    changed = {}
    if seed.name == "000":
        options = digits.Options(min_epochs=2, max_epochs=6)
        changed["task"] = lambda space: digits.build(options, space)
    if seed.name == "004":
        options = spectral.Options(epochs=EPOCHS)
        changed["task"] = lambda space: spectral.build(options, space)
        baseline = {**studies.BASELINE, "epochs": EPOCHS[1]}
        changed["arguments"] = {**seed.arguments, "enqueue": (baseline,)}
    return dataclasses.replace(seed, **changed)


class Bundle:
    """A bundle on disk, as a reader would look things up in it."""

    def __init__(self, home, study):
        self.home, self.study = home, study
        self.whole = json.loads((home / "report.json").read_text("utf-8"))
        self.markdown = (home / "report.md").read_text("utf-8")
        self.page = (home / "report.html").read_text("utf-8")
        self.words = " ".join(Page(self.page).words)

    def __getitem__(self, pointer):
        return at(self.whole, pointer)

    def table(self, name):
        with (self.home / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def columns(self, name):
        return set(self.table(name)[0])

    def column(self, name, column):
        return [row[column] for row in self.table(name)]

    def said(self, section):
        return " ".join(line["text"] for line in self["/sentences"][section])

    @property
    def names(self):
        return self.study.task.space.names


@pytest.fixture
def made(tmp_path):
    """``(name) -> (the seed, made quick; the bundle of its search)``."""
    with contextlib.ExitStack() as closing:

        def make(name):
            seed = quick(studies.SEEDS[name])
            study = closing.enter_context(studies.searched(seed, tmp_path / "run"))
            patch = closing.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(bundle, "saved", lambda *given, form: f"a picture, {form}".encode())
            write_report(
                study.records,
                tmp_path / "out",
                stamp=STAMP,
                command=f"jaxhpo report {seed.name}",
                options=Options(resamples=20, **seed.options),
            )
            return seed, Bundle(tmp_path / "out", study)

        yield make


def rows():
    """Seed to what its report contains to where that is."""
    found = {}
    for line in (ROOT / "docs" / "seeds.md").read_text("utf-8").splitlines():
        if head := re.match(r"## (\d{3}):", line):
            current = found.setdefault(head[1], {})
        elif line.startswith("| ") and not line.startswith(("| what it", "| ---")):
            what, where = (cell.strip() for cell in line.strip("|").split(" | "))
            current[what] = where
    return found


# Seed 002 has 20 trials, too few for these; its row says so.
_TOO_FEW = ("tables/contour1.csv", "interactions")
_NOT_ALWAYS = "What there is to gain"  # nor does its row say that it is


def _every_file_that_is_named_is_there(seed, found):
    for what, where in rows()[seed.name].items():
        for name in re.findall(r"`(\w+\.(?:json|yaml|html|log)|(?:tables|figures)/[\w.]+)`", where):
            if seed.name == "002" and name in _TOO_FEW:
                continue
            if name == "tables/importance.csv" and untold(found):
                continue
            assert name in found["/files"], (what, name)
            assert (found.home / name).stat().st_size > 0, (what, name)
        for name in re.findall(r"`(/[a-z_/]+)`", where):
            assert found[name] is not None, (what, name)


def _every_section_and_figure_that_is_named_is_there(seed, found):
    titles = re.findall(r'<h2 id="\w+-head">([^<]+)</h2>', found.page)
    for what, where in rows()[seed.name].items():
        for group in re.findall(r"figures? ((?:`\w+`(?: and )?)+)", where):
            for name in re.findall(r"`(\w+)`", group):
                few = seed.name == "002" and name in _TOO_FEW
                assert f"(figures/{name}" in found.markdown or few, (what, name)
        for group in re.findall(r"sections? ((?:\*[^*]+\*(?:, | and )?)+)", where):
            for name in set(re.findall(r"\*([^*]+)\*", group)) - {_NOT_ALWAYS}:
                assert name in titles, (what, name)
                assert f"\n## {name}\n" in found.markdown, (what, name)


def _common(b):
    """What is true of every seed's bundle."""
    best = max if b.study.task.maximize else min
    done = [t for t in b.study.trials if t.status == "complete"]
    objective = b.study.task.objective
    return best(t.metrics[objective] for t in done), done


def check_best(b):
    value, done = _common(b)
    best, use = b["/summary/best"], b["/chosen/row"]
    assert best["value"] == pytest.approx(value)
    assert best["number"] == b.study.best.number
    if not b["/confirmation/others"] or b["/confirmation/source"] != "confirm":
        assert use == best
    config = json.loads((b.home / "best_config.json").read_text("utf-8"))
    assert (config["trial"], config["config"]) == (use["number"], use["config"])
    assert set(b.column("best", "parameter")) == set(use["config"])
    assert b["/summary/spread/n"] == len(done)


def check_spread(b):
    assert None not in (b["/summary/spread/mean"], b["/summary/spread/sd"])
    assert "mean" in b.said("trials")
    assert "sd" in b.said("trials")


def check_summary(b):
    head = b.page[: b.page.index('id="advice"')]
    assert "What to do next" in head
    assert "confirmed" in head
    assert b.said("best").startswith(
        ("Confirm", "Train longer", "Let the", "Search on", "Look into")
    )


def untold(b):
    """Whether no model of the objective is good enough to tell shares of its variance; the bundle
    says so."""
    fits = [one["quality"] for name in ("importance", "importance_every") for one in b[f"/{name}"]]
    reasons = [fit["reason"] for fit in fits if fit["reason"]]
    if not fits or len(reasons) < len(fits):
        return False
    assert any(reason in b.said("importance") for reason in reasons)
    return True


def check_ranked(b):
    shares = [float(s) for s in b.column("top_region", "importance, all") if s]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) >= len(b.names) / 2
    if not untold(b):
        assert {r["parameter"] for r in b.table("importance")} <= set(b.names)
    assert "R2" in b.said("importance") or "can't be told" in b.said("importance")


def check_associations(b):
    found = b.table("associations")
    assert {r["parameter"] for r in found} == set(b.names)
    # Exploring trials are compared at a unit that all reached, so those that were stopped count.
    counts = [int(r[n]) for r in found for n in ("n exploring", "n all")]
    assert 0 < max(counts) <= b["/summary/trials"]
    assert all(abs(float(r["strength, all"])) <= 1 for r in found if r["strength, all"])
    assert all(bool(r["q"]) is bool(r["p"]) for r in found)


def check_convergence(b):
    seen = b["/convergence"]
    assert seen["best_trial"] == b["/summary/best/number"]
    assert seen["since"] >= 0
    assert seen["gain"] is not None
    assert "rate" not in seen
    assert "efficiency" not in seen


def check_advice(b):
    found = {r["parameter"]: r for r in b.table("advice")}
    assert set(found) == set(b.names)
    assert all(r["reason"] and r["today"] and r["action"] and int(r["n"]) for r in found.values())
    for name in ("aggressive", "conservative"):
        space = Space.from_yaml(b.home / f"next_space_{name}.yaml")
        assert set(space.parameters) == set(b.study.task.space.parameters)
        listed = {s["name"]: s for s in b["/next_spaces"]}
        assert listed[name]["after"] == len(space)


def check_elites(b):
    seen = b["/elites"]
    assert seen["elite"] >= 10
    assert {p["parameter"] for p in seen["parameters"]} == set(b.names)
    assert "elite" in b.said("elites")


def check_early(b):
    assert b["/early/late"] is not None
    assert len(b["/early/ahead"]) > 0


def check_study(b):
    settings = {r["setting"]: r["value"] for r in b.table("study")}
    assert settings["sampler"] == b.study.identity["sampler"]
    assert settings["scheduler"] == b.study.identity["scheduler"]
    run = b["/runs"][0]
    assert run["info"]["versions"]["jax"]
    assert run["info"]["devices"]["count"] >= 1
    assert STAMP in b.page
    assert b["/report_command"] in b.words


def check_counts(b):
    counted = {r["status"]: int(r["trials"]) for r in b.table("counts")}
    assert sum(counted.values()) == b["/summary/trials"] == len(b.study.trials)
    assert counted["complete"] == b["/summary/spread/n"]
    phases = sum(c["phases"]["explore"] for c in b["/summary/counts"])
    assert phases == sum(t.phase == "explore" for t in b.study.trials)


def check_time(b):
    assert b["/cost/seconds"] > 0
    assert b["/cost/wall"] > 0
    assert b["/cost/per_unit"] is not None
    assert "peak memory" in b["/cost/missing"]


def check_space(b):
    found = {r["parameter"]: r for r in b.table("space")}
    assert set(found) == set(b.study.task.space.parameters)
    assert all(r["values"] for r in found.values())
    for name, domain in b.study.task.space.parameters.items():
        assert (found[name]["active when"] != "always") is bool(domain.when)


def check_top(b):
    value, _ = _common(b)
    top = b.table("top")
    assert len(top) == 10
    assert float(top[0][b.study.task.objective]) == pytest.approx(value)
    assert set(b.study.best.metrics) <= set(top[0])


def check_values(b):
    for row in b.table("elite_values"):
        assert 0 <= int(row["elite"]) <= int(row["tried"])
        assert float(row["share of tried"]) > 0


def check_groups(b):
    choices = {r["parameter"] for r in b.table("categorical_summary")}
    assert choices
    detail = b.table("categorical_detail")
    assert {r["parameter"] for r in detail} == choices
    for row in b.table("categorical_summary"):
        mean = {
            r["value"]: float(r["mean"])
            for r in detail
            # (a value that nobody completed a trial with has no mean)
            if (r["parameter"], r["over"]) == (row["parameter"], row["over"]) and r["mean"]
        }
        if not row["difference"]:
            assert len(mean) < 2
            continue
        gap = mean[row["best value"]] - mean[row["worst value"]]
        assert float(row["difference"]) == pytest.approx(gap)


def check_bounds(b):
    ends = {(r["parameter"], r["end"]) for r in b.table("bounds")}
    numbers = [p["name"] for p in b["/parameters"] if p["low"] is not None]
    assert ends == {(name, end) for name in numbers for end in ("low", "high")}


def check_evidence(b):
    for one in b["/evidence"]:
        assert one["verdict"] in ("matters", "not identifiable", "not tested")
        assert (one["q"] is None) is (one["verdict"] == "not tested")
        assert one["reason"] or one["q"] is not None


def check_anomalies(b):
    kinds = {one["kind"] for one in b["/anomalies"]}
    assert kinds or "perfect scores" in b.said("anomalies")
    assert all(one["of"] for one in b["/anomalies"])


def check_derived(b):
    found = {r["quantity"]: float(r["of the best"]) for r in b.table("derived")}
    assert set(found) == {"ce_weight", "focal_weight", "qwk_weight"}
    assert sum(found.values()) == pytest.approx(1.0)


def check_confirmed(b):
    fresh = b.table("confirmed")
    assert all(int(r["n fresh"]) >= 3 for r in fresh)
    assert b["/confirmation/status"] == "confirmed"
    assert b["/confirmation/best/number"] == b["/summary/best/number"]
    assert "Confirmed" in b.said("best")
    means = {int(r["trial"]): float(r["mean"]) for r in fresh}
    best = (max if b.study.task.maximize else min)(means, key=means.__getitem__)
    assert b["/chosen/row/number"] == b["/confirmation/winner"] == best


def check_boolean(b):
    flags = [p["name"] for p in b["/parameters"] if p["kind"] == "bool"]
    assert b.column("boolean", "parameter") != []
    assert set(b.column("boolean", "parameter")) == set(flags)


def check_baseline(b):
    found = {r["quantity"]: r for r in b.table("baseline")}
    assert {*b.study.best.metrics, "seconds", "units"} <= set(found)
    assert b["/baseline/numbers"] == [0]
    assert float(found["score"]["baseline"]) == pytest.approx(b.study.trials[0].metrics["score"])
    assert float(found["parameters"]["baseline"]) > 0


def check_progress(b):
    seen = b["/progress"]
    assert seen["number"] == [t.number for t in b.study.trials if t.status == "complete"]
    assert any(a is not None for a in seen["average"])
    assert set(seen["phase"]) <= {"explore", "model", "given"}


def check_interactions(b):
    said = b.said("interactions")
    assert "neither" in said or "chance gives" in said or "can't be told" in said


def check_notes(b):
    notes = re.findall(r'<p class="note">', b.page)
    captions = re.findall(r"</h3><p>([^<]+)</p>", b.page)
    assert len(notes) >= 5
    assert all(captions)


def check_empirical(b):
    from jaxhpo.space.yaml_text import loaded

    ranges = loaded((b.home / "empirical_ranges.yaml").read_text("utf-8"))
    for name, seen in ranges.items():
        ended = [t.config for t in b.study.trials if t.status == "complete"]
        values = [config[name] for config in ended if name in config]
        assert seen["n"] == len(values)
        if "low" in seen:
            assert (seen["low"], seen["high"]) == pytest.approx((min(values), max(values)))


def check_log(b):
    log = (b.home / "full.log").read_text("utf-8")
    said = [line["text"] for lines in b["/sentences"].values() for line in lines]
    assert all(text in log for text in said)


def check_pictures(b):
    pictures = [name for name in b["/files"] if name.endswith(".png")]
    assert len(pictures) >= 5
    assert all(name in b.markdown for name in pictures)


def check_folds(b):
    assert b["/replicates/members"] == 3
    assert b["/replicates/source"] == "members"
    assert b["/replicates/sd/value"] > 0
    assert "3 members" in b.said("trials")


def check_scores(b):
    assert {"accuracy", "train_accuracy"} <= b.columns("top")
    assert b["/test/metrics/accuracy"] is not None
    assert "test accuracy" in b.columns("confirmed")


def check_near(b):
    near, best = b["/convergence/near_trial"], b["/convergence/best_trial"]
    assert near <= best
    assert f"trial {near}" in b.said("course")


def check_worked(b):
    check_groups(b)
    check_evidence(b)
    assert b.said("elites")


def check_possible(b):
    assert b["/coverage/tried"] == len({repr(t.config) for t in b.study.trials}) == 50
    assert b["/coverage/possible"] == 1_492_992
    assert "50 of 1,492,992 possible configurations" in b.said("trials")


def check_percentile(b):
    values = [t.metrics["qwk"] for t in b.study.trials]
    assert b["/summary/spread/ninety_five"] == pytest.approx(np.quantile(values, 0.95))
    assert "95th percentile" in b.said("trials")


def check_chance(b):
    assert b["/chance/level"] == pytest.approx(1 / 9)
    assert b["/chance/above"] == pytest.approx(b["/summary/best/value"] - 1 / 9)
    assert "chance, which is 0.11111" in b.said("best")


def check_significance(b):
    check_evidence(b)
    check_confirmed(b)
    assert {"from", "to", "n fresh"} <= b.columns("confirmed")
    assert {"n baseline", "n best"} <= b.columns("baseline")


def check_actions(b):
    check_summary(b)
    assert "jaxhpo confirm" in b.said("best") or b["/confirmation/status"] == "confirmed"


def check_documented(b):
    """Nothing in the bundle: the row itself says so, or names a command that has its own tests."""
    assert lint(b.home) == []


def check_expected(b):
    assert [e["k"] for e in b["/convergence/expected"]][:3] == [1, 2, 4]
    check_early(b)


CHECKS = {
    "000": {
        "executive summary": check_summary,
        "best value, trial number, configuration": check_best,
        "mean and sd": check_spread,
        "converging or not": check_convergence,
        "moving average and its phases": check_progress,
        "final improvement": check_convergence,
        "how often the best value recurs": lambda b: b["/convergence/recurrence"] >= 1,
        "ranked importances": check_ranked,
        "correlations of parameters with the metric": check_associations,
        "relations between parameters": check_interactions,
        "focus region": check_elites,
        "more epochs": lambda b: (check_early(b), check_bounds(b)),
        "replicate seeds": check_actions,
        "early stopping": check_early,
        "refined bounds or choices and scale per parameter, each with its reason": check_advice,
        "anomalies: perfect score, leakage, evaluated on training data, trivial data": (
            check_anomalies
        ),
    },
    "001": {
        "model, data set, time": check_study,
        "total and successful trials": check_counts,
        "best, mean, sd": lambda b: (check_best(b), check_spread(b)),
        "total time": check_time,
        "best parameters": check_best,
        "importance in %": check_ranked,
        "signed correlations": check_associations,
        "convergence trial, improvement rate, efficiency": check_convergence,
        "score range, exploration ratio": check_counts,
        "95th percentile": check_percentile,
        "performance, parameter patterns": check_elites,
        "derived parameters (softmax of loss-weight logits)": check_derived,
        "actions": check_actions,
        "next steps: budget, epochs that grow with performance, schedulers": check_expected,
        "additions to the space": check_bounds,
        "two PNG figures": check_pictures,
    },
    "002": {
        "header: study, date, trials, database, directory": check_study,
        "elite composition": check_values,
        "group means, absolute and relative difference": check_groups,
        "ranked correlations with direction": check_associations,
        "continuous table: rho, p, trend, advice": lambda b: (
            check_associations(b),
            check_advice(b),
        ),
        "boolean table": check_boolean,
        "categorical table: best, worst, difference": check_groups,
        "next space as YAML: fixed, narrowed, expanded": check_advice,
        "today's range beside the elite range": check_elites,
        "dropped choices": check_advice,
        "how far the space shrinks": check_advice,
        "options A (aggressive) and B (conservative), complete files": check_advice,
        "significance tiers": check_evidence,
        "warnings: failed branch, boundary hits, low score against chance": lambda b: (
            check_anomalies(b),
            check_values(b),
            check_bounds(b),
            check_chance(b),
        ),
        "importance HTML": lambda b: 'id="importance"' in b.page,
        "four directionality CSVs": lambda b: (
            check_associations(b),
            check_boolean(b),
            check_groups(b),
        ),
        "empirical ranges YAML": check_empirical,
        "refined space YAML": check_advice,
        "three contour CSVs": check_interactions,
        "full log": check_log,
        "actions by horizon": check_actions,
        "comparison of two versions": check_documented,
        "appendix: completed, failed, pruned; coverage of branches; compute": lambda b: (
            check_counts(b),
            check_values(b),
            check_time(b),
        ),
        "methods and limits": check_notes,
        "commands that reproduce it": check_study,
    },
    "003": {
        "architecture": check_space,
        "space with ranges": check_space,
        "sampler, pruner, parallelism": lambda b: (check_study(b), b["/cost/parallel"] > 0),
        "cross-validation": check_folds,
        "trials, convergence trial, hours": lambda b: (
            check_counts(b),
            check_near(b),
            check_time(b),
        ),
        "best configuration": check_best,
        "train, validation and test scores": check_scores,
        "epoch time": check_time,
        "peak memory": check_time,
        "stability over seeds": lambda b: (check_confirmed(b), check_folds(b)),
        "software versions, hardware": check_study,
    },
    "004": {
        "configurations tested, of how many possible": check_possible,
        "baseline against tuned over many metrics, size and training time": check_baseline,
        "winning configuration with reasons": check_best,
        "top 10 with combined score, metrics, size, speed": check_top,
        "what worked, what did not, surprises": check_worked,
        "model artifact saved": check_documented,
        "significance": check_significance,
    },
}


def _every_row_holds_what_it_says(seed, found):
    assert list(CHECKS[seed.name]) == list(rows()[seed.name])
    for what, check in CHECKS[seed.name].items():
        try:
            assert check(found) is not False, what
        except (AssertionError, KeyError, IndexError) as error:
            raise AssertionError(f"{seed.name}, {what}: {error!r}") from error


# One test, for the search is the dearest of the suite and must not be made by every worker.
@pytest.mark.slow
@pytest.mark.parametrize("name", list(studies.SEEDS))
def test_the_report_of_a_seed_holds_what_its_rows_say(made, name):
    seed, found = made(name)
    _every_file_that_is_named_is_there(seed, found)
    _every_section_and_figure_that_is_named_is_there(seed, found)
    _every_row_holds_what_it_says(seed, found)
    assert lint(found.home) == []
