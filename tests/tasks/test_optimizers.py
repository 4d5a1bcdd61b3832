"""Optimizers out of traced choices are those of optax, and so are the schedules."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxhpo.option import Option
from jaxhpo.tasks.parts.optimizers import OPTIMIZERS, optimizer
from jaxhpo.tasks.parts.schedules import SCHEDULES, schedule

PARAMS = {
    "w": jax.random.normal(jax.random.key(0), (4, 3)),
    "b": jnp.array([0.3, 0.0, -2.0]),
}
STEPS = 20
STOCK = {
    "adam": lambda lr: optax.adam(lr),
    "adamw": lambda lr: optax.adamw(lr),
    "nadam": lambda lr: optax.nadam(lr),
    "nadamw": lambda lr: optax.nadamw(lr),
    "adamax": lambda lr: optax.adamax(lr),
    "adabelief": lambda lr: optax.adabelief(lr),
    "sgd": lambda lr: optax.sgd(lr),
    "momentum": lambda lr: optax.sgd(lr, momentum=0.9),
    "nesterov": lambda lr: optax.sgd(lr, momentum=0.9, nesterov=True),
    "rmsprop": lambda lr: optax.rmsprop(lr),
    "adagrad": lambda lr: optax.adagrad(lr),
    "lion": lambda lr: optax.lion(lr),
}


def trained(made):
    """Parameters after some steps on a bowl whose middle moves."""

    def step(carry, t):
        params, state = carry
        gradients = jax.tree.map(lambda p: 3.0 * (p - jnp.sin(t + p)), params)
        change, state = made.update(gradients, state, params)
        return (optax.apply_updates(params, change), state), None

    times = jnp.arange(STEPS, dtype=jnp.float32)
    return jax.lax.scan(step, (PARAMS, made.init(PARAMS)), times)[0][0]


def assert_same(found, expected, atol=1e-6):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=atol, rtol=1e-6), found, expected
    )
    assert all(np.abs(expected[k] - PARAMS[k]).max() > 0.01 for k in PARAMS)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_kind_is_the_optimizer_of_optax(kind):
    assert_same(trained(optimizer(kind, 0.02)), trained(STOCK[kind](0.02)))


def test_one_program_serves_every_kind():
    traces = []

    @jax.jit
    @jax.vmap
    def run(index, lr):
        traces.append(index)
        return trained(optimizer(Option(OPTIMIZERS, index), lr))

    rates = jnp.linspace(0.01, 0.03, len(OPTIMIZERS))
    found = run(jnp.arange(len(OPTIMIZERS)), rates)
    assert len(traces) == 1
    for index, kind in enumerate(OPTIMIZERS):
        member = jax.tree.map(lambda leaf, i=index: leaf[i], found)
        assert_same(member, trained(STOCK[kind](float(rates[index]))))


def test_bits_do_not_depend_on_how_many_devices_share_the_members():
    """Where a rule has an inverse square root they may: it depends on the place in a register."""
    places = jnp.arange(2 * len(OPTIMIZERS), dtype=jnp.int32)

    @jax.jit
    @jax.vmap
    def run(place):
        kind, rate = Option(OPTIMIZERS, place % len(OPTIMIZERS)), 0.01 + 0.001 * place
        return trained(optimizer(kind, rate, clip=1.5, schedule="one_cycle", steps=STEPS))

    auto = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((2,), ("lanes",), axis_types=auto, devices=jax.devices()[:2])
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("lanes"))
    alone, shared = run(places), run(jax.device_put(places, spread))
    assert len(shared["w"].sharding.device_set) == 2
    same = np.ones(len(places), bool)
    for name in PARAMS:
        equal = np.asarray(alone[name]) == np.asarray(shared[name])
        same &= equal.reshape(len(places), -1).all(axis=1)
    changed = {kind for kind, ok in zip(2 * OPTIMIZERS, same, strict=True) if not ok}
    assert changed <= {"rmsprop", "adagrad"}


@pytest.mark.parametrize("kind", ["adamw", "lion", "nadamw"])
def test_decoupled_decay_l2_and_clipping_are_those_of_optax(kind):
    """With every number traced; the order is clip, L2, direction, decay."""
    stock = getattr(optax, kind)
    expected = optax.chain(
        optax.clip_by_global_norm(1.5),
        optax.add_decayed_weights(0.3),
        stock(0.02, b1=0.8, b2=0.95, weight_decay=0.2),
    )

    @jax.jit
    def run(lr, b1, b2, decay, l2, clip):
        made = optimizer(kind, lr, b1=b1, b2=b2, weight_decay=decay, l2=l2, clip=clip)
        return trained(made)

    assert_same(run(0.02, 0.8, 0.95, 0.2, 0.3, 1.5), trained(expected))


def test_clipping_is_off_at_zero_and_only_scales_large_gradients():
    run = jax.jit(lambda clip: trained(optimizer("sgd", 0.02, clip=clip)))
    assert_same(run(0.0), trained(optax.sgd(0.02)))
    assert_same(run(1e9), trained(optax.sgd(0.02)))
    assert_same(run(1.0), trained(optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.02))))
    either = jax.jit(lambda i: trained(optimizer("sgd", 0.02, clip=Option((None, 1.0), i))))
    assert_same(either(0), run(0.0))
    assert_same(either(1), run(1.0))


def test_adam_never_decays_weights_and_others_may_be_kept_from_it():
    assert_same(trained(optimizer("adam", 0.02, weight_decay=5.0)), trained(optax.adam(0.02)))
    both = jax.jit(
        lambda i: trained(optimizer(Option(("adam", "adamw"), i), 0.02, weight_decay=0.5))
    )
    assert_same(both(0), trained(optax.adam(0.02)))
    assert_same(both(1), trained(optax.adamw(0.02, weight_decay=0.5)))

    def matrices(params):
        return jax.tree.map(lambda leaf: leaf.ndim > 1, params)

    ours = optimizer("adamw", 0.02, weight_decay=0.5, decayed=matrices)
    assert_same(trained(ours), trained(optax.adamw(0.02, weight_decay=0.5, mask=matrices)))


def test_the_state_is_no_larger_than_the_kinds_need():
    def slots(kind):
        state = optimizer(kind, 0.1).init(PARAMS)
        return [bool(jax.tree.leaves(part)) for part in state[1:]]

    assert slots("sgd") == [False, False]
    assert slots("lion") == [True, False]
    assert slots("rmsprop") == [False, True]
    assert slots(Option(("sgd", "momentum"), jnp.int32(0))) == [True, False]
    assert slots(Option(("lion", "adam", "nadam"), jnp.int32(0))) == [True, True]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"optimizer\(kind=\.\.\.\) must be one of .* got 'adm'"):
        optimizer("adm", 0.1)
    with pytest.raises(ValueError, match=r"schedule\(kind=\.\.\.\) must be one of .* got 'cos'"):
        optimizer("adam", 0.1, schedule="cos", steps=10)
    with pytest.raises(ValueError, match=r"schedule\(steps=\.\.\.\) must be given"):
        optimizer("adam", 0.1, schedule="cosine")
    made = optimizer("adamw", 0.1)
    with pytest.raises(ValueError, match=r"update\(params=\.\.\.\) must be given"):
        made.update(PARAMS, made.init(PARAMS))


# -- schedules -------------------------------------------------------------------------------------

TOTAL = 100
TIMES = np.arange(TOTAL)


def curve(kind, **given):
    run = jax.jit(jax.vmap(lambda t: schedule(kind, t, TOTAL, **given)))
    return np.asarray(run(jnp.arange(TOTAL)))


def of_optax(made):
    return np.asarray([made(t) for t in TIMES])


def test_schedules_are_those_of_optax_where_it_has_them():
    pairs = [
        (curve("none"), np.ones(TOTAL)),
        (curve("linear", final=0.1), of_optax(optax.linear_schedule(1.0, 0.1, TOTAL))),
        (curve("cosine", final=0.1), of_optax(optax.cosine_decay_schedule(1.0, TOTAL, 0.1))),
        (curve("exponential"), of_optax(optax.exponential_decay(1.0, TOTAL, 0.01))),
        (curve("one_cycle"), of_optax(optax.cosine_onecycle_schedule(TOTAL, 1.0))),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=2e-6)
    levels = np.where(TIMES < 34, 1.0, np.where(TIMES < 67, 0.1, np.where(TIMES < 89, 0.01, 1e-3)))
    np.testing.assert_allclose(curve("step"), levels, rtol=1e-5)


@pytest.mark.parametrize("kind", ["none", "linear", "cosine", "exponential"])
def test_a_warm_up_rises_in_equal_steps_and_the_rest_falls_over_the_rest(kind):
    found = curve(kind, warmup=0.2)
    np.testing.assert_allclose(found[:20], np.arange(1, 21) / 20, rtol=1e-5)
    rest = np.asarray([schedule(kind, t, 80) for t in range(80)])
    np.testing.assert_allclose(found[20:], rest, atol=2e-6)
    np.testing.assert_allclose(curve("warmup_cosine")[:5], np.arange(1, 6) / 5, rtol=1e-5)


def test_one_program_serves_every_schedule_and_length():
    traces = []

    @jax.jit
    def run(index, step, steps, warmup):
        traces.append(index)
        return schedule(Option((None, *SCHEDULES), index), step, steps, warmup=warmup)

    for index, kind in enumerate((None, *SCHEDULES)):
        for steps in (1, 7, 300):
            step = steps // 2
            expected = schedule(kind, step, steps, warmup=0.1)
            np.testing.assert_allclose(run(index, step, steps, 0.1), expected, atol=2e-6)
    assert len(traces) == 1


def test_a_schedule_follows_the_steps_of_the_optimizer():
    @jax.jit
    def run(steps):
        return trained(optimizer("sgd", 0.02, schedule="cosine", steps=steps))

    for steps in (STEPS, 2 * STEPS):
        assert_same(run(steps), trained(optax.sgd(optax.cosine_decay_schedule(0.02, steps))))


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_step_that_is_not_taken_leaves_everything_as_it_was(kind):
    made = optimizer(kind, 0.1, weight_decay=0.01, l2=0.1, clip=1.0)
    params = {"w": jnp.array([1.0, -2.0, 0.5])}

    def run(steps):
        state, now = made.init(params), params
        for slope, taken in steps:
            change, state = made.update({"w": slope}, state, now, taken=jnp.asarray(taken))
            now = optax.apply_updates(now, change)
        return now, state

    real = [jnp.array([0.3, -0.1, 0.0]), jnp.array([-2.0, 0.4, 1.0])]
    wild = jnp.array([jnp.nan, jnp.inf, 1e30])
    plain = run([(real[0], True), (real[1], True)])
    mixed = run([(wild, False), (real[0], True), (wild, False), (wild, False), (real[1], True)])
    chex.assert_trees_all_equal(mixed, plain)
