"""No configuration twice in a search that is one program (`jaxhpo.samplers._scan`), where the space
is small enough to be listed."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxhpo.backend import placed
from jaxhpo.cube import Layout
from jaxhpo.samplers._every import listed
from jaxhpo.samplers._fresh import finite, hashed

MOST = 4096  # configurations: each proposal is compared with all of them


class Left(NamedTuple):
    """What is left of a finite space.

    points: float32 [s, d], every configuration. used: bool [s], which have been proposed.
    """

    points: Array
    used: Array

    def take(self, key: Array, points: Array) -> tuple[Left, Array]:
        """What is left then, and `points` [n, d], snapped, in whose place random others come where
        one was proposed before or stands in the batch already. The key is consumed.

        If fewer than n are left, the last ones of the batch are what was proposed before.
        """
        n = len(points)
        place = jnp.argmax(hashed(points)[:, None] == hashed(self.points)[None], axis=1)
        earlier = jnp.tril(jnp.ones((n, n), bool), -1)
        again = self.used[place] | ((place[:, None] == place[None]) & earlier).any(axis=1)
        used = self.used.at[jnp.where(again, len(self.used), place)].set(True, mode="drop")
        order = jnp.argsort(jnp.where(used, 2.0, jax.random.uniform(key, used.shape)))
        place = jnp.where(again, order[jnp.cumsum(again) - 1], place)
        return Left(self.points, used.at[place].set(True)), self.points[place]


def left(layout: Layout, trials: int) -> Left | None:
    """All of a space, before a search of so many trials; None if it has too many configurations.

    Raises:
        ValueError: if it has fewer than `trials`.
    """
    if not finite(layout) or (layout.size or 0) > MOST:
        return None
    if trials > (layout.size or 0):
        raise ValueError(
            f"search(trials={trials}): the space has only {layout.size} configurations, each of "
            "which is proposed once; ask for fewer, see Sampler.size"
        )
    points = placed(listed(layout))
    return Left(points, jnp.zeros(len(points), bool))
