"""The commonest slips: what is traced taken for a Python value, names and signatures got wrong."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxhpo import Choice, Float, Int, Space, Study, StudyFailed, minimize
from jaxhpo.contracts import Task
from jaxhpo.tasks.objective import objective
from jaxhpo.tasks.supervised import supervised

SPACE = Space(lr=Float(1e-3, 1e-1, log=True), width=Choice([4, 8]), epochs=Int(1, 2))
ROWS = (np.ones((8, 3), np.float32), np.ones((8, 1), np.float32))


def trained(model: Any, **given: Any) -> Task:
    data = {"train": ROWS, "validation": ROWS}
    given = {"loss": "mse", "batch_size": 4, **given}
    return supervised(SPACE, model=model, data=data, **given)


def message(task: Task) -> str:
    study = Study(task, trials=2, sampler="random", width=1)
    with study, pytest.raises(StudyFailed) as found:
        study.run()
    return str(found.value)


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (lambda key, hp: np.sin(hp["lr"]), "'lr'"),
        (lambda key, hp: float(hp["lr"]), "'lr'"),
        (lambda key, hp: sum(range(hp["width"])), "'width'"),
        (lambda key, hp: [1.0] * 9 and [0.0, 1.0, 2.0][hp["epochs"]], "'epochs'"),
        (lambda key, hp: jnp.ones(hp["width"]).sum(), "'width'"),
        (lambda key, hp: 1.0 if hp["lr"] > 0.01 else 0.0, "a hyperparameter"),
    ],
)
def test_a_traced_value_taken_for_a_python_value_is_named_with_the_ways_out(fn, name):
    said = message(objective(fn, SPACE, name="mine"))
    for part in ("mine(key, hp)", name, "jax.numpy"):
        assert part in said
    # A continuous parameter can't be one: every trial would need a program of its own.
    assert ("static=[...]" in said) == (name != "'lr'")


def test_a_width_that_the_space_traces_is_named():
    said = message(trained(lambda hp: nn.Dense(hp["width"])))
    for part in ("supervised: init(...)", "'width'", "static=True", "Shapes must be 1D"):
        assert part in said


def test_what_takes_a_traced_number_is_named():
    import optax

    class Net(nn.Module):
        rate: Any

        @nn.compact
        def __call__(self, x, train):
            return nn.Dropout(self.rate, deterministic=not train)(nn.Dense(1)(x))

    rate = message(trained(lambda hp: Net(hp["lr"])))
    assert "jaxhpo.tasks.elastic.dropout.Dropout" in rate
    steps = message(
        trained(
            lambda hp: nn.Dense(1),
            optimizer=lambda hp, steps: optax.adam(optax.cosine_decay_schedule(hp["lr"], steps)),
        )
    )
    assert "jaxhpo.tasks.parts.optimizers.optimizer" in steps


def test_an_unknown_name_is_shown_with_the_names_there_are():
    said = message(objective(lambda key, hp: hp["lrr"], SPACE))
    for part in ("'lrr'", "lr, width, epochs", "did you mean 'lr'?"):
        assert part in said
    assert "'epoch'" in message(trained(lambda hp: nn.Dense(hp["epoch"])))


def test_a_function_of_other_arguments_is_refused():
    with pytest.raises(ValueError, match=r"objective\(fn=...\) must take \(key, hp\), .*\(hp\)"):
        objective(lambda hp: hp["lr"], SPACE)
    with pytest.raises(ValueError, match=r"minimize\(fn=...\) must take \(key, hp\)"):
        minimize(lambda hp: hp["lr"], SPACE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(init, ...\)\) must take \(key, hp, inputs\)"):
        trained((lambda key, x: x, lambda hp, params, x, key: x))
    with pytest.raises(ValueError, match=r"apply\)\) must take \(hp, params, inputs, key\)"):
        trained((lambda key, hp, x: x, lambda params, x: x))
    said = message(objective(lambda hp, key: hp["lr"], SPACE))
    assert "takes the key before the hyperparameters" in said


def test_minimize_names_the_ways_out_too():
    with pytest.raises(ValueError, match=r"hyperparameter.*minimize\(static="):
        minimize(lambda key, hp: jnp.ones(hp["width"]).sum(), SPACE, trials=4, sampler="random")


def test_an_error_of_the_users_own_stays_as_it_is():
    def fails(key, hp):
        raise ZeroDivisionError("mine")

    assert "ZeroDivisionError: mine" in message(objective(fails, SPACE))


def test_a_metric_that_gives_no_numbers_is_refused():
    model = lambda hp: nn.Dense(1)  # noqa: E731
    said = message(trained(model, metrics={"bad": lambda outputs, targets: "x"}))
    assert "supervised(metrics['bad']=...)" in said
    assert "got 'x'" in said
    assert "real numbers" in message(trained(model, loss=lambda y, t: (y + 1j)[:, 0]))
