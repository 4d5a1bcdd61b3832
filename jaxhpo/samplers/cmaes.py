"""CMA-ES for mixed spaces, through the library ``cmaes`` (an optional dependency).

Hansen and Ostermeier 2001 for numbers; for grids and categories besides, CatCMA with margin (Hamano
et al. 2025, arXiv 2504.07884), which keeps every level possible. It starts from the distribution of
the best of a quasi-random start (warm-starting CMA-ES: Nomura et al. 2021, AAAI, section 4).

Where we deviate: a generation is the next so many trials that were told, in order, whoever proposed
them and however old the distribution was from which they came, so that the state is a function of
the history alone. A step that is longer than the distribution would make it is shortened, as Hansen
2011 ("Injecting external solutions into CMA-ES", arXiv 1110.4181, equation 4) does it. Losses are
replaced by ranks, by which nothing changes for CMA-ES. A parameter that was inactive in a trial is
taken for what the distribution expects there, so that it is moved by the others alone.

The library computes with NumPy, on the host. So there is no `search`: this sampler can't be traced,
nor mapped over seeds. `jaxhpo.minimize(..., sampler="cmaes")` evaluates each batch in one program,
and goes back to the host for the next.
"""

from __future__ import annotations

import copy
import functools
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxhpo.backend import placed
from jaxhpo.contracts import Sampler
from jaxhpo.cube import Kind, Layout
from jaxhpo.given import whole
from jaxhpo.samplers import _history
from jaxhpo.samplers._fresh import finite
from jaxhpo.samplers._history import History
from jaxhpo.samplers._options import reals

try:
    from cmaes import CatCMAwM, get_warm_start_mgd
except ImportError as error:
    raise ImportError(
        f'{error}; the sampler cmaes needs: pip install "jaxhpo[cmaes]", or take another, as '
        'sampler="auto"'
    ) from error

BLOCK = 1 << 16  # a batch is never cut
_NARROWEST = 1e-6  # a distribution that is narrower everywhere has converged, and starts anew
_TRIES = 20  # draws for each proposal, at most, before one is made at random


class _Columns(NamedTuple):
    """Which columns of the cube are what to CMA-ES; those of one level are nothing."""

    real: np.ndarray
    grid: np.ndarray
    category: np.ndarray
    levels: np.ndarray  # of each category

    @property
    def numbers(self) -> np.ndarray:
        """int, the columns of the normal distribution, in its order."""
        return np.concatenate([self.real, self.grid])


class _Reached(NamedTuple):
    """How far a history was gone through."""

    history: History
    size: int
    used: int
    optimizer: Any


