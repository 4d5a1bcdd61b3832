"""The simple model that the network is compared with."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.spectral import baseline, experiment, physics
from experiments.spectral.options import Options
from jaxhpo.study import Study
from jaxhpo.testing import check_task

HP = {"degree": 3, "power": 1.0, "form": "reflectance", "ridge": 1e-6, "direct": True}


def test_colours_are_those_of_the_films():
    samples = physics.measured(0)
    weights = physics.tristimulus_weights()
    found = baseline.lab(jnp.asarray(samples.reflectance, jnp.float32), jnp.asarray(weights))
    np.testing.assert_allclose(found, samples.colour[:, :3], atol=2e-3)
    np.testing.assert_allclose(
        baseline.lab(jnp.zeros((1, 31)), jnp.asarray(weights)), np.zeros((1, 3)), atol=1e-3
    )


@pytest.mark.parametrize("form", baseline.FORMS)
def test_what_is_regressed_comes_back(form):
    spectra = jnp.asarray(physics.measured(0).reflectance, jnp.float32)
    np.testing.assert_allclose(
        baseline.unbent(form, baseline.bent(form, spectra)), spectra, rtol=1e-3
    )


def test_a_quadratic_is_found_where_there_is_one():
    place = np.random.default_rng(0)
    x = place.uniform(0.1, 1, (60, 5)).astype(np.float32)
    y = (0.2 + 0.3 * x[:, :1] * x[:, 1:2] - 0.1 * x[:, 2:3] ** 2) * np.ones((1, 31), np.float32)
    targets = {"reflectance": y.astype(np.float32), "lab": 50.0 + 10.0 * x[:, :3]}
    hp = {**HP, "degree": 2, "ridge": 1e-7}
    state = baseline.solved(hp, (x, targets))
    weights = physics.tristimulus_weights().astype(np.float32)
    found = baseline.predicted(hp, state, x, weights)
    np.testing.assert_allclose(found["reflectance"], y, atol=2e-3)
    np.testing.assert_allclose(found["lab"], targets["lab"], atol=0.1)
    line = baseline.predicted(
        {**hp, "degree": 1}, baseline.solved({**hp, "degree": 1}, (x, targets)), x, weights
    )
    assert np.abs(line["reflectance"] - y).max() > 0.02


def test_a_ridge_pulls_towards_the_mean():
    inputs, targets = experiment.films(Options())["train"]
    weights = physics.tristimulus_weights().astype(np.float32)
    hp = {**HP, "ridge": 1e6}
    found = baseline.predicted(hp, baseline.solved(hp, (inputs, targets)), inputs, weights)
    mean = np.broadcast_to(targets["lab"].mean(axis=0), targets["lab"].shape)
    np.testing.assert_allclose(found["lab"], mean, atol=0.1)


def test_parameters_are_those_that_are_used():
    monomials = {1: 5, 2: 20, 3: 55}
    for degree, count in monomials.items():
        hp = {**HP, "degree": degree}
        assert float(baseline.parameters(hp)) == (count + 1) * 34
        assert float(baseline.parameters({**hp, "direct": False})) == (count + 1) * 31
        used = np.asarray(baseline.features(hp, np.full((1, 5), 0.5, np.float32)))[0] != 0
        assert used.sum() == count


def test_the_task_keeps_the_contract():
    check_task(baseline.build(Options()))


@pytest.mark.slow
def test_a_short_search_finds_a_good_one():
    with Study(baseline.build(Options()), trials=48, sampler="random") as study:
        study.run()
        assert study.best is not None
        assert study.best.metrics["score"] < 0.1
