"""Population-based training: every so many units the worst members of a population go on from
copies of the best, with changed hyperparameters.

Jaderberg et al. 2017, "Population Based Training of Neural Networks" (arXiv 1711.09846), sections
3 and 4: truncation selection; explore by perturbing or resampling. Members change their
hyperparameters in the unit cube: a step of s there multiplies one that is searched on a log scale
from a to b by (b / a)^s, where the paper multiplies by 0.8 or 1.2. Columns that the program's
structure or the budget depends on never change, and members copy only those who share their
program: where a structure is not traced, each of its values is a population of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.contracts import Decision, Group, Scheduler, Standing
from jaxhpo.cube import Kind
from jaxhpo.given import whole


def pbt(
    *,
    units: int = 5,
    population: int = 32,
    share: float = 0.2,
    step: float = 0.05,
    resample: float = 0.25,
) -> Scheduler:
    """Lets the worst `share` of a population go on as changed copies of the best `share`.

    Args:
        units: between two exchanges. population: how many consecutive trials make one.
        share: of the population that is replaced, in (0, 0.5].
        step: how far a copied hyperparameter is moved in the unit cube, up or down.
        resample: the probability that it is drawn anew instead, uniformly.

    Raises:
        ValueError: for an argument that can't be used.
    """
    whole("pbt", units=(units, 1), population=(population, 2))
    for name, value, high in (
        ("share", share, 0.5),
        ("step", step, 1.0),
        ("resample", resample, 1),
    ):
        low = name == "share"
        if not isinstance(value, int | float) or not 0 <= value <= high or (low and value == 0):
            raise ValueError(
                f"pbt({name}=...) must be a number {'above 0' if low else 'from 0'} to {high}, got "
                f"{name}={value!r}"
            )

    def every(budget: int) -> Sequence[int]:
        return range(units, budget, units)

    def group(number: int) -> Group:
        return Group(first=number // population * population, size=population, rungs=every)

    def decide(key: jax.Array, standing: Standing) -> Decision:
        losses = np.where(standing.waiting, standing.curves[:, -1], np.nan)
        source, points = np.arange(len(losses)), standing.points
        best, worst, first, count = ranked(losses, standing.programs)
        if len(worst):
            draw, explore = jax.random.split(key)
            picks = np.asarray(jax.random.randint(draw, worst.shape, 0, jnp.asarray(count)))
            source = source.copy()
            source[worst] = best[first + picks]
            points = points.copy()
            points[worst] = explored(explore, points[source[worst]], points[worst], standing)
        return Decision(keep=np.ones(len(losses), bool), source=source, points=points)

    def ranked(
        losses: np.ndarray, programs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Places of the best and the worst [k]; for each of the worst, where the best of its own
        program begin among the best, and how many they are."""
        parts, begin = [], 0
        for program in np.unique(programs):
            here = np.flatnonzero(np.isfinite(losses) & (programs == program))
            count = max(1, round(share * len(here))) if len(here) > 1 else 0
            order = here[np.argsort(losses[here], kind="stable")]
            sizes = np.full(count, begin), np.full(count, count)
            parts.append((order[:count], order[len(order) - count :], *sizes))
            begin += count
        best, worst, first, many = (np.concatenate(part) for part in zip(*parts, strict=True))
        return best, worst, first, many

    def explored(
        key: jax.Array, copied: np.ndarray, own: np.ndarray, standing: Standing
    ) -> np.ndarray:
        turn, fresh, which = jax.random.split(key, 3)
        moved = copied + step * jnp.where(jax.random.bernoulli(turn, 0.5, copied.shape), 1.0, -1.0)
        anew = jax.random.uniform(fresh, copied.shape)
        categories = np.array([kind == Kind.CATEGORY for kind in standing.layout.kinds])
        moved = jnp.where(jnp.asarray(categories), jnp.asarray(copied), moved)
        changed = jnp.where(jax.random.bernoulli(which, resample, copied.shape), anew, moved)
        changed = jnp.where(jnp.asarray(standing.fixed), jnp.asarray(own), changed)
        return np.asarray(standing.layout.snap(changed), np.float32)

    return Scheduler(group=group, decide=decide, copies=True)
