"""What replaces a point that was proposed before."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import Choice, Float, Int, Space
from jaxhpo.samplers._fresh import finite, repaired
from jaxhpo.samplers.grid import grid_points

HALF = Space(kind=Choice(["plain", "tuned"]), lr=Float(0.0, 1.0, when={"kind": "tuned"}))
SMALL = Space(a=Int(1, 6), b=Choice(["u", "v", "w"]))
LARGE = Space(a=Int(1, 1000), b=Int(1, 500), c=Choice(["u", "v"]))


def every(space):
    return np.asarray(space.layout.snap(jnp.asarray(grid_points(space.layout, 2))))


def test_a_branch_without_numbers_is_proposed_once_a_batch():
    plain, tuned = [0.25, 0.5], [0.75, 0.125]
    points = np.array([plain, tuned, plain, plain], np.float32)
    nothing = np.zeros((0, 2), np.float32)
    found, fresh = repaired(HALF.layout, points, nothing, nothing, jax.random.key(0))
    assert fresh.tolist() == [False, False, True, True]
    np.testing.assert_array_equal(found[:2], points[:2])
    assert len(np.unique(found, axis=0)) == 4
    np.testing.assert_array_equal(HALF.layout.snap(jnp.asarray(found)), found)
    # What was told may come again where there is no end of configurations; what is pending not.
    found, fresh = repaired(HALF.layout, points[:2], points[:1], nothing, jax.random.key(0))
    assert not fresh.any()
    found, fresh = repaired(HALF.layout, points[:2], nothing, points[:1], jax.random.key(0))
    assert fresh.tolist() == [True, False]


def test_in_a_finite_space_the_last_that_are_left_are_found():
    points = every(SMALL)
    told, pending, left = points[:12], points[12:15], points[15:]
    found, fresh = repaired(SMALL.layout, told[:3], told, pending, jax.random.key(1))
    assert fresh.all()
    assert {row.tobytes() for row in found} == {row.tobytes() for row in left}
    again = repaired(SMALL.layout, told[:3], told, pending, jax.random.key(1))[0]
    np.testing.assert_array_equal(again, found)


def test_when_nothing_is_left_points_stay():
    points = every(SMALL)
    found, fresh = repaired(SMALL.layout, points[:3], points, points[:0], jax.random.key(1))
    np.testing.assert_array_equal(found, points[:3])
    assert not fresh.any()


@pytest.mark.parametrize("left", [1, 300_000])
def test_a_large_finite_space(left):
    points = np.random.default_rng(0).permutation(every(LARGE))
    told = points[left:]
    found, fresh = repaired(LARGE.layout, told[:2], told, told[:0], jax.random.key(2))
    assert fresh.sum() == min(2, left)
    seen = {row.tobytes() for row in told}
    assert all(row.tobytes() not in seen for row in found[fresh])


def test_what_finite_means():
    assert finite(SMALL.layout)
    assert not finite(HALF.layout)
    assert not finite(Space(n=Int(1, 5000)).layout)  # too fine for the layout to tell levels apart
