"""What every sampler must do, on every layout."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.backend import placed
from jaxhpo.contracts import Sampler
from jaxhpo.cube import INACTIVE, Layout
from jaxhpo.testing.claims import equal, holds
from jaxhpo.testing.histories import (
    KEY,
    example_losses,
    example_points,
    next_points,
    none_pending,
    state_after,
)
from jaxhpo.testing.layouts import active_in, example_layouts, snap
from jaxhpo.testing.searches import (
    check_branches,
    check_compiles_seldom,
    check_exhausts,
    check_resumed,
    check_search,
)

_REFUSABLE = {"wide"}  # layouts for which a factory may raise


def check_sampler(factory: Callable[[Layout], Sampler]) -> None:
    """All checks of a sampler, on all example layouts.

    Args:
        factory: ``(layout) -> Sampler``, working with its defaults.
    """
    for name, layout in example_layouts().items():
        if name in _REFUSABLE and _refuses(factory, layout):
            continue
        for check in (
            check_proposals,
            check_reproducible,
            check_history_cuts,
            check_bad_losses,
            check_pending,
            check_adaptive,
            check_several,
        ):
            try:
                check(factory, layout)
            except AssertionError as error:
                raise AssertionError(f"{check.__name__} on the {name} layout: {error}") from error
    check_resumed(factory)
    check_search(factory)
    check_branches(factory)
    check_exhausts(factory)
    check_compiles_seldom(factory)


def _refuses(factory: Callable[[Layout], Sampler], layout: Layout) -> bool:
    """Whether the sampler says that it can't serve the layout, which is fair for a huge grid."""
    try:
        factory(layout)
    except ValueError:
        return True
    return False


