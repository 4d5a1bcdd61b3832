"""Trial records as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxhpo.space import Bool, Choice, Float, Int, Space
from jaxhpo.table import TIMING, count, curve_table, ended, trials_table
from jaxhpo.trial import Phase, Status, Trial

SPACE = Space(
    kind=Choice(["a", "b"]),
    lr=Float(0.0, 1.0),
    depth=Int(1, 9),
    on=Bool(),
    inner=Float(0.0, 1.0, when={"kind": "b"}),
    wide=Int(1, 9, when={"kind": "b"}),
    flag=Bool(when={"kind": "b"}),
    shape=Choice([(8,), (8, 8)]),
    size=Choice([16, 32]),
    mixed=Choice([1, 0.5]),
    odd=Choice([None, 1, "one"]),
    big=Choice([1, 2**65], static=True),
    constant=7,
)
ALWAYS = {"lr": 0.5, "depth": 2, "on": True, "shape": (8, 8), "size": 16, "mixed": 1, "odd": None}
A = {"kind": "a", **ALWAYS, "big": 2**65, "constant": 7}
B = {**A, "kind": "b", "inner": 0.25, "wide": 3, "flag": False}
TYPES = {
    "lr": np.float64,
    "depth": np.int64,
    "on": np.bool_,
    "inner": np.float64,
    "size": np.int64,
    "mixed": np.float64,
    "constant": np.int64,
}


def trial(number: int, config=A, status: Status = Status.COMPLETE, curves=None, **change) -> Trial:
    curves = {"score": [0.5, 0.25]} if curves is None else curves
    scored = {"loss": -0.25, "metrics": {"score": 0.25, "other": 1.0}} if status.scored else {}
    return Trial(
        number=number,
        config=config,
        point=np.zeros(len(SPACE), np.float32),
        phase=Phase.MODEL,
        known=number,
        budget=4,
        status=status,
        units=2,
        curves={name: np.array(curve, np.float32) for name, curve in curves.items()},
        **{**scored, **change},
    )


def table(trials, maximize: bool = True) -> pd.DataFrame:
    return trials_table(trials, space=SPACE, objective="score", maximize=maximize)


def test_a_row_a_trial():
    found = table([trial(3), trial(5, B, Status.DIVERGED, error="x", attempts=2, started=1.5)])
    assert found.index.name == "number"
    assert list(found.index) == [3, 5]
    assert list(found["status"]) == ["complete", "diverged"]
    assert list(found["phase"]) == ["model", "model"]
    assert list(found["known"]) == [3, 5]
    np.testing.assert_array_equal(found["value"], [0.25, np.nan])
    np.testing.assert_array_equal(found["loss"], [-0.25, np.nan])
    np.testing.assert_array_equal(found["metric.other"], [1.0, np.nan])
    np.testing.assert_array_equal(found["started"], [np.nan, 1.5])
    assert list(found["attempts"]) == [0, 2]
    assert list(found["error"])[1] == "x"
    assert found["error"].isna().tolist() == [True, False]


def test_values_are_in_the_users_direction():
    rows = [trial(0, loss=-0.0), trial(1, loss=0.0), trial(2, loss=1.5)]
    up, down = table(rows)["value"], table(rows, maximize=False)["value"]
    assert up.tolist() == [0, 0, -1.5]
    assert down.tolist() == [0, 0, 1.5]
    for column in (up, down, table(rows)["loss"]):
        assert not np.signbit(column.to_numpy()[:2]).any()  # 0.0 and -0.0 are one value


def test_parameters_have_the_types_of_their_domains():
    for trials in ([trial(0), trial(1)], [trial(0), trial(1, B)], []):
        found = table(trials)
        for name, dtype in TYPES.items():
            assert found[f"param.{name}"].dtype == dtype, name
        for name in ("kind", "shape", "odd"):
            assert found[f"param.{name}"].dtype == object, name
    found = table([trial(0), trial(1, B)])
    np.testing.assert_array_equal(found["param.inner"], [np.nan, 0.25])
    assert found["param.wide"].tolist() == [None, 3]
    assert found["param.flag"].tolist() == [None, False]
    assert found["param.shape"].tolist() == [(8, 8), (8, 8)]
    assert found["param.odd"].tolist() == [None, None]
    assert found["param.big"].tolist() == [2**65, 2**65]
    always = table([trial(0, B), trial(1, B)])
    assert always["param.wide"].dtype == np.int64
    assert always["param.flag"].dtype == np.bool_


def test_a_study_without_trials_has_all_columns():
    empty, full = table([]), table([trial(0)])
    assert len(empty) == 0
    assert set(full) - set(empty) == {"metric.other"}
    same = [name for name in empty if not name.startswith("param.")]
    assert {n: empty[n].dtype for n in same} == {n: full[n].dtype for n in same}
    assert empty.index.dtype == full.index.dtype == np.int64
    assert list(full)[-5:] == [*TIMING, "error"]


def test_curves_a_row_a_unit():
    rows = [
        trial(0, curves={"score": [0.5, 0.25], "loss": [1.0, 2.0]}),
        trial(1, curves={"score": [0.75]}),
        trial(2, status=Status.FAILED, curves={}),
        trial(3, status=Status.RUNNING),
        trial(4, curves={"score": [np.nan], "loss": [3.0, 4.0]}),
    ]
    found = curve_table(rows)
    assert list(found) == ["number", "unit", "loss", "score"]
    assert found["number"].tolist() == [0, 0, 1, 4, 4]
    assert found["unit"].tolist() == [1, 2, 1, 1, 2]
    np.testing.assert_array_equal(found["loss"], np.float32([1, 2, np.nan, 3, 4]))
    np.testing.assert_array_equal(found["score"], np.float32([0.5, 0.25, 0.75, np.nan, np.nan]))
    assert found["loss"].dtype == np.float32
    assert list(curve_table([])) == ["number", "unit"]
    assert curve_table([]).dtypes.tolist() == [np.int64, np.int64]


@pytest.mark.parametrize("status", Status)
def test_counts(status):
    rows = [trial(0, status=status), trial(1, status=Status.STOPPED)]
    assert count(rows)[Status.STOPPED] == (2 if status is Status.STOPPED else 1)
    assert set(count(rows)) == set(Status)
    assert sum(count(rows).values()) == 2
    over = status not in (Status.WAITING, Status.RUNNING)
    assert [t.number for t in ended(rows)] == ([0, 1] if over else [1])
