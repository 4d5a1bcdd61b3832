"""A search in one program proposes nothing twice in a finite space."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Bool, Choice, Float, Int, Space, minimize
from jaxhpo.samplers._left import left
from jaxhpo.samplers.random import random
from jaxhpo.samplers.sobol import sobol
from jaxhpo.samplers.tpe import tpe

SPACE = Space(a=Int(1, 5), b=Choice(["u", "v", "w"]), c=Bool(when={"b": ["u", "v"]}))
LAYOUT = SPACE.layout
SIZE = 5 * (2 + 2 + 1)


def test_what_came_before_gives_way_to_what_is_left():
    every = left(LAYOUT, SIZE)
    assert every is not None
    assert every.points.shape == (SIZE, 3)
    first = every.points[jnp.array([3, 3, 7, 3])]
    rest, points = every.take(jax.random.key(0), first)
    assert points[0].tolist() == first[0].tolist()
    assert points[2].tolist() == first[2].tolist()
    assert len(np.unique(points, axis=0)) == 4
    assert int(rest.used.sum()) == 4
    for i in range(3):
        rest, more = rest.take(jax.random.key(i), jnp.tile(points[:1], (7, 1)))
        assert len(np.unique(more, axis=0)) == 7
    assert rest.used.all()


@pytest.mark.parametrize("sampler", [random, sobol, tpe])
def test_every_configuration_once_under_vmap(sampler):
    search = sampler(LAYOUT).search
    assert search is not None

    def run(key, best):
        return search(lambda _, p: jnp.abs(p - best).sum(axis=1), key, trials=SIZE, batch=4)[0]

    keys = jax.random.split(jax.random.key(0), 3)
    for points in np.asarray(jax.jit(jax.vmap(run))(keys, jnp.array([0.1, 0.5, 0.9]))):
        assert len(np.unique(points, axis=0)) == SIZE
        np.testing.assert_array_equal(LAYOUT.snap(jnp.asarray(points)), points)


def test_more_trials_than_configurations_are_refused():
    search = random(LAYOUT).search
    assert search is not None
    with pytest.raises(ValueError, match=r"search\(trials=26\): the space has only 25 config"):
        search(lambda _, p: p.sum(axis=1), jax.random.key(0), trials=26, batch=4)


def test_spaces_without_an_end_or_too_large_to_list_are_left_as_they_are():
    assert left(Space(x=Float(0.0, 1.0)).layout, 10) is None
    assert left(Space(a=Int(1, 100), b=Int(1, 100)).layout, 10) is None


def test_minimize_goes_through_a_finite_space_in_one_program():
    found = minimize(
        lambda key, hp: hp["a"] * (1.0 if hp["b"] == "w" else 2.0 + hp["c"]),
        SPACE,
        trials=99,
        seed=[0, 1],
        sampler="tpe",
    )
    for one in found:
        assert len({str(config) for config in one.configs}) == SIZE
        assert one.config == {"a": 1, "b": "w"}
        assert one.sampler.endswith("one program")