def check_proposals(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """Points lie in the cube, on the grid, at 0.5 where inactive, and differ within a batch."""
    sampler = factory(layout)
    state = state_after(sampler, layout, 40)
    for first, n in ((0, 1), (0, 7), (40, 16), (40, 5)):
        if sampler.size is not None and first + n > sampler.size:
            continue
        points, model = sampler.ask(state, first, none_pending(layout), n)
        found = np.asarray(points)
        equal((found.shape, found.dtype), ((n, layout.d), np.float32), "points' shape and dtype")
        equal((model.shape, np.asarray(model).dtype), ((n,), np.bool_), "model's shape and dtype")
        holds(bool(((found >= 0) & (found <= 1)).all()), "points must lie in the unit cube")
        equal(np.asarray(snap(layout, points)).tobytes(), found.tobytes(), "snapped points")
        off = ~np.asarray(active_in(layout, points))
        holds(bool((found[off] == INACTIVE).all()), "inactive coordinates must be 0.5")
        if layout.size is None:
            equal(len(np.unique(found, axis=0)), n, "different points in a batch")


def check_reproducible(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """Equal keys and histories give equal bits; other keys and batches others; asking is pure."""
    one, two = factory(layout), factory(layout)
    a, b = state_after(one, layout, 30), state_after(two, layout, 30)
    first = next_points(one, a, layout)
    equal(next_points(one, a, layout), first, "a second ask of one state")
    equal(next_points(two, b, layout), first, "an ask of an equal state")
    other = state_after(one, layout, 30, seed=1)
    if layout.size is None:
        holds(next_points(one, other, layout) != first, "another key must give other points")
        if one.size is None or one.size >= 24:
            later = np.asarray(one.ask(a, 20, none_pending(layout), 4).points).tobytes()
            holds(later != first, "a later batch must have other points")


def check_history_cuts(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """However a history is cut into tells, what is proposed is the same."""
    sampler = factory(layout)
    whole = state_after(sampler, layout, 30)
    for cuts in ([1] * 30, [7, 0, 13, 10]):
        equal(
            next_points(sampler, state_after(sampler, layout, 30, cuts=cuts), layout),
            next_points(sampler, whole, layout),
            f"proposals after tells of {cuts}",
        )


def check_bad_losses(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """Trials without a loss, equal losses and extreme losses spoil nothing."""
    sampler = factory(layout)
    n = 24
    asked = 6 if sampler.size is None else min(6, sampler.size)
    points = example_points(layout, n)
    cases = {
        "all invalid": (np.full(n, np.nan), np.zeros(n, bool)),
        "some invalid": (np.where(np.arange(n) % 3, 1.0, np.nan), np.arange(n) % 3 > 0),
        "all equal": (np.ones(n), np.ones(n, bool)),
        "huge and tiny": (np.where(np.arange(n) % 2, 3e38, 1e-38), np.ones(n, bool)),
    }
    for name, (losses, valid) in cases.items():
        state = sampler.init(jax.random.key(KEY))
        losses = placed(losses, jnp.float32)
        state = sampler.tell(state, points, losses, placed(valid))
        found = np.asarray(sampler.ask(state, 0, none_pending(layout), asked).points)
        holds(bool(np.isfinite(found).all()), f"points must be finite after losses {name}")
        if layout.size is None and layout.d > 1:
            different = len(np.unique(found, axis=0))
            holds(different == asked, f"points must differ after losses {name}")
    valid = np.arange(n) % 3 > 0
    answers = []
    for lost in (np.nan, -np.inf, np.inf, -1e30, 1e30):
        losses = jnp.where(valid, example_losses(points), lost)
        state = sampler.tell(sampler.init(jax.random.key(KEY)), points, losses, placed(valid))
        answers.append(next_points(sampler, state, layout))
    equal(set(answers), {answers[0]}, "proposals whatever the loss of a failed trial")


def check_pending(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """An adaptive sampler does not propose what is pending while there is anything else."""
    sampler = factory(layout)
    if not sampler.adaptive or (layout.size is not None and layout.size < 45):
        return
    state = state_after(sampler, layout, 12)
    pending = sampler.ask(state, 24, none_pending(layout), 8).points
    again = np.asarray(sampler.ask(state, 24, pending, 8).points)
    both = np.concatenate([np.asarray(pending), again])
    equal(len(np.unique(both, axis=0)), 16, "different points, pending ones counted")


def check_adaptive(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """A sampler that says it is not adaptive proposes the same whatever it is told."""
    sampler = factory(layout)
    if sampler.adaptive:
        return
    blank = sampler.init(jax.random.key(KEY))
    told = state_after(sampler, layout, 30)
    equal(
        next_points(sampler, told, layout),
        next_points(sampler, blank, layout),
        "proposals when told",
    )
    model = sampler.ask(told, 0, none_pending(layout), 4).model
    holds(not bool(np.asarray(model).any()), "nothing can be chosen by a model then")


def check_several(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """A sampler that says so takes several objectives and constraints: however the history is cut,
    whatever lost trials hold, and so that they make a difference."""
    sampler = factory(layout)
    if not sampler.several or not sampler.adaptive:
        return
    n = 30
    points = example_points(layout, n)
    losses = jnp.stack([example_losses(points), jnp.square(points - 0.8).sum(axis=1)], axis=1)
    broken = jnp.maximum(0.45 - points[:, :1], 0.0)
    valid = jnp.arange(n) % 7 != 3

    def asked(losses: jax.Array, broken: jax.Array | None, cuts: tuple[int, ...] = (n,)) -> bytes:
        state, start = sampler.init(jax.random.key(KEY)), 0
        for size in cuts:
            part = slice(start, start + size)
            more = () if broken is None else (broken[part],)
            state = sampler.tell(state, points[part], losses[part], valid[part], *more)
            start += size
        if layout.size is not None:
            return next_points(sampler, state, layout)
        return np.asarray(sampler.ask(state, 64, none_pending(layout), 4).points).tobytes()

    for said, table, rules in (
        ("several objectives", losses, None),
        ("constraints", losses[:, 0], broken),
        ("both", losses, broken),
    ):
        whole = asked(table, rules)
        equal(asked(table, rules, (7, 0, 13, 10)), whole, f"proposals after cut tells of {said}")
        gone = jnp.where(valid if table.ndim == 1 else valid[:, None], table, jnp.nan)
        equal(asked(gone, rules), whole, f"proposals with {said}, whatever lost trials hold")
    if layout.size is None:
        one = asked(losses[:, 0], None)
        holds(asked(losses, None) != one, "a second objective must make a difference")
        holds(asked(losses[:, 0], broken) != one, "a constraint must make a difference")
