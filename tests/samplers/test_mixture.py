"""Densities, bandwidths and draws of the mixtures, against slow references."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxhpo import Choice, Float, Int, Space
from jaxhpo.samplers import _mixture

SPACE = Space(
    kind=Choice(["sgd", "adam", "lion"]),
    lr=Float(1e-4, 1.0, log=True),
    momentum=Float(0.0, 0.9, when={"kind": "sgd"}),
    n=Int(1, 5),
    act=Choice(["relu", "tanh"]),
)
LAYOUT = SPACE.layout
COLS = _mixture.columns(LAYOUT)


def some(seed: int, m: int) -> _mixture.Rows:
    points = jax.random.uniform(jax.random.key(seed), (m, LAYOUT.d))
    return _mixture.rows(LAYOUT, LAYOUT.snap(points))


def reference_sigma(
    at: _mixture.Rows, weight: np.ndarray, narrowest: float, factor: float
) -> np.ndarray:
    """DESIGN's rule, column by column, in double precision."""
    found = []
    for j, column in enumerate(COLS.numeric):
        keep = np.asarray(at.on)[:, column] & (weight > 0)
        w = weight[keep] / weight[keep].sum()
        x = np.asarray(at.points, np.float64)[keep, column]
        n_e = 1 / (w**2).sum()
        variance = (w * (x - (w * x).sum()) ** 2).sum()
        s = np.sqrt((n_e * variance + 1 / 12) / (n_e + 1))
        sigma = factor * s * n_e ** (-1 / (len(COLS.numeric) + 4))
        least = max(narrowest, 1 / ((weight > 0).sum() + 2), COLS.half_step[j])
        found.append(np.clip(sigma, least, 1))
    return np.array(found)


def reference_density(
    mixture: _mixture.Mixture, weight: np.ndarray, at: _mixture.Rows, prior: float
) -> np.ndarray:
    """The mixture's density, kernel by kernel and column by column, with SciPy's normal."""
    kernels = jax.tree.map(np.asarray, mixture.rows)
    points, level, on = (np.asarray(a) for a in at)
    total = np.zeros(len(points))
    every = [*weight, prior]
    for k, w in enumerate(every):
        density = np.full(len(points), w / np.sum(every))
        for c in range(LAYOUT.d):
            spread_out = k == len(weight) or not kernels.on[k, c]
            if c in COLS.category:
                choices = int(LAYOUT.levels[c])
                extra = prior / ((weight > 0).sum() + 1)
                chance = np.full(choices, 1 / choices)
                if not spread_out:
                    chance = (np.arange(choices) == kernels.level[k, c]) + extra
                    chance = chance / chance.sum()
                here = chance[level[:, c]]
            elif spread_out:
                here = np.ones(len(points))
            else:
                mean = float(kernels.points[k, c])
                sigma = float(mixture.sigma[list(COLS.numeric).index(c)])
                cut = stats.truncnorm(-mean / sigma, (1 - mean) / sigma, mean, sigma)
                here = cut.pdf(points[:, c].astype(np.float64))
            density *= np.where(on[:, c], here, 1.0)
        total += density
    return total


