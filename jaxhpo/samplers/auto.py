"""The default: picks a sampler by the space, the size of a batch and how much is known, and says
what it picked.

    few configurations in all        each once, in random order (`grid`)
    little known yet                 a scrambled Sobol sequence
    then, in batches of up to 256    a Gaussian process (`gp`): Thompson sampling; where trials are
                                     asked for one by one, expected improvement, and every fourth
                                     by `tpe`, for where the process is wrong
    from 4,000 trials on, in larger  a tree-structured Parzen estimator (`tpe`), whose cost does not
    batches, or with several         grow
    objectives or constraints

The two models read the same history, so that one can follow the other in the middle of a study.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from jax import Array

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.given import whole
from jaxhpo.samplers import _history
from jaxhpo.samplers._every import MOST
from jaxhpo.samplers._fresh import finite
from jaxhpo.samplers._history import History
from jaxhpo.samplers._parzen import Options
from jaxhpo.samplers.gp import gp
from jaxhpo.samplers.grid import grid
from jaxhpo.samplers.tpe import chosen, tpe

FEW = 64  # so many configurations are simply all tried


def auto(
    layout: Layout,
    *,
    trials: int | None = None,
    startup: int | None = None,
    most_known: int = 4000,
    largest_batch: int = 256,
    every: int = 4,
) -> Sampler:
    """The sampler that suits the search at hand.

    Args:
        trials: how many trials there will be, if that is known: a space with no more configurations
            than that is gone through in random order.
        startup: how many points of a Sobol sequence come first; by default twice the number of
            parameters, at least 10 and at most 24.
        most_known: with fewer trials told than this, the Gaussian process proposes.
        largest_batch: it does so in batches of at most so many.
        every: where trials are asked for one by one, one in so many is proposed by the
            Parzen estimator (0: none). An objective that is flat almost everywhere, or rough, is no
            draw of any Gaussian process; what is gained there is more than is lost elsewhere
            (docs/samplers.md).

    Raises:
        ValueError: for an option that can't be used.
    """
    whole(
        "auto",
        trials=(1 if trials is None else trials, 1),
        startup=(1 if startup is None else startup, 0),
        most_known=(most_known, 0),
        largest_batch=(largest_batch, 0),
        every=(every, 0),
    )
    size = layout.size if finite(layout) else None
    if size is not None and size <= min(MOST, max(FEW, trials or 0)):
        return _all_of(layout, size)
    first_model = _history.startup_default(layout) if startup is None else startup
    few, many = gp(layout, startup=first_model), tpe(layout, startup=first_model)

    def is_few(state: History, n: int) -> bool:
        return state.single and len(state.losses) < most_known and n <= largest_batch

    def ask(state: History, first: int, pending: Array, n: int) -> Proposal:
        turn = n == 1 and every > 0 and first % every == 0
        return (few if is_few(state, n) and not turn else many).ask(state, first, pending, n)

    def search(
        loss: Callable[[Array, Array], Array], key: Array, *, trials: int, batch: int
    ) -> tuple[Array, Array]:
        picked = few if trials <= most_known and batch <= largest_batch else many
        assert picked.search is not None
        turns = picked is few and batch == 1 and every > 0
        more = {"other": (every, functools.partial(chosen, layout, Options()))} if turns else {}
        return picked.search(loss, key, trials=trials, batch=batch, **more)

    def says(state: History, first: int, n: int) -> str:
        if not np.isfinite(state.losses).any():
            return "sobol: no result is known yet"
        if max(first, len(state.losses)) + n <= first_model:
            return f"sobol: the first {first_model} trials spread out"
        told = f"{len(state.losses)} trials told, batches of {n}"
        if not state.single:
            return f"tpe: {told}; several objectives, or constraints"
        if not is_few(state, n):
            return f"tpe: {told}; more than {most_known} or {largest_batch}"
        one_by_one = f"one by one, one in {every} by tpe; at most {most_known} trials told"
        limits = f"{told}; at most {most_known} and {largest_batch}"
        return f"gp: {one_by_one if n == 1 and every else limits}"

    return _history.learner(layout, ask, says=says, search=search, several=True)


def _all_of(layout: Layout, size: int) -> Sampler:
    """Few configurations are gone through."""
    reason = f"grid: each of the space's {size} configurations once, in random order"
    return grid(layout)._replace(says=lambda state, first, n: reason)
