"""The conformance suites notice what they are there to notice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import testing
from jaxhpo.contracts import Decision, Group, Proposal, Scheduler
from jaxhpo.samplers.random import random
from jaxhpo.tasks.objective import example


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
