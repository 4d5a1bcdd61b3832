"""Expected improvement: its logarithm, and that the best point is found."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate, stats

from jaxhpo import Float, Int, Space
from jaxhpo.samplers._improve import climbed, improving, log_improvement
from jaxhpo.samplers._kernel import Constants
from jaxhpo.samplers._posterior import Known, posterior

LINE = Space(x=Float(0.0, 1.0)).layout
MIXED = Space(n=Int(1, 40), x=Float(0.0, 1.0)).layout
C = Constants(jnp.log(jnp.asarray([0.2])), jnp.zeros(()), jnp.asarray(-8.0))


def expected(least, mean, spread):
    """E max(least - y, 0), by quadrature."""
    return integrate.quad(
        lambda z: max(least - mean - spread * z, 0.0) * stats.norm.pdf(z), -12, 12, points=[-4, 4]
    )[0]


def test_it_is_the_logarithm_of_the_expected_improvement():
    for least, mean, spread in (
        (0.0, -1.0, 0.5),
        (0.3, 0.4, 1.0),
        (0.0, 2.9, 1.0),
        (0.0, 0.0, 0.1),
    ):
        found = log_improvement(*map(jnp.asarray, (least, mean, spread**2)))
        np.testing.assert_allclose(found, np.log(expected(least, mean, spread)), rtol=1e-3)


def test_it_goes_on_falling_where_the_improvement_is_nothing():
    mean = jnp.linspace(0.0, 40.0, 400)
    found = np.asarray(log_improvement(jnp.asarray(0.0), mean, jnp.ones(400)))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
    # log of phi(z) / z^2, which is what it tends to.
    np.testing.assert_allclose(found[-1], stats.norm.logpdf(40.0) - 2 * np.log(40.0), rtol=1e-3)


def history(layout):
    points = layout.snap(jax.random.uniform(jax.random.key(0), (12, layout.d)))
    values = jnp.square(points - 0.62).sum(axis=1) * 8 - 1
    n, places = jnp.asarray(12), jnp.zeros((4, layout.d))
    return Known(jnp.concatenate([points, places]), jnp.pad(values, (0, 4)), n, points, n)


def test_the_best_of_a_line_is_found():
    known, none = history(LINE), jnp.zeros((4, 1))
    grid = jnp.linspace(0.0, 1.0, 4001)[:, None]
    found = posterior(LINE, C, known, none, jnp.asarray(0))
    _, mean, variance, _ = found.at_points(LINE, grid)
    score = log_improvement(found.expected.min(), mean, variance)
    best = grid[jnp.argmax(score), 0]
    # Candidates that are far from it: it is climbed to.
    point = improving(
        LINE, jax.random.key(1), C, known, none, jnp.asarray(0), lambda key, _: best + 0.02 * grid[:9]
    )
    np.testing.assert_allclose(point[0, 0], best, atol=2e-3)


def test_climbing_moves_what_is_continuous_and_never_down():
    known = history(MIXED)
    c = C._replace(scale=jnp.log(jnp.asarray([0.3, 0.3])))
    found = posterior(MIXED, c, known, jnp.zeros((4, 2)), jnp.asarray(0))
    least = found.expected.min()

    def score(points):
        _, mean, variance, _ = found.at_points(MIXED, points)
        return log_improvement(least, mean, variance)

    starts = MIXED.snap(jax.random.uniform(jax.random.key(2), (6, 2)))
    ends, heights = climbed(MIXED, c, score, starts, np.array([False, True]))
    np.testing.assert_array_equal(ends[:, 0], starts[:, 0])
    assert (heights >= score(starts)).all()
    assert (heights > score(starts) + 0.1).any()
    np.testing.assert_allclose(heights, score(ends), rtol=1e-4)
