"""A plain function as a task."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from jaxhpo.space import Float, Space
from jaxhpo.tasks.objective import objective

SPACE = Space(x=Float(0.0, 1.0))
KEY = jax.random.key(0)
HP = {"x": jnp.float32(0.25)}


def value(task):
    state = task.train(KEY, HP, task.init(KEY, HP, task.data), task.data)
    return {k: float(v) for k, v in task.evaluate(HP, state, task.data).items()}


def test_a_scalar_is_the_objective():
    task = objective(lambda key, hp: 2 * hp["x"], SPACE)
    assert value(task) == {"objective": 0.5}
    assert task.budget(HP) == 1
    assert value(objective(lambda key, hp: hp["x"], SPACE, metric="cost")) == {"cost": 0.25}


def test_a_dict_needs_the_metric_to_be_named():
    def both(key, hp):
        return {"gain": hp["x"], "cost": 1}

    task = objective(both, SPACE, metric="gain", maximize=True)
    assert value(task) == {"gain": 0.25, "cost": 1.0}
    assert (task.objective, task.maximize, task.name) == ("gain", True, "both")
    with pytest.raises(ValueError, match=r"metric=.*cost, gain.*'objective'"):
        value(objective(both, SPACE))


def test_what_is_no_scalar_or_no_function_is_refused():
    with pytest.raises(ValueError, match=r"'objective' of shape \(2,\)"):
        value(objective(lambda key, hp: jnp.ones(2), SPACE))
    with pytest.raises(ValueError, match=r"fn=.*got 3"):
        objective(3, SPACE)  # type: ignore[arg-type]
