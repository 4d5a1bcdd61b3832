"""Exported files: the same bytes for the same study, and types that other tools understand."""

from __future__ import annotations

import dataclasses
import random
import sys

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from jaxhpo.space import Bool, Choice, Float, Int, Space
from jaxhpo.store.export import export
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.store.records import open_records
from jaxhpo.trial import Phase, Status, Trial

SPACE = Space(
    kind=Choice(["sgd", "adam", "a,b\n'c'"]),
    lr=Float(1e-4, 0.1, log=True),
    momentum=Float(0.0, 1.0, when={"kind": "sgd"}),
    nesterov=Bool(when={"kind": "sgd"}),
    layers=Int(1, 4, when={"kind": "sgd"}),
    hidden=Choice([(64,), (64, (32,)), None]),
    amount=Choice([1, 2.5]),
    huge=Choice([2**70, 1], static=True),
    never=Int(0, 3, when={"kind": "a,b\n'c'"}),
    fixed="x",
)
IDENTITY = {"space": SPACE.to_dict(), "task": {"objective": "score", "maximize": True}}


def trials() -> list[Trial]:
    common = {"lr": 0.1 / 3, "amount": 1, "fixed": "x"}
    sgd = {"kind": "sgd", "momentum": 0.9, "nesterov": True, "layers": 3, "hidden": (64, (32,))}
    adam = {"kind": "adam", "hidden": None}
    made = []
    for number in range(6):
        chosen = {**(sgd if number % 2 else adam), **common, "huge": 2**70 if number else 1}
        curve = np.array([0.1, 0.7, 1 / 3], np.float32)
        made.append(
            Trial(
                number=number,
                config=chosen,
                point=np.zeros(len(SPACE), np.float32),
                phase=Phase.EXPLORE,
                known=0,
                budget=3,
                status=Status.COMPLETE,
                units=3,
                loss=-float(curve[-1]),
                metrics={"score": float(curve[-1])},
                curves={"score": curve},
                attempts=1,
                started=1.0,
                finished=2.0,
                seconds=0.5,
            )
        )
    made[3] = dataclasses.replace(
        made[3], status=Status.FAILED, loss=None, metrics={}, curves={}, units=0, error="a\ud800\nb"
    )
    made[4] = dataclasses.replace(made[4], status=Status.RUNNING, loss=None, curves={}, metrics={})
    return made


def memory(rows) -> MemoryRecords:
    records = MemoryRecords(IDENTITY)
    records.write(rows)
    return records


def read(files) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files}


def test_the_same_study_gives_the_same_bytes(tmp_path):
    once = read(export(memory(trials()), tmp_path / "once"))
    other = [
        dataclasses.replace(t, attempts=3, started=9.0, finished=11.0, seconds=0.1)
        for t in trials()
    ]
    random.Random(0).shuffle(other)
    with open_records(tmp_path / "study", IDENTITY) as records:
        for row in other:
            records.write([dataclasses.replace(row, status=Status.WAITING, curves={})])
            records.write([row])
        again = read(export(records, tmp_path / "again"))
    assert set(once) == {
        *("trials.csv", "trials.parquet", "curves.csv", "curves.parquet"),
        "timings.csv",
    }
    differ = {name for name, content in once.items() if content != again[name]}
    assert differ == {"timings.csv"}
    assert read(export(memory(trials()), tmp_path / "once")) == once  # files are replaced
    assert len(list((tmp_path / "once").iterdir())) == 5


def test_csv_holds_every_value_in_full(tmp_path):
    export(memory(trials()), tmp_path)
    text = (tmp_path / "trials.csv").read_bytes().decode("utf-8")
    assert "\r" not in text
    table = pd.read_csv(tmp_path / "trials.csv", keep_default_na=False, dtype=str)
    assert list(table["number"]) == list("01235")  # the one in training is not there
    assert list(table["param.lr"]) == [repr(0.1 / 3)] * 5
    assert list(table["param.hidden"]) == ["None", "(64, (32,))"] * 2 + ["(64, (32,))"]
    assert list(table["param.layers"]) == ["", "3", "", "3", "3"]
    assert list(table["param.nesterov"]) == ["", "True", "", "True", "True"]
    assert list(table["param.huge"]) == ["1", *[str(2**70)] * 4]
    assert list(table["param.never"]) == [""] * 5
    assert table["error"][3] == "a\\ud800\nb"
    assert table["value"][0] == str(float(np.float32(1 / 3)))
    assert not {"attempts", "started", "finished", "seconds"} & set(table)
    curves = (tmp_path / "curves.csv").read_text().splitlines()
    assert curves[:4] == ["number,unit,score", "0,1,0.1", "0,2,0.7", "0,3,0.33333334"]
    assert len(curves) == 1 + 4 * 3
    timings = pd.read_csv(tmp_path / "timings.csv")
    assert list(timings) == ["number", "attempts", "started", "finished", "seconds"]


def test_parquet_keeps_types_and_says_nothing_of_itself(tmp_path):
    export(memory(trials()), tmp_path)
    found = parquet.read_table(tmp_path / "trials.parquet")
    types = {field.name: str(field.type) for field in found.schema}
    assert found.schema.metadata is None
    assert types["number"] == types["param.layers"] == "int64"
    assert types["param.lr"] == types["param.momentum"] == types["param.amount"] == "double"
    assert types["param.nesterov"] == "bool"
    assert types["param.hidden"] == types["param.kind"] == types["error"] == "string"
    assert found["param.layers"].to_pylist() == [None, 3, None, 3, 3]
    assert found["param.nesterov"].to_pylist() == [None, True, None, True, True]
    assert found["param.momentum"].to_pylist() == [None, 0.9, None, 0.9, 0.9]
    curves = parquet.read_table(tmp_path / "curves.parquet")
    assert [str(field.type) for field in curves.schema] == ["int64", "int64", "float"]


def test_a_study_without_trials_has_all_columns(tmp_path):
    full = {f.name: f for f in export(memory(trials()), tmp_path / "full")}
    for path in export(memory([]), tmp_path / "empty"):
        if path.suffix == ".csv" and path.stem != "curves":  # no metric is known yet
            head = full[path.name].read_text().splitlines()[0]
            assert path.read_text().splitlines() == [head]
    assert parquet.read_table(tmp_path / "empty" / "trials.parquet").num_rows == 0


def test_without_pyarrow_the_csv_files_are_there_and_it_is_said_what_to_install(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'Parquet files need: pip install "jaxhpo\[store\]"'):
        export(memory(trials()), tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"trials.csv", "curves.csv", "timings.csv"}


def test_a_file_is_whole_or_as_before(tmp_path, monkeypatch):
    export(memory(trials()), tmp_path)
    before = read(tmp_path.iterdir())

    def full(self, path, **_):
        path.write_text("half")
        raise OSError("no space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match="no space left"):
        export(memory([]), tmp_path)
    assert read(tmp_path.iterdir()) == before
