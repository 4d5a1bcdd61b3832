"""Records survive what happens to processes and files."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhpo.store import codec
from jaxhpo.store.errors import (
    StudyInUse,
    StudyMismatch,
    StudyNotFound,
    StudyUnreadable,
    StudyWriteError,
)
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.store.records import open_records, stored_identity
from jaxhpo.trial import Phase, Status, Trial

IDENTITY = {"seed": 0, "space": {"lr": {"low": 0.1, "high": 1.0}}, "sampler": "tpe"}


def trial(number: int, **change) -> Trial:
    made = Trial(
        number=number,
        config={"lr": 0.1 + number, "hidden": (64, (32,)), "act": "re|lu", "on": True, "n": None},
        point=np.array([0.25, 1 / 3], np.float32),
        phase=Phase.MODEL,
        known=number // 2,
        budget=3,
        status=Status.COMPLETE,
        units=3,
        loss=-0.1 / 3,
        metrics={"accuracy": 0.1 / 3, "odd": float("nan")},
        curves={"accuracy": np.array([0.1, np.nan, np.inf], np.float32)},
        attempts=1,
        started=1.5,
        finished=2.5,
        seconds=0.25,
    )
    return dataclasses.replace(made, **change)


def same(a: Trial, b: Trial) -> bool:
    np.testing.assert_array_equal(a.point, b.point)
    assert a.curves.keys() == b.curves.keys()
    for name, curve in a.curves.items():
        assert np.asarray(curve, np.float32).tobytes() == b.curves[name].tobytes()
    plain = [dataclasses.replace(t, point=None, curves={}, metrics={}) for t in (a, b)]  # type: ignore[arg-type]
    assert plain[0] == plain[1]
    assert repr(dict(a.metrics)) == repr(dict(b.metrics))
    assert {k: type(v) for k, v in a.config.items()} == {k: type(v) for k, v in b.config.items()}
    return True


@pytest.fixture(params=["sqlite", "memory"])
def records(request, tmp_path):
    if request.param == "memory":
        yield MemoryRecords(IDENTITY)
        return
    with open_records(tmp_path, IDENTITY) as opened:
        yield opened


def test_trials_come_back_as_they_were_in_number_order(records):
    rows = [trial(2), trial(0, loss=None, status=Status.DIVERGED, curves={}), trial(1, error="é")]
    records.write(rows)
    found = records.trials()
    assert [t.number for t in found] == [0, 1, 2]
    assert all(same(t, rows[i]) for t, i in zip(found, (1, 2, 0), strict=True))


def test_writing_again_replaces_the_row_and_its_curves(records):
    records.write([trial(0), trial(1)])
    records.write([trial(0, units=1, curves={"loss": np.ones(1, np.float32)})])
    found = records.trials()
    assert [t.units for t in found] == [1, 3]
    assert list(found[0].curves) == ["loss"]
    records.write([])


def test_facts_and_sessions(records):
    records.put_fact("test", {"accuracy": 0.5, "shape": (1, 2)})
    records.put_fact("test", {"accuracy": 0.75})
    assert records.facts() == {"test": {"accuracy": 0.75}}
    first = records.begin_session({"device": "cpu"})
    second = records.begin_session({})
    records.end_session(second, "complete")
    one, two = records.sessions()
    assert (one["how"], one["ended"], one["info"]) == (None, None, {"device": "cpu"})
    assert two["how"] == "complete"
    assert two["ended"] >= two["started"] >= one["started"] > 0
    assert first != second


def test_what_is_written_is_there_for_the_next_process(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(0)])
    with open_records(tmp_path, IDENTITY) as again:
        assert same(again.trials()[0], trial(0))
    assert stored_identity(tmp_path) == IDENTITY
    assert stored_identity(tmp_path / "other") is None
    with open_records(f"sqlite:///{tmp_path / 'study.db'}") as by_url:
        assert len(by_url.trials()) == 1


def test_every_difference_to_another_study_is_named(tmp_path):
    open_records(tmp_path, IDENTITY).close()
    other = {"seed": 1, "space": {"lr": {"low": 0.1, "high": 2.0}, "x": 3}, "sampler": "tpe"}
    with pytest.raises(StudyMismatch) as caught:
        open_records(tmp_path, other)
    said = str(caught.value)
    assert "seed: the study has 0, this run has 1" in said
    assert "space.lr.high: the study has 1.0, this run has 2.0" in said
    assert "space.x: the study has none, this run has 3" in said
    assert "sampler" not in said
    assert "another workdir" in said
    open_records(tmp_path, IDENTITY).close()  # the refusal let go of the lock


def test_the_second_writer_is_refused_and_readers_are_not(tmp_path):
    with open_records(tmp_path, IDENTITY) as first:
        first.write([trial(0)])
        with pytest.raises(StudyInUse, match=f"in use by process {os.getpid()}"):
            open_records(tmp_path, IDENTITY)
        with open_records(tmp_path, read_only=True) as reader:
            first.write([trial(1)])
            assert len(reader.trials()) == 2
    open_records(tmp_path, IDENTITY).close()


WRITER = """
import sys, numpy as np
sys.path.insert(0, {tests!r})
from test_records import IDENTITY, trial
from jaxhpo.store.records import open_records
records = open_records({where!r}, IDENTITY)
for start in range(0, 10_000, 5):
    records.write([trial(n) for n in range(start, start + 5)])
    print(start + 5, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 23])
