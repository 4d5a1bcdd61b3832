"""How wide a tile is, what it needs, and what happens when memory runs out."""

from __future__ import annotations

import dataclasses
import os
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from populations import bits, curves, population, small_task, some_members, train

from jaxhpo import cores
from jaxhpo.population import sizing
from jaxhpo.population.form import Form
from jaxhpo.population.program import Program
from jaxhpo.population.tile import Tile
from jaxhpo.space import Float, Space
from jaxhpo.tasks.objective import objective


@pytest.fixture(scope="module")
def task():
    return small_task()


def form(width: int = 1, **more) -> Form:
    dtypes = {n: np.dtype(np.float32) for n in ("lr", "dropout", "epochs")}
    return Form(dtypes=dtypes, width=width, **more)


def hp(**more):
    return {"lr": 0.1, "dropout": 0.1, "epochs": 1, "batch_size": 16, **more}


def test_a_wider_tile_needs_more_memory(task, monkeypatch):
    monkeypatch.setattr(sizing, "_CHIP_WIDEST", 64)  # every width that is tried is compiled
    needs = {}
    for width in (1, 16):
        program = Program(task=task, static={"batch_size": 16}, form=form(width, platform="gpu"))
        needs[width] = program.memory(task.data)
    data = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(task.data))
    assert data < needs[1] < needs[16]
    small = sizing.tile_width(task, [hp()], form(platform="gpu"), room=needs[16])
    assert 16 <= small < sizing.tile_width(task, [hp()], form(platform="gpu"))


def test_the_width_is_halved_until_it_fits():
    assert sizing.fitting(64, lambda width: width * 10, 175) == 16
    assert sizing.fitting(64, lambda width: 10**9, 1) == 1
    assert sizing.fitting(8, lambda width: 0, 0) == 8


def test_what_a_compiler_refuses_does_not_fit(task, monkeypatch):
    """As that of TPUs does, which knows how much memory there is."""

    def memory(program, data):
        if program.width > 16:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in hbm")
        return 1

    monkeypatch.setattr(Program, "memory", memory)
    assert sizing.tile_width(task, [hp()], form(platform="tpu"), room=10**12) == 16

    def broken(program, data):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    monkeypatch.setattr(Program, "memory", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="broken"):
        sizing.tile_width(task, [hp()], form(platform="tpu"), room=10**12)


def test_a_system_that_does_not_say_which_cores_a_process_may_use(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")  # macOS and Windows have none
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert sizing.drivers_per_device(jax.devices()[:1]) == 6
    assert sizing.drivers_per_device(jax.devices()[:4]) == 1


@pytest.mark.parametrize(
    ("cache", "arrays", "widths"),
    [
        (None, 1, [32, 8, 1]),
        (2**20, 1, [32, 8, 1]),
        (2**21, 1, [32, 4, 1]),
        (2**21, 100, [32, 8, 1]),  # 4 kB each: in narrow tiles they would be too small
    ],
)
def test_large_members_get_narrow_tiles(cache, arrays, widths, monkeypatch):
    """Narrower ones where a core has a large cache to itself, unless their arrays are small."""
    monkeypatch.setattr(sizing, "own_cache", lambda: cache)

    def kept(size):
        return objective(lambda key, hp: hp["x"], Space(x=Float(0.0, 1.0)))._replace(
            init=lambda key, hp, data: [jnp.zeros(-(-size // arrays)) for _ in range(arrays)],
            train=lambda key, hp, state, data: state,
            evaluate=lambda hp, state, data: {"objective": state[0][0]},
        )

    plain = Form(dtypes={"x": np.dtype(np.float32)}, width=1)
    found = [sizing.tile_width(kept(n), [{"x": 0.5}], plain) for n in (1, 10**5, 10**6)]
    assert found == widths


def test_the_cache_that_a_core_has_to_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "_CACHES", tmp_path)
    assert cores.own_cache() is None  # as on macOS
    for index, (level, size) in enumerate([("1", "48K"), ("1", "32K"), ("2", "2048K")]):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "level").write_text(f"{level}\n")
        assert cores.own_cache() is None  # it does not say how large
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")
    assert cores.own_cache() == 2**21


@pytest.mark.parametrize(
    ("platform", "stats", "room"),
    [
        ("cpu", {"bytes_limit": 100}, None),
        ("gpu", {"bytes_limit": 100, "bytes_in_use": 20}, 64),
        ("gpu", None, None),
    ],
)
def test_what_a_device_says_of_its_memory(platform, stats, room):
    device = types.SimpleNamespace(platform=platform, memory_stats=lambda: stats)
    assert sizing.memory(device) == room


def test_a_device_that_can_not_be_asked_for_its_memory():
    def unknown():
        raise jax.errors.JaxRuntimeError("UNIMPLEMENTED: memory_stats")

    assert sizing.memory(types.SimpleNamespace(platform="METAL", memory_stats=unknown)) is None


def test_out_of_memory_goes_on_with_fewer_tiles_and_the_same_bits(task, monkeypatch):
    expected = bits(curves(train(population(task), some_members(40))))
    made, tick, calls, failed = population(task, drivers=3), Tile.tick, [], []

    def sometimes(tile, offered, units):
        calls.append(None)
        tiles = sum(len(cohort.tiles) for cohort in made.cohorts.values())
        if len(calls) >= 5 and tiles > 1 and not failed:
            failed.append(tile)
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return tick(tile, offered, units)

    monkeypatch.setattr(Tile, "tick", sometimes)
    parts: dict[int, list] = {}
    again = 0
    for told in train(made, some_members(40)):
        for progress in told.progress:
            assert progress.error is None
            if progress.again:
                again += 1
                parts.pop(progress.number, None)
            else:
                parts.setdefault(progress.number, []).append(progress.metrics)
    found = {
        n: {name: np.concatenate([p[name] for p in theirs]) for name in theirs[0]}
        for n, theirs in parts.items()
    }
    assert again > 0
    assert bits(found) == expected


def test_out_of_memory_in_the_only_tile_fails_its_members():
    def broken(key, hp):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    made = population(objective(broken, Space(x=Float(0.0, 1.0))))
    member = dataclasses.replace(some_members(1)[0], hp={"x": 0.5}, budget=1)
    (progress,) = [p for tick in train(made, [member]) for p in tick.progress]
    assert "Out of memory" in str(progress.error)
    assert "give a smaller width" in str(progress.error)


def test_a_program_has_no_collective(task):
    """Tiles on different devices never talk to each other, so nothing in a program may try."""
    program = Program(task=task, static={"batch_size": 16}, form=form(4))
    lanes = jax.eval_shape(lambda: program.empty(task.data))
    made = population(task)
    tile = made._new_tile(program, made._slots[0])
    arguments = (tile._inbox([]), np.int32(1), tile._gone(), tile._limits([None] * 4))
    tick = program.tick.jitted
    text = tick.lower(jax.random.key(0), task.data, lanes, *arguments).compile().as_text()
    words = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")
    assert "while" in text
    assert not [word for word in words if word in text]


def test_images_of_small_integers_stay_so_on_the_device():
    images = np.random.default_rng(0).integers(0, 256, (40, 64)).astype(np.uint8)
    labels = (images.mean(axis=1) > 127).astype(np.int32)
    task = small_task()._replace(data={"train": (images, labels), "validation": (images, labels)})
    made = population(task)
    placed = next(iter(made._place.values()))[1]
    assert placed["train"][0].dtype == jnp.uint8
