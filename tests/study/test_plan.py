"""Compile seconds against padded work."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxhpo.population.work import work
from jaxhpo.space import Choice, Float, Space
from jaxhpo.study.plan import Load, classes, plan
from jaxhpo.study.study import Study
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
    return supervised(**{"space": space, **given, **change})


def chosen(trials, asked=None, made=None, at_once=None):
    made = made or task()
    static = made.space.static_names(made.static)
    return plan(made, static, Load(trials=trials, at_once=at_once or trials), asked or {})


def test_few_trials_share_a_program_and_many_get_one_for_each_width():
    few, many = chosen(8), chosen(100_000)
    assert few.choice == {"widths": "traced", "activation": "traced"}
    assert few.programs == 1
    assert many.choice["widths"] == "cohorts"  # most of the padded work would be in vain
    assert many.programs in (3, 9)
    assert many.seconds is not None
    assert few.seconds is not None
    assert many.seconds > few.seconds


def test_what_is_chosen_costs_least_or_hardly_more_with_fewer_programs():
    found = chosen(300)
    assert found.seconds is not None
    for programs, seconds in found.others.values():
        assert found.seconds <= seconds or found.programs <= programs
        assert found.seconds <= 1.1 * seconds


def test_where_few_trials_are_in_training_at_once_they_share_programs():
    programs = [(chosen(n).programs, chosen(n, at_once=8).programs) for n in (100, 1000, 10_000)]
    assert all(gated <= free for free, gated in programs)
    assert any(gated < free for free, gated in programs)


def test_lanes_wait_where_programs_are_many_and_trials_last_short():
    given = {"units": 10.0, "operations": 1e6, "turns": 1e3}
    load = Load(trials=1000, at_once=36, width=8)
    full = load.seconds(**given, programs=0)
    assert full == pytest.approx(1000 * 10.0 * (1e6 / 5e10 + 1e3 * 2e-8))
    assert load.seconds(**given, programs=5) == pytest.approx(2 * full)
    short = dataclasses.replace(load, lasts=0.25)
    assert short.seconds(**given, programs=5) == pytest.approx((1 + 4) / 4 * full)


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


DEEP = ((8,), (16,), (8, 8), (16, 8))


def deep(**change):
    space = Space(
        lr=Float(1e-3, 1e-1, log=True), widths=Choice(DEEP), activation=Choice(["relu", "tanh"])
    )
    place = np.random.default_rng(0)
    rows = place.normal(size=(32, 4)).astype("f4"), place.normal(size=(32, 1)).astype("f4")
    return task(space=space, data={"train": rows, "validation": rows}, epochs=2, **change)


def test_values_whose_states_have_the_same_form_are_of_a_class():
    made = deep()
    static = made.space.static_names(made.static)
    assert classes(made, static, "widths") == (DEEP[:2], DEEP[2:])
    assert classes(made, static, "activation") == (("relu", "tanh"),)


def test_grouping_is_weighed_against_one_program_and_a_program_each():
    found = chosen(100, made=deep())
    told = {"widths " + way for way in ("traced", "grouped", "cohorts")}
    assert len(told & set(found.others)) == 2
    assert found.seconds is not None
    assert found.seconds <= 1.1 * min(seconds for _, seconds in found.others.values())
    assert not any(name.startswith("activation grouped") for name in found.others)


def test_a_class_shares_a_program_in_which_members_are_what_they_are_alone():
    given = {"sampler": "sobol", "trials": 8, "seed": 0, "width": 4}

    def trials(how):
        with Study(deep(), plan={"widths": how, "activation": "traced"}, **given) as study:
            study.run()
            return study.trials, study.records.facts()["summary"]["traces"], study.programs

    grouped, traces, programs = trials("grouped")
    own, traces_of_own, programs_of_own = trials("cohorts")
    assert (traces, programs) == (2, 2)
    assert (traces_of_own, programs_of_own) == (4, 4)
    assert {tuple(t.config["widths"]) for t in grouped} == set(DEEP)
    for a, b in zip(grouped, own, strict=True):
        assert a.config == b.config
        np.testing.assert_allclose(a.metrics["loss"], b.metrics["loss"], rtol=1e-4)


def test_a_grouped_study_goes_on_where_it_was(tmp_path):
    given = {"sampler": "random", "seed": 0, "width": 4, "plan": {"widths": "grouped"}}
    with Study(deep(), trials=9, **given) as whole:
        whole.run()
    with Study(deep(), trials=4, workdir=tmp_path, **given) as first:
        first.run()
    with Study(deep(), trials=9, workdir=tmp_path, seed=0, sampler="random") as later:
        assert later.identity["plan"]["widths"] == "grouped"
        later.run()
        found = [t.metrics["loss"] for t in later.trials]
    assert found == [t.metrics["loss"] for t in whole.trials]
