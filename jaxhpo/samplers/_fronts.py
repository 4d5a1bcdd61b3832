"""Several objectives and constraints for `tpe`: which trials are good, in which order.

Trials are sorted by constraint, then by front. One that keeps all constraints comes before one that
does not; of two that don't, the one that breaks them less; else the one that dominates the other
(Deb, Pratap, Agarwal and Meyarivan 2002, "NSGA-II", section VI; a split of feasible ones first is
what Watanabe and Hutter 2023, "c-TPE", arXiv 2211.14411, call for). Trials that no other beats are
the first front, those that only these beat the second, and so on. Within a front the next is always
the one that adds most to the hypervolume, greedily (Ozaki, Tanigaki, Watanabe, Nomura and Onishi
2022, "Multiobjective Tree-Structured Parzen Estimator", section 3.3: the hypervolume subset).

The hypervolume is a mean over directions of how far a ray from the reference point is dominated, to
the k-th power (Deng and Zhang 2019, "Approximating Hypervolume and Hypervolume Contributions Using
Polar Coordinate", equation 12). That has one shape for every k, so that one program serves every
history, and the sum of a set is a maximum, which a greedy choice can keep.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import ndtri
from scipy.stats import qmc

DIRECTIONS = 64
COMPARED = 2048  # trials of which each is compared with each
_AHEAD = 256  # of more, all are compared with so many that are likely good
_ROWS = 256  # rows compared with others at once
_MARGIN = 0.1  # how far behind a front its reference point lies, as a share of its extent


def ordered(
    losses: Array, violations: Array | None, filled: Array, most: int
) -> tuple[Array, Array]:
    """The best `most` trials.

    Args:
        losses: [C, k], all of a row infinite where a trial has none.
        violations: [C, c], at least 0, or None. filled: bool [C], where there is a trial.

    Returns:
        int [g], g = min(most, C), places of the best, the best first; int [g], the number of the
        front of each, from 0; -1 where there are no more trials that have losses.
    """
    sound = filled & jnp.isfinite(losses).all(axis=1)
    broken = _broken(violations, sound)
    if len(losses) <= COMPARED:
        return _picked(losses, broken, sound, most)
    some = _in_question(losses, broken, sound, most)
    places, fronts = _picked(losses[some], broken[some], sound[some], most)
    return some[places], fronts


def _in_question(losses: Array, broken: Array, sound: Array, most: int) -> Array:
    """int [COMPARED], places of all trials that may be among the best `most`, in their order.

    All that beat a good trial are as good, so one that is beaten by `most` others is out; and then
    so is whatever it beats, so that nobody else's front changes. Only if more are left than fit are
    those left out that are beaten most often, and of equals the later.
    """
    ranks = jnp.argsort(jnp.argsort(losses, axis=0), axis=0).astype(jnp.float32).sum(axis=1)
    promise = jnp.where(sound, -ranks - broken * 2 * losses.size, -jnp.inf)
    ahead = jax.lax.top_k(promise, _AHEAD)[1]
    beaten = _beaten(losses, broken, losses[ahead], broken[ahead], sound[ahead])
    left = jnp.where(sound & (beaten < most), -beaten, -len(losses))
    return jnp.sort(jax.lax.top_k(left, COMPARED)[1])


def _picked(losses: Array, broken: Array, sound: Array, most: int) -> tuple[Array, Array]:
    """`ordered`, of few enough trials that each can be compared with each."""
    beaten = _beaten(losses, broken, losses, broken, sound)
    directions = jnp.asarray(_directions(losses.shape[1]))

    def pick(carry: tuple[Array, ...], _: None) -> tuple[tuple[Array, ...], tuple[Array, Array]]:
        beaten, left, members, covered, number = carry
        # When a front is used up, the next is what nothing beats any more.
        fresh = ~(members & left).any()
        members = jnp.where(fresh, left & (beaten == 0), members)
        covered = jnp.where(fresh, 0.0, covered)
        number = number + fresh
        reach = _reach(losses, members, directions)
        gain = jnp.maximum(reach - covered[None], 0.0).mean(axis=1)
        at = jnp.argmax(jnp.where(members & left, gain, -1.0))
        there = left.any()
        left = left & (jnp.arange(len(left)) != at)
        beaten = beaten - _beats(losses[at], broken[at], losses, broken)
        covered = jnp.maximum(covered, reach[at])
        return (beaten, left, members, covered, number), (at, jnp.where(there, number, -1))

    nothing, blank = jnp.zeros(len(losses), bool), jnp.zeros(len(directions))
    start = (beaten, sound, nothing, blank, jnp.int32(-1))
    _, (places, fronts) = jax.lax.scan(pick, start, None, length=min(most, len(losses)))
    return places, fronts


def _broken(violations: Array | None, sound: Array) -> Array:
    """float32 [C], how badly a trial breaks the constraints together: 0 if it keeps them all. Each
    counts by the share of the trials that break it less, so that no constraint's unit matters."""
    if violations is None:
        return jnp.zeros(len(sound))
    among = jnp.where(sound[:, None], violations, jnp.inf)
    less = jax.vmap(lambda v: jnp.searchsorted(jnp.sort(v), v), in_axes=1, out_axes=1)(among)
    share = (1.0 + less) / (1.0 + len(sound))
    return jnp.where(violations > 0, share, 0.0).sum(axis=1)


