"""A study whose rows come in blocks ends in the same table whatever happens on the way."""

from __future__ import annotations

import threading
import time

import jax
import numpy as np
import pytest
from flax import linen as nn
from test_study import plain

from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.study import Study
from jaxhpo.tasks.parts.splits import split
from jaxhpo.tasks.supervised import supervised


class Net(nn.Module):
    """One layer on images that came as uint8."""

    @nn.compact
    def __call__(self, x):
        """Logits [rows, 3]."""
        assert x.dtype == np.float32
        return nn.Dense(3)(x)


def task(keep: bool = False, **given):
    """Images [200, 8] of uint8 in three blocks, batch sizes in one program or two."""
    place = np.random.default_rng(0)
    labels = place.integers(0, 3, 200)
    images = np.clip(place.normal(size=(200, 8)) * 40 + 80 + 40 * labels[:, None], 0, 255)
    made = supervised(
        Space(lr=Float(1e-3, 1e-1, log=True), batch_size=Choice([8, 16]), epochs=Int(1, 5)),
        model=lambda hp: Net(),
        data=split(images.astype(np.uint8), labels, seed=0, validation=0.2, test=0.2),
        prepare=lambda x: x.astype(np.float32) / 255,
        **{"stream": 40, **given},
    )
    return made._replace(stream=made.stream._replace(keep=keep))


def study(made=None, **change) -> Study:
    given = {"trials": 24, "lookahead": 8, "batch": 4, "width": 4, "drivers": 1, "seed": 1}
    return Study(made or task(), **{**given, "sampler": "random", "scheduler": "asha", **change})


@pytest.fixture(scope="module")
def whole():
    """The trials of a study that nobody interrupted."""
    with study() as made:
        assert made.run().ended == "complete"
        return made.trials, made.records.facts()["digest"]


def test_blocks_that_stay_devices_and_threads_change_nothing(whole):
    for keep, devices, drivers in ((True, 1, 2), (False, 4, 1)):
        with study(task(keep), devices=jax.devices()[:devices], drivers=drivers) as other:
            other.run()
            assert plain(other.trials) == plain(whole[0])


def test_an_interrupted_study_goes_on_to_the_same_end(whole, tmp_path):
    trials, digest = whole
    for ticks, devices in ((3, 1), (4, 4), (10**6, 2)):
        seen = []
        with study(workdir=tmp_path, devices=jax.devices()[:devices]) as part:
            ended = part.run(seen.append, stop=lambda n=ticks, s=seen: len(s) > n).ended
            after, found = part.trials, part.records.facts()
    assert ended == "complete"
    assert plain(after) == plain(trials)
    assert found["digest"] == digest


def asked_to_stop():
    """The task, whether to stop, and the blocks read: a pass is four blocks, and the signal comes
    while the third one of the fourth pass is read."""
    asked, reads, made = threading.Event(), [], task()
    stream = made.stream

    def read(split, index):
        reads.append((split, index))
        if len(reads) == 15:
            asked.set()
            time.sleep(0.5)  # in which the study looks whether to stop
        return stream.read(split, index)

    return made._replace(stream=stream._replace(read=read)), asked.is_set, reads


@pytest.mark.parametrize("reopened", [True, False])
def test_a_long_unit_is_broken_off_at_a_block(whole, tmp_path, monkeypatch, reopened):
    monkeypatch.setattr("jaxhpo.population.streamed._GRACE", 0.0)
    slow, stop, reads = asked_to_stop()
    with study(slow, workdir=tmp_path, checkpoint_seconds=1e-9) as part:
        outcome = part.run(stop=stop)
        assert (outcome.ended, len(reads)) == ("interrupted", 15)
        assert outcome.message.endswith("; a long unit was broken off, and is trained again")
        assert any((tmp_path / "checkpoints").iterdir())  # of the pass before
        if not reopened:
            assert part.run().ended == "complete"
            assert plain(part.trials) == plain(whole[0])
    with study(workdir=tmp_path) as part:
        assert part.run().ended == "complete"
        assert plain(part.trials) == plain(whole[0])
        assert part.records.facts()["digest"] == whole[1]


def test_a_unit_that_is_nearly_done_is_not_broken_off(whole, tmp_path):
    slow, stop, reads = asked_to_stop()
    with study(slow, workdir=tmp_path, checkpoint_seconds=0.0) as part:
        outcome = part.run(stop=stop)
        assert (outcome.ended, len(reads)) == ("interrupted", 17)  # one was read ahead
        assert "broken off" not in outcome.message
    with study(workdir=tmp_path) as part:
        assert part.run().ended == "complete"
        assert plain(part.trials) == plain(whole[0])


def test_a_rerun_has_the_recorded_bits_and_a_test_score(whole):
    with study() as made:
        made.run()
        number = next(t.number for t in made.trials if t.status.value == "complete")
        again = made.rerun(number)
        assert again.same, again.differences
        assert set(again.test) == {"accuracy", "loss"}
        assert set(again.state) == {"params", "rest", "optimizer", "train_loss"}


def test_the_best_are_confirmed_from_fresh_seeds(whole):
    with study(trials=6) as made:
        made.run()
        found = made.confirm(top=2, seeds=3)
        assert len(found.entries) == 2
        assert {len(entry.values) for entry in found.entries} == {3}
        assert all(len(entry.test["accuracy"]) == 3 for entry in found.entries)


def test_replicates_share_the_blocks(whole):
    with study(trials=4, replicates=2) as made:
        made.run()
        assert {t.status.value for t in made.trials} <= {"complete", "stopped"}
        assert made.rerun(0).same


def test_batch_sizes_share_a_program_if_asked(whole):
    with study(plan={"batch_size": "traced"}, trials=8) as made:
        made.run()
        assert made.run().ended == "complete"
        assert {t.config["batch_size"] for t in made.trials} == {8, 16}


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["halving", "pbt", "median"])
def test_trials_that_pause_or_copy_are_the_same_on_any_devices(scheduler):
    options = {"pbt": {"population": 6, "units": 2}}.get(scheduler, {})
    plan = {"batch_size": "traced"} if scheduler == "pbt" else {}
    found = []
    for devices, keep in ((1, True), (3, False)):
        arguments = {"scheduler_options": options, "devices": jax.devices()[:devices]}
        with study(task(keep), scheduler=scheduler, plan=plan, **arguments, trials=12) as made:
            assert made.run().ended == "complete"
            found.append(plain(made.trials))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stream": 40}, "contracts.Stream or None, got 40"),
        ({"folds": 2}, "folds=2"),
        ({"stream": task().stream._replace(shares={"train": (1.0,)})}, "blocks of 'validation'"),
        ({"stream": task().stream._replace(shares={"train": (0.5, 0.4)})}, r"\(0.5, 0.4\)"),
    ],
)
def test_a_stream_of_your_own_is_checked(change, said):
    with pytest.raises(ValueError, match=said):
        study(task()._replace(**change))


def test_the_cut_belongs_to_the_study(tmp_path):
    with study(workdir=tmp_path, trials=4) as made:
        made.run()
    with pytest.raises(ValueError, match="stream"), study(task(stream=60), workdir=tmp_path):
        pass
