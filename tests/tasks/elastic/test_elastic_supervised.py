"""A model with everything elastic, trained by `supervised`, is the model without."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxhpo import Study
from jaxhpo.option import Option
from jaxhpo.random_bits import COUNTER
from jaxhpo.space import Float, Int, Space
from jaxhpo.tasks import elastic
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.stack import Stack
from jaxhpo.tasks.parts.optimizers import optimizer
from jaxhpo.tasks.parts.splits import split
from jaxhpo.tasks.supervised import supervised

CASES = {
    "widths": ((24,), (16, 32), (8, 8, 8)),
    "activation": ("relu", "tanh", "gelu"),
    "norm": ("none", "batch", "layer"),
    "optimizer": ("adamw", "momentum", "lion"),
    "schedule": ("cosine", "none", "one_cycle"),
}
SPACE = Space(
    lr=Float(1e-3, 1e-2, log=True),
    dropout=Float(0.0, 0.5),
    weight_decay=Float(1e-4, 1e-1, log=True),
    clip=Float(0.0, 1.0),
    case=Int(0, 2),
)


class Net(nn.Module):
    """Three logits."""

    widths: Any
    activation: Any
    norm: Any
    dropout: Any

    @nn.compact
    def __call__(self, x, train):
        x = Stack(self.widths, self.activation, self.norm, self.dropout)(x, train=train)
        return Dense(3)(x)


def task(pick):
    """`pick` makes the structure of the hyperparameters: an `Option`, or Python values."""
    place = np.random.default_rng(0)
    labels = place.integers(0, 3, 80)
    inputs = (place.normal(size=(80, 6)) + labels[:, None]).astype(np.float32)
    return supervised(
        SPACE,
        model=lambda hp: Net(
            pick(hp, "widths"), pick(hp, "activation"), pick(hp, "norm"), hp["dropout"]
        ),
        data=split(inputs, labels, seed=0, validation=0.2, test=0.0),
        optimizer=lambda hp: optimizer(
            pick(hp, "optimizer"),
            hp["lr"],
            weight_decay=hp["weight_decay"],
            clip=hp["clip"],
            schedule=pick(hp, "schedule"),
            steps=16,
        ),
        batch_size=16,
        epochs=4,
    )


def trained(task, hp):
    state = task.init(jax.random.key(3), hp, task.data)
    for unit in range(4):
        key = jax.random.fold_in(jax.random.key(5, impl=COUNTER), unit)
        state = task.train(key, hp, state, task.data)
    return task.evaluate(hp, state, task.data)


@pytest.mark.slow
def test_members_of_one_program_are_what_they_would_be_in_programs_of_their_own():
    traces = []

    def member(hp):
        traces.append(hp)
        return trained(task(lambda hp, name: Option(CASES[name], hp["case"])), hp)

    hp = {
        "lr": jnp.array([2e-3, 8e-3, 3e-3]),
        "dropout": jnp.array([0.3, 0.1, 0.0]),
        "weight_decay": jnp.array([0.1, 0.01, 0.1]),
        "clip": jnp.array([0.0, 0.1, 0.5]),
        "case": jnp.arange(3),
    }
    found = jax.jit(jax.vmap(member))(hp)
    assert len(traces) == 1
    for i in range(3):
        plain = task(lambda hp, name, i=i: CASES[name][i])
        one = {name: values[i] for name, values in hp.items()}
        expected = jax.jit(lambda hp, plain=plain: trained(plain, hp))(one)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i], value, rtol=2e-5, err_msg=f"{name} {i}")
    assert len(set(np.asarray(found["loss"]).tolist())) == 3


def example_task():
    """The task of the package's docstring."""
    after = inspect.cleandoc(elastic.__doc__ or "").partition("::\n")[2].splitlines()
    code = [line for line in after if line.startswith("    ") or not line]
    names: dict[str, Any] = {}
    exec(textwrap.dedent("\n".join(code)), names)
    return names["task"]


def test_the_example_of_the_package_runs():
    made = example_task()
    hp = made.space.decode(np.full((1, made.space.layout.d), 0.6, np.float32))[0]
    state = made.init(jax.random.key(0), hp, made.data)
    found = made.evaluate(hp, made.train(jax.random.key(1), hp, state, made.data), made.data)
    assert np.isfinite(found["loss"])


@pytest.mark.slow
def test_a_study_in_one_program_ends_as_one_with_a_program_for_every_structure():
    made = example_task()
    elastic = sorted(made.elastic)
    found = {}
    for how in ("traced", "cohorts"):
        with Study(
            made, trials=4, seed=1, sampler="random", width=2, plan=dict.fromkeys(elastic, how)
        ) as study:
            study.run()
            found[how] = [(t.config, t.metrics["loss"]) for t in study.trials]
    assert len({str(config) for config, _ in found["traced"]}) == 4
    for (config, one), (same_config, other) in zip(*found.values(), strict=True):
        assert config == same_config
        assert one == pytest.approx(other, rel=1e-4)
