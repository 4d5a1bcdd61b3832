"""The best trials with fresh seeds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxhpo.contracts import Task
from jaxhpo.space import Float, Int, Space
from jaxhpo.study import Study


def noisy(**change) -> Task:
    """A loss of x with much noise; tested without it. Those with a high x finish early."""
    task = Task(
        space=Space(x=Float(0.0, 1.0), epochs=Int(1, 3)),
        data=(),
        init=lambda key, hp, data: jnp.float32(0.0),
        train=lambda key, hp, state, data: hp["x"] + jax.random.normal(key),
        evaluate=lambda hp, state, data: {"loss": state},
        after=lambda hp, state, metrics: (state, metrics, hp["x"] > 0.5),
        budget=lambda hp: int(hp["epochs"]),
        objective="loss",
        test=lambda hp, state, data: {"off": jnp.abs(state - hp["x"])},
        name="noisy",
    )
    return task._replace(**change)


def study(task: Task, **change) -> Study:
    given = {"trials": 60, "sampler": "random", "width": 4, "drivers": 1}
    return Study(task, **{**given, **change})


def test_what_was_best_by_luck_comes_out_worse():
    with study(noisy()) as made:
        made.run()
        found = made.confirm(top=8, seeds=12)
        assert made.records.facts()["confirm"]["winner"] == found.winner
    searched = [entry.value for entry in found.entries]
    assert searched == sorted(searched)
    assert [e.value for e in found.entries] == [made.trials[e.number].loss for e in found.entries]
    means = {entry.number: entry.mean for entry in found.entries}
    assert found.winner == min(means, key=means.__getitem__)
    assert np.mean(list(means.values())) > np.mean(searched) + 1.0  # regression to the mean
    for entry in found.entries:
        assert len(set(entry.values)) == 12
        assert entry.values[0] != entry.value  # fresh seeds
        np.testing.assert_allclose(entry.mean, np.mean(entry.values))
        x = made.trials[entry.number].config["x"]
        # The state that was tested is the one that was scored.
        np.testing.assert_allclose(entry.test["off"], np.abs(np.array(entry.values) - x), rtol=1e-4)


def test_it_is_the_same_on_any_threads_and_devices():
    found = []
    for drivers, devices in ((1, 1), (2, 3)):
        with study(noisy(), drivers=drivers, devices=jax.devices()[:devices]) as made:
            made.run()
            found.append(made.confirm(top=3, seeds=4))
    assert found[0] == found[1]


def test_maximised_metrics_and_divergence():
    def evaluate(hp, state, data):
        # What is high, as the best of the search are, does not diverge; fresh seeds often do.
        return {"loss": jnp.where((hp["x"] > 0.7) & (state < 0.2), jnp.nan, state)}

    with study(noisy(evaluate=evaluate, maximize=True)) as made:
        made.run()
        found = made.confirm(top=6, seeds=6)
    finite = [e for e in found.entries if np.isfinite(e.mean)]
    assert len(finite) < 6
    assert found.winner == max(finite, key=lambda e: e.mean).number


@pytest.mark.parametrize(("change", "said"), [({"top": 0}, "top"), ({"seeds": -1}, "seeds")])
def test_bad_arguments_are_named(change, said):
    with study(noisy(), trials=4) as made, pytest.raises(ValueError, match=rf"{said}=.*at least 1"):
        made.confirm(**change)


def test_without_a_complete_trial_there_is_nothing_to_confirm():
    with study(noisy(), trials=4) as made, pytest.raises(ValueError, match="no trial is complete"):
        made.confirm()
