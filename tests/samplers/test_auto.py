"""The default sampler: what it picks, and that it says so."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Bool, Choice, Float, Int, Space
from jaxhpo.samplers.auto import auto
from jaxhpo.samplers.gp import gp
from jaxhpo.samplers.grid import grid
from jaxhpo.samplers.sobol import sequence
from jaxhpo.samplers.tpe import tpe

PLANE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
SMALL = Space(a=Int(1, 6), b=Choice(["u", "v", "w"]), c=Bool())


def told(sampler, n, space=PLANE):
    points = space.layout.snap(jax.random.uniform(jax.random.key(3), (n, len(space))))
    losses = jnp.square(points - 0.3).sum(axis=1)
    return sampler.tell(sampler.init(jax.random.key(0)), points, losses, jnp.ones(n, bool))


def asked(sampler, n_told, n, space=PLANE):
    state = told(sampler, n_told, space)
    return np.asarray(sampler.ask(state, n_told, jnp.zeros((0, len(space))), n).points)


def test_with_little_known_it_is_a_gaussian_process_and_then_a_parzen_estimator():
    sampler = auto(PLANE.layout, most_known=100, largest_batch=16)
    np.testing.assert_array_equal(asked(sampler, 40, 8), asked(gp(PLANE.layout), 40, 8))
    np.testing.assert_array_equal(asked(sampler, 100, 8), asked(tpe(PLANE.layout), 100, 8))
    np.testing.assert_array_equal(asked(sampler, 40, 17), asked(tpe(PLANE.layout), 40, 17))


def test_one_by_one_every_fourth_is_by_the_estimator():
    sampler = auto(PLANE.layout)
    for n_told, other in ((40, tpe), (41, gp), (43, gp), (44, tpe)):
        expected = asked(other(PLANE.layout), n_told, 1)
        np.testing.assert_array_equal(asked(sampler, n_told, 1), expected)
    np.testing.assert_array_equal(
        asked(auto(PLANE.layout, every=0), 40, 1), asked(gp(PLANE.layout), 40, 1)
    )
    assert sampler.says is not None
    # It does not say another thing for every trial.
    said = {sampler.says(told(sampler, n), n, 1) for n in (40, 41, 42)}
    assert said == {"gp: one by one, one in 4 by tpe; at most 4000 trials told"}


def test_it_says_what_it_picks():
    sampler = auto(PLANE.layout, most_known=100, largest_batch=16)
    assert sampler.says is not None
    blank = sampler.init(jax.random.key(0))
    assert sampler.says(blank, 0, 8).startswith("sobol:")
    assert sampler.says(told(sampler, 2), 2, 4).startswith("sobol:")
    assert sampler.says(told(sampler, 40), 40, 8).startswith("gp: 40 trials told, batches of 8")
    assert sampler.says(told(sampler, 100), 100, 8).startswith("tpe:")
    assert sampler.says(told(sampler, 40), 40, 17).startswith("tpe:")


def test_the_start_is_a_sobol_sequence():
    sampler = auto(PLANE.layout)
    state = sampler.init(jax.random.key(0))
    points, model = sampler.ask(state, 0, jnp.zeros((0, 2)), 12)
    key = jax.random.split(jax.random.key(0))[0]
    np.testing.assert_array_equal(points, sequence(PLANE.layout, key, 0, 12))
    assert not np.asarray(model).any()


def test_few_configurations_are_all_tried():
    for sampler in (auto(SMALL.layout), auto(SMALL.layout, trials=40)):
        np.testing.assert_array_equal(
            asked(sampler, 0, 36, SMALL), asked(grid(SMALL.layout), 0, 36, SMALL)
        )
        assert sampler.size == 36
        assert sampler.says is not None
        assert "36 configurations" in sampler.says(None, 0, 4)
    large = Space(a=Int(1, 60), b=Int(1, 60))
    assert auto(large.layout).adaptive
    assert auto(large.layout).size == 3600
    assert not auto(large.layout, trials=3600).adaptive


@pytest.mark.parametrize("name", ["trials", "startup", "most_known", "largest_batch", "every"])
def test_refuses_bad_options(name):
    with pytest.raises(ValueError, match=rf"auto\({name}=...\) must .*{name}=-1"):
        auto(PLANE.layout, **{name: -1})


def test_several_objectives_and_constraints_are_for_the_estimator():
    layout = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0)).layout
    sampler = auto(layout, startup=4)
    points = jax.random.uniform(jax.random.key(3), (16, 2))
    yes, none = jnp.ones(16, bool), jnp.zeros((0, 2))
    state = sampler.tell(sampler.init(jax.random.key(0)), points, points, yes)
    assert sampler.says is not None
    assert sampler.says(state, 16, 4).startswith("tpe: 16 trials told, batches of 4; several")
    other = tpe(layout, startup=4)
    found = sampler.ask(state, 16, none, 4).points
    np.testing.assert_array_equal(found, other.ask(state, 16, none, 4).points)
    bound = sampler.tell(sampler.init(jax.random.key(0)), points, points[:, 0], yes, points[:, :1])
    assert sampler.says(bound, 16, 4).startswith("tpe")
