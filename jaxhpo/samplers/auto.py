"""The default: picks a sampler by the space, the size of a batch and how much is known, and says
what it picked.

    few configurations in all        each once, in random order (`grid`)
    little known yet                 a scrambled Sobol sequence
    then, in batches of up to 256    Thompson sampling from a Gaussian process (`gp`)
    from 4,000 trials on, in larger  a tree-structured Parzen estimator (`tpe`), whose cost does not
    batches, or with several         grow
    objectives or constraints

The two models read the same history, so that one can follow the other in the middle of a study.
"""

from __future__ import annotations

import functools

import numpy as np
from jax import Array

from jaxhpo.contracts import Proposal, Sampler
from jaxhpo.cube import Layout
from jaxhpo.given import whole
from jaxhpo.samplers import _history
from jaxhpo.samplers._fresh import finite
from jaxhpo.samplers._history import History
from jaxhpo.samplers.gp import gp
from jaxhpo.samplers.grid import MOST, grid
from jaxhpo.samplers.tpe import tpe

FEW = 64  # so many configurations are simply all tried


def auto(
    layout: Layout,
    *,
    trials: int | None = None,
    startup: int | None = None,
    most_known: int = 4000,
    largest_batch: int = 256,
) -> Sampler:
    """The sampler that suits the search at hand.

    Args:
        trials: how many trials there will be, if that is known: a space with no more configurations
            than that is gone through in random order.
        startup: how many points of a Sobol sequence come first; by default twice the number of
            parameters, at least 10 and at most 24.
        most_known: with fewer trials told than this, the Gaussian process proposes.
        largest_batch: it does so in batches of at most so many.

    Raises:
        ValueError: for an option that can't be used.
    """
    whole(
        "auto",
        trials=(1 if trials is None else trials, 1),
        startup=(1 if startup is None else startup, 0),
        most_known=(most_known, 0),
        largest_batch=(largest_batch, 0),
    )
    size = layout.size if finite(layout) else None
    if size is not None and size <= min(MOST, max(FEW, trials or 0)):
        reason = f"grid: each of the space's {size} configurations once, in random order"
        return grid(layout)._replace(says=lambda state, first, n: reason)
    first_model = _history.startup_default(layout) if startup is None else startup
    few, many = gp(layout, startup=first_model), tpe(layout, startup=first_model)

    def is_few(state: History, n: int) -> bool:
        return state.single and len(state.losses) < most_known and n <= largest_batch

    def ask(state: History, first: int, pending: Array, n: int) -> Proposal:
        return (few if is_few(state, n) else many).ask(state, first, pending, n)

    def says(state: History, first: int, n: int) -> str:
        if not np.isfinite(state.losses).any():
            return "sobol: no result is known yet"
        if max(first, len(state.losses)) + n <= first_model:
            return f"sobol: the first {first_model} trials spread out"
        told = f"{len(state.losses)} trials told, batches of {n}"
        if not state.single:
            return f"tpe: {told}; several objectives, or constraints"
        if is_few(state, n):
            return f"gp: {told}; at most {most_known} and {largest_batch}"
        return f"tpe: {told}; more than {most_known} or {largest_batch}"

    return Sampler(
        init=functools.partial(_history.blank, layout),
        tell=_history.told,
        ask=ask,
        adaptive=True,
        size=size,
        says=says,
        several=True,
    )
