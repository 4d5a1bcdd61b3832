"""Rows that come in blocks: shared by all lanes, and what a member computes depends on nothing but
its number and its hyperparameters."""

from __future__ import annotations

import dataclasses
import threading
import time
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from populations import bits, curves, some_members, train
from streams import streamed, streamed_task

from jaxhpo.contracts import TEST, TRAIN, VALIDATION
from jaxhpo.population.feeder import Feeder
from jaxhpo.population.member import Member
from jaxhpo.population.streamed import StreamedTile
from jaxhpo.space import Float, Int, Space
from jaxhpo.tasks.supervised import supervised


@pytest.fixture(scope="module")
def task():
    return streamed_task()


@pytest.fixture(scope="module")
def among_40(task):
    """Every member's bits, trained among 40."""
    made = streamed(task)
    ticks = train(made, some_members(40))
    made.close()
    return made, ticks, bits(curves(ticks))


def test_every_member_trains_for_its_own_budget(among_40):
    found = curves(among_40[1])
    budgets = {m.number: m.budget for m in some_members(40)}
    assert {n: len(c["accuracy"]) for n, c in found.items()} == budgets


def test_a_program_is_compiled_once_a_cohort_and_number_of_rows(among_40):
    cohorts = among_40[0].cohorts.values()
    compiled = [
        [fn._cache_size() for fn in (p.begin, p.train, p.measure, p.tick.jitted)]
        for p in (cohort.program for cohort in cohorts)
    ]
    assert compiled == [[1, 2, 1, 1]] * 2


def test_all_lanes_share_a_block(task, among_40):
    made, ticks, _ = among_40
    passes = max(m.budget for m in some_members(40))
    (feeder,) = made._feeders.values()
    trained = sum(tick.useful for tick in ticks)
    assert passes * 6 <= feeder.copies <= passes * 6 + 1 < trained  # one more was copied ahead


def test_a_unit_is_a_pass_over_the_blocks_in_their_order():
    """Full batches of a linear model without noise: no draw has a part in it."""
    place = np.random.default_rng(1)
    inputs = place.normal(size=(170, 4)).astype(np.float32)
    labels = (inputs @ place.normal(size=(4, 1))).astype(np.float32)
    parts = {"train": slice(0, 120), "validation": slice(120, 170)}
    task = supervised(
        Space(lr=Float(1e-3, 1e-1), epochs=Int(1, 4)),
        model=(lambda key, hp, x: jnp.zeros((4, 1)), lambda hp, params, x, key: x @ params),
        data={name: (inputs[part], labels[part]) for name, part in parts.items()},
        loss="mse",
        batch_size=40,
        stream=40,
    )
    assert task.stream is not None
    made = streamed(task)
    ticks = train(made, [Member(number=0, budget=4, hp={"lr": 0.05, "epochs": 4})])
    made.close()
    found = curves(ticks)[0]

    optimizer, params = optax.adam(0.05), jnp.zeros((4, 1))
    moments, seen = optimizer.init(params), []

    def loss(params, rows):
        return jnp.square(rows[0] @ params - rows[1]).mean()

    for unit in range(4):
        losses = []
        for index in range(3):
            rows = task.stream.read(TRAIN, index)["rows"]
            seen.append(rows[0])
            value, slope = jax.value_and_grad(loss)(params, rows)
            change, moments = optimizer.update(slope, moments, params)
            params, losses = optax.apply_updates(params, change), [*losses, value]
        np.testing.assert_allclose(found["train_loss"][unit], np.mean(losses), rtol=1e-5)
        held = loss(params, (inputs[120:], labels[120:]))
        np.testing.assert_allclose(found["loss"][unit], held, rtol=1e-5)
    rows = np.concatenate(seen[:3])
    assert sorted(map(tuple, rows)) == sorted(map(tuple, inputs[:120]))


@pytest.mark.parametrize("number", [0, 5, 31])
def test_a_member_alone_has_the_bits_it_has_among_40(task, among_40, number):
    made = streamed(task)
    ticks, state = made.alone(some_members(40)[number])
    assert bits(curves(ticks)) == {k: v for k, v in among_40[2].items() if k[0] == number}
    assert set(state) == {"params", "rest", "optimizer", "train_loss"}
    made.close()


def test_blocks_that_stay_on_the_device_change_no_bit(among_40):
    made = streamed(streamed_task(keep=True))
    assert bits(curves(train(made, some_members(40)))) == among_40[2]
    assert [feeder.copies for feeder in made._feeders.values()] == [6]
    made.close()


@pytest.mark.parametrize(("devices", "drivers"), [(4, 1), (1, 3), (2, 2)])
def test_devices_and_threads_change_no_bit(task, among_40, devices, drivers):
    made = streamed(task, devices=devices, drivers=drivers)
    ticks = train(made, some_members(24)[::-1])
    assert bits(curves(ticks)) == {k: v for k, v in among_40[2].items() if k[0] < 24}
    made.close()


