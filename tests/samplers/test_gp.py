"""The Gaussian process: its regression, what it does with odd histories, and that it finds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Choice, Float, Int, Space
from jaxhpo.samplers import _kernel as kernel
from jaxhpo.samplers._known import best_and_others, standardised
from jaxhpo.samplers.gp import gp, refitted

PLANE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
MIXED = Space(
    kind=Choice(["u", "v", "w"]),
    x=Float(0.0, 1.0),
    n=Int(1, 9),
    y=Float(0.0, 1.0, when={"kind": "u"}),
)


def none(space):
    return jnp.zeros((0, len(space)))


def told(sampler, space, points, losses, valid=None):
    valid = np.ones(len(points), bool) if valid is None else valid
    args = (jnp.asarray(points, jnp.float32), jnp.asarray(losses, jnp.float32), jnp.asarray(valid))
    return sampler.tell(sampler.init(jax.random.key(0)), *args)


def test_the_kernel_is_matern_and_a_category_is_one_scale_away():
    form = kernel.embedding(MIXED.layout)
    points = MIXED.encode(
        [
            {"kind": "v", "x": 0.2, "n": 3},
            {"kind": "v", "x": 0.5, "n": 3},
            {"kind": "w", "x": 0.2, "n": 3},
            {"kind": "u", "x": 0.2, "n": 3, "y": 0.5},
        ]
    )
    at = kernel.embedded(MIXED.layout, form, jnp.asarray(points))
    scale = {"kind": 2.0, "x": 0.25, "n": 1.0, "y": 1.0}
    logs = jnp.log(jnp.asarray([scale[name] for name in MIXED.layout.names]))
    c = kernel.Constants(logs, jnp.log(jnp.asarray(3.0)), jnp.zeros(()))
    found = np.asarray(kernel.gram(form, c, at, at))

    def matern(r):
        return 3.0 * (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r)

    np.testing.assert_allclose(np.diag(found), 3.0, rtol=1e-5)
    np.testing.assert_allclose(found[0, 1], matern(0.3 / 0.25), rtol=1e-4)
    np.testing.assert_allclose(found[0, 2:], matern(1 / 2.0), rtol=1e-4)


def test_the_kernel_has_the_slope_of_its_formula_also_at_zero():
    squares = jnp.asarray([0.0, 1e-6, 0.3, 4.0])
    slope = np.asarray(jax.vmap(jax.grad(kernel.matern))(squares))
    h = 1e-4
    s = np.asarray(squares, np.float64) + 1e-3
    value = [(1 + r + r**2 / 3) * np.exp(-r) for r in (np.sqrt(5 * (s - h)), np.sqrt(5 * (s + h)))]
    np.testing.assert_allclose(slope[1:], ((value[1] - value[0]) / (2 * h))[1:], rtol=2e-2)
    np.testing.assert_allclose(slope[0], -5 / 6, rtol=1e-5)


def test_the_fit_tells_what_matters_from_what_does_not():
    rng = np.random.default_rng(0)
    points = rng.random((64, 2)).astype(np.float32)
    values = np.sin(9 * points[:, 0])
    form = kernel.embedding(PLANE.layout)
    at = kernel.embedded(PLANE.layout, form, jnp.asarray(points))
    c = kernel.fitted(form, 2, at, jnp.asarray(values / values.std()), jnp.ones(64, bool), 50)
    assert np.exp(c.scale[1]) > 4 * np.exp(c.scale[0])
    assert np.exp(c.noise) < 1e-2
    noise = rng.normal(size=64)
    c = kernel.fitted(form, 2, at, jnp.asarray(noise / noise.std()), jnp.ones(64, bool), 50)
    assert np.exp(c.noise) > 0.3


def test_places_that_are_not_filled_change_nothing():
    rng = np.random.default_rng(0)
    at, values = rng.random((16, 2)).astype(np.float32), rng.normal(size=16).astype(np.float32)
    form = kernel.embedding(PLANE.layout)
    known = jnp.arange(32) < 16
    more = np.concatenate([at, rng.random((16, 2)).astype(np.float32)])
    zeros = np.pad(values, (0, 16))
    small = kernel.fitted(form, 2, jnp.asarray(at), jnp.asarray(values), jnp.ones(16, bool), 20)
    large = kernel.fitted(form, 2, jnp.asarray(more), jnp.asarray(zeros), known, 20)
    np.testing.assert_allclose(small.scale, large.scale, atol=1e-2)


def test_a_factor_is_found_of_a_matrix_without_full_rank():
    matrix = jnp.ones((8, 8))
    found = kernel.factored(matrix)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found @ found.T, matrix, atol=1e-2)


def test_losses_are_clipped_and_what_failed_is_worst():
    losses = np.array([0.0, 1.0, 2.0, 3.0, 1e30, np.inf])
    found = standardised(losses, 2.0)
    # Median 2, least 0: all above 6 count as 6.
    np.testing.assert_allclose(found[[4, 5]], found[4])
    steps = np.diff(found[:4])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)
    np.testing.assert_allclose(found[4] - found[3], 3 * steps[0], rtol=1e-4)
    np.testing.assert_allclose([found.mean(), found.std()], [0, 1], atol=1e-5)


@pytest.mark.parametrize("losses", [[1.0] * 6, [1 + 1e-12] * 5 + [1.0], [np.inf] * 6])
def test_losses_that_say_nothing_are_zero(losses):
    np.testing.assert_array_equal(standardised(np.array(losses), 2.0), np.zeros(6))


def test_of_many_the_best_half_is_kept():
    losses = np.random.default_rng(0).permutation(100).astype(float)
    kept = best_and_others(losses, 20, np.random.default_rng(1))
    assert len(set(kept)) == 20
    assert set(range(10)) <= set(losses[kept])
    assert list(kept) == sorted(kept)


@pytest.mark.parametrize(
    "odd", ["near duplicates", "one place", "outlier", "tiny range", "all failed but one"]
)
def test_odd_histories_give_sound_batches(odd):
    rng = np.random.default_rng(0)
    points = np.array(MIXED.layout.snap(jnp.asarray(rng.random((40, 4)), jnp.float32)))
    losses, valid = rng.random(40), np.ones(40, bool)
    if odd == "near duplicates":
        points = np.repeat(points[:2], 20, axis=0)
        points[:, MIXED.layout.names.index("x")] += 1e-6 * rng.random(40)
    if odd == "one place":
        points[:] = points[0]
    if odd == "outlier":
        losses[3] = 1e37
    if odd == "tiny range":
        losses = 1e-12 * losses
    if odd == "all failed but one":
        valid[1:] = False
    sampler = gp(MIXED.layout, startup=4)
    state = told(sampler, MIXED, points, losses, valid)
    for n in (16, 1):
        found = np.asarray(sampler.ask(state, 40, none(MIXED), n).points)
        assert np.isfinite(found).all()
        assert len(np.unique(found, axis=0)) == n
        np.testing.assert_array_equal(MIXED.layout.snap(jnp.asarray(found)), found)


def test_it_goes_where_the_losses_fall_and_keeps_off_what_is_pending():
    rng = np.random.default_rng(0)
    points = rng.random((40, 2)).astype(np.float32)
    losses = ((points - [0.3, 0.8]) ** 2).sum(axis=1)
    sampler = gp(PLANE.layout)
    state = told(sampler, PLANE, points, losses)
    found, model = sampler.ask(state, 40, none(PLANE), 16)
    assert np.asarray(model).all()
    away = np.linalg.norm(np.asarray(found) - [0.3, 0.8], axis=1)
    assert np.median(away) < 0.05
    again = np.asarray(sampler.ask(state, 40, found, 16).points)
    assert len(np.unique(np.concatenate([found, again]), axis=0)) == 32


def test_batches_beyond_the_largest_block():
    sampler = gp(PLANE.layout, candidates=64)
    points = np.random.default_rng(0).random((30, 2)).astype(np.float32)
    state = told(sampler, PLANE, points, points.sum(axis=1))
    found = np.asarray(sampler.ask(state, 30, none(PLANE), 50).points)
    assert len(np.unique(found, axis=0)) == 50


def test_a_proposal_alone_is_where_most_improvement_is_expected():
    rng = np.random.default_rng(0)
    points = rng.random((24, 2)).astype(np.float32)
    losses = ((points - [0.3, 0.8]) ** 2).sum(axis=1)
    sampler = gp(PLANE.layout)
    state = told(sampler, PLANE, points, losses)
    found = np.asarray(sampler.ask(state, 24, none(PLANE), 1).points)
    assert np.linalg.norm(found - [0.3, 0.8]) < 0.02
    pending, seen = none(PLANE), []
    for _ in range(20):
        point = sampler.ask(state, 24, pending, 1).points
        pending = jnp.concatenate([pending, point])
        seen.append(np.asarray(point))
    # What is pending is known to the process: one does not stay where the first one was.
    assert len(np.unique(np.concatenate(seen), axis=0)) == 20
    drawn = gp(PLANE.layout, alone="draw").ask(state, 24, none(PLANE), 1).points
    assert not np.array_equal(drawn, found)


def test_what_a_sampler_remembers_changes_no_proposal():
    rng = np.random.default_rng(0)
    points = rng.random((80, 2)).astype(np.float32)
    losses = np.sin(7 * points).sum(axis=1)
    one = gp(PLANE.layout)
    for n in (20, 40, 41, 79):
        state = told(one, PLANE, points[:n], losses[:n])
        found = one.ask(state, n, none(PLANE), 1).points
        other = gp(PLANE.layout)
        state = told(other, PLANE, points[:n], losses[:n])
        np.testing.assert_array_equal(other.ask(state, n, none(PLANE), 1).points, found)


def test_constants_are_fitted_eight_times_in_a_doubling():
    assert [refitted(n) for n in (1, 12, 15, 16, 17, 31, 39, 40, 255)] == [
        1, 12, 15, 16, 16, 30, 36, 40, 240
    ]  # fmt: skip
    assert len({refitted(n) for n in range(256, 512)}) == 8


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("alone", ["both", 1]),
        ("startup", [-1, 1.5]),
        ("candidates", [7, 99.5]),
        ("prior_share", [0, 1, -0.5, "half"]),
        ("most_fitted", [7]),
        ("most_known", [0]),
        ("steps", [0]),
        ("clip", [0.0, float("nan")]),
    ],
)
def test_refuses_bad_options(name, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"gp\({name}=...\) must .*{name}={value!r}"):
            gp(PLANE.layout, **{name: value})


def test_a_space_with_few_points_is_chosen_from_as_a_whole():
    space = Space(a=Int(0, 19), b=Choice(["u", "v"]))
    sampler = gp(space.layout, startup=4)
    configs = [{"a": a, "b": b} for a in range(0, 18, 2) for b in ("u", "v")]
    points = space.encode(configs)
    state = told(sampler, space, points, (points[:, 0] - 0.5) ** 2)
    found = np.asarray(sampler.ask(state, len(points), none(space), 4).points)
    assert not {row.tobytes() for row in found} & {row.tobytes() for row in points}
    assert {config["a"] for config in space.decode(found)} == {9, 11}
