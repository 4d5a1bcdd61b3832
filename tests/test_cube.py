"""The layout of the cube: levels, what is active, snapping; traced and not."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo import Bool, Choice, Float, Int, Space
from jaxhpo.cube import FEW, FINEST_GRID, INACTIVE, Condition, Kind, Layout


def layout() -> Layout:
    return Space(
        lr=Float(0, 1),
        opt=Choice(["a", "b", "c"]),
        n=Int(1, 4, when={"opt": ["a", "c"]}),
        m=Int(1, 1000, log=True, when={"n": [2, 4]}),
        fine=Int(0, FINEST_GRID, when={"opt": "b"}),
        one=Choice(["only"]),
    ).layout


def points(n: int = 500) -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).random((n, 6)), jnp.float32)


def test_kinds_and_tables():
    found = layout()
    assert found.d == 6
    assert found.kinds == (
        Kind.CONTINUOUS, Kind.CATEGORY, Kind.GRID, Kind.GRID, Kind.CONTINUOUS, Kind.CATEGORY,
    )  # fmt: skip
    assert found.levels.tolist() == [0, 3, 4, 1000, 0, 1]
    assert found.positions[2] == (0.125, 0.375, 0.625, 0.875)
    assert found.edges[2] == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert found.positions[0] == found.edges[0] == found.positions[4] == ()
    for positions, edges in zip(found.positions, found.edges, strict=True):
        for k, position in enumerate(positions):
            assert edges[k] < position < edges[k + 1]
    assert Condition(child=2, parent=1, levels=(0, 2)) in found.conditions
    assert found.size is None


def test_a_level_is_its_cell():
    found, x = layout(), points()
    level = np.asarray(found.level(x))
    for column, edges in enumerate(found.edges):
        for u, k in zip(np.asarray(x[:, column]), level[:, column], strict=True):
            assert k == (
                np.searchsorted(np.array(edges[1:-1], np.float32), u, "right") if edges else 0
            )
    borders = jnp.full((3, 6), jnp.array([[0.0], [0.5], [1.0]]))
    assert found.level(borders)[:, 2].tolist() == [0, 2, 3]
    assert found.level(borders)[:, 3].tolist()[::2] == [0, 999]


def test_comparing_and_searching_agree():
    for count in (FEW, FEW + 1, FEW + 2, FINEST_GRID):
        found = Space(n=Int(1, count, log=True)).layout
        x = jnp.array([*found.edges[0], *found.positions[0]], jnp.float32)[:, None]
        inner = np.array(found.edges[0][1:-1], np.float32)
        expected = np.searchsorted(inner, np.asarray(x[:, 0]), "right")
        assert np.array_equal(found.level(x)[:, 0], expected)
        assert np.array_equal(expected[count + 1 :], np.arange(count))


def test_snapping_is_done_once():
    found = layout()
    x = found.snap(points())
    assert np.array_equal(found.snap(x), x)
    assert np.array_equal(found.active(x), found.active(points()))
    off = ~np.asarray(found.active(x))
    assert off.any()
    assert (np.asarray(x)[off] == INACTIVE).all()
    outside = found.snap(jnp.array([[-1.0, -2, 3, -1, 5, 9]], jnp.float32))
    assert outside[0, 0] == 0
    assert outside[0, 2] == 0.875


def test_traced_once_and_the_same():
    found = layout()
    snap = jax.jit(chex.assert_max_traces(found.snap, 1))
    for seed in range(3):
        x = jax.random.uniform(jax.random.key(seed), (50, 6))
        assert np.array_equal(snap(x), found.snap(x))


def test_an_inactive_parent_makes_its_children_inactive():
    found = Space(
        a=Bool(), b=Bool(when={"a": True}), c=Bool(when={"b": True}), d=Bool(when={"c": False})
    ).layout
    x = jnp.array([[0.1, 0.9, 0.9, 0.1], [0.9, 0.9, 0.9, 0.1], [0.9, 0.9, 0.1, 0.1]], jnp.float32)
    expected = [[1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert np.array_equal(found.active(x), np.array(expected, bool))
    assert found.size == 1 + 1 + 1 + 2
