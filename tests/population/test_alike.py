"""Members that are alike come together, nobody is left out, and no result depends on it."""

from __future__ import annotations

import pytest
from populations import bits, curves, population, small_task, some_members, train

from jaxhpo.contracts import Task
from jaxhpo.population.population import Population


def one_program(task: Task) -> Population:
    """A population in which both batch sizes share a program."""
    return population(task._replace(static=frozenset()), options={"batch_size": (16, 32)})


def mixed(made: Population, members) -> tuple[list, float]:
    """The ticks, and in what part of them a tile held members that are not alike."""
    ticks, held = [], []
    made.add(members)
    while made.busy:
        made.dispatch()
        for _, tile, offered in made._running.values():
            among = [*tile.members.values(), *offered]
            held.append(len({m.hp["batch_size"] for m in among[: made.form.width]}) > 1)
        ticks += made.wait()
    return ticks, sum(held) / len(held)


@pytest.fixture(scope="module")
def task():
    return small_task()


def test_tiles_hold_members_that_are_alike_and_no_bit_depends_on_it(task):
    members = some_members(96)
    assert task.alike == {"batch_size"}
    ticks, share = mixed(one_program(task), members)
    others, share_without = mixed(one_program(task._replace(alike=frozenset())), members)
    found = curves(ticks)
    assert set(found) == set(range(96))
    assert {n: len(c["loss"]) for n, c in found.items()} == {m.number: m.budget for m in members}
    assert bits(found) == bits(curves(others))
    assert share < 0.5 < share_without


def test_a_few_that_are_unlike_the_others_are_trained_among_them(task):
    rare = next(m for m in some_members(96) if m.hp["batch_size"] == 32)
    often = [m for m in some_members(96) if m.hp["batch_size"] == 16]
    found = curves(train(one_program(task), [rare, *often]))
    assert set(found) == {rare.number, *(m.number for m in often)}


def test_who_is_let_by_is_at_most_what_a_tile_can_be_offered(task):
    made = one_program(task)
    often = [m for m in some_members(400) if m.hp["batch_size"] == 16]
    rare = next(m for m in some_members(400) if m.hp["batch_size"] == 32)
    made.add([often[0], rare, *often[1:]])
    (cohort,) = made.cohorts.values()
    queue = cohort.program.queue
    assert len(often) > 2 * queue
    tile = made._new_tile(cohort.program, made._slots[0])
    cohort.line_up(tile, task.alike)
    assert cohort.waiting.index(rare) == queue - 1
    assert [m for m in cohort.waiting if m is not rare] == often