def test_a_diverging_member_changes_no_other_bit(task, among_40):
    wild = {3: float("nan"), 10: 3e38}
    made = streamed(task)
    ticks = train(made, some_members(16, lr=wild))
    made.close()
    ends = {p.number: p for tick in ticks for p in tick.progress if p.over}
    assert {n for n, p in ends.items() if p.diverged} == {3, 10}
    found = curves(ticks)
    assert len(found[3]["accuracy"]) == 1
    others = {k: v for k, v in bits(found).items() if k[0] not in wild}
    assert others == {k: v for k, v in among_40[2].items() if k[0] < 16 and k[0] not in wild}


def test_members_taken_out_and_put_back_go_on_to_the_same_bits(task, among_40):
    first = streamed(task)
    first.add(some_members(12))
    ticks = []
    for _ in range(2):
        first.dispatch()
        ticks += first.rest()
    lanes = {n: row for cohort in first.rows() for n, row in cohort.items()}
    left = {p.number for tick in ticks for p in tick.progress if p.over}
    first.close()
    again = streamed(task, devices=2)
    members = {m.number: m for m in some_members(12)}
    again.fill(
        [
            (members[n], units, False, (best, jax.tree.leaves(state)))
            for n, (units, _, (best, state)) in lanes.items()
        ]
    )
    ticks += train(again, [m for n, m in members.items() if n not in lanes and n not in left])
    again.close()
    assert bits(curves(ticks)) == {k: v for k, v in among_40[2].items() if k[0] < 12}


def test_limits_stop_a_member_at_the_unit(task, among_40):
    full = curves(among_40[1])
    member = next(m for m in some_members(40) if m.budget == 5)
    loss = -full[member.number]["accuracy"]  # more is better
    limits = np.array([np.inf, np.inf, loss[2] - 0.001, np.inf, np.inf], np.float32)
    made = streamed(task, limited=True)
    ticks = train(made, [type(member)(**{**vars(member), "limits": limits})])
    made.close()
    assert len(curves(ticks)[member.number]["loss"]) == 3


def test_test_rows_come_in_blocks_too(task):
    member = some_members(1)[0]
    made = streamed(task)
    state = made.alone(member)[1]
    found = made.test(member, state)
    made.close()
    whole = task.test(member.hp, state, task.stream.read(TEST, 0))
    np.testing.assert_allclose(found["loss"], float(whole["loss"]), rtol=1e-6)


def test_rows_that_cannot_be_read_fail_the_members_and_say_why(task):
    def read(split, index):
        if index:
            raise OSError("the disk is gone")
        return task.stream.read(split, index)

    broken = task._replace(stream=task.stream._replace(read=read))
    made = streamed(broken)
    ticks = train(made, some_members(3))
    made.close()
    errors = {p.number: p.error for tick in ticks for p in tick.progress}
    assert errors == dict.fromkeys(range(3), "OSError: the disk is gone")


def test_where_memory_runs_out_fewer_tiles_are_trained_together(task, among_40, monkeypatch):
    trained = StreamedTile.train

    def train_or_not(self, block, index):
        if self.beside > 2 and index == 1:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        trained(self, block, index)

    monkeypatch.setattr(StreamedTile, "train", train_or_not)
    made = streamed(task)
    ticks = train(made, some_members(32))
    made.close()
    again = [p.number for tick in ticks for p in tick.progress if p.again]
    assert len(set(again)) == 32  # eight tiles, then four, then two
    ticks = [dataclasses.replace(t, progress=[p for p in t.progress if not p.again]) for t in ticks]
    assert bits(curves(ticks)) == {k: v for k, v in among_40[2].items() if k[0] < 32}


# -- the feeder ------------------------------------------------------------------------------------


def test_the_next_block_is_copied_while_one_is_used(task):
    asked, reached = [], threading.Event()

    def read(split, index):
        asked.append((split, index))
        if (split, index) == (TRAIN, 1):
            reached.set()
        return task.stream.read(split, index)

    feeder = Feeder(task.stream._replace(read=read), jax.devices()[0])
    blocks = feeder.blocks()
    first = next(blocks)
    assert (first.split, first.index) == (TRAIN, 0)
    feeder.ahead()
    assert reached.wait(10)  # nobody has asked for it yet
    time.sleep(0.05)
    assert asked == [(TRAIN, 0), (TRAIN, 1)]  # and no further ahead
    assert [(b.split, b.index) for b in blocks] == [
        (TRAIN, 1),
        (TRAIN, 2),
        (VALIDATION, 0),
        (VALIDATION, 1),
        (VALIDATION, 2),
    ]
    feeder.close()


@pytest.mark.parametrize("drivers", [1, 2])
def test_no_block_is_held_while_another_is_brought(task, drivers, monkeypatch):
    """What is trained on then is held by the device alone."""
    held, most = [], []
    brought = Feeder._brought

    def counted(self, split, index):
        most.append(sum(ref() is not None for ref in held))
        block = brought(self, split, index)
        held.append(weakref.ref(block["rows"][0]))
        return block

    monkeypatch.setattr(Feeder, "_brought", counted)
    made = streamed(task, drivers=drivers)
    train(made, some_members(10))
    made.close()
    assert len(most) > 24
    assert max(most) == 0


def test_a_pass_that_was_broken_off_does_not_shift_the_next(task):
    feeder = Feeder(task.stream, jax.devices()[0])
    next(feeder.blocks())
    again = [(b.split, b.index) for b in feeder.blocks()]
    assert again[0] == (TRAIN, 0)
    assert len(again) == 6
    feeder.close()
