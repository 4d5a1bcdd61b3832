"""What the estimator takes for good where there are several objectives, or constraints."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Float, Space
from jaxhpo.pareto import front, hypervolume
from jaxhpo.samplers import _fronts
from jaxhpo.samplers._fronts import _directions, _reach, ordered
from jaxhpo.samplers.random import random
from jaxhpo.samplers.tpe import tpe

CUBE = Space({f"x{i}": Float(0.0, 1.0) for i in range(5)}).layout
choose = jax.jit(ordered, static_argnums=3)


def picked(losses, violations=None, most=25, room=None):
    """Places and fronts of who is picked; in a buffer with more room than there are trials."""
    losses = np.asarray(losses, np.float32)
    more = (room or len(losses) + 5) - len(losses)
    table = jnp.asarray(np.pad(losses, [(0, more), (0, 0)]))
    broken = None
    if violations is not None:
        broken = jnp.asarray(np.pad(np.asarray(violations, np.float32), [(0, more), (0, 0)]))
    filled = jnp.arange(len(table)) < len(losses)
    places, fronts = choose(table, broken, filled, most)
    return np.asarray(places)[np.asarray(fronts) >= 0], np.asarray(fronts)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("levels", [0, 4])
def test_fronts_come_one_after_the_other(k, levels):
    place = np.random.default_rng(k)
    losses = place.integers(0, levels, (60, k)) if levels else place.random((60, k))
    places, fronts = picked(losses, most=64)
    assert sorted(places) == list(range(60))
    left = np.arange(60)
    for number in range(fronts.max() + 1):
        now = left[front(losses[left])]
        assert sorted(places[fronts[: len(places)] == number]) == sorted(now)
        left = np.setdiff1d(left, now)
    assert not len(left)


def test_more_rows_than_are_compared_at_once():
    losses = np.random.default_rng(3).random((700, 2))
    places, fronts = picked(losses, room=1024)
    inside = set(np.flatnonzero(front(losses)))
    first = places[fronts[: len(places)] == 0]
    assert set(first) <= inside
    assert len(first) == min(25, len(inside))


@pytest.mark.parametrize("levels", [0, 7])
def test_of_a_long_history_the_same_are_good_as_if_all_were_compared(levels, monkeypatch):
    place = np.random.default_rng(5)
    losses = place.integers(0, levels, (700, 2)) if levels else place.random((700, 2))
    broken = np.maximum(place.normal(size=(700, 2)) - 0.5, 0)
    whole = picked(losses, broken, room=1024)
    monkeypatch.setattr(_fronts, "COMPARED", 512)
    jax.clear_caches()
    short = picked(losses, broken, room=1024)
    jax.clear_caches()
    for one, other in zip(whole, short, strict=True):
        np.testing.assert_array_equal(one, other)


def test_within_a_front_the_next_adds_most_volume():
    angle = np.sort(np.random.default_rng(1).random(80)) * np.pi / 2
    losses = 1 - np.stack([np.sin(angle), np.cos(angle)], axis=1)
    places, _ = picked(losses, most=12)
    reference = losses.max(axis=0) + 0.1 * np.ptp(losses, axis=0)
    mine = hypervolume(losses[places], reference)
    best, chosen = 0.0, []
    for _ in range(12):  # greedily, with exact volumes
        gains = [hypervolume(losses[[*chosen, i]], reference) for i in range(80)]
        best = max(gains)
        chosen.append(int(np.argmax(gains)))
    assert mine > 0.99 * best
    assert best > 1.1 * hypervolume(losses[:12], reference)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_mean_over_directions_is_the_hypervolume(k):
    losses = np.random.default_rng(k).random((30, k)).astype(np.float32)
    everyone = jnp.ones(30, bool)
    reach = _reach(jnp.asarray(losses), everyone, jnp.asarray(_directions(k)))
    low, extent = losses.min(axis=0), np.ptp(losses, axis=0)
    exact = [hypervolume(((row - low) / extent)[None], np.full(k, 1.1)) for row in losses]
    # The ball's share in the orthant: pi/4, pi/6, pi^2/32 is what a reach of 1 stands for.
    ball = {2: np.pi / 4, 3: np.pi / 6, 4: np.pi**2 / 32}[k]
    found = ball * np.asarray(reach).mean(axis=1)
    assert np.abs(found - exact).mean() < 0.03 * np.mean(exact) + 0.01


def test_who_keeps_the_constraints_comes_first_then_who_breaks_them_least():
    losses = np.array([[0.0], [3.0], [1.0], [2.0], [0.5]])
    broken = np.array([[2.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [np.inf, 1e6]])
    places, fronts = picked(losses, broken)
    assert list(places) == [3, 1, 2, 0, 4]
    assert list(fronts[:5]) == [0, 1, 2, 3, 4]


def test_units_of_objectives_and_constraints_do_not_matter():
    place = np.random.default_rng(7)
    losses, broken = place.random((50, 3)), np.maximum(place.normal(size=(50, 2)), 0)
    one, _ = picked(losses, broken)
    # By powers of two, which change no rounding.
    other, _ = picked(losses * [1, 2.0**20, 2.0**-20], broken * [2.0**10, 2.0**-10])
    np.testing.assert_array_equal(one, other)


def test_trials_without_losses_are_never_good():
    losses = np.array([[1.0, np.inf], [np.inf, np.inf], [2.0, 2.0]])
    places, fronts = picked(losses)
    assert list(places) == [2]
    assert (fronts[1:] == -1).all()


def told(sampler, losses, violations=None, cuts=None, valid=None):
    points = np.random.default_rng(0).random((len(losses), CUBE.d)).astype(np.float32)
    state, at = sampler.init(jax.random.key(1)), 0
    valid = np.ones(len(losses), bool) if valid is None else valid
    for n in cuts or [len(losses)]:
        part = slice(at, at + n)
        more = () if violations is None else (jnp.asarray(violations[part]),)
        args = (jnp.asarray(a) for a in (points[part], losses[part], valid[part]))
        state = sampler.tell(state, *args, *more)
        at += n
    return np.asarray(sampler.ask(state, 40, jnp.zeros((0, CUBE.d)), 6).points)


def test_a_table_of_one_column_is_the_same_search_as_a_list():
    losses = np.random.default_rng(2).random(40).astype(np.float32)
    sampler = tpe(CUBE)
    np.testing.assert_array_equal(told(sampler, losses), told(sampler, losses[:, None]))


def test_constraints_that_are_kept_and_losses_that_agree_still_find_the_same_good():
    losses = np.random.default_rng(2).random(40).astype(np.float32)
    sampler = tpe(CUBE)
    twice = told(sampler, np.stack([losses, losses], axis=1))
    np.testing.assert_array_equal(told(sampler, np.stack([losses, 3 * losses], axis=1)), twice)
    with_bounds = told(sampler, losses, np.zeros((40, 2), np.float32))
    np.testing.assert_array_equal(with_bounds, told(sampler, losses))


def test_columns_may_not_change():
    sampler = tpe(CUBE)
    state = sampler.init(jax.random.key(0))
    point, yes = jnp.zeros((1, CUBE.d)), jnp.ones(1, bool)
    state = sampler.tell(state, point, jnp.ones((1, 2)), yes, jnp.zeros((1, 1)))
    with pytest.raises(ValueError, match=r"losses=.*as many columns"):
        sampler.tell(state, point, jnp.ones((1, 3)), yes, jnp.zeros((1, 1)))
    with pytest.raises(ValueError, match=r"violations=.*as many columns"):
        sampler.tell(state, point, jnp.ones((1, 2)), yes, jnp.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"violations=.*again"):
        sampler.tell(state, point, jnp.ones((1, 2)), yes)


def zdt1(x):
    """Zitzler, Deb and Thiele 2000, a convex front."""
    g = 1 + 9 * x[:, 1:].mean(axis=1)
    return np.stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))], axis=1), None


def zdt2(x):
    """The same paper's concave front."""
    g = 1 + 9 * x[:, 1:].mean(axis=1)
    return np.stack([x[:, 0], g * (1 - (x[:, 0] / g) ** 2)], axis=1), None


