"""TPE's bookkeeping: who is good, what may be proposed, what is compiled."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Bool, Choice, Float, Int, Space, registry
from jaxhpo.cube import Layout
from jaxhpo.samplers import tpe as module
from jaxhpo.samplers.sobol import sequence
from jaxhpo.samplers.tpe import tpe

PLANE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
FINITE = Space(a=Int(1, 6), b=Choice(["u", "v", "w"]), c=Bool(when={"b": ["u", "v"]}), d=Int(1, 4))


def none(space):
    return jnp.zeros((0, len(space)))


def told(sampler, space, n, *, key=0, loss=None, valid=None):
    points = space.layout.snap(jax.random.uniform(jax.random.key(7), (n, len(space))))
    losses = jnp.square(points - 0.3).sum(axis=1) if loss is None else jnp.asarray(loss)
    valid = jnp.ones(n, bool) if valid is None else jnp.asarray(valid)
    return sampler.tell(sampler.init(jax.random.key(key)), points, losses, valid)


def split(losses, most_good=25, recent=25, most_bad=2048):
    options = module.Options(most_good=most_good, recent=recent, most_bad=most_bad)
    room = module.room(len(losses))
    padded = jnp.asarray(np.pad(np.asarray(losses, np.float32), (0, room - len(losses))))
    filled = jnp.arange(room) < len(losses)
    best, weight, bad = module._split(options, padded, filled, jnp.int32(len(losses)))
    return np.asarray(best), np.asarray(weight), np.asarray(bad)[: len(losses)]


def test_the_good_are_the_square_root_of_all_and_weigh_by_rank():
    losses = np.random.default_rng(0).permutation(30).astype(float)
    best, weight, bad = split(losses)
    k = 6  # ceil(sqrt(30))
    assert losses[best[:k]].tolist() == [0, 1, 2, 3, 4, 5]
    expected = np.log(k + 1) - np.log(np.arange(1, k + 1))
    np.testing.assert_allclose(weight[:k], expected / expected.mean(), rtol=1e-5)
    assert (weight[k:] == 0).all()
    assert (bad[best[:k]] == 0).all()
    assert (bad > 0).sum() == 24


def test_at_most_so_many_are_good_and_the_bad_are_forgotten():
    best, weight, bad = split(np.arange(1000.0), most_good=25, recent=25)
    assert (weight > 0).sum() == 25
    assert sorted(best[:25]) == list(range(25))
    ramp = np.concatenate([np.linspace(1 / 975, 1.0, 950), np.ones(25)])
    np.testing.assert_allclose(bad[25:], ramp, rtol=1e-4)
    bad = split(np.arange(1000.0), most_bad=100)[2]
    assert (bad[:900] == 0).all()
    assert (bad[900:] > 0).all()


def test_trials_without_a_loss_are_bad_and_never_good():
    losses = np.full(40, np.inf)
    losses[[3, 8]] = 1.0, 0.5
    best, weight, bad = split(losses)
    assert best[:2].tolist() == [8, 3]
    assert (weight > 0).sum() == 2
    assert (bad > 0).sum() == 38


def test_a_batch_may_straddle_the_start():
    sampler = tpe(PLANE.layout, startup=10)
    state = told(sampler, PLANE, 4)
    points, model = sampler.ask(state, 4, none(PLANE), 16)
    assert np.asarray(model).tolist() == [False] * 6 + [True] * 10
    start_key = jax.random.split(jax.random.key(0))[0]
    np.testing.assert_array_equal(points[:6], sequence(PLANE.layout, start_key, 4, 6))
    later = sampler.ask(state, 10, none(PLANE), 3).model
    assert np.asarray(later).all()


def test_the_start_goes_on_while_nothing_is_known():
    sampler = tpe(PLANE.layout)
    state = told(sampler, PLANE, 30, loss=np.full(30, np.nan), valid=np.zeros(30, bool))
    points, model = sampler.ask(state, 30, none(PLANE), 8)
    assert not np.asarray(model).any()
    assert len(np.unique(points, axis=0)) == 8


@pytest.mark.parametrize("startup", [0, 5])
def test_a_finite_space_is_gone_through_without_a_repeat(startup):
    size = FINITE.layout.size
    assert size is not None
    sampler = tpe(FINITE.layout, startup=startup)
    assert sampler.size == size == 6 * 5 * 4
    state, seen, pending = sampler.init(jax.random.key(3)), [], none(FINITE)
    for first in range(0, size, 8):
        n = min(8, size - first)
        points = sampler.ask(state, first, pending, n).points
        seen.append(np.asarray(points))
        if len(pending):  # a lookahead of one batch
            state = sampler.tell(state, pending, pending.sum(axis=1), jnp.ones(8, bool))
        pending = points
    assert len(np.unique(np.concatenate(seen), axis=0)) == size


def test_a_grid_too_fine_to_be_seen_is_no_finite_space():
    space = Space(n=Int(1, 5000))
    assert space.layout.size == 5000
    assert tpe(space.layout).size is None


def test_pending_points_repel():
    sampler = tpe(PLANE.layout)
    state = told(sampler, PLANE, 60)
    free = np.asarray(sampler.ask(state, 60, none(PLANE), 16).points)
    taken = jnp.asarray(np.repeat(free, 4, axis=0) + np.random.default_rng(0).normal(0, 0.01, 2))
    moved = np.asarray(sampler.ask(state, 60, PLANE.layout.snap(taken), 16).points)

    def nearest(points):
        return np.linalg.norm(points[:, None] - np.asarray(taken)[None], axis=2).min(axis=1).mean()

    assert nearest(moved) > nearest(free) + 0.01


def test_a_batch_spreads_over_what_is_nearly_as_good():
    # Two basins of one depth: alone every proposal goes to the one of which more was seen.
    sampler = tpe(PLANE.layout, startup=0)
    points = PLANE.layout.snap(jax.random.uniform(jax.random.key(7), (100, 2)))
    basins = jnp.asarray([[0.2, 0.2], [0.8, 0.8]])
    losses = jnp.linalg.norm(points[:, None] - basins[None], axis=2).min(axis=1)
    state = sampler.tell(sampler.init(jax.random.key(0)), points, losses, jnp.ones(100, bool))
    alone = np.array([sampler.ask(state, i, none(PLANE), 1).points[0] for i in range(100, 132)])
    batch = np.asarray(sampler.ask(state, 100, none(PLANE), 64).points)
    assert (alone.sum(axis=1) < 1).mean() > 0.9
    assert 0.1 < (batch.sum(axis=1) > 1).mean() < 0.5


def test_large_batches_are_chosen_in_blocks_and_hold_nothing_twice():
    sampler = tpe(PLANE.layout)
    state = told(sampler, PLANE, 50)
    points, model = sampler.ask(state, 50, none(PLANE), 200)
    assert points.shape == (200, 2)
    assert len(np.unique(points, axis=0)) == 200
    assert np.asarray(model).all()


@pytest.mark.parametrize(
    "space",
    [
        Space({f"x{i}": Float(0.0, 1.0) for i in range(40)}),
        Space(only=Choice(list("abcdefgh"))),
        Space(x=Float(0.0, 1.0)),
    ],
    ids=["forty columns", "one category", "one number"],
)
@pytest.mark.parametrize("losses", ["equal", "huge", "one"])
def test_copes_with_odd_spaces_and_losses(space, losses):
    n = 40
    loss = {
        "equal": np.ones(n),
        "huge": np.where(np.arange(n) % 2, 3e38, -3e38),
        "one": np.full(n, np.nan),
    }
    valid = np.ones(n, bool) if losses != "one" else np.arange(n) == 5
    sampler = tpe(space.layout)
    value = np.where(np.arange(n) == 5, 1.0, loss[losses])
    state = told(sampler, space, n, loss=value, valid=valid)
    first = n if sampler.size is None else sampler.size - 4
    points = sampler.ask(state, first, none(space), 4).points
    assert np.isfinite(points).all()
    np.testing.assert_array_equal(space.layout.snap(points), points)


@pytest.mark.parametrize("name", ["random", "sobol", "grid", "tpe", "gp"])
def test_a_space_without_parameters_has_one_configuration(name):
    layout = Layout(names=(), kinds=(), positions=(), edges=(), size=1)
    sampler = registry.get("samplers", name)(layout)
    state = sampler.init(jax.random.key(0))
    assert sampler.ask(state, 0, jnp.zeros((0, 0)), 1).points.shape == (1, 0)
    state = sampler.tell(state, jnp.zeros((1, 0)), jnp.ones(1), jnp.ones(1, bool))
    assert name in ("random", "sobol") or sampler.size == 1


def test_the_core_is_a_function_of_arrays_that_maps():
    choose = module._program(PLANE.layout, module.Options())
    state = told(tpe(PLANE.layout), PLANE, 50)
    history = (module.padded(state.points, 64), module.padded(state.losses, 64))
    taken = jnp.zeros((64, 2))
    keys = jax.random.split(jax.random.key(1), 3)

    def one(key):
        return choose(key, *history, jnp.int32(50), taken, jnp.int32(0), n=4)

    mapped = jax.vmap(one)(keys)
    single = jnp.stack([one(key) for key in keys])
    np.testing.assert_allclose(mapped, single, atol=1e-5)


def test_samplers_of_a_layout_share_their_programs():
    one, two = tpe(PLANE.layout), tpe(PLANE.layout)
    one.ask(told(one, PLANE, 30), 30, none(PLANE), 4)
    program = module._program(PLANE.layout, module.Options())
    before = program._cache_size()
    two.ask(told(two, PLANE, 60), 60, none(PLANE), 4)
    assert program._cache_size() == before


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("startup", [-1, 1.5, "ten"]),
        ("most_good", [0, 2.0]),
        ("recent", [0, True]),
        ("candidates", [0]),
        ("most_bad", [0]),
        ("narrowest", [0, 1, -0.5, "thin"]),
        ("bandwidth", [0.0, -1, float("nan"), float("inf")]),
        ("prior_weight", [0, True]),
    ],
)
def test_refuses_bad_options(name, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"tpe\({name}=...\) must .*{name}={value!r}"):
            tpe(PLANE.layout, **{name: value})


def test_constraints_may_be_ratios_of_densities():
    layout = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0)).layout
    points = jax.random.uniform(jax.random.key(3), (64, 2))
    losses = points[:, 0]  # the least lies at 0, of what keeps the constraint at 0.6
    broken = jnp.maximum(0.6 - points[:, :1], 0.0)
    first, yes = jax.random.key(0), jnp.ones(64, bool)
    found = {}
    for way in ("first", "ratios"):
        sampler = tpe(layout, constraints=way)
        state = sampler.tell(sampler.init(first), points, losses, yes, broken)
        found[way] = np.asarray(sampler.ask(state, 64, jnp.zeros((0, 2)), 16).points)
        assert len(np.unique(found[way], axis=0)) == 16
        assert (np.abs(found[way][:, 0] - 0.65) < 0.2).mean() > 0.6
    assert not np.array_equal(found["first"], found["ratios"])
    # Where nobody keeps it, what breaks it least leads there.
    sampler = tpe(layout, constraints="ratios")
    state = sampler.tell(sampler.init(first), points, losses, yes, 1.5 - points[:, 1:])
    up = np.asarray(sampler.ask(state, 64, jnp.zeros((0, 2)), 16).points)[:, 1]
    assert np.median(up) > 0.8
    with pytest.raises(ValueError, match=r"tpe\(constraints=...\) must be .*constraints='both'"):
        tpe(layout, constraints="both")
