"""The spectral search: its space, network, optimizer and measures."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.spectral import experiment, measures, network, physics
from experiments.spectral.colour_science import colour
from experiments.spectral.options import Options
from jaxhpo.option import Option
from jaxhpo.space import Choice
from jaxhpo.study import Study
from jaxhpo.testing import check_task

HP = {
    "widths": (64, 128, 64),
    "activation": "leaky_relu",
    "batch_size": 16,
    "norm": "none",
    "cosine": False,
    "lr": 0.002,
    "dropout": 0.0,
    "l2": 0.0,
    "clip": 0.0,
    "patience": 100,
    "epochs": 4,
}


@pytest.fixture(scope="module")
def targets() -> dict[str, np.ndarray]:
    return experiment.films(Options())["train"][1]


@pytest.fixture(scope="module")
def scale(targets) -> measures.Scales:
    return measures.scales(targets)


# -- the space -------------------------------------------------------------------------------------


def test_the_seeds_space_is_a_grid_of_about_one_and_a_half_million():
    space = experiment.space(Options())
    assert space.size == 1_492_992
    assert all(isinstance(d, Choice) or space.size for d in space.parameters.values())
    counts = {name: len(getattr(d, "choices", (0, 1))) for name, d in space.parameters.items()}
    assert math.prod(counts.values()) == space.size
    assert counts["widths"] == 12
    assert {1, 2, 3, 4, 5} == {len(widths) for widths in network.WIDTHS}
    assert {(64,), (128,), (64, 128, 64)} <= set(network.WIDTHS)


def test_the_wide_space_holds_the_same_parameters_and_two_more():
    seed, wide = (experiment.space(Options(search=name)) for name in ("seed", "wide"))
    assert set(wide.parameters) - set(seed.parameters) == {"loss_weight", "density"}
    assert wide.size is None


# -- measures --------------------------------------------------------------------------------------


def test_a_perfect_prediction_scores_0_and_the_mean_1(targets, scale):
    perfect = {k: jnp.asarray(v) for k, v in scale.standardised(targets).items()}
    found = {k: float(fn(perfect, targets, {})) for k, fn in measures.measures(scale).items()}
    for name in ("score", "spectral_mae", "colour_mae", "colour_rmse", "delta_e"):
        assert found[name] == pytest.approx(0, abs=2e-4), name
    assert found["spectral_r2"] == pytest.approx(1, abs=1e-6)
    assert found["colour_r2"] == pytest.approx(1, abs=1e-6)
    mean = jax.tree.map(jnp.zeros_like, perfect)
    found = {k: float(fn(mean, targets, {})) for k, fn in measures.measures(scale).items()}
    assert found["score"] == pytest.approx(1, abs=1e-5)
    assert found["spectral_r2"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("density", [False, True])
def test_what_is_standardised_comes_back(targets, scale, density):
    back = scale.natural(scale.standardised(targets, density), density)
    for name, value in targets.items():
        np.testing.assert_allclose(back[name], value, rtol=2e-5, atol=2e-5)


def test_colour_differences_are_those_of_the_package(targets):
    wanted = targets["lab"]
    place = np.random.default_rng(0)
    lab = wanted + place.normal(scale=5, size=wanted.shape).astype(np.float32)
    off = np.asarray(
        measures.errors({**targets, "lab": jnp.asarray(lab)}, targets)["colour_mae"], float
    )
    whole = colour.delta_E(lab.astype(float), wanted.astype(float), method="CIE 1976")
    np.testing.assert_allclose(np.linalg.norm(off[:, :3], axis=1), whole, rtol=1e-5)
    # dE^2 = dL^2 + dC^2 + dH^2
    np.testing.assert_allclose(np.linalg.norm(off[:, [0, 3, 4]], axis=1), whole, rtol=1e-3)


def test_hues_on_both_sides_of_zero_are_near_each_other():
    def lab(degrees: float) -> dict[str, jax.Array]:
        turn = math.radians(degrees)
        return {
            "reflectance": jnp.zeros((1, 31)),
            "lab": jnp.array([[50.0, 40 * math.cos(turn), 40 * math.sin(turn)]]),
        }

    near = float(measures.errors(lab(359), lab(1))["colour_mae"][0, 4])
    assert near == pytest.approx(-80 * math.sin(math.radians(1)), rel=1e-4)
    for apart in (90.0, 150.0, 180.0):
        far = float(measures.errors(lab(apart), lab(0))["colour_mae"][0, 4])
        assert abs(far) == pytest.approx(80 * math.sin(math.radians(apart / 2)), rel=1e-3)


def test_the_loss_weighs_the_colour_head(targets, scale):
    outputs = scale.standardised(targets)
    wrong = {**outputs, "lab": outputs["lab"] + 1.0}
    loss = measures.loss(scale, 3.0)
    np.testing.assert_allclose(loss(wrong, targets, {}), 3.0, rtol=1e-3)
    np.testing.assert_allclose(loss(wrong, targets, {"loss_weight": 0.5}), 0.5, rtol=1e-3)
    wrong = {**outputs, "reflectance": outputs["reflectance"] + 1.0}
    np.testing.assert_allclose(loss(wrong, targets, {"loss_weight": 0.5}), 1.0, rtol=1e-3)


# -- the network -----------------------------------------------------------------------------------


def made(**changed) -> network.Network:
    hp = {**HP, **changed}
    means, spreads = (0.1,) * 5, (0.2,) * 5
    return network.Network(
        hp["widths"], hp["activation"], hp["norm"], hp["dropout"], means, spreads
    )


@pytest.mark.parametrize("widths", [(64,), (128,), (64, 128, 64), (64, 64, 64, 64, 64)])
def test_parameters_are_counted_as_there_are(widths):
    net = made(widths=widths, norm="batch")
    variables = net.init(jax.random.key(0), jnp.zeros((1, 5)), train=False)
    there = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    hp = {**HP, "widths": widths}
    assert int(network.parameters({**hp, "norm": "batch"})) == there
    assert int(network.parameters(hp)) == there - sum(widths)


@pytest.mark.parametrize(
    ("widths", "told"), [((64,), 5732), ((128,), 19620), ((64, 128, 64), 22308)]
)
def test_networks_are_as_large_as_those_of_the_report_that_is_followed(widths, told):
    """It predicted chroma and hue too: two outputs more of a hidden layer of half the width."""
    assert int(network.parameters({**HP, "widths": widths})) == told - 2 * (widths[-1] // 2 + 1)


def test_parameters_of_an_elastic_network_are_those_of_its_choice():
    index = network.WIDTHS.index((64, 128, 64))
    elastic = {**HP, "widths": Option(network.WIDTHS, jnp.int32(index))}
    assert int(network.parameters(elastic)) == int(network.parameters(HP))


def test_an_elastic_network_is_the_one_that_it_chooses():
    """Forward, in training and after it, with the same weights; see the tests of elastic layers."""
    x = jax.random.uniform(jax.random.key(1), (8, 5))
    chosen = {"widths": (64, 128, 64), "activation": "elu", "norm": "batch"}
    names = {"widths": network.WIDTHS, "activation": network.ACTIVATIONS, "norm": network.NORMS}
    options = {k: Option(v, jnp.int32(v.index(chosen[k]))) for k, v in names.items()}
    plain, elastic = made(**chosen), made(**options)
    key, run = jax.random.key(0), {"train": True, "mutable": ["batch_stats"]}
    run["rngs"] = {"dropout": jax.random.key(2)}
    wanted, _ = plain.apply(plain.init(key, x, train=False), x, **run)
    found, _ = elastic.apply(elastic.init(key, x, train=False), x, **run)
    for name in network.OUTPUTS:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-5)


# -- the optimizer ---------------------------------------------------------------------------------


def trained(steps: int, **changed) -> list[np.ndarray]:
    """The weights [3] after each step of a fixed gradient."""
    hp = {**HP, "batch_size": 32, "epochs": steps, "lr": 0.1, **changed}
    params = {"kernel": jnp.ones(3), "bias": jnp.ones(3)}
    optimizer = experiment.adam(hp, hp["epochs"])
    state, found = optimizer.init(params), []
    for _ in range(steps):
        slope = {"kernel": jnp.array([3.0, 0.0, 0.0]), "bias": jnp.array([4.0, 0.0, 0.0])}
        change, state = optimizer.update(slope, state, params)
        params = optax.apply_updates(params, change)
        found.append(np.asarray(params["kernel"]))
    return found


def test_a_cosine_falls_to_nought_over_the_trials_own_budget():
    constant, falling = trained(10), trained(10, cosine=True)
    sizes = -np.diff(np.array([1.0, *(w[0] for w in falling)]))
    np.testing.assert_allclose(-np.diff([1.0, *(w[0] for w in constant)]), 0.1, rtol=1e-3)
    wanted = 0.1 * (0.5 + 0.5 * np.cos(np.pi * np.arange(10) / 10))
    np.testing.assert_allclose(sizes, wanted, rtol=1e-3)


def test_l2_pulls_weights_and_leaves_biases():
    assert trained(1)[0][1] == 1.0
    assert trained(1, l2=0.01)[0][1] < 1.0
    hp = {**HP, "l2": 0.01}
    params = {"kernel": jnp.ones(3), "bias": jnp.ones(3)}
    optimizer = experiment.adam(hp, hp["epochs"])
    change, _ = optimizer.update(
        jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params
    )
    assert np.all(np.asarray(change["bias"]) == 0)
    assert np.all(np.asarray(change["kernel"]) < 0)


def test_gradients_are_clipped_by_their_norm():
    """Adam takes no notice of a gradient's length, but of what an earlier one was."""
    assert np.array_equal(trained(1), trained(1, clip=0.5))
    hp, params = {**HP, "lr": 1.0}, {"kernel": jnp.ones(2)}
    sizes = {}
    for clip in (0.0, 1.0):
        optimizer = experiment.adam({**hp, "clip": jnp.float32(clip)}, 4)
        state = optimizer.init(params)
        for slope in (100.0, 1.0):
            change, state = optimizer.update({"kernel": jnp.array([slope, 0.0])}, state, params)
        sizes[clip] = -float(change["kernel"][0])
    assert sizes[1.0] == pytest.approx(1.0, rel=1e-3)  # both gradients were 1 long
    assert sizes[0.0] < 0.9


