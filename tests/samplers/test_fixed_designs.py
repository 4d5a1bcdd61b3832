"""Random, Sobol and grid search: what does not look at results."""

from __future__ import annotations

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Bool, Choice, Float, Int, Space, registry
from jaxhpo.samplers.grid import grid
from jaxhpo.samplers.random import random
from jaxhpo.samplers.sobol import sobol

SPACE = Space(x=Float(0.0, 1.0), y=Float(1e-3, 1.0, log=True), n=Int(1, 9))
CONDITIONAL = Space(
    kind=Choice(["a", "b", "c"]),
    depth=Int(1, 3, when={"kind": ["a", "b"]}),
    skip=Bool(when={"depth": [2, 3]}),
    lr=Float(0.0, 1.0, when={"kind": "c"}),
)


def asked(sampler, space, first, n, key=0):
    state = sampler.init(jax.random.key(key))
    return np.asarray(sampler.ask(state, first, jnp.zeros((0, len(space))), n).points)


@pytest.mark.parametrize("factory", [random, sobol, grid])
def test_a_point_depends_on_its_index_alone(factory):
    sampler = factory(SPACE.layout)
    whole = asked(sampler, SPACE, 0, 40)
    for first, n in ((0, 1), (3, 7), (17, 16), (39, 1)):
        np.testing.assert_array_equal(asked(sampler, SPACE, first, n), whole[first : first + n])
    assert not np.array_equal(asked(sampler, SPACE, 0, 40, key=1), whole)


def test_random_points_are_uniform():
    points = asked(random(SPACE.layout), SPACE, 0, 4000)
    for column in range(2):  # a distance above 1.95 / sqrt(n) has a chance below 0.001
        ideal = (np.arange(4000) + 0.5) / 4000
        assert np.abs(np.sort(points[:, column]) - ideal).max() < 1.95 / np.sqrt(4000)


def test_sobol_fills_every_cell_of_a_power_of_two():
    # In 2^8 points of a (t, m, s)-net with t = 0 every one of 16 x 16 cells holds exactly one.
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    for key in range(3):
        points = asked(sobol(space.layout), space, 0, 256, key=key)
        cells = np.minimum(points * 16, 15).astype(int)
        assert len(np.unique(cells, axis=0)) == 256


def test_many_columns_of_sobol_have_no_pair_that_goes_together():
    # In the first 32 points of one Sobol sequence of 15 columns, whatever its scrambling, there are
    # two of which one is above a half exactly where the other is, or is not.
    space = Space(**{f"x{i}": Float(0.0, 1.0) for i in range(15)})
    for key in range(5):
        points = asked(sobol(space.layout), space, 0, 32, key=key)
        together = np.corrcoef((points > 0.5).T) - np.eye(15)
        assert np.abs(together).max() < 0.9  # by chance once in a million keys


def test_many_columns_of_sobol_are_each_as_even_as_one():
    space = Space(**{f"x{i}": Float(0.0, 1.0) for i in range(8)})
    whole = asked(sobol(space.layout), space, 0, 64)
    cells = np.sort((whole * 64).astype(int), axis=0)
    np.testing.assert_array_equal(cells, np.repeat(np.arange(64)[:, None], 8, axis=1))
    for first, n in ((0, 1), (3, 7), (15, 2), (17, 40), (63, 1)):
        found = asked(sobol(space.layout), space, first, n)
        np.testing.assert_array_equal(found, whole[first : first + n])


def test_sobol_far_along_is_fast():
    sampler = sobol(SPACE.layout)
    asked(sampler, SPACE, 100_000, 16)
    begin = time.perf_counter()
    asked(sampler, SPACE, 100_000, 16)
    assert time.perf_counter() - begin < 0.5


def test_grid_is_every_configuration_once():
    sampler = grid(CONDITIONAL.layout, resolution=4)
    # a and b: depth 1, or 2 and 3 with or without skip; c: four values of lr.
    assert sampler.size == 2 * (1 + 2 * 2) + 4
    points = asked(sampler, CONDITIONAL, 0, sampler.size)
    configs = {repr(sorted(c.items())) for c in CONDITIONAL.decode(points)}
    expected = [
        {"kind": k, "depth": d, **({"skip": s} if d > 1 else {})}
        for k, d, s in itertools.product("ab", (1, 2, 3), (False, True))
    ]
    expected += [{"kind": "c", "lr": lr} for lr in (0.0, 1 / 3, 2 / 3, 1.0)]
    assert len(configs) == sampler.size
    rounded = {repr(sorted({**c, "lr": round(c["lr"], 4)}.items())) for c in expected[-4:]}
    found = {
        repr(sorted({**c, "lr": round(c["lr"], 4)}.items()))
        for c in CONDITIONAL.decode(points)
        if c["kind"] == "c"
    }
    assert found == rounded
    assert {repr(sorted(c.items())) for c in expected[:-4]} <= configs


FINE = Space(
    n=Int(1, 5000, log=True),
    kind=Choice(["a", "b"]),
    m=Int(1, 2000, log=True, when={"kind": "b"}),
)


def test_a_grid_has_no_whole_number_twice():
    sampler = grid(FINE.layout, resolution=30)
    configs = FINE.decode(asked(sampler, FINE, 0, sampler.size))
    assert len({repr(c) for c in configs}) == sampler.size
    every = {c["n"] for c in configs}
    assert {1, 2, 5000} <= every
    assert 20 < len(every) < 30  # of thirty places on the log scale several are 1 and 2


@pytest.mark.parametrize("name", ["random", "sobol", "tpe"])
def test_no_whole_number_comes_twice_in_a_batch(name):
    space = Space(n=Int(1, 1500, log=True), m=Int(1, 1500, log=True))
    sampler = registry.get("samplers", name)(space.layout)
    state = sampler.init(jax.random.key(0))
    pending = jnp.asarray(space.encode([{"n": 1, "m": m} for m in range(1, 41)]))
    seen = {repr(c) for c in space.decode(np.asarray(pending))}
    for first in (0, 300):
        points = sampler.ask(state, first, pending, 300).points
        configs = {repr(c) for c in space.decode(np.asarray(points))}
        assert len(configs) == 300
        assert not configs & seen
        low = jnp.square(points).sum(axis=1)  # the best of it lies where numbers are coarse
        state = sampler.tell(state, points, low, jnp.ones(300, bool))


def test_a_grid_that_is_cut_short_is_no_corner():
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    points = asked(grid(space.layout, resolution=30), space, 0, 90)
    # The mean of 90 of 900 without replacement: five standard deviations are 0.15.
    assert (np.abs(points.mean(axis=0) - 0.5) < 0.15).all()


def test_grid_refuses_what_it_can_not_do():
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(12)})
    with pytest.raises(ValueError, match=r"grid\(resolution=5\).*9,765,625.*sobol"):
        grid(space.layout)
    for value in (1, 2.5, True, "many"):
        with pytest.raises(ValueError, match=rf"grid\(resolution=...\).*{value!r}"):
            grid(space.layout, resolution=value)
    sampler = grid(Space(n=Int(1, 3)).layout)
    with pytest.raises(ValueError, match="3 points only"):
        asked(sampler, [0], 0, 4)
