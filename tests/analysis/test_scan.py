"""Predictions at points that differ in a column or two are those of the whole forest, bit for bit;
and many parameters take little memory."""

from __future__ import annotations

import numpy as np
import pytest

from jaxhpo.analysis import forest
from jaxhpo.analysis.scan import Along, at_design
from jaxhpo.analysis.sobol import design


def grown(d, n=40, trees=12):
    rng = np.random.default_rng(d)
    x = rng.random((n, d)).astype(np.float32)
    return forest.grow(x, x[:, 0] + x[:, 1] ** 2, np.arange(n), rng, trees=trees)


@pytest.mark.parametrize("d", [3, 60])
def test_blocks_and_lines_equal_the_forest(d):
    made, few = grown(d), design(d, 16, 0, among=(0, 1, d - 1))
    points = np.ascontiguousarray(few.points, dtype=np.float32)
    assert len(points) == 16 * (2 + d + 3)
    np.testing.assert_array_equal(at_design(made, few), made.predict(points))
    rows, values = few.a, np.linspace(0, 1, 5)
    along = Along(made, rows)
    for column in (0, 1, d - 1):
        points = np.repeat(rows[None].astype(np.float32), 5, axis=0)
        points[:, :, column] = values[:, None]
        found = made.predict(points.reshape(-1, d)).reshape(5, -1)
        np.testing.assert_array_equal(along(column, values), found)


def test_pairs_of_a_few_of_many_inputs_are_all_that_a_design_holds():
    made = design(400, 4, 0, among=(3, 1, 2))
    assert made.pairs == ((1, 2), (1, 3), (2, 3))
    assert made.a.nbytes == made.b.nbytes == 4 * 400 * 8
