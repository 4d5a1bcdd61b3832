"""The hand-written loop of `bench_spectral.py`: what a user with care and time would write instead.

    python scripts/bench_spectral_loop.py < jobs.json

One trial after the other, each one call of a jitted program: a `while_loop` over epochs that stops
early, a `scan` over batches, every number traced, and a program for each structure only (widths and
batch size; activation and normalisation are branches inside it). One process a core.

It trains the models of `experiments.spectral` on the same films with the same optimizer, and looks
at the validation score after every epoch; the other metrics it computes once, at the end of a
trial.

Standard input: {"options": ..., "patience": bool, "structures": [{"widths", "batch_size",
"configs"}]}. Standard output: a line of JSON a structure, with the seconds of its compilation and
of its trials.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.spectral import experiment, measures, network
from experiments.spectral.options import Options

NAMES = tuple(network.ACTIVATIONS)
NUMBERS = ("lr", "dropout", "l2", "clip", "patience", "epochs")
_MOMENTUM, _EPSILON = 0.9, 1e-5  # of flax's batch normalisation as the experiment uses it


def initial(key: jax.Array, widths: Sequence[int]) -> dict[str, Any]:
    """Weights of a network: LeCun normal, biases nought."""
    draw = jax.nn.initializers.lecun_normal()
    sizes = [*zip((network.INPUTS, *widths[:-1]), widths, strict=True)]
    half = widths[-1] // 2
    for outputs in network.OUTPUTS.values():
        sizes += [(widths[-1], half), (half, outputs)]
    layers = []
    for i, (a, b) in enumerate(sizes):
        layers.append({"kernel": draw(jax.random.fold_in(key, i), (a, b)), "bias": jnp.zeros(b)})
    norms = [{"scale": jnp.ones(w), "shift": jnp.zeros(w)} for w in widths]
    return {"layers": layers, "norms": norms}


def running(widths: Sequence[int]) -> list[tuple[jax.Array, jax.Array]]:
    """The running means and variances of the normalisations."""
    return [(jnp.zeros(w), jnp.ones(w)) for w in widths]


def forward(
    params: Any, stats: Any, x: jax.Array, hp: Mapping[str, Any], key: jax.Array | None
) -> tuple[dict[str, jax.Array], Any]:
    """Standardised outputs of standardised concentrations; training if there is a key."""

    def bent(x: jax.Array) -> jax.Array:
        return jax.lax.switch(hp["activation"], [network.ACTIVATIONS[name] for name in NAMES], x)

    def dense(x: jax.Array, layer: Any) -> jax.Array:
        return x @ layer["kernel"] + layer["bias"][None]

    depth, after = len(params["norms"]), []
    for i in range(depth):
        x = dense(x, params["layers"][i])

        def normed(x: jax.Array, i: int = i) -> tuple[jax.Array, Any]:
            mean, variance = stats[i]
            kept = stats[i]
            if key is not None:
                mean = x.mean(axis=0)
                variance = jnp.maximum(jnp.square(x).mean(axis=0) - mean * mean, 0.0)
                kept = tuple(
                    _MOMENTUM * old + (1.0 - _MOMENTUM) * new
                    for old, new in zip(kept, (mean, variance), strict=True)
                )
            norm = params["norms"][i]
            scale = norm["scale"] * jax.lax.rsqrt(variance + _EPSILON)
            return (x - mean[None]) * scale[None] + norm["shift"][None], kept

        x, kept = jax.lax.cond(hp["batch_norm"], normed, lambda x, i=i: (x, stats[i]), x)
        after.append(kept)
        x = bent(x)
        if key is not None:
            keep = 1.0 - hp["dropout"]
            mask = jax.random.bernoulli(jax.random.fold_in(key, i), keep, x.shape)
            x = jnp.where(mask, x / keep, 0.0)
    outputs = {}
    for k, name in enumerate(network.OUTPUTS):
        hidden = bent(dense(x, params["layers"][depth + 2 * k]))
        outputs[name] = dense(hidden, params["layers"][depth + 2 * k + 1])
    return outputs, after


def trainer(
    options: Options, widths: Sequence[int], size: int, *, patience: bool
) -> Callable[..., Any]:
    """``(key, hp) -> (epochs, metrics)``, one trial, ready to be jitted."""
    rows = experiment.films(options)
    (inputs, targets), (others, wanted) = rows["train"], rows["validation"]
    scale = measures.scales(targets)
    metrics, loss = measures.measures(scale), measures.loss(scale, options.loss_weight)
    mean, spread = (f(inputs, axis=0)[None] for f in (np.mean, np.std))
    x, vx = jnp.asarray((inputs - mean) / spread), jnp.asarray((others - mean) / spread)
    y = jax.tree.map(jnp.asarray, targets)
    n, steps = len(x), -(-len(x) // size)
    weights = (jnp.arange(steps * size) < n).astype(jnp.float32).reshape(steps, size)
    weights = weights / weights.sum(axis=1, keepdims=True)  # rows that fill up don't count

    def train(key: jax.Array, hp: Mapping[str, Any]) -> tuple[jax.Array, dict[str, jax.Array]]:
        first, key = jax.random.split(key)
        params, turn = initial(first, widths), math.pi / (steps * hp["epochs"])
        adam = optax.scale_by_adam()

        def step(carry: Any, at: Any) -> tuple[Any, None]:
            params, moments, stats, count = carry
            which, weight, step_key = at

            def cost(params: Any) -> tuple[jax.Array, Any]:
                outputs, after = forward(params, stats, x[which], hp, step_key)
                each = loss(outputs, jax.tree.map(lambda a: a[which], y), {})
                return (each * weight).sum(), after

            slopes, stats = jax.grad(cost, has_aux=True)(params)
            length = jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(slopes)))
            most = jnp.where(hp["clip"] > 0.0, hp["clip"], jnp.inf)
            factor = jnp.minimum(1.0, most / jnp.maximum(length, 1e-12))
            slopes = jax.tree.map(lambda leaf: leaf * factor, slopes)
            slopes["layers"] = [
                {**slope, "kernel": slope["kernel"] + 2.0 * hp["l2"] * layer["kernel"]}
                for slope, layer in zip(slopes["layers"], params["layers"], strict=True)
            ]
            change, moments = adam.update(slopes, moments)
            rate = hp["lr"] * jnp.where(hp["cosine"], 0.5 + 0.5 * jnp.cos(turn * count), 1.0)
            params = jax.tree.map(lambda p, c: p - rate * c, params, change)
            return (params, moments, stats, count + 1), None

        def more(carry: Any) -> jax.Array:
            epoch, _, best_at, _ = carry
            waits = epoch - best_at < hp["patience"] if patience else True
            return (epoch < hp["epochs"]) & waits

        def epoch(carry: Any) -> Any:
            number, best, best_at, state = carry
            order_key, mask_key = jax.random.split(jax.random.fold_in(key, number))
            order = jax.random.permutation(order_key, n)
            order = jnp.concatenate([order, order[: steps * size - n]]).reshape(steps, size)
            keys = jax.random.split(mask_key, steps)
            state, _ = jax.lax.scan(step, state, (order, weights, keys))
            score = metrics["score"](forward(state[0], state[2], vx, hp, None)[0], wanted, {})
            best_at = jnp.where(score < best, number + 1, best_at)
            return number + 1, jnp.minimum(best, score), best_at, state

        state = params, adam.init(params), running(widths), jnp.int32(0)
        start = (jnp.int32(0), jnp.float32(jnp.inf), jnp.int32(0), state)
        epochs, _, _, (params, _, stats, _) = jax.lax.while_loop(more, epoch, start)
        outputs = forward(params, stats, vx, hp, None)[0]
        return epochs, {name: fn(outputs, wanted, {}) for name, fn in metrics.items()}

    return train


def traced(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as the program takes it."""
    kinds = {"patience": np.int32, "epochs": np.int32}
    numbers = {name: kinds.get(name, np.float32)(config[name]) for name in NUMBERS}
    flags = {name: np.bool_(config[name]) for name in ("batch_norm", "cosine")}
    return {**numbers, **flags, "activation": np.int32(NAMES.index(config["activation"]))}


def ran(options: Options, job: Mapping[str, Any], *, patience: bool) -> dict[str, Any]:
    """Compiles one structure and trains its configurations."""
    configs, key = job["configs"], jax.random.key(0)
    began = time.perf_counter()
    train = trainer(options, tuple(job["widths"]), job["batch_size"], patience=patience)
    run = jax.jit(train).lower(key, traced(configs[0])).compile()
    compiled = time.perf_counter()
    epochs, scores = [], []
    for i, config in enumerate(configs):
        units, metrics = run(jax.random.fold_in(key, i), traced(config))
        epochs.append(int(units))
        scores.append(float(metrics["score"]))
    return {
        "compile_seconds": compiled - began,
        "seconds": time.perf_counter() - compiled,
        "epochs": epochs,
        "scores": scores,
    }


def main() -> None:
    """Does the jobs of standard input."""
    jobs = json.load(sys.stdin)
    options = Options(**jobs["options"])
    for job in jobs["structures"]:
        found = ran(options, job, patience=jobs["patience"])
        print(json.dumps({"widths": job["widths"], "batch_size": job["batch_size"], **found}))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
