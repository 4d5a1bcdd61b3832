"""Records keep every value, wherever they are kept."""

from __future__ import annotations

import time

import numpy as np
import pytest
from rows_made import IDENTITY, check_same, trial

from jaxhpo.store.errors import StudyMismatch
from jaxhpo.store.memory import MemoryRecords
from jaxhpo.store.records import open_records, stored_identity
from jaxhpo.trial import Phase, Status


@pytest.fixture(params=["sqlite", "memory", "server"])
def records(request, tmp_path):
    if request.param == "memory":
        where = None
    elif request.param == "server":
        where = request.getfixturevalue("database")
    else:
        where = tmp_path
    with MemoryRecords(IDENTITY) if where is None else open_records(where, IDENTITY) as opened:
        yield opened


def test_trials_come_back_as_they_were_in_number_order(records):
    rows = [
        trial(2, loss=1e-300, config={}, metrics={}, point=np.zeros(0, np.float32)),
        trial(0, loss=None, status=Status.DIVERGED, curves={}, phase=Phase.GIVEN),
        trial(1, error="é 文 \N{GRINNING FACE} 'quoted' %s :x", config={"x": "\ud800\0\\u0000"}),
        trial(3, status=Status.WAITING, started=None, finished=None, seconds=None, curves={}),
    ]
    records.write(rows)
    found = records.trials()
    assert [t.number for t in found] == [0, 1, 2, 3]
    for given, back in zip(sorted(rows, key=lambda t: t.number), found, strict=True):
        check_same(given, back)
    assert records.identity == IDENTITY


def test_writing_again_replaces_the_row_and_its_curves(records):
    records.write([trial(0), trial(1)])
    records.write([trial(0, units=1, curves={"loss": np.ones(1, np.float32)})])
    found = records.trials()
    assert [t.units for t in found] == [1, 3]
    assert list(found[0].curves) == ["loss"]
    records.write([])
    records.write([trial(0, units=2), trial(0, units=3)])  # the last counts
    assert [t.units for t in records.trials()] == [3, 3]


def test_numbers_of_numpy_are_recorded_as_the_numbers_they_are(records):
    records.write(
        [
            trial(
                np.int64(4),
                known=np.int64(1),
                loss=np.float32(0.1),
                metrics={"a": np.float32(0.1)},
                config={"n": np.int32(3), "on": np.bool_(True)},
            )
        ]
    )
    (found,) = records.trials()
    assert (found.number, found.known, found.loss) == (4, 1, float(np.float32(0.1)))
    assert found.metrics["a"] == float(np.float32(0.1))
    assert found.config == {"n": 3, "on": True}


def test_facts_and_sessions(records):
    records.put_fact("test", {"accuracy": 0.5, "shape": (1, 2)})
    assert records.facts() == {"test": {"accuracy": 0.5, "shape": (1, 2)}}
    records.put_fact("test", {"accuracy": 0.75})
    records.put_fact("launch", None)
    assert records.facts() == {"launch": None, "test": {"accuracy": 0.75}}
    first = records.begin_session({"device": "cpu"})
    second = records.begin_session({})
    records.end_session(second, "complete")
    one, two = records.sessions()
    assert (one["id"], two["id"]) == (first, second)
    assert first != second
    assert (one["how"], one["ended"], one["info"]) == (None, None, {"device": "cpu"})
    assert two["how"] == "complete"
    assert two["ended"] >= two["started"] >= one["started"] > 0


def test_what_is_given_back_can_be_changed_without_harm(records):
    noted = {"a": [1]}
    records.put_fact("x", noted)
    session = records.begin_session(noted)
    noted["a"].append(2)
    records.facts()["x"]["a"].append(3)
    records.sessions()[0]["info"]["a"].append(3)
    records.end_session(session, "complete")
    assert records.facts() == {"x": {"a": [1]}}
    assert records.sessions()[0]["info"] == {"a": [1]}


def test_what_cannot_be_recorded_is_refused_and_nothing_is_written(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        with pytest.raises(TypeError, match=r"can't record <object.*use numbers, strings"):
            opened.write([trial(0), trial(1, config={"x": object()})])
        assert opened.trials() == []


@pytest.mark.parametrize("by_url", [False, True])
def test_what_is_written_is_there_for_the_next_process(tmp_path, by_url):
    where = f"sqlite:///{tmp_path / 'deep.er' / 'study.db'}" if by_url else tmp_path / "deep.er"
    assert stored_identity(where) is None
    assert not (tmp_path / "deep.er").exists()
    with open_records(where, IDENTITY) as opened:
        opened.write([trial(0)])
        assert opened.path == tmp_path / "deep.er" / "study.db"
    with open_records(where, IDENTITY, create=False) as again:
        check_same(again.trials()[0], trial(0))
    assert stored_identity(where) == IDENTITY
    with open_records(str(where)) as whatever:
        assert len(whatever.trials()) == 1


def test_a_directory_may_have_any_name(tmp_path):
    odd = tmp_path / "a?b#c%20d é"
    with open_records(odd, IDENTITY) as opened:
        opened.write([trial(0)])
    assert [path.name for path in tmp_path.iterdir()] == [odd.name]
    with open_records(odd, read_only=True) as reader:
        assert len(reader.trials()) == 1


def test_every_difference_to_another_study_is_named(tmp_path):
    open_records(tmp_path, IDENTITY).close()
    other = {"seed": 1, "space": {"lr": {"low": 0.1, "high": 2.0}, "x": 3}, "sampler": "tpe"}
    with pytest.raises(StudyMismatch) as caught:
        open_records(tmp_path, other)
    said = str(caught.value)
    assert f"the study in {tmp_path} is another one" in said
    assert "seed: the study has 0, this run has 1" in said
    assert "space.lr.high: the study has 1.0, this run has 2.0" in said
    assert "space.x: the study has none, this run has 3" in said
    assert "sampler" not in said
    assert "another workdir" in said
    open_records(tmp_path, IDENTITY).close()  # the refusal let go of the lock


def test_writing_is_fast(tmp_path):
    with open_records(tmp_path, IDENTITY) as opened:
        began = time.perf_counter()
        opened.write([trial(n) for n in range(4000)])
        assert time.perf_counter() - began < 4  # a tenth of what a slow core does
        assert len(opened.trials()) == 4000
