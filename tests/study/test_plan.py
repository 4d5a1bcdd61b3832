"""Compile seconds against padded work."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import linen as nn

from jaxhpo.population.work import work
from jaxhpo.space import Choice, Float, Space
from jaxhpo.study.plan import plan
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.stack import Stack
from jaxhpo.tasks.supervised import supervised

NARROW, WIDE = (8,), (256, 256, 256)


class Net(nn.Module):
    widths: object
    activation: object

    @nn.compact
    def __call__(self, x, train):
        """One output."""
        return Dense(1)(Stack(self.widths, self.activation)(x, train=train))  # type: ignore[arg-type]


def task(**change):
    rows = jnp.ones((64, 4)), jnp.ones((64, 1))
    given = {
        "model": lambda hp: Net(hp["widths"], hp["activation"]),
        "data": {"train": rows, "validation": rows},
        "optimizer": lambda hp: optax.adam(hp["lr"]),
        "loss": "mse",
        "batch_size": 16,
        "epochs": 20,
        "elastic": ("widths", "activation"),
    }
    space = Space(
        lr=Float(1e-4, 1e-1, log=True),
        widths=Choice([NARROW, (16, 8), WIDE]),
        activation=Choice(["relu", "tanh", "gelu"]),
    )
    return supervised(space, **{**given, **change})


def chosen(trials, asked=None, made=None):
    made = made or task()
    static = made.space.static_names(made.static)
    return plan(made, static, trials, "cpu", asked or {})


def test_few_trials_share_a_program_and_many_get_one_for_each_width():
    few, many = chosen(8), chosen(100_000)
    assert few.choice == {"widths": "traced", "activation": "traced"}
    assert few.programs == 1
    assert many.choice["widths"] == "cohorts"  # most of the padded work would be in vain
    assert many.programs in (3, 9)
    assert many.seconds is not None
    assert few.seconds is not None
    assert many.seconds > few.seconds


def test_what_is_chosen_costs_least():
    found = chosen(300)
    assert found.seconds is not None
    assert found.seconds <= min(seconds for _, seconds in found.others.values())


def test_the_user_decides():
    found = chosen(8, {"widths": "cohorts"})
    assert found.choice["widths"] == "cohorts"
    assert found.programs == 3
    assert "widths: cohorts (as asked)" in found.lines()
    assert any("core-seconds" in line for line in found.lines())


def test_nothing_is_traced_that_the_task_can_not_take():
    found = chosen(8, made=task(elastic=("activation",)))
    assert found.choice == {"activation": "traced"}
    assert found.programs == 3
    with pytest.raises(ValueError, match=r"'activation', got 'widths'.*elastic"):
        chosen(8, {"widths": "traced"}, made=task(elastic=("activation",)))


def test_operations_are_counted():
    a, b = jax.ShapeDtypeStruct((8, 16), "f4"), jax.ShapeDtypeStruct((16, 4), "f4")
    assert work(jnp.dot, a, b).operations == 2 * 8 * 16 * 4

    def looped(x):
        return jax.lax.scan(lambda c, _: (jnp.dot(x, x.T) @ c, None), x, None, length=10)[0]

    once = 2 * 8 * 16 * 8 + 2 * 8 * 8 * 16 + 8 * 16
    found = work(looped, a)
    assert found.operations == pytest.approx(10 * once, rel=0.1)
    assert found.equations < 10

    image, kernel = (
        jax.ShapeDtypeStruct((1, 8, 8, 3), "f4"),
        jax.ShapeDtypeStruct((3, 3, 3, 5), "f4"),
    )
    conv = work(
        lambda x, k: jax.lax.conv_general_dilated(
            x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        ),
        image,
        kernel,
    )
    assert conv.operations == 2 * 8 * 8 * 5 * 3 * 3 * 3