def cmaes(
    layout: Layout,
    *,
    startup: int | None = None,
    population: int | None = None,
    promising: float = 0.25,
    spread: float = 0.1,
) -> Sampler:
    """CMA-ES with margins for grids and categories.

    Trials without a loss count as worse than all others. What is pending, or was proposed before in
    the batch or (in a finite space) ever, is drawn again, and in the end drawn at random. A
    distribution that has converged starts anew at a random place.

    Args:
        startup: how many points of a scrambled Sobol sequence come first; by default twice the
            number of parameters, at least 10 and at most 24. The sequence goes on while nothing is
            known.
        population: how many trials make a generation; by default ``4 + floor(3 ln d)``, or a
            quarter of a batch where that is more: trials of one batch know nothing of each other.
        promising: the share of the start from whose mean and covariance the search begins, at
            least two of them.
        spread: the standard deviation around each of those (0.1 in Nomura et al. 2021).

    Raises:
        ValueError: for an option that can't be used.
    """
    whole(
        "cmaes",
        startup=(1 if startup is None else startup, 0),
        population=(4 if population is None else population, 4),
    )
    reals("cmaes", promising=(promising, 1.0), spread=(spread, 1.0))
    first_model = _history.startup_default(layout) if startup is None else startup
    cols = _columns(layout)
    least = 4 + int(3 * np.log(max(1, layout.d)))
    start = functools.partial(_started, layout, cols, promising, spread)
    # Only to save time: what was reached for a history is where a longer one goes on.
    reached: list[_Reached] = []

    def optimizer_of(state: History, size: int) -> Any:
        begin = reached[-1] if reached and _continues(state, size, reached[-1]) else None
        if begin is None:
            used = min(len(state.losses), max(1, first_model))
            optimizer = start(size, state.points[:used], state.losses[:used], _seed(state.key, 0))
        else:
            used, optimizer = begin.used, copy.deepcopy(begin.optimizer)
        while used + size <= len(state.losses):
            part = slice(used, used + size)
            used += size
            optimizer = _moved(layout, cols, optimizer, state.points[part], state.losses[part])
            if _is_over(optimizer):
                seed = _seed(state.key, used)
                where = np.random.default_rng(seed).random((1, layout.d)).astype(np.float32)
                where = np.asarray(layout.snap(placed(where)))
                optimizer = start(size, where, np.zeros(1, np.float32), seed)
        # Before the start is complete, its distribution still changes: nothing to go on from.
        if used >= first_model:
            done = History(state.key, state.points[:used], state.losses[:used])
            reached[:] = [_Reached(done, size, used, copy.deepcopy(optimizer))]
        return optimizer

    def ask(state: History, first: int, pending: Array, n: int) -> Any:
        def chosen(key: Array, taken: np.ndarray, count: int, q: int) -> np.ndarray:
            optimizer = optimizer_of(state, population or max(least, n // 4))
            optimizer.reseed_rng(_seed(key, q))
            gone = {row.tobytes() for row in taken[:count]}
            if finite(layout):
                gone |= {row.tobytes() for row in np.ascontiguousarray(state.points)}
            return _drawn(layout, cols, optimizer, gone, n if q > n else q, q)

        return _history.proposed(
            layout, state, first, pending, n, startup=first_model, block=BLOCK, choose=chosen
        )

    return _history.learner(layout, ask)


def _columns(layout: Layout) -> _Columns:
    """A grid of two levels is a category, as the library advises."""
    levels, kinds = layout.levels, layout.kinds
    is_category = [
        levels[c] == 2 or (levels[c] > 2 and kinds[c] is Kind.CATEGORY) for c in range(layout.d)
    ]
    category = np.flatnonzero(is_category)
    grid = np.flatnonzero((levels > 2) & ~np.array(is_category, bool))
    return _Columns(np.flatnonzero(levels == 0), grid, category, levels[category])


def _seed(key: Array, number: int) -> int:
    """A seed for NumPy's generators. The key is not consumed."""
    words = np.asarray(jax.random.key_data(key)).tolist()
    return int(np.random.SeedSequence([*words, number]).generate_state(1)[0])


def _continues(state: History, size: int, before: _Reached) -> bool:
    """Whether a history begins with one that was gone through, in generations of that size."""
    points, losses = before.history.points, before.history.losses
    return (
        size == before.size
        and len(state.losses) >= len(losses)
        and np.array_equal(state.losses[: len(losses)], losses)
        and np.array_equal(state.points[: len(points)], points)
        and _seed(state.key, 0) == _seed(before.history.key, 0)
    )


# -- the only functions that know the library ------------------------------------------------------


def _started(
    layout: Layout,
    cols: _Columns,
    promising: float,
    spread: float,
    size: int,
    points: np.ndarray,
    losses: np.ndarray,
    seed: int,
) -> Any:
    """A search that begins where the best of some points are; None if there is nothing to search.

    Args:
        points [s, d], losses [s]: infinite where a trial has none.
    """
    numbers = cols.numbers
    if not len(numbers) and not len(cols.category):
        return None
    given: dict[str, Any] = {}
    if len(numbers):
        share = min(1.0, max(promising, 2.5 / len(points)))
        ranked = zip(points[:, numbers].astype(np.float64), losses.tolist(), strict=True)
        mean, sigma, cov = get_warm_start_mgd(list(ranked), gamma=share, alpha=spread)
        given = {"mean": mean, "sigma": sigma, "cov": cov}
    if len(cols.real):
        given["x_space"] = [[0.0, 1.0]] * len(cols.real)
    if len(cols.grid):
        given["z_space"] = [list(layout.positions[c]) for c in cols.grid]
    if len(cols.category):
        given["c_space"] = cols.levels.tolist()
    return CatCMAwM(population_size=size, seed=seed, **given)


def _moved(
    layout: Layout, cols: _Columns, optimizer: Any, points: np.ndarray, losses: np.ndarray
) -> Any:
    """The search after one generation more."""
    if optimizer is None:
        return None
    numbers, on = cols.numbers, np.asarray(_active(layout, placed(points)))
    raw = np.zeros((len(points), 0))
    if len(numbers):
        raw = np.where(on[:, numbers], points[:, numbers].astype(np.float64), optimizer._mean)
        raw = _shortened(optimizer, raw)
    table = _tables(layout, cols, optimizer, points, on) if len(cols.category) else None
    rank = np.argsort(np.argsort(losses, kind="stable"), kind="stable")
    solutions = [
        (
            CatCMAwM.Solution(
                None,
                None,
                None if table is None else table[i],
                raw[i] if len(numbers) else None,
            ),
            float(rank[i]),
        )
        for i in range(len(points))
    ]
    with np.errstate(all="ignore"):  # what is no number then is found by `_is_over`
        optimizer.tell(solutions)
    return optimizer


def _shortened(optimizer: Any, raw: np.ndarray) -> np.ndarray:
    """Points at most as far from the mean as the distribution would go."""
    basis, scale = optimizer._eigen_decomposition()
    n = len(scale)
    step = (raw - optimizer._mean) / (optimizer._sigma * optimizer._A)
    white = (step @ basis) / np.maximum(scale, 1e-30)
    length = np.sqrt((white**2).sum(axis=1))
    most = np.sqrt(n) + 2 * n / (n + 2)
    share = np.minimum(1.0, most / np.maximum(length, 1e-30))
    return optimizer._mean + (raw - optimizer._mean) * share[:, None]


def _tables(
    layout: Layout, cols: _Columns, optimizer: Any, points: np.ndarray, on: np.ndarray
) -> np.ndarray:
    """float [m, categories, most levels]: what is expected where one is inactive."""
    levels = np.asarray(_levels(layout, placed(points)))[:, cols.category]
    hot = levels[:, :, None] == np.arange(int(cols.levels.max()))[None, None]
    return np.where(on[:, cols.category, None], hot.astype(np.float64), optimizer._q[None])


def _is_over(optimizer: Any) -> bool:
    """Whether a search has converged, or lost its numbers."""
    if optimizer is None or not optimizer.n_continuous + optimizer.n_integer:
        return False
    with np.errstate(all="ignore"):
        wide = optimizer._sigma * np.sqrt(np.diag(optimizer._C))
    if not (np.isfinite(wide).all() and np.isfinite(optimizer._mean).all()):
        return True
    return bool((wide < _NARROWEST).all() or wide.max() > 1e4)


def _drawn(
    layout: Layout, cols: _Columns, optimizer: Any, gone: set[bytes], n: int, q: int
) -> np.ndarray:
    """float32 [q, d], snapped; the first `n` differ from each other and from what is gone as long
    as enough draws do."""
    found = np.full((q, layout.d), 0.5, np.float32)
    if optimizer is None:
        return np.asarray(layout.snap(placed(found)))
    spare, kept = [], 0
    for _ in range(_TRIES):
        draws = np.asarray(_snap(layout, placed(_cube(layout, cols, optimizer, q))))
        for row in draws:
            if row.tobytes() in gone:
                spare.append(row)
            elif kept < n:
                gone.add(row.tobytes())
                found[kept] = row
                kept += 1
        if kept == n:
            break
    found[kept:] = found[0] if not spare else spare[0]
    return found


def _cube(layout: Layout, cols: _Columns, optimizer: Any, count: int) -> np.ndarray:
    """float32 [count, d], draws as points of the cube."""
    points = np.full((count, layout.d), 0.5, np.float32)
    for row in points:
        drawn = optimizer.ask()
        if len(cols.real):
            row[cols.real] = drawn.x
        if len(cols.grid):
            row[cols.grid] = drawn.z
        if len(cols.category):
            row[cols.category] = (np.argmax(drawn.c, axis=1) + 0.5) / cols.levels
    return points


_snap = jax.jit(Layout.snap, static_argnums=0)
_active = jax.jit(Layout.active, static_argnums=0)
_levels = jax.jit(Layout.level, static_argnums=0)
