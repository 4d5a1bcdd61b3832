"""Constraints in `tpe` as factors of what it maximises: a ratio of densities for the objective, and
one for each constraint.

Watanabe and Hutter 2023, "c-TPE: Tree-structured Parzen Estimator with Inequality Constraints for
Expensive Hyperparameter Optimization" (arXiv 2211.14411), section 3. A trial is good for a
constraint if it keeps it, and good for the objective if its loss is at most that of the k-th best
trial that keeps all of them. Each ratio is the relative one, 1 / (share + (1 - share) bad / good),
where the share is that of the good trials: a constraint that is nearly always kept hardly counts.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.cube import Layout
from jaxhpo.samplers._fresh import among, finite
from jaxhpo.samplers._mixture import columns, drawn, log_density, rows
from jaxhpo.samplers._parzen import Options, by_rank, forgotten, one_by_one, to_mean_one


def chosen(
    layout: Layout,
    options: Options,
    key: Array,
    points: Array,
    losses: Array,
    violations: Array,
    count: Array,
    taken: Array,
    taken_count: Array,
    *,
    n: int,
) -> Array:
    """float32 [n, d], the proposals of one block.

    Args:
        points [C, d], losses [C], violations [C, c]: the history, `count` places of it filled; the
            last `options.most_bad` trials are looked at.
        taken: [P, d], points that are not to be proposed, of which `taken_count` are filled.
    """
    cols = columns(layout)
    window = min(len(points), options.most_bad + options.most_good)
    last = jnp.clip(count - window, 0, len(points) - window) + jnp.arange(window)
    filled = last < count
    good, kept = _split(options, losses[last], violations[last], filled)
    lies = jnp.arange(len(taken)) < taken_count
    fit = options.fit(cols)
    at, zero = rows(layout, jnp.concatenate([points[last], taken])), jnp.zeros(len(taken))
    weight = jnp.concatenate([_ranked(losses[last], good), zero])
    bad_weight = jnp.concatenate(
        [forgotten(filled & ~good, options.recent), lies.astype(jnp.float32)]
    )
    wanted, bad = fit(at, weight), fit(at, bad_weight)

    # For each constraint: what keeps it, what breaks it, and the share of the first.
    both = []
    for mine in kept.T:
        ones = (jnp.concatenate([w.astype(jnp.float32), zero]) for w in (mine, filled & ~mine))
        both.append((*(fit(at, one) for one in ones), _share(mine, filled)))
    sources = [wanted, *(yes for yes, _, _ in both)]
    keys = jax.random.split(key, len(sources))
    size = n * options.candidates
    draws = [drawn(cols, s, layout, k, size) for s, k in zip(sources, keys, strict=True)]
    pool = rows(layout, jnp.concatenate(draws))
    rest = jnp.zeros(len(pool.points))
    for yes, no, share in both:
        rest += _relative(log_density(cols, yes, pool) - log_density(cols, no, pool), share)
    score = log_density(cols, wanted, pool)
    total = bad_weight.sum() + options.prior_weight
    mass = log_density(cols, bad, pool) + jnp.log(total)  # not normalised: a liar adds its kernel
    gone = among(pool.points, taken, lies)
    if finite(layout):
        gone |= among(pool.points, points, jnp.arange(len(points)) < count)
    owner = jnp.tile(jnp.arange(size) // options.candidates, len(sources))
    share = _share(good, filled)

    def worth(mass: Array, j: Array) -> Array:
        return rest + _relative(score - mass + jnp.log(total + j), share)

    return one_by_one(cols, pool, bad, gone, mass, worth, owner, n)


def _split(
    options: Options, losses: Array, violations: Array, filled: Array
) -> tuple[Array, Array]:
    """bool [C], the trials that are good for the objective; bool [C, c], for each constraint.

    Where nobody keeps a constraint, the trial that breaks it least is good (section 3.2).
    """
    sound = filled & jnp.isfinite(losses)
    each = sound[:, None] & (violations <= 0)
    feasible = each.all(axis=1)
    root = jnp.ceil(jnp.sqrt(filled.sum(dtype=jnp.float32))).astype(jnp.int32)
    goods = jnp.minimum(jnp.minimum(root, options.most_good), feasible.sum(dtype=jnp.int32))
    limit = jnp.sort(jnp.where(feasible, losses, jnp.inf))[jnp.maximum(goods - 1, 0)]
    among_sound = jnp.where(sound[:, None], violations, jnp.inf)
    least = sound[:, None] & (among_sound <= among_sound.min(axis=0)[None])
    return sound & (losses <= limit), jnp.where(each.any(axis=0)[None], each, least)


def _ranked(losses: Array, good: Array) -> Array:
    """float32 [C], weights of the good by rank, 1 on average, as `tpe` has them."""
    order = jnp.argsort(jnp.where(good, losses, jnp.inf))
    rank = jnp.zeros(len(losses)).at[order].set(jnp.arange(len(losses), dtype=jnp.float32))
    many = good.sum(dtype=jnp.float32)
    return to_mean_one(by_rank(rank, many), many)


def _share(good: Array, filled: Array) -> Array:
    """float32 [], of the trials that are good."""
    return good.sum(dtype=jnp.float32) / jnp.maximum(filled.sum(dtype=jnp.float32), 1.0)


def _relative(ratio: Array, share: Array) -> Array:
    """The logarithm of the relative density ratio, from that of good / bad (section 3.1)."""
    log_share, log_rest = jnp.log(share + 1e-12), jnp.log(jnp.maximum(1.0 - share, 1e-12))
    return -jnp.logaddexp(log_share, log_rest - ratio)