# -- the task --------------------------------------------------------------------------------------


def test_the_task_keeps_the_contract():
    options = Options(epochs=(1, 2))
    space = dict(experiment.space(options).parameters)
    space |= {"widths": (64,), "activation": "relu", "batch_size": 16}
    check_task(experiment.build(options, type(experiment.space(options))(space)))


@pytest.mark.slow
def test_a_network_learns_the_films():
    options = Options(epochs=(300,))
    settings = {**HP, "epochs": 300, "activation": "tanh", "lr": 0.01, "cosine": True, "l2": 1e-3}
    space = type(experiment.space(options))({**settings, "dropout": Choice([0.0], ordered=True)})
    with Study(experiment.build(options, space), trials=1, sampler="random", width=1) as study:
        study.run()
        assert study.best is not None
        assert study.best.metrics["score"] < 0.2
        assert study.best.metrics["spectral_r2"] > 0.9
        assert study.rerun(0).test["score"] < 0.3  # type: ignore[index]


def test_films_for_the_test_are_in_no_other_part():
    rows = experiment.films(Options())
    seen = {row.tobytes() for name in ("train", "validation") for row in rows[name][1]["lab"]}
    assert not seen & {row.tobytes() for row in rows["test"][1]["lab"]}
    assert len(seen) == physics.SAMPLES - physics.TEST


def test_with_folds_all_films_but_those_for_the_test_are_for_training():
    rows = experiment.films(Options(folds=4))
    assert set(rows) == {"train", "test"}
    assert len(rows["train"][0]) == physics.SAMPLES - physics.TEST
    task = experiment.build(Options(folds=4, epochs=(2,)))
    assert task.folds == 4
