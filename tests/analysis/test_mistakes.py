"""What reports written by hand got wrong, each with the tests that it can't come back by.

`MISTAKES` is the table; that the tests are there is itself tested. Those that have no better place
follow below.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from made import drawn, table_of

from jaxhpo.analysis import Options, analysed_table, associations
from jaxhpo.report.markdown import markdown
from jaxhpo.report.report import report
from jaxhpo.space import Choice, Float, Space

TESTS = Path(__file__).parents[1]
OPTIONS = Options(resamples=20)
HERE = "analysis/test_mistakes.py"

MISTAKES = {
    "importance that is abs(correlation), or made to sum to 1 on noise": (
        "analysis/test_importance.py::test_noise_is_unknown_and_says_why",
        "analysis/test_shares.py::test_intervals_hold_the_shares_of_a_sum_and_noise",
        f"{HERE}::test_shares_are_never_made_to_sum_to_one",
    ),
    "parameters called strongly correlated after an adaptive search": (
        "analysis/test_analysis.py::"
        "test_associations_equal_scipy_and_are_tested_on_exploring_trials_only",
        "analysis/test_top_region.py::test_adaptive_trials_are_described_and_not_tested",
        "analysis/test_importance.py::test_adaptive_trials_are_descriptive",
        "analysis/test_calibration.py::test_of_noise_at_most_one_study_in_twenty_is_told_anything",
        f"{HERE}::test_a_line_in_adaptive_trials_is_no_evidence",
    ),
    "p-values of those whom a scheduler let live": (
        "analysis/test_survivors.py::"
        "test_survivors_are_not_tested_but_all_trials_at_the_unit_that_all_reached",
        "analysis/test_survivors.py::test_without_curves_nothing_is_tested",
    ),
    "advice on p > 0.1, without correction": (
        "analysis/test_advice.py::test_no_advice_contradicts_itself_or_its_evidence",
        "analysis/test_elites.py::test_evidence_is_one_verdict_of_two_tests",
        f"{HERE}::test_what_is_clear_alone_is_not_clear_among_twenty",
    ),
    "parameters measured on 20, 15 and 5 trials ranked in one list": (
        f"{HERE}::test_a_perfect_line_through_five_trials_is_not_ranked_with_what_was_tested",
        "analysis/test_analysis.py::"
        "test_with_few_exploring_trials_nothing_is_tested_and_the_reason_is_said",
    ),
    "all of the elite use a value, without how often it was tried": (
        "analysis/test_elites.py::test_all_elites_of_a_common_value_are_no_evidence",
        "analysis/test_elites.py::test_over_representation_is_fisher_against_the_base_rate",
    ),
    "two convergence trials, two improvement rates": (
        "analysis/test_course.py::test_one_definition_a_name",
        "report/test_lint.py::test_two_values_under_one_name",
    ),
    "near the upper bound at 47 % of the range; raw units for log parameters": (
        "analysis/test_elites.py::test_positions_are_judged_on_the_scale_that_is_searched",
        "analysis/test_analysis.py::test_places_are_judged_on_the_scale_that_is_searched",
        f"{HERE}::test_the_middle_of_a_range_is_at_no_bound",
    ),
    "fixed and explored beyond at once; narrowed at a bound": (
        "analysis/test_advice.py::test_nothing_is_fixed_at_a_bound",
        "analysis/test_advice.py::test_where_the_best_lie_at_a_bound_that_end_is_not_cut",
        "report/test_lint.py::test_advice_that_contradicts_itself_or_its_file",
        "report/test_lint.py::test_two_kinds_of_advice_for_one_parameter",
    ),
    "the best score taken at face value": (
        "analysis/test_course.py::test_shrinkage_takes_back_what_noise_gave",
        "analysis/test_course.py::"
        "test_without_fresh_trials_the_best_is_unconfirmed_and_the_reason_is_said",
        "report/test_report.py::test_fresh_seeds_decide_whether_the_best_is_confirmed",
    ),
    "highly significant with no test named; gains forecast from nothing": (
        f"{HERE}::test_a_report_names_its_tests_and_forecasts_no_gain",
        "report/test_lint.py::test_a_claim_without_n",
    ),
    "a baseline that was never tuned, beaten by one trial of each": (
        "analysis/test_baseline.py::test_single_trials_have_no_interval",
        "analysis/test_baseline.py::test_what_is_not_there_is_said",
    ),
    "inactive trials of a conditional parameter counted as if they had a value": (
        "analysis/test_analysis.py::test_a_conditional_parameter_counts_only_where_it_was_active",
        "analysis/test_elites.py::test_a_conditional_parameter_counts_where_it_was_active",
        "analysis/test_diverged.py::test_a_conditional_parameter_counts_only_where_it_was_active",
        "analysis/test_importance.py::test_each_branch_of_a_conditional_space_is_apart",
        "analysis/test_top_region.py::test_equals_optuna_also_for_conditional_parameters",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_tests_are_there(mistake):
    for place in MISTAKES[mistake]:
        file, name = place.split("::")
        assert re.search(rf"^def {name}\(", (TESTS / file).read_text("utf-8"), re.M), place


def analysed(table, space):
    return analysed_table(table, space, objective="score", maximize=False, options=OPTIONS)


def test_shares_are_never_made_to_sum_to_one():
    """Half of the variance is noise: the totals hold about the other half."""
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0), z=Float(0.0, 1.0))
    sd = math.sqrt(5 / 12)
    table = drawn(space, lambda c: 2 * c["x"] + c["y"], 300, noise=sd)
    (found,) = analysed(table, space).importance
    assert 0.3 < sum(p.total.value for p in found.parameters) < 0.65
    assert found.quality.r2 < 0.6


def test_a_line_in_adaptive_trials_is_no_evidence():
    """A sampler that walks downhill makes its own line: no verdict, no advice to cut."""
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    walk = [{"x": 0.9 - 0.008 * i, "y": 0.2 + 0.008 * i} for i in range(100)]
    found = analysed(table_of(space, walk, [1 - 0.01 * i for i in range(100)], explore=0), space)
    assert all(a.every.strength is not None for a in found.associations)
    assert {a.p for a in found.associations} == {None}
    assert {e.verdict for e in found.evidence} == {"not tested"}
    assert not {a.action for a in found.advice} & {"narrow", "drop", "fix", "move"}


def test_what_is_clear_alone_is_not_clear_among_twenty():
    """Of twenty parameters that do nothing the clearest has a small p, and no verdict for it."""
    space = Space(**{f"x{i}": Float(0.0, 1.0) for i in range(20)})
    smallest = []
    for seed in range(10):
        table = drawn(space, lambda c: 0.0, 60, seed=seed, noise=1.0)
        found = associations(table, space)
        smallest.append(min(a.p for a in found))
        assert all(a.q >= a.p for a in found)
        assert all(a.verdict == "not identifiable" for a in found if a.q > 0.05)
    assert np.median(smallest) < 0.06  # alone, each of those would have been believed


def test_a_perfect_line_through_five_trials_is_not_ranked_with_what_was_tested():
    space = Space(
        kind=Choice(["cnn", "mlp"]), lr=Float(0.0, 1.0), rate=Float(0.0, 1.0, when={"kind": "cnn"})
    )
    rng = np.random.default_rng(0)
    configs, values = [], []
    for i in range(40):
        lr = float(rng.random())
        config = {"kind": "cnn" if i < 5 else "mlp", "lr": lr}
        values.append(lr + 0.3 * rng.normal())
        configs.append({**config, "rate": (values[-1] + 2) / 5} if i < 5 else config)
    found = associations(table_of(space, configs, values), space)
    by = {a.parameter: a for a in found}
    assert abs(by["rate"].independent.strength) == pytest.approx(1.0)
    assert (by["rate"].independent.n, by["rate"].p, by["rate"].verdict) == (5, None, "not tested")
    assert found[-1].parameter == "rate"
    assert by["lr"].independent.n == 40


def test_the_middle_of_a_range_is_at_no_bound():
    """47 % of the range is not near its upper bound."""
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    found = analysed(drawn(space, lambda c: (c["x"] - 0.47) ** 2, 120), space)
    ends = [b for b in found.bounds if b.parameter == "x"]
    assert not any(b.best or b.expand for b in ends)
    (said,) = [a for a in found.advice if a.parameter == "x"]
    assert "bound" not in said.reason


def test_a_report_names_its_tests_and_forecasts_no_gain():
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0), k=Choice(["a", "b"]))
    table = drawn(space, lambda c: 3 * c["x"] + (c["k"] == "a"), 120, noise=0.3)
    text = markdown(report(analysed(table, space), "now"))
    assert "matters: q" in text
    assert "Benjamini and Hochberg" in text
    for word in ("significan", "highly", "strongly", "expected improvement", "will improve"):
        assert word not in text.lower(), word
    for line in text.splitlines():
        if re.search(r"\b[pq] = ", line) and line.startswith("- "):
            assert re.search(r"n = |over \d+|of \d+", line), line