def _beats(loss: Array, broken: Array, losses: Array, every: Array) -> Array:
    """int32 [C], 1 where one trial beats another."""
    lower = (loss[None] <= losses).all(axis=1) & (loss[None] < losses).any(axis=1)
    return ((broken < every) | ((broken == every) & lower)).astype(jnp.int32)


def _beaten(losses: Array, broken: Array, others: Array, how_broken: Array, sound: Array) -> Array:
    """int32 [C], how many of the sound others [P, k] beat each of `losses` [C, k]."""
    size = min(_ROWS, len(losses))  # both are powers of two, or there is one block
    parts = -(-len(losses) // size)
    more = parts * size - len(losses)
    rows = jnp.pad(losses, [(0, more), (0, 0)]).reshape(parts, size, -1)
    theirs = jnp.pad(broken, (0, more)).reshape(parts, size)

    def block(part: tuple[Array, Array]) -> Array:
        mine, how = part
        no_higher = jnp.ones((size, len(others)), bool)
        lower = jnp.zeros((size, len(others)), bool)
        for a, b in zip(others.T, mine.T, strict=True):
            no_higher &= a[None] <= b[:, None]
            lower |= a[None] < b[:, None]
        tied = how_broken[None] == how[:, None]
        beats = (how_broken[None] < how[:, None]) | (tied & no_higher & lower)
        return (beats & sound[None]).sum(axis=1, dtype=jnp.int32)

    return jax.lax.map(block, (rows, theirs)).reshape(-1)[: len(losses)]


def _reach(losses: Array, members: Array, directions: Array) -> Array:
    """float32 [C, S]: how far each trial dominates along each direction, to the k-th power, in the
    units of the front's extent."""
    low = jnp.where(members[:, None], losses, jnp.inf).min(axis=0)
    high = jnp.where(members[:, None], losses, -jnp.inf).max(axis=0)
    extent = jnp.where(high > low, high - low, 1.0)
    room = (1.0 + _MARGIN) - (losses - low[None]) / extent[None]
    room = jnp.clip(jnp.where(members[:, None], room, 0.0), 0.0, 1.0 + _MARGIN)
    far = jnp.full((len(losses), len(directions)), jnp.inf)
    for a, b in zip(room.T, directions.T, strict=True):
        far = jnp.minimum(far, a[:, None] / b[None])
    return far ** losses.shape[1]


@functools.cache
def _directions(k: int) -> np.ndarray:
    """float32 [S, k], evenly spread unit vectors without a negative coordinate."""
    if k == 1:
        return np.ones((1, 1), np.float32)
    if k == 2:
        angle = (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS * np.pi / 2
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    uniform = qmc.Sobol(k, scramble=False).random(DIRECTIONS) + 0.5 / DIRECTIONS
    normal = np.abs(ndtri(0.5 + 0.5 * uniform))  # half-normal: the direction is uniform
    return (normal / np.linalg.norm(normal, axis=1, keepdims=True)).astype(np.float32)