def bounded(x):
    """ZDT1 where the left of the front, and a corner of the cube, are forbidden."""
    rules = np.stack([0.4 - x[:, 0], 0.5 - x[:, 1] - x[:, 2]], axis=1)
    return zdt1(x)[0], np.maximum(rules, 0)


def volume(factory, problem, seed, trials=160, batch=8):
    sampler = factory(CUBE)
    state = sampler.init(jax.random.key(seed))
    losses, feasible = [], []
    for first in range(0, trials, batch):
        points = sampler.ask(state, first, jnp.zeros((0, CUBE.d)), batch).points
        found, broken = problem(np.asarray(points, float))
        losses.append(found)
        feasible.append(np.ones(batch, bool) if broken is None else (broken <= 0).all(axis=1))
        if sampler.adaptive:
            args = [points, jnp.asarray(found, jnp.float32), jnp.ones(batch, bool)]
            args += [] if broken is None else [jnp.asarray(broken, jnp.float32)]
            state = sampler.tell(state, *args)
    kept = np.concatenate(losses)[np.concatenate(feasible)]
    return hypervolume(kept, np.array([1.0, 4.0]))


@pytest.mark.slow
@pytest.mark.parametrize("problem", [zdt1, zdt2, bounded])
def test_more_volume_than_random_search(problem):
    seeds = range(3)
    mine = [volume(tpe, problem, seed) for seed in seeds]
    chance = [volume(random, problem, seed) for seed in seeds]
    # Fixed keys; random search reaches 0.5 to 0.65 of it. No seed of the one is below any of the
    # other.
    assert min(mine) > max(chance)
    assert np.mean(mine) > 1.3 * np.mean(chance)
