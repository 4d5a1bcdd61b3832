"""The one point of highest expected improvement under a Gaussian process, for `gp` where a batch is
one trial.

By the logarithm of the expected improvement, which has a slope also where the improvement itself is
too small for a float (Ament, Daulton, Eriksson, Balandat and Bakshy 2023, "Unexpected Improvements
to Expected Improvement for Bayesian Optimization", section 4.1), over candidates, some of which are
then moved uphill. What is to be improved on is the least of what is expected at the trials told,
not the least loss that was seen, as losses are noisy.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxhpo.cube import Kind, Layout
from jaxhpo.samplers._candidates import candidates
from jaxhpo.samplers._fresh import among
from jaxhpo.samplers._kernel import Constants
from jaxhpo.samplers._posterior import Known, posterior

STARTS, STEPS = 8, 30  # so many candidates are moved uphill, by so many steps of Adam
AGAIN = 256  # candidates around where they end, in spaces where not everything is continuous
_RATE, _FALL = 0.1, 4.0  # the first step, in scales of the kernel, and how far it falls (log)
_GONE = -1e30


def log_improvement(least: Array, mean: Array, variance: Array) -> Array:
    """[c], the logarithm of the expected improvement on `least` of normal variables.

    Far below, the density over z^2 + 2.7, which meets the other form at z = -3 and has the limit of
    Ament et al. 2023, equation 9.
    """
    spread = jnp.sqrt(jnp.maximum(variance, 1e-12))
    z = (least - mean) / spread
    near = jnp.maximum(z, -3.0)
    density = jnp.exp(-0.5 * near**2) / np.sqrt(2 * np.pi)
    gain = jnp.log(density + near * jax.scipy.special.ndtr(near))
    far = jnp.minimum(z, -3.0)
    tail = -0.5 * far**2 - 0.5 * np.log(2 * np.pi) - jnp.log(far**2 + 2.7)
    return jnp.where(z > -3.0, gain, tail) + jnp.log(spread)


def improving(
    layout: Layout,
    key: Array,
    c: Constants,
    known: Known,
    taken: Array,
    taken_count: Array,
    pool_of: Callable[[Array, Array], Array],
) -> Array:
    """float32 [1, d], the point to try next. Traceable; the key is consumed.

    Args:
        taken: [P, d], points in training, of which `taken_count` are filled.
        pool_of: ``(key, expected [T]) -> points [m, d]``, what is chosen from, by what is expected
            at the known points.
    """
    pool_key, start_key, again_key = jax.random.split(key, 3)
    found = posterior(layout, c, known, taken, taken_count)
    least = found.expected.min()

    def score(points: Array) -> Array:
        _, mean, variance, _ = found.at_points(layout, points)
        return jnp.nan_to_num(log_improvement(least, mean, variance), nan=_GONE / 2)

    def left(points: Array, scores: Array) -> Array:
        gone = among(points, known.told, jnp.arange(len(known.told)) < known.told_count)
        gone |= among(points, taken, jnp.arange(len(taken)) < taken_count)
        return jnp.where(gone, _GONE, scores)

    pool = pool_of(pool_key, found.expected)
    scores = left(pool, score(pool))
    smooth = np.array([kind is Kind.CONTINUOUS for kind in layout.kinds], bool)
    if not smooth.any():
        return pool[jnp.argmax(scores)][None]
    # The best one, and others in proportion to their improvement.
    draw = scores + jax.random.gumbel(start_key, scores.shape)
    draw = draw.at[jnp.argmax(scores)].set(jnp.inf)
    starts = pool[jax.lax.top_k(draw, min(STARTS, len(pool)))[1]]
    moved, heights = climbed(layout, c, score, starts, smooth)
    if not smooth.all():
        equal = jnp.ones(len(moved))
        around = candidates(layout, again_key, moved, equal, anywhere=1, near=AGAIN)
        moved = jnp.concatenate([moved, around])
        heights = left(moved, jnp.concatenate([heights, score(around)]))
    pool, scores = jnp.concatenate([pool, moved]), jnp.concatenate([scores, heights])
    return pool[jnp.argmax(scores)][None]


def climbed(
    layout: Layout,
    c: Constants,
    score: Callable[[Array], Array],
    starts: Array,
    smooth: np.ndarray,
) -> tuple[Array, Array]:
    """The highest points [k, d] that Adam comes to from each of `starts` [k, d], and their scores
    [k]; it moves coordinates where `smooth` [d] that are active, in scales of the kernel."""
    moves = layout.active(starts) & smooth[None]
    unit = jnp.minimum(jnp.exp(c.scale), 1.0)[None]

    def step(carry: tuple, i: Array) -> tuple[tuple, None]:
        now, first, second, best, top = carry
        scores, back = jax.vjp(score, now)
        better = scores > top
        best, top = jnp.where(better[:, None], now, best), jnp.where(better, scores, top)
        (slope,) = back(jnp.ones_like(scores))
        slope = jnp.where(moves, jnp.nan_to_num(slope), 0.0) * unit
        first, second = 0.8 * first + 0.2 * slope, 0.95 * second + 0.05 * slope**2
        t = i.astype(jnp.float32)
        rate = _RATE * jnp.exp(-_FALL * t / STEPS) / (1.0 - 0.8 ** (t + 1.0))
        size = jnp.sqrt(second / (1.0 - 0.95 ** (t + 1.0))) + 1e-8
        now = jnp.clip(now + unit * rate * first / size, 0.0, 1.0)
        return (now, first, second, best, top), None

    zero = jnp.zeros_like(starts)
    begin = (starts, zero, zero, starts, jnp.full(len(starts), -jnp.inf))
    (*_, best, top), _ = jax.lax.scan(step, begin, jnp.arange(STEPS))
    return best, top
