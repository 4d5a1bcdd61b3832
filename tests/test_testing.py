"""The conformance suites notice what they are there to notice."""

from __future__ import annotations

import itertools
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import testing
from jaxhpo.contracts import Decision, Group, Proposal, Scheduler
from jaxhpo.samplers.random import random
from jaxhpo.tasks.objective import example
from jaxhpo.testing.layouts import branching_layout, example_layouts


def broken(**change):
    return lambda layout: random(layout)._replace(**{k: v(layout) for k, v in change.items()})


def ask_of(points):
    def ask(layout):
        return lambda key, first, pending, n: Proposal(
            points(layout, key, first, n), jnp.zeros(n, bool)
        )

    return ask


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (broken(ask=ask_of(lambda lay, k, f, n: jnp.full((n, lay.d), 1.5))), "unit cube"),
        (broken(ask=ask_of(lambda lay, k, f, n: jnp.full((n, lay.d), 0.5))), "different points"),
        (broken(ask=ask_of(lambda lay, k, f, n: jnp.zeros((n, lay.d + 1)))), "shape"),
        (
            broken(ask=ask_of(lambda lay, k, f, n: jax.random.uniform(k, (n, lay.d)))),
            "snapped|later batch",
        ),
        (
            broken(
                ask=ask_of(
                    lambda lay, k, f, n: lay.snap(
                        jnp.asarray(np.random.default_rng().random((n, lay.d)))
                    )
                )
            ),
            "second ask",
        ),
    ],
)
def test_a_broken_sampler_is_caught(factory, said):
    with pytest.raises(AssertionError, match=said):
        testing.check_sampler(factory)


def test_a_sampler_that_is_adaptive_and_denies_it_is_caught():
    def factory(layout):
        plain = random(layout)
        return plain._replace(
            tell=lambda key, points, losses, valid: jax.random.fold_in(key, len(losses)),
        )

    with pytest.raises(AssertionError, match="proposals"):
        testing.check_sampler(factory)


# Each check of the samplers' suite by itself, on a sampler with one fault. What the faulty ones
# remember is a table of all they were told: [m, d + 2], points, losses and whether these are valid.


def remembering(layout, seen, **change):
    """A sampler whose points depend on what `seen` makes of the table, and on nothing else."""
    plain = random(layout)

    def tell(state, points, losses, valid):
        more = np.column_stack([points, losses, valid]).astype(np.float32)
        return (state[0], np.concatenate([state[1], more]))

    def ask(state, first, pending, n):
        word = zlib.crc32(np.asarray(seen(state[1]), np.float32).tobytes())
        return plain.ask(jax.random.fold_in(state[0], word), first, pending, n)

    table = np.zeros((0, layout.d + 2), np.float32)
    made = plain._replace(init=lambda key: (key, table), tell=tell, ask=ask, adaptive=True)
    return made._replace(**{k: v(made) for k, v in change.items()})


def told_in_order(table):
    return table[:, :-2] * table[:, -1:]


def counting(made):
    """A tell after which the number of calls makes a difference."""
    return lambda state, *told: (jax.random.fold_in(state[0], 1), made.tell(state, *told)[1])


def from_outside(made):
    """An ask that depends on how often this sampler was asked."""
    calls = itertools.count()

    def ask(state, first, pending, n):
        return made.ask((jax.random.fold_in(state[0], next(calls)), state[1]), first, pending, n)

    return ask


def compiling(made):
    """An ask that compiles a program for every length of history."""

    def ask(state, first, pending, n):
        jax.jit(lambda rows: rows.sum())(state[1])
        return made.ask(state, first, pending, n)

    return ask


def constant(made):
    """A search that is the same whatever the key."""
    return lambda loss, key, **given: made.search(loss, jax.random.key(0), **given)


def wrong_losses(made):
    def search(loss, key, **given):
        points, losses = made.search(loss, key, **given)
        return points, losses + 1.0

    return search


def repeating(made):
    """A search that goes on in a finite space with what it had before."""

    def search(loss, key, **given):
        points, losses = made.search(loss, key, **given)
        return points.at[1].set(points[0]), losses.at[1].set(losses[0])

    return search


