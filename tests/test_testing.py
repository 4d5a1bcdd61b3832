"""The conformance suites notice what they are there to notice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo import testing
from jaxhpo.contracts import Proposal, Scheduler
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


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (lambda curve, peers: np.bool_(True), "must return a bool"),
        (lambda curve, peers: len(peers) > 0, "answer with peers"),
    ],
)
def test_a_broken_scheduler_is_caught(stop, said):
    with pytest.raises(AssertionError, match=said):
        testing.check_scheduler(lambda: Scheduler(stop=stop, adaptive=False))


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
