"""CMA-ES: what it learns from a history, whoever proposed it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Choice, Float, Int, Space

pytest.importorskip("cmaes", reason="the library cmaes is not installed")

from jaxhpo.samplers.cmaes import cmaes
from jaxhpo.samplers.sobol import sequence

PLANE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
MIXED = Space(
    x=Float(0.0, 1.0),
    n=Int(1, 64, log=True),
    kind=Choice(["a", "b", "c", "d"]),
    tilt=Float(0.0, 1.0, when={"kind": "b"}),
)


def searched(space, loss, trials, batch=16, seed=1, **options):
    """Points [trials, d] and their losses, in order."""
    sampler = cmaes(space.layout, **options)
    state, points = sampler.init(jax.random.key(seed)), []
    none = jnp.zeros((0, len(space)), jnp.float32)
    for first in range(0, trials, batch):
        new = sampler.ask(state, first, none, batch).points
        state = sampler.tell(state, new, loss(new), jnp.ones(batch, bool))
        points.append(np.asarray(new))
    every = np.concatenate(points)
    return every, np.asarray(loss(jnp.asarray(every)))


def narrow(points):
    """A valley along the diagonal, which ends in a point."""
    along, across = points[:, 0] + points[:, 1] - 1.2, points[:, 0] - points[:, 1]
    return along**2 + 100 * across**2


def test_it_follows_a_narrow_valley():
    _, losses = searched(PLANE, narrow, 320)
    assert losses.min() < 1e-4  # of 320 random points the best is near 0.005
    assert np.median(losses[-32:]) < 1e-2


def test_numbers_grids_and_categories_are_learnt_together():
    best = MIXED.encode([{"x": 0.3, "n": 12, "kind": "b", "tilt": 0.8}])[0]

    def loss(points):
        far = jnp.square(points - best[None])
        right = MIXED.layout.level(points)[:, 2] == 1
        return far[:, 0] + far[:, 1] + jnp.where(right, far[:, 3], 1.0)

    # The last bits of its matrices differ by machine: a search that comes as near as 1e-6, not one
    # that stops beside the level.
    points, losses = searched(MIXED, loss, 480, seed=6)
    config = MIXED.decode(points[[int(losses.argmin())]])[0]
    assert (config["kind"], config["n"]) == ("b", 12)
    assert abs(config["x"] - 0.3) < 0.1
    assert abs(config["tilt"] - 0.8) < 0.2
    late = MIXED.decode(points[-64:])
    assert len({c["n"] for c in late}) > 1  # a margin is left for every level


def test_the_start_is_a_sobol_sequence_and_then_the_model():
    sampler = cmaes(PLANE.layout, startup=12)
    state = sampler.init(jax.random.key(0))
    points = sequence(PLANE.layout, jax.random.split(jax.random.key(0))[0], 0, 12)
    found = sampler.ask(state, 0, jnp.zeros((0, 2)), 12)
    np.testing.assert_array_equal(found.points, points)
    assert not np.asarray(found.model).any()
    state = sampler.tell(state, points, narrow(points), jnp.ones(12, bool))
    assert np.asarray(sampler.ask(state, 12, jnp.zeros((0, 2)), 6).model).all()


def test_an_outlier_does_not_blow_it_up():
    # A generation told from the far corner, as an older distribution would have made it.
    near = 0.2 + 0.01 * jax.random.normal(jax.random.key(2), (60, 2))
    points = jnp.concatenate([near, jnp.full((6, 2), 0.99) - 0.01 * jnp.arange(12).reshape(6, 2)])
    losses = jnp.square(points - 0.2).sum(axis=1)
    sampler = cmaes(PLANE.layout, population=6)
    state = sampler.tell(sampler.init(jax.random.key(0)), points, losses, jnp.ones(66, bool))
    found = np.asarray(sampler.ask(state, 66, jnp.zeros((0, 2)), 32).points)
    assert np.abs(found - 0.2).max() < 0.5


def test_only_the_order_of_losses_matters_and_what_failed_is_last():
    points = PLANE.layout.snap(jax.random.uniform(jax.random.key(3), (40, 2)))
    losses = narrow(points)
    sampler = cmaes(PLANE.layout)

    def asked(told, valid):
        state = sampler.tell(sampler.init(jax.random.key(0)), points, told, valid)
        return np.asarray(sampler.ask(state, 40, jnp.zeros((0, 2)), 8).points)

    every = jnp.ones(40, bool)
    np.testing.assert_array_equal(asked(losses, every), asked(jnp.log(losses), every))
    order = jnp.argsort(losses)
    failed = every.at[order[-5:]].set(False)
    worst = losses.at[order[-5:]].set(jnp.inf)
    np.testing.assert_array_equal(asked(worst, failed), asked(losses, failed))


def test_a_converged_search_starts_anew():
    # Generations at one place: the distribution shrinks until nothing is left of it.
    spots = 0.5 + 1e-7 * jax.random.normal(jax.random.key(4), (900, 2))
    losses = narrow(spots)
    sampler = cmaes(PLANE.layout, population=6, startup=6)
    state, widths = sampler.init(jax.random.key(0)), []
    for first in range(0, 900, 6):
        part = slice(first, first + 6)
        state = sampler.tell(state, spots[part], losses[part], jnp.ones(6, bool))
        points = np.asarray(sampler.ask(state, first + 6, jnp.zeros((0, 2)), 16).points)
        widths.append(points.std(axis=0).min())
    narrowest = int(np.argmin(widths))
    assert widths[narrowest] < 1e-5
    assert max(widths[narrowest:]) > 0.03


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"population": 3}, r"cmaes\(population=...\) must .*population=3"),
        ({"startup": -1}, r"cmaes\(startup=...\) must .*startup=-1"),
        ({"promising": 1.5}, r"cmaes\(promising=...\) must be in \(0, 1\), got promising=1.5"),
        ({"spread": 0}, r"cmaes\(spread=...\) must"),
    ],
)
def test_refuses_bad_options(options, said):
    with pytest.raises(ValueError, match=said):
        cmaes(PLANE.layout, **options)