@pytest.mark.parametrize(
    ("m", "narrowest", "factor", "prior"),
    [(1, 0.01, 1.06, 1.0), (6, 0.01, 1.06, 1.0), (30, 0.3, 1.06, 1.0), (12, 0.01, 0.5, 3.0)],
)
def test_density_and_bandwidth_are_those_of_the_reference(m, narrowest, factor, prior):
    at = some(m, m)
    weight = np.random.default_rng(m).uniform(0.1, 2.0, m)
    weight[1::4] = 0.0  # places without a trial
    mixture = _mixture.fitted(
        COLS,
        at,
        jnp.asarray(weight, jnp.float32),
        bandwidth=factor,
        narrowest=narrowest,
        prior_weight=prior,
    )
    live = np.asarray(at.on) & (weight > 0)[:, None]
    seen = live[:, COLS.numeric].any(axis=0)
    sigma = reference_sigma(at, weight, narrowest, factor) if seen.all() else None
    if sigma is not None:
        np.testing.assert_allclose(mixture.sigma, sigma, rtol=1e-5)
    found = np.exp(np.asarray(_mixture.log_density(COLS, mixture, some(99, 200)), np.float64))
    expected = reference_density(mixture, weight, some(99, 200), prior)
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_narrow_kernels_keep_their_precision():
    # 0.01 wide at the edge of the cube: squares of 2,500 whose differences matter.
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    cols = _mixture.columns(space.layout)
    near = jnp.asarray(np.random.default_rng(0).uniform(0.0, 0.02, (400, 2)), jnp.float32)
    mixture = _mixture.fitted(
        cols, _mixture.rows(space.layout, near), jnp.ones(400), narrowest=0.01
    )
    mixture = mixture._replace(sigma=jnp.full(2, 0.01))
    found = _mixture.log_density(cols, mixture, _mixture.rows(space.layout, near[:50]))
    parts = 1.0
    for c in range(2):
        mean = np.asarray(near, np.float64)[:, c][None]
        cut = stats.truncnorm(-mean / 0.01, (1 - mean) / 0.01, mean, 0.01)
        parts = parts * cut.pdf(np.asarray(near, np.float64)[:50, c][:, None])
    np.testing.assert_allclose(found, np.log((parts.sum(axis=1) + 1) / 401), atol=3e-3)


def test_the_density_of_a_continuous_mixture_is_one_in_all():
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    cols = _mixture.columns(space.layout)
    centres = jnp.asarray([[0.0, 1.0], [0.3, 0.9], [0.5, 0.5]])
    at = _mixture.rows(space.layout, centres)
    mixture = _mixture.fitted(cols, at, jnp.asarray([1.0, 2.0, 0.5]), narrowest=0.01)
    side = (np.arange(200, dtype=np.float32) + 0.5) / 200
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    density = _mixture.log_density(cols, mixture, _mixture.rows(space.layout, jnp.asarray(grid)))
    assert np.exp(density).mean() == pytest.approx(1.0, abs=1e-3)


def test_draws_follow_the_density():
    # One kernel and the prior, 20,000 draws. A Kolmogorov-Smirnov distance above 0.0138 has a
    # chance below 0.001; the key is fixed.
    space = Space(x=Float(0.0, 1.0), c=Choice(["u", "v", "w"]))
    cols = _mixture.columns(space.layout)
    at = _mixture.rows(space.layout, jnp.asarray([[0.9, 0.5]]))
    mixture = _mixture.fitted(cols, at, jnp.asarray([3.0]), narrowest=0.01)
    drawn = _mixture.drawn(cols, mixture, space.layout, jax.random.key(0), 20_000)
    sigma = float(mixture.sigma[0])
    cut = stats.truncnorm(-0.9 / sigma, 0.1 / sigma, 0.9, sigma)
    x, c = np.sort(np.asarray(drawn[:, 0], np.float64)), np.asarray(space.layout.level(drawn)[:, 1])
    expected = 0.75 * cut.cdf(x) + 0.25 * x
    assert np.abs(expected - (np.arange(20_000) + 0.5) / 20_000).max() < 0.0138
    # Level v: 3/4 of (1 + 1/2) / (1 + 3/2), and a third of the rest.
    shares = np.bincount(c, minlength=3) / 20_000
    np.testing.assert_allclose(shares, [0.2333, 0.5333, 0.2333], atol=0.012)


def test_what_is_inactive_in_a_kernel_is_uniform_in_its_draws():
    points = LAYOUT.snap(jnp.asarray([[0.5, 0.2, 0.1, 0.5, 0.2]] * 4))  # adam: no momentum
    at = _mixture.rows(LAYOUT, points)
    assert not bool(at.on[:, 2].any())
    mixture = _mixture.fitted(COLS, at, jnp.full(4, 5.0), narrowest=0.01)
    drawn = _mixture.drawn(COLS, mixture, LAYOUT, jax.random.key(1), 4000)
    sgd = np.asarray(LAYOUT.active(drawn))[:, 2]
    assert 200 < sgd.sum() < 1500
    # Uniform momentum: a distance above 1.95 / sqrt(n) has a chance below 0.001.
    momentum = np.asarray(drawn)[sgd, 2]
    assert stats.kstest(momentum, "uniform").statistic < 1.95 / np.sqrt(sgd.sum())
    assert (np.asarray(drawn)[~sgd, 2] == 0.5).all()
