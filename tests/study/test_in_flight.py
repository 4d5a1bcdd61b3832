"""What was in training when a study was interrupted goes on from where it was."""

from __future__ import annotations

import jax
import pytest
from test_schedulers import CASES, curves_task, rows, study

from jaxhpo.store.checkpoints import CheckpointSkipped
from jaxhpo.study import Study

ALL = {"none": {}, **CASES, "replicates": {"replicates": 3, "trials": 18}}


class Killed(Exception):
    """In the place of a signal that can't be caught."""


def made(case: str, **change) -> Study:
    if case in CASES:
        return study(case, **change)
    given = {"trials": 54, "sampler": "random", "batch": 9, "width": 4, "drivers": 1}
    return Study(curves_task(), **{**given, **ALL[case], **change})


def run(opened: Study, *, ticks: int = 10**6, kill: bool = False) -> tuple[str, int]:
    """How it ended, and how many lane-units were trained; stopped or killed after so many ticks."""
    units, seen = [0], [0]
    record = opened._ledger.record

    def counted(tick):
        units[0] += tick.useful
        return record(tick)

    def on_tick(snapshot):
        seen[0] += 1
        if kill and seen[0] > ticks:
            raise Killed

    opened._ledger.record = counted  # type: ignore[method-assign]
    try:
        ended = opened.run(on_tick, stop=None if kill else lambda: seen[0] > ticks).ended
    except Killed:
        ended = "killed"
    return ended, units[0]


@pytest.fixture(scope="module", params=sorted(ALL))
def whole(request):
    """A study that nobody interrupted: its case, rows, units and digest."""
    with made(request.param) as opened:
        _, units = run(opened)
        return request.param, rows(opened.trials), units, opened.records.facts()["digest"]


def test_a_stopped_study_trains_nothing_twice_on_any_devices(whole, tmp_path):
    case, expected, units, digest = whole
    total = 0
    for ticks, devices in ((2, 1), (3, 4), (1, 2), (4, 1), (10**6, 2)):
        with made(case, workdir=tmp_path, devices=jax.devices()[:devices]) as opened:
            ended, more = run(opened, ticks=ticks)
            total += more
    assert ended == "complete"
    assert rows(opened.trials) == expected
    assert opened.identity is not None
    assert total <= units * 1.02 + 20  # what was cut off at a unit may be cut off elsewhere
    assert not (tmp_path / "checkpoints").exists()
    with made(case, workdir=tmp_path) as opened:
        assert opened.records.facts()["digest"] == digest


@pytest.mark.parametrize("seconds", [1e-9, 0.05, 0.0])
def test_a_killed_study_ends_the_same(whole, tmp_path, seconds):
    case, expected, _, digest = whole
    for ticks in (1, 4, 2, 5, 3, 10**6):
        with made(case, workdir=tmp_path, checkpoint_seconds=seconds) as opened:
            ended, _ = run(opened, ticks=ticks, kill=True)
    assert ended == "complete"
    assert rows(opened.trials) == expected
    with made(case, workdir=tmp_path) as opened:
        assert opened.records.facts()["digest"] == digest


def test_a_study_that_is_run_again_goes_on_where_it_was(whole):
    case, expected, units, digest = whole
    with made(case) as opened:
        ran = [run(opened, ticks=ticks) for ticks in (1, 0, 10**6)]
        assert [ended for ended, _ in ran] == ["interrupted", "interrupted", "complete"]
        assert rows(opened.trials) == expected
        assert opened.records.facts()["digest"] == digest
    assert sum(more for _, more in ran) <= units * 1.02 + 20


@pytest.mark.parametrize("kept", [False, True])
def test_a_study_that_is_run_again_after_an_exception_ends_the_same(kept, tmp_path):
    with made("halving") as other:
        run(other)
    place = {"workdir": tmp_path, "checkpoint_seconds": 1e-9} if kept else {}
    with made("halving", **place) as opened:
        assert run(opened, ticks=3, kill=True)[0] == "killed"
        assert run(opened, ticks=2)[0] == "interrupted"
        assert run(opened, ticks=1, kill=True)[0] == "killed"
        assert run(opened)[0] == "complete"
        assert rows(opened.trials) == rows(other.trials)
        assert opened.records.facts()["digest"] == other.records.facts()["digest"]


@pytest.fixture
def stopped(tmp_path):
    """A study with a checkpoint."""
    with made("halving", workdir=tmp_path) as opened:
        run(opened, ticks=4)
    assert any((tmp_path / "checkpoints").iterdir())
    return tmp_path


def test_a_damaged_checkpoint_is_skipped_with_a_warning(stopped):
    for path in (stopped / "checkpoints").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    with made("halving") as other:
        run(other)
    with (
        made("halving", workdir=stopped) as opened,
        pytest.warns(CheckpointSkipped, match="skipped"),
    ):
        assert run(opened)[0] == "complete"
    assert rows(opened.trials) == rows(other.trials)


def test_a_checkpoint_of_another_program_is_not_taken(stopped):
    def init(key, hp, data):
        return {"level": jax.numpy.float32(1.0), "noise": jax.numpy.zeros((2,))}

    changed = curves_task()
    changed = changed._replace(
        init=init,
        train=lambda key, hp, state, data: state,
        evaluate=lambda hp, state, data: {"loss": state["level"] * hp["x"]},
    )
    with (
        made("halving", workdir=stopped, task=changed) as opened,
        pytest.warns(UserWarning, match="does not fit.*another program"),
    ):
        assert run(opened)[0] == "complete"


def test_without_a_directory_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with made("none", checkpoint_seconds=1e-9) as opened:
        run(opened, ticks=3)
        assert run(opened)[0] == "complete"
    assert not list(tmp_path.iterdir())


def test_the_digest_is_the_same_where_all_was_proposed_before_the_interruption(tmp_path):
    given = {"sampler": "tpe", "lookahead": 27, "batch": 27}
    with made("none", **given) as opened:
        run(opened)
        digest = opened.records.facts()["digest"]
    ticks = 0
    with made("none", workdir=tmp_path, **given) as opened:
        while len(opened.trials) < 54:  # stopped with everything proposed and not everything told
            ticks += 1
            assert run(opened, ticks=ticks)[0] == "interrupted"
    with made("none", workdir=tmp_path, **given) as opened:
        assert run(opened)[0] == "complete"
        assert opened.records.facts()["digest"] == digest
