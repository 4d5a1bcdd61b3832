"""The spectral benchmark runs, and its hand-written loop trains the experiment's models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_spectral as bench  # noqa: E402
import bench_spectral_loop as loop  # noqa: E402

from experiments.spectral import experiment, network  # noqa: E402
from experiments.spectral.options import Options  # noqa: E402
from jaxhpo.space import Float, Space  # noqa: E402
from jaxhpo.study import Study  # noqa: E402

CONFIG = {
    "widths": (32,),
    "activation": "tanh",
    "batch_size": 16,
    "norm": "none",
    "cosine": True,
    "lr": 0.005,
    "dropout": 0.1,
    "l2": 1e-3,
    "clip": 1.0,
    "patience": 100,
    "epochs": 30,
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "bench_spectral.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_a_quick_run_leaves_a_result_with_hardware_programs_and_ratio(tmp_path):
    done = run("--quick", "--whole", f"--out={tmp_path / 'r.json'}")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert found["hardware"]["cpu"]
    assert found["trials"] == 2
    assert found["loop"]["trained"] == 2
    assert sum(row["trials"] for row in found["loop"]["structures"]) == 2
    assert found["jaxhpo"]["programs"] >= 1
    ratio = found["loop"]["seconds"] / found["jaxhpo"]["seconds"]
    assert found["loop_over_jaxhpo"] == pytest.approx(ratio)
    assert f"jaxhpo is faster by {ratio:.2f}x, " in done.stdout


def test_cores_that_are_not_ours_are_refused():
    done = run("--cores=100000")
    assert done.returncode == 2
    assert "got [100000]" in done.stderr


def test_structures_hold_every_configuration_and_are_shared_out():
    configs = [
        {**CONFIG, "widths": widths, "batch_size": size, "lr": lr}
        for widths in ((32,), (128, 128))
        for size in (8, 16)
        for lr in (0.1, 0.2, 0.3)
    ]
    jobs = bench.structures(configs, 2)
    assert len(jobs) == 4
    assert all(len(job["all"]) == 3 and len(job["configs"]) == 2 for job in jobs)
    parts = bench.shared(jobs, 2)
    assert sorted(map(id, jobs)) == sorted(id(job) for part in parts for job in part)
    assert all(parts)


def test_what_was_not_trained_takes_its_share_of_the_time():
    job = {"all": [CONFIG] * 6}
    assert bench._whole(job, {"seconds": 2.0, "epochs": [100, 50]}, "seconds") == 6.0


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("activation", ["elu", "leaky_relu"])
def test_the_loops_network_is_that_of_the_experiment(normed, activation):
    widths = (32, 16)
    params, stats = loop.initial(jax.random.key(0), widths), loop.running(widths)
    x = jax.random.normal(jax.random.key(1), (9, 5))
    hp = {
        "activation": jnp.int32(loop.NAMES.index(activation)),
        "normed": jnp.bool_(normed),
        "dropout": jnp.float32(0.0),
    }
    key = jax.random.key(2)
    outputs, stats = loop.forward(params, stats, x, hp, key)
    again, _ = loop.forward(params, stats, x, hp, None)

    theirs = network.Network(
        widths, activation, "batch" if normed else "none", 0.0, (0.0,) * 5, (1.0,) * 5
    )
    variables = theirs.init(key, x, train=False)
    variables = {**variables, "params": renamed(params, variables["params"])}
    told = {"train": True, "mutable": ["batch_stats"], "rngs": {"dropout": key}}
    wanted, changed = theirs.apply(variables, x, **told)
    wanted_again = theirs.apply({**variables, **changed}, x, train=False)
    for name in network.OUTPUTS:
        np.testing.assert_allclose(outputs[name], wanted[name], rtol=1e-4, atol=1e-5)
        if normed:  # else the running means are kept by one of them, and used by none
            np.testing.assert_allclose(again[name], wanted_again[name], rtol=1e-4, atol=1e-5)


def renamed(params: dict, like: dict) -> dict:
    """The loop's weights by the names of the experiment's."""
    depth, trunk = len(params["norms"]), dict(like["trunk"])
    for i, norm in enumerate(params["norms"]):
        layer = params["layers"][i]
        trunk[f"dense_{i}"] = {name: layer[name] for name in trunk[f"dense_{i}"]}
        if f"norm_{i}" in trunk:  # then the layer has no bias; that of the loop does nothing
            trunk[f"norm_{i}"] = {"batch": {"scale": norm["scale"], "bias": norm["shift"]}}
    names = [n for head in network.OUTPUTS for n in (f"{head}_hidden", head)]
    found = {"trunk": trunk, **dict(zip(names, params["layers"][depth:], strict=True))}
    assert jax.tree.structure(found) == jax.tree.structure(dict(like))
    return found


@pytest.mark.slow
def test_both_reach_the_same_score():
    """24 trials of one configuration each; their random streams differ, so means are compared: at 4
    standard errors of the difference a false failure has a chance below 1 in 10,000."""
    options = Options(epochs=(30,))
    job = {"widths": (32,), "batch_size": 16, "configs": [CONFIG] * 24}
    theirs = np.array(loop.ran(options, job, patience=True)["scores"])
    # Something must be searched, or there is but one configuration.
    space = Space({**CONFIG, "unused": Float(0.0, 1.0)})
    with Study(experiment.build(options, space), trials=24, sampler="random") as study:
        study.run()
        ours = np.array([trial.metrics["score"] for trial in study.trials])
    error = np.sqrt((ours.var() + theirs.var()) / 24)
    assert abs(ours.mean() - theirs.mean()) < 4 * error
    assert len(ours) == 24
    assert ours.std() > 0


def test_the_loop_stops_where_nothing_gets_better():
    config = {**CONFIG, "lr": 1e-9, "patience": 3, "dropout": 0.0}
    job = {"widths": (32,), "batch_size": 16, "configs": [config]}
    (epochs,) = loop.ran(Options(), job, patience=True)["epochs"]
    assert epochs < 30
