"""What a member computes depends on nothing but its number and its hyperparameters."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from populations import bits, curves, population, small_task, some_members, train

from jaxhpo.population.member import Member
from jaxhpo.space import Float, Space
from jaxhpo.tasks.objective import objective


@pytest.fixture(scope="module")
def task():
    return small_task()


@pytest.fixture(scope="module")
def among_256(task):
    """Every member's bits, trained among 256."""
    made = population(task)
    ticks = train(made, some_members(256))
    return made, ticks, bits(curves(ticks))


def test_every_member_trains_for_its_own_budget(among_256):
    found = curves(among_256[1])
    assert {n: len(c["accuracy"]) for n, c in found.items()} == {
        m.number: m.budget for m in some_members(256)
    }


def test_one_program_a_batch_size_is_traced_once(among_256):
    made, _, _ = among_256
    assert len(made.cohorts) == 2
    assert made.traces == 2


def test_lanes_are_refilled_while_others_train(among_256):
    _, ticks, _ = among_256
    useful = sum(t.useful for t in ticks) / sum(t.lane_units for t in ticks)
    assert useful > 0.9


@pytest.mark.parametrize("number", [0, 5, 31, 200])
def test_a_member_alone_has_the_bits_it_has_among_256(task, among_256, number):
    alone = bits(curves(train(population(task), [some_members(256)[number]])))
    assert alone == {k: v for k, v in among_256[2].items() if k[0] == number}


@pytest.mark.parametrize("others", [7, 64])
def test_the_number_of_neighbours_changes_no_bit(task, among_256, others):
    few = bits(curves(train(population(task), some_members(others + 1))))
    assert few == {k: v for k, v in among_256[2].items() if k[0] <= others}


def test_another_order_and_so_other_lanes_and_threads_change_no_bit(task, among_256):
    turned = bits(curves(train(population(task, drivers=2), some_members(64)[::-1])))
    assert turned == {k: v for k, v in among_256[2].items() if k[0] < 64}


def test_four_devices_change_no_bit(task, among_256):
    if len(jax.devices()) < 4:
        raise RuntimeError("this test needs XLA_FLAGS=--xla_force_host_platform_device_count=4")
    made = population(task, devices=4)
    ticks = train(made, some_members(96))
    assert len({device for c in made.cohorts.values() for device in c.program.ready}) > 1
    assert bits(curves(ticks)) == {k: v for k, v in among_256[2].items() if k[0] < 96}


def test_a_diverging_member_changes_no_other_bit(task, among_256):
    wild = {3: float("nan"), 10: 3e38}
    ticks = train(population(task), some_members(32, lr=wild))
    ends = {p.number: p for tick in ticks for p in tick.progress if p.over}
    assert {n for n, p in ends.items() if p.diverged} == {3, 10}
    found = curves(ticks)
    assert len(found[3]["accuracy"]) == 1  # left its lane at once
    others = {k: v for k, v in bits(found).items() if k[0] not in wild}
    assert others == {k: v for k, v in among_256[2].items() if k[0] < 32 and k[0] not in wild}


def test_a_stopped_member_leaves_and_no_other_bit_changes(task, among_256):
    members = [m for m in some_members(64) if m.budget == 5][:6]
    made = population(task)
    made.add(members)
    made.dispatch()
    ticks = made.wait()  # one unit
    gone = ticks[0].progress[0].number
    made.stop(gone)
    while made.busy:
        made.dispatch()
        ticks += made.wait()
    found = curves(ticks)
    assert len(found[gone]["loss"]) < 5
    full = [n for n, c in found.items() if len(c["loss"]) == 5]
    assert sorted([*full, gone]) == [m.number for m in members]
    theirs = {k: v for k, v in bits(found).items() if k[0] != gone}
    assert theirs == {k: v for k, v in among_256[2].items() if k[0] in full}


def test_half_empty_tiles_are_joined_and_no_bit_changes(task, among_256):
    members = [m for m in some_members(128) if m.hp["batch_size"] == 16 and m.budget >= 4][:8]
    made = population(task, width=4, drivers=2)
    made.add(members)
    made.dispatch()  # both drivers have a tile of four now
    ticks = made.wait()
    while made._running:
        ticks += made.wait()
    (cohort,) = made.cohorts.values()
    for tile in cohort.tiles:
        for number in list(tile.members)[:2]:
            made.stop(number)
    before = len(cohort.tiles)
    made._shrink()
    after = len(cohort.tiles)
    while made.busy:
        made.dispatch()
        ticks += made.wait()
    found = curves(ticks)
    assert (before, after) == (2, 1)
    full = [m.number for m in members if len(found[m.number]["loss"]) == m.budget]
    assert len(full) == 4
    theirs = {k: v for k, v in bits(found).items() if k[0] in full}
    assert theirs == {k: v for k, v in among_256[2].items() if k[0] in full}


def test_a_program_that_raises_fails_its_members_and_says_why():
    def broken(key, hp):
        raise TypeError("no such thing")

    task = objective(broken, Space(x=Float(0.0, 1.0)))
    made = population(task)
    ticks = train(made, [Member(number=n, budget=1, hp={"x": 0.5}) for n in range(3)])
    errors = {p.number: p.error for tick in ticks for p in tick.progress}
    assert set(errors) == {0, 1, 2}
    assert all("no such thing" in str(error) for error in errors.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"evaluate": lambda hp, state, data: {"other": state}}, "objective 'loss'"),
        ({"evaluate": lambda hp, state, data: {"loss": jnp.ones(2)}}, "scalar"),
        ({"train": lambda key, hp, state, data: state.astype(jnp.int32)}, "dtype"),
        ({"train": lambda key, hp, state, data: (state, state)}, "structure"),
    ],
)
def test_a_task_that_breaks_the_contract_is_told_how(change, said):
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))._replace(
        init=lambda key, hp, data: jnp.zeros(()),
        train=lambda key, hp, state, data: state + 1,
        evaluate=lambda hp, state, data: {"loss": state},
        objective="loss",
    )
    (error,) = [
        p.error
        for tick in train(
            population(task._replace(**change)), [Member(number=0, budget=1, hp={"x": 0.1})]
        )
        for p in tick.progress
    ]
    assert said in error


def test_typed_keys_may_live_in_the_state():
    task = objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))._replace(
        init=lambda key, hp, data: {"key": key, "x": jnp.zeros(())},
        train=lambda key, hp, state, data: {**state, "x": jax.random.uniform(state["key"])},
        evaluate=lambda hp, state, data: {"objective": state["x"]},
    )
    found = curves(
        train(population(task), [Member(number=n, budget=2, hp={"x": 0.1}) for n in range(6)])
    )
    values = [float(c["objective"][0]) for c in found.values()]
    assert len(set(values)) == 6
    assert all(c["objective"][0] == c["objective"][1] for c in found.values())
    assert np.isfinite(values).all()
