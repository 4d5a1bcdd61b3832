"""Fronts and hypervolumes against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxhpo.pareto import front, hypervolume


def by_definition(values):
    no_higher = (values[:, None] <= values[None]).all(axis=2)
    lower = (values[:, None] < values[None]).any(axis=2)
    return ~(no_higher & lower).any(axis=0) & ~np.isnan(values).any(axis=1)


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 700), st.sampled_from([0, 2, 9])
)
def test_front_is_who_nobody_dominates(seed, k, n, levels):
    place = np.random.default_rng(seed)
    values = place.integers(0, levels, (n, k)).astype(float) if levels else place.random((n, k))
    np.testing.assert_array_equal(front(values), by_definition(values))


def test_nan_is_in_no_front_and_infinity_may_be():
    values = np.array([[np.nan, -5.0], [0.0, np.inf], [1.0, 2.0], [1.0, 3.0], [np.inf, np.inf]])
    np.testing.assert_array_equal(front(values), [False, True, True, False, False])
    many = np.repeat([[np.inf, 1.0, -np.inf, 2.0], [-np.inf, 1.0, np.inf, 2.0]], 400, axis=0)
    assert front(many).all()


def test_hundred_thousand_rows_that_are_all_in_the_front():
    values = -np.abs(np.random.default_rng(0).normal(size=(100_000, 3)))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    assert front(values).mean() > 0.999


def test_hypervolume_of_boxes():
    one = hypervolume(np.array([[1.0, 2.0, 3.0]]), np.array([4.0, 4.0, 4.0]))
    assert one == pytest.approx(3 * 2 * 1)
    two = hypervolume(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [5.0, -1.0]]), np.ones(2) * 2)
    assert two == pytest.approx(3.0)
    assert hypervolume(np.zeros((0, 3)), np.ones(3)) == 0.0
    assert hypervolume(np.array([[3.0], [1.0]]), np.array([4.0])) == pytest.approx(3.0)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_hypervolume_is_the_share_of_points_that_are_dominated(k):
    place = np.random.default_rng(k)
    values, shot = place.random((40, k)), place.random((100_000, k))
    hit = np.zeros(len(shot), bool)
    for row in values:
        hit |= (shot >= row).all(axis=1)
    # The standard error is at most 0.0016: a false failure is a matter of 5 of them.
    assert hypervolume(values, np.ones(k)) == pytest.approx(hit.mean(), abs=0.008)
