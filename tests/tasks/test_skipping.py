"""Work that a whole tile can do without."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.backend import traced_for
from jaxhpo.tasks.parts.skipping import skipped_unless

FACTORS = jnp.array([2.0, 3.0, 5.0])
AGES = jnp.arange(6.0).reshape(3, 2)


def grown(needed, factor, age, seen=None):
    """`age` times `factor`, and one more turn, where `needed`."""

    def fn(held):
        if seen is not None:
            jax.debug.callback(lambda: seen.append(1))
        age, turns = held
        return jnp.where(needed, age * factor, age), turns + needed.astype(jnp.int32)

    return skipped_unless(needed, fn, (age, jnp.int32(7)))


@pytest.mark.parametrize("needed", [(True, False, True), (False,) * 3, (True,) * 3])
def test_each_member_of_a_tile_has_what_it_would_have_alone(needed):
    wanted = [grown(jnp.array(n), f, a) for n, f, a in zip(needed, FACTORS, AGES, strict=True)]
    ages, turns = jax.jit(jax.vmap(grown))(jnp.array(needed), FACTORS, AGES)
    np.testing.assert_array_equal(ages, np.stack([age for age, _ in wanted]))
    assert turns.tolist() == [7 + n for n in needed]


@pytest.mark.parametrize("common", ["needed", "factor", "age"])
def test_what_all_members_have_in_common(common):
    given = {"needed": jnp.array([True, False, True]), "factor": FACTORS, "age": AGES}
    given[common] = given[common][0]
    axes = [None if name == common else 0 for name in given]
    ages, turns = jax.vmap(grown, axes)(*given.values())
    wide = {
        name: jnp.broadcast_to(v, (3, *v.shape)) if name == common else v
        for name, v in given.items()
    }
    wanted, counted = jax.vmap(grown)(*wide.values())
    np.testing.assert_array_equal(ages, wanted)
    np.testing.assert_array_equal(turns, counted)


def test_what_no_member_needs_is_not_computed():
    seen = []
    run = jax.jit(jax.vmap(lambda n, f, a: grown(n, f, a, seen)))
    jax.block_until_ready(run(jnp.zeros(3, bool), FACTORS, AGES))
    jax.effects_barrier()
    assert not seen
    jax.block_until_ready(run(jnp.array([False, False, True]), FACTORS, AGES))
    jax.effects_barrier()
    assert seen


def test_inside_a_loop_with_a_traced_number_of_the_member():
    """As an epoch uses it: the condition differs from step to step, and from member to member."""

    def of(every, factor):
        def step(age, i):
            needed = i % every == 0
            return skipped_unless(needed, lambda x: jnp.where(needed, x * factor, x), age), None

        return jax.lax.scan(step, jnp.ones(2), jnp.arange(6))[0]

    found = jax.jit(jax.vmap(of))(jnp.array([1, 2, 3]), FACTORS)
    np.testing.assert_allclose(found[:, 0], [2.0**6, 3.0**3, 5.0**2])


@pytest.mark.parametrize(("platform", "branches"), [("cpu", True), ("gpu", False), ("tpu", False)])
def test_only_programs_of_a_cpu_branch(platform, branches):
    with traced_for(platform):
        program = jax.jit(jax.vmap(grown)).lower(jnp.zeros(3, bool), FACTORS, AGES)
    assert ("stablehlo.case" in program.as_text()) == branches