def test_kill_9_loses_nothing_that_was_recorded(tmp_path, after):
    code = WRITER.format(tests=os.path.dirname(__file__), where=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    told = 0
    assert process.stdout is not None
    for _ in range(after):
        told = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with open_records(tmp_path, IDENTITY) as again:  # the lock died with the process
        numbers = [t.number for t in again.trials()]
    assert len(numbers) >= told > 0
    assert numbers == list(range(len(numbers)))
    assert len(numbers) % 5 == 0  # whole transactions only


def test_a_failed_write_says_so_and_keeps_what_was_there(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(0)])
        with opened._engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")  # as on a full disk
        with pytest.raises(StudyWriteError, match=r"can't write to .*full.*is safe"):
            opened.write([trial(n) for n in range(1, 5000)])
        assert [t.number for t in opened.trials()] == [0]


def test_what_is_no_study_is_said_so(tmp_path):
    with pytest.raises(StudyNotFound, match="no study in"):
        open_records(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(ValueError, match="it is a file"):
        open_records(file, IDENTITY)
    with pytest.raises(ValueError, match="SQLite"):
        open_records("postgresql://host/db", IDENTITY)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "study.db").write_bytes(b"this is no database" * 100)
    for arguments in ({"identity": IDENTITY}, {"read_only": True}):
        with pytest.raises(StudyUnreadable, match="not a database"):
            open_records(tmp_path / "bad", **arguments)
    (tmp_path / "foreign").mkdir()
    with sqlite3.connect(tmp_path / "foreign" / "study.db") as foreign:
        foreign.execute("create table something (x)")
    foreign.close()
    with pytest.raises(StudyUnreadable, match="not of a jaxhpo study"):
        open_records(tmp_path / "foreign", IDENTITY)


def test_a_newer_file_is_refused(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened, opened._engine.begin() as connection:
        connection.exec_driver_sql("update study set schema_version = 99")
    with pytest.raises(StudyUnreadable, match=r"newer jaxhpo \(schema 99"):
        open_records(tmp_path, IDENTITY)


def test_a_directory_without_the_right_to_write_can_be_read(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        opened.write([trial(0)])
    for extra in ("study.db-wal", "study.db-shm", "study.lock"):
        (tmp_path / extra).unlink(missing_ok=True)
    tmp_path.chmod(0o555)
    try:
        with open_records(tmp_path, read_only=True) as reader:
            assert len(reader.trials()) == 1
    finally:
        tmp_path.chmod(0o755)


def test_many_trials_are_written_in_one_go(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        began = time.perf_counter()
        opened.write([trial(n) for n in range(2000)])
        assert time.perf_counter() - began < 20  # a guard against a write a row
        assert len(opened.trials()) == 2000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.just("__tuple__"), inner)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_values_come_back_as_they_were(value):
    assert repr(codec.loads(codec.dumps(value))) == repr(value)


def test_a_value_that_cannot_be_recorded_is_named():
    with pytest.raises(TypeError, match=r"object.*use numbers"):
        codec.dumps({"x": [object()]})