FAULTS = {
    "tells": (testing.check_history_cuts, told_in_order, {"tell": counting}, "tells of"),
    "lost": (testing.check_bad_losses, lambda t: t[:, -2], {}, "loss of a failed trial"),
    "outside": (testing.check_resumed, told_in_order, {"ask": from_outside}, "resumed"),
    "asked": (
        testing.check_reproducible,
        told_in_order,
        {"ask": from_outside},
        "second ask",
    ),
    "pending": (testing.check_pending, told_in_order, {}, "pending ones counted"),
    "branches": (
        testing.check_branches,
        told_in_order,
        {"ask": lambda made: lambda state, *given: random_points(state, *given)},
        "few branches",
    ),
    "never ends": (
        testing.check_exhausts,
        told_in_order,
        {"ask": lambda made: lambda state, first, *rest: made.ask(state, first % 20, *rest)},
        "nothing left|in all",
    ),
    "compiles": (
        testing.check_compiles_seldom,
        lambda t: t[:0],
        {"ask": compiling},
        "at doublings",
    ),
    "one key": (testing.check_search, told_in_order, {"search": constant}, "different"),
    "losses": (testing.check_search, told_in_order, {"search": wrong_losses}, "losses"),
    "repeats": (testing.check_search, told_in_order, {"search": repeating}, "finite"),
    "several": (
        testing.check_several,
        told_in_order,
        {"several": lambda made: True, "tell": lambda made: first_objective(made)},
        "a second objective",
    ),
}


def random_points(state, first, pending, n):
    layout = branching_layout()
    points = layout.snap(jax.random.uniform(jax.random.fold_in(state[0], first), (n, layout.d)))
    return Proposal(points, jnp.ones(n, bool))


def first_objective(made):
    def tell(state, points, losses, valid, broken=None):
        rows = losses if losses.ndim == 1 else losses[:, 0]
        return made.tell(state, points, rows, valid)

    return tell


@pytest.mark.parametrize("fault", FAULTS)
def test_each_check_of_a_sampler_notices_its_fault(fault):
    check, seen, change, said = FAULTS[fault]
    layouts = example_layouts()
    names = ["finite"] if fault == "never ends" else ["continuous", "mixed"]

    def checked(factory):
        for name in names:
            if check.__code__.co_argcount == 2:
                check(factory, layouts[name])
            else:
                check(factory)

    with pytest.raises(AssertionError, match=said):
        checked(lambda layout: remembering(layout, seen, **change))
    if fault not in {"pending", "branches", "never ends"}:  # the sound one would need more
        checked(lambda layout: remembering(layout, told_in_order))


def _gap(number):
    return Group(first=number // 5 * 5, size=4, rungs=lambda budget: [1])


def _whole(number):
    return Group(first=number // 4 * 4, size=4, rungs=lambda budget: [1])


@pytest.mark.parametrize(
    ("scheduler", "said"),
    [
        (Scheduler(stop=lambda curve: np.bool_(True)), "must return a bool"),  # type: ignore
        (Scheduler(limits=lambda peers, budget: np.zeros(3, np.float32)), "limits' shape"),
        (Scheduler(limits=lambda peers, n: np.zeros(n, np.float32)), "no limits where no peer"),
        (Scheduler(group=_gap), "go together"),
        (Scheduler(group=_gap, decide=lambda key, s: Decision(s.waiting)), "after the one before"),
        (Scheduler(group=_whole, decide=lambda key, s: Decision(~s.waiting)), "best must go on"),
        (
            Scheduler(
                group=_whole,
                decide=lambda key, s: Decision(s.waiting, points=s.points + np.float32(0.01)),
            ),
            "snapped",
        ),
    ],
)
def test_a_broken_scheduler_is_caught(scheduler, said):
    with pytest.raises(AssertionError, match=said):
        testing.check_scheduler(lambda: scheduler)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"budget": lambda hp: 0}, "budget"),
        ({"evaluate": lambda hp, state, data: {"other": 0.0 * state["objective"]}}, "'objective'"),
        (
            {"evaluate": lambda hp, state, data: {"objective": state["objective"] + jnp.nan}},
            "finite",
        ),
        ({"train": lambda key, hp, state, data: {"x": jnp.ones(2)}}, "structure"),
    ],
)
def test_a_broken_task_is_caught(change, said):
    testing.check_task(example())
    with pytest.raises(AssertionError, match=said):
        testing.check_task(example()._replace(**change))
