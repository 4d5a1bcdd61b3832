"""Every driver of a CPU has a device of its own, and no result depends on that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from populations import bits, curves, population, small_task, some_members, train
from processes import environment

from jaxhpo.population import own_cpu
from jaxhpo.population.own_cpu import seats, together
from jaxhpo.space import Float, Space
from jaxhpo.tasks.objective import objective

ROOT = Path(__file__).parents[2]

# Without JAX's cache on disk: how often XLA compiled, by the number of drivers.
CODE = """
import json, sys
sys.path[:0] = ["tests/population"]
import jax
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, seconds, **_: compiled.append(seconds) if "backend_compile" in name else None
)
from populations import curves, population, small_task, some_members, train
found = {}
for drivers in (1, 4):
    made = population(small_task(), drivers=drivers)
    del compiled[:]
    ticks = train(made, some_members(64))
    ready = max(len(cohort.program.ready) for cohort in made.cohorts.values())
    told = {n: {k: v.tolist() for k, v in c.items()} for n, c in curves(ticks).items()}
    found[drivers] = {"compiled": len(compiled), "ready": ready, "curves": told}
    made.close()
print(json.dumps(found))
"""


def test_each_driver_has_a_cpu_with_a_thread_of_its_own():
    found = seats(jax.devices()[:2], 2)
    assert len({id(device.client) for device in found}) == 4
    assert found[:2] == seats(jax.devices()[:1], 2)  # they are made once a process
    assert not set(found) & set(jax.devices())
    assert all(together(one, other) for one in found for other in found)
    assert not together(found[0], jax.devices()[0])
    assert own_cpu._THREADS not in os.environ


@pytest.mark.parametrize("without", ["many", "refused"])
def test_without_them_the_drivers_of_a_device_share_it(without, monkeypatch):
    expected = bits(curves(train(population(small_task(), drivers=2), some_members(24))))
    if without == "many":
        monkeypatch.setattr(own_cpu, "_MOST", 1)
    else:  # as by a JAX that has no such function
        monkeypatch.setattr(own_cpu, "_OWN", [])
        monkeypatch.setattr("jaxlib.xla_client.make_cpu_client", None)
    assert seats(jax.devices()[:1], 2) == [jax.devices()[0]] * 2
    made = population(small_task(), drivers=2)
    assert bits(curves(train(made, some_members(24)))) == expected
    assert {d for c in made.cohorts.values() for d in c.program.ready} == {jax.devices()[0]}


def test_a_final_state_is_on_the_device_that_was_given():
    made = population(small_task(), drivers=2)
    _, state = made.alone(some_members(1)[0])
    assert {device for leaf in jax.tree.leaves(state) for device in leaf.devices()} == {
        jax.devices()[0]
    }


def test_a_program_that_calls_python_runs_on_every_cpu():
    def fn(key, hp):
        shape = jax.ShapeDtypeStruct((), np.float32)
        return jax.pure_callback(np.square, shape, hp["x"], vmap_method="broadcast_all")

    task = objective(fn, Space(x=Float(0.0, 1.0)))
    made = population(task, drivers=3)
    members = [
        type(member)(number=member.number, budget=1, hp={"x": member.number / 64})
        for member in some_members(64)
    ]
    found = curves(train(made, members))
    assert {n: float(c[task.objective][0]) for n, c in found.items()} == {
        n: (n / 64) ** 2 for n in range(64)
    }


@pytest.mark.slow
def test_what_is_compiled_for_one_is_loaded_by_the_others():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=ROOT,
        env=environment(1, PYTHONPATH=str(ROOT), JAX_ENABLE_COMPILATION_CACHE="0"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    alone, several = json.loads(done.stdout.splitlines()[-1]).values()
    assert several["curves"] == alone["curves"]
    assert alone["ready"] == 1
    assert several["ready"] > 1
    assert several["compiled"] <= alone["compiled"] + 2  # what copies a lane to another tile
