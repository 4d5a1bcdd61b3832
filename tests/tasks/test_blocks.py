"""Rows cut into blocks: every row once, nothing larger than it may be, and no file read whole."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given
from hypothesis import strategies as st

from jaxhpo.contracts import TEST, TRAIN, VALIDATION, Task
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.tasks.parts import blocks
from jaxhpo.tasks.parts.blocks import cut
from jaxhpo.tasks.supervised import supervised
from jaxhpo.testing import check_task

SPACE = Space(lr=Float(1e-3, 1e-1), batch_size=Choice([8, 16]), epochs=Int(1, 3))


class Net(nn.Module):
    """A layer of noughts: no draw has a part in what it computes."""

    outputs: int = 2

    @nn.compact
    def __call__(self, x):
        """Outputs [rows, outputs]."""
        return nn.Dense(self.outputs, kernel_init=nn.initializers.zeros)(x)


def data(rows: int = 100) -> dict:
    place = np.random.default_rng(0)
    images = place.integers(0, 256, (rows + 40, 3), dtype=np.uint8)
    labels = (images[:, 0] > 128).astype(np.int64)
    parts = {
        TRAIN: slice(0, rows),
        VALIDATION: slice(rows, rows + 25),
        TEST: slice(rows + 25, rows + 40),
    }
    return {name: (images[part], labels[part]) for name, part in parts.items()}


def task(**change) -> Task:
    made = {"space": SPACE, "model": lambda hp: Net(), "data": data(), "stream": 30}
    return supervised(**{**made, **change})


@given(st.integers(1, 400), st.integers(1, 80), st.integers(1, 20))
def test_blocks_hold_all_rows_and_no_more_than_they_may(rows, most, least):
    sizes = cut(rows, most, least)
    assert sum(sizes) == rows
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    fewest = -(-rows // most)
    assert fewest <= len(sizes) <= 2 * fewest
    if len(sizes) > fewest:
        assert len(set(sizes)) == 1
        assert sizes[0] >= least


def test_every_row_is_in_one_block_and_stays_as_it_is():
    made = task()
    assert made.stream is not None
    for split, (inputs, labels) in data().items():
        shares = made.stream.shares[split]
        found = [made.stream.read(split, i) for i in range(len(shares))]
        assert sum(shares) == pytest.approx(1)
        assert [bool(block["first"]) for block in found] == [True] + [False] * (len(found) - 1)
        rows = np.concatenate([block["rows"][0] for block in found])
        assert rows.dtype == np.uint8
        assert np.concatenate([block["rows"][1] for block in found]).dtype == np.int32
        assert sorted(map(tuple, rows)) == sorted(map(tuple, inputs))
        for block in found:
            here = [int(np.flatnonzero((inputs == row).all(1))[0]) for row in block["rows"][0]]
            np.testing.assert_array_equal(labels[here], block["rows"][1])
    # Each block holds rows of all parts of the data.
    first = made.stream.read(TRAIN, 0)["rows"][0]
    where = [int(np.flatnonzero((data()[TRAIN][0] == row).all(1))[0]) for row in first]
    assert min(where) < 20 < 80 < max(where)


def test_a_file_is_read_in_parts(tmp_path, monkeypatch):
    held = data()
    for i, array in enumerate(held[TRAIN]):
        np.save(tmp_path / f"{i}.npy", array)
    mapped = tuple(np.load(tmp_path / f"{i}.npy", mmap_mode="r") for i in (0, 1))
    monkeypatch.setattr(blocks, "_CHUNK", 60)  # twenty rows of images at a time
    made, same = task(data={**held, TRAIN: mapped}), task()
    assert made.stream is not None
    assert same.stream is not None
    assert made.stream.digest() == same.stream.digest()
    for i in range(4):
        jax.tree.map(
            np.testing.assert_array_equal, made.stream.read(TRAIN, i), same.stream.read(TRAIN, i)
        )
    other = {**held, TRAIN: (held[TRAIN][0], 1 - held[TRAIN][1])}
    changed = task(data=other).stream
    assert changed is not None
    assert changed.digest() != made.stream.digest()
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(made.data["rows"])) == 25 * (3 + 4)


def test_a_user_who_changes_an_array_changes_no_block():
    held = data()
    made = task(data=held)
    assert made.stream is not None
    block = made.stream.read(VALIDATION, 0)
    before = block["rows"][0].copy()
    held[VALIDATION][0][:] = 0
    np.testing.assert_array_equal(block["rows"][0], before)


def test_steps_and_metrics_are_those_of_all_blocks():
    made, whole = task(), task(stream=None)
    hp = {"lr": 0.1, "batch_size": 16, "epochs": 2}
    assert made.steps is not None
    assert whole.steps is not None
    assert (made.steps(hp), whole.steps(hp)) == (4 * 2, 7)  # 25 rows a block
    assert made.fixed["stream"] == 25
    assert "stream" not in whole.fixed


def test_metrics_that_are_no_means_over_rows_are_left_out_or_refused():
    regression = {
        name: (inputs, targets[:, None].astype(np.float32))
        for name, (inputs, targets) in data().items()
    }
    given = {"data": regression, "loss": "mse", "model": lambda hp: Net(1)}
    made = task(**given)
    hp = {"lr": 0.1, "batch_size": 16, "epochs": 2}
    state = made.init(jax.random.key(0), hp, made.data)
    assert set(made.evaluate(hp, state, made.data)) == {"loss", "mae", "train_loss"}
    with pytest.raises(ValueError, match=r"objective=.*rmse"):
        task(**given, objective="rmse")
    scalar = task(**given, metrics={"worst": lambda outputs, targets: outputs.max()})
    with pytest.raises(ValueError, match=r"'worst' must have a value a row"):
        scalar.evaluate(hp, state, made.data)


def test_inputs_are_prepared_when_they_are_used():
    seen = []

    def prepare(x):
        seen.append(x.dtype)
        return x.astype(jnp.float32) / 255

    for stream in (None, 30):
        made = task(prepare=prepare, stream=stream)
        hp = {"lr": 0.1, "batch_size": 16, "epochs": 2}
        state = made.init(jax.random.key(0), hp, made.data)
        state = made.train(jax.random.key(1), hp, state, made.data)
        made.evaluate(hp, state, made.data)
    assert len(seen) >= 6
    assert set(seen) == {np.dtype(np.uint8)}


def test_auto_cuts_only_what_is_large_for_the_device(monkeypatch):
    assert task(stream="auto").stream is None
    monkeypatch.setattr(blocks.os, "sysconf", lambda name: 40)  # 1,600 bytes
    made = task(stream="auto")
    assert made.stream is not None
    assert made.fixed["stream"] == 25  # at most twice the largest batch, and equally many


def test_a_task_with_blocks_passes_the_checks_of_tasks():
    check_task(task())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stream": 0}, ["stream=...", "at least 1, or 'auto'", "got 0"]),
        ({"stream": True}, ["stream=...", "got True"]),
        ({"stream": "all"}, ["stream=...", "got 'all'"]),
        ({"stream": 2.5}, ["stream=...", "got 2.5"]),
        ({"stream": 15}, ["batch", "fit into a block", "100 rows have 14", "16", "stream=128"]),
        ({"batch_size": 64}, ["batch_size=64", "may have 64", "stream=512"]),
        ({"folds": 3}, ["stream=30, folds=3", "validation"]),
        ({"data": {TRAIN: data()[TRAIN]}}, ["data=...", '"validation"']),
        ({"data": {**data(), TRAIN: data()[TRAIN][0]}}, ["data['train']", "pair"]),
        (
            {"data": {**data(), TRAIN: (data()[TRAIN][0], np.zeros(3))}},
            ["data['train']", "equally many rows"],
        ),
        (
            {"data": {**data(), TRAIN: (np.full((100, 3), np.inf), data()[TRAIN][1])}},
            ["data['train']", "100 of 100", "drop or fill"],
        ),
        ({"batch_size": "size"}, ["batch_size=...", "'size'"]),
        ({"prepare": 3}, ["prepare=...", "got 3"]),
    ],
)
def test_what_cannot_be_cut_is_refused(change, said):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        task(**change)
    for part in said:
        assert part in str(error.value)
