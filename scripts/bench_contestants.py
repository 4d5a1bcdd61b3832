"""Who takes part in `bench_population.py`: each trains trials of a workload, in a process of its
own.

    python scripts/bench_contestants.py CONTESTANT WORKLOAD

reads numbers of trials from standard input, trains so many, and answers each line with JSON:
``{"seconds": ..., "scores": [...]}``. What is compiled once is compiled before "ready" is said.
All train the same models on the same rows for the same number of steps, draw the learning rate (and
dropout) for every trial, and evaluate on the validation rows after every epoch.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np


class Workload(NamedTuple):
    """A model, its data and how long it trains."""

    widths: tuple[int, ...]
    outputs: int
    batch: int
    epochs: int
    dropout: bool
    classes: bool
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]

    @property
    def steps(self) -> int:
        """Steps an epoch; the last batch is what is left."""
        return -(-len(self.train[0]) // self.batch)


def workload(name: str) -> Workload:
    """A: a small regression, 67 rows, 300 epochs, dropout. B: digits, 20 epochs."""
    place = np.random.default_rng(0)
    if name == "A":
        x = place.random((84, 5)).astype(np.float32)
        w = place.normal(size=(5, 36)).astype(np.float32)
        y = np.tanh(x @ w).astype(np.float32)
        rows = ((x[:67], y[:67]), (x[67:], y[67:]))
        return Workload((64, 128, 64), 36, 16, 300, True, False, *rows)
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    order = place.permutation(len(digits.data))
    x = (digits.data[order] / 16).astype(np.float32)
    y = digits.target[order].astype(np.int32)
    rows = ((x[:1079], y[:1079]), (x[1079:1438], y[1079:1438]))
    return Workload((128, 128), 10, 64, 20, False, True, *rows)


def settings(seed: int) -> Iterator[tuple[int, float, float]]:
    """Endless (seed, learning rate, dropout rate)."""
    place = np.random.default_rng(seed)
    while True:
        rate = 10 ** place.uniform(-3.5, -2)
        yield int(place.integers(1 << 30)), float(rate), float(place.uniform(0, 0.3))


# -- jaxhpo ----------------------------------------------------------------------------------------


def jaxhpo(work: Workload) -> Callable[[int], list[float]]:
    """One study, two drivers; asked for more trials it goes on."""
    from flax import linen as nn

    from jaxhpo import Float, Space, Study
    from jaxhpo.tasks.elastic.dropout import Dropout
    from jaxhpo.tasks.supervised import supervised

    class Net(nn.Module):
        rate: Any

        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            for width in work.widths:
                x = nn.relu(nn.Dense(width)(x))
                x = Dropout(self.rate)(x, train=train) if work.dropout else x
            return nn.Dense(work.outputs)(x)

    task = supervised(
        Space(lr=Float(10**-3.5, 1e-2, log=True), dropout=Float(0.0, 0.3)),
        model=lambda hp: Net(hp["dropout"]),
        data={"train": work.train, "validation": work.validation},
        loss="cross_entropy" if work.classes else "mse",
        metrics=None if work.classes else {},
        batch_size=work.batch,
        epochs=work.epochs,
    )
    study = Study(task, trials=1, sampler="random", drivers=2)

    def run(n: int) -> list[float]:
        before = len(study.trials)
        study.wanted = before + n
        study.run()
        name = "accuracy" if work.classes else "loss"
        return [trial.metrics[name] for trial in study.trials[before:]]

    return run


# -- a loop over a jitted scan ---------------------------------------------------------------------


def scan(  # noqa: C901  one trial, written as a user would, in one piece
    work: Workload, *, recompile: bool = False
) -> Callable[[int], list[float]]:
    """A trial after the other, each one call of a jitted scan; numbers traced, compiled once.

    With `recompile`, numbers are constants of the program, which is compiled for every trial.
    """
    import jax
    import jax.numpy as jnp
    import optax
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any, rate: Any, key: Any) -> Any:
            for i, width in enumerate(work.widths):
                x = nn.relu(nn.Dense(width)(x))
                if work.dropout and key is not None:
                    keep = jax.random.bernoulli(jax.random.fold_in(key, i), 1 - rate, x.shape)
                    x = jnp.where(keep, x / (1 - rate), 0)
            return nn.Dense(work.outputs)(x)

    net: Any = Net()
    x, y, vx, vy = (jnp.asarray(a) for pair in (work.train, work.validation) for a in pair)
    n, size, steps = len(x), work.batch, work.steps

    weights = (jnp.arange(steps * size) < n).reshape(steps, size)  # rows that fill up don't count
    weights = weights / weights.sum(1, keepdims=True)

    def loss(outputs: Any, targets: Any, weight: Any) -> Any:
        if work.classes:
            each = optax.softmax_cross_entropy_with_integer_labels(outputs, targets)
        else:
            each = jnp.mean((outputs - targets) ** 2, axis=-1)
        return (each * weight).sum()

    def train(key: Any, lr: Any, rate: Any) -> Any:
        optimizer = optax.adam(lr)
        params = net.init(key, x[:1], rate, None)

        def epoch(carry: Any, key: Any) -> Any:
            order = jax.random.permutation(jax.random.fold_in(key, 0), n)
            order = jnp.concatenate([order, order[: steps * size - n]]).reshape(steps, size)

            def step(carry: Any, at: Any) -> Any:
                params, moments = carry
                rows, weight, i = at
                step_key = jax.random.fold_in(key, i + 1)

                def cost(params: Any) -> Any:
                    return loss(net.apply(params, x[rows], rate, step_key), y[rows], weight)

                change, moments = optimizer.update(jax.grad(cost)(params), moments)
                return (optax.apply_updates(params, change), moments), None

            carry, _ = jax.lax.scan(step, carry, (order, weights, jnp.arange(steps)))
            outputs = net.apply(carry[0], vx, rate, None)
            if work.classes:
                return carry, (outputs.argmax(-1) == vy).mean()
            return carry, jnp.mean((outputs - vy) ** 2)

        carry = (params, optimizer.init(params))
        return jax.lax.scan(epoch, carry, jax.random.split(key, work.epochs))[1]

    once, draws = jax.jit(train), settings(1)

    def run(count: int) -> list[float]:
        scores = []
        for _ in range(count):
            seed, lr, rate = next(draws)
            if recompile:
                curve = jax.jit(lambda key, lr=lr, rate=rate: train(key, lr, rate))(
                    jax.random.key(seed)
                )
            else:
                curve = once(jax.random.key(seed), lr, rate)
            scores.append(float(curve[-1]))
        return scores

    return run


# -- PyTorch ---------------------------------------------------------------------------------------


def torch(work: Workload) -> Callable[[int], list[float]]:
    """A trial after the other, in eager PyTorch on one thread."""
    import torch  # pyright: ignore[reportMissingImports]  few have it; left out where it is not
    from torch import nn  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    x, vx = torch.tensor(work.train[0]), torch.tensor(work.validation[0])
    kind = torch.int64 if work.classes else torch.float32
    y, vy = torch.tensor(work.train[1]).to(kind), torch.tensor(work.validation[1]).to(kind)
    n = len(x)
    loss = nn.CrossEntropyLoss() if work.classes else nn.MSELoss()
    draws = settings(1)

    def one(seed: int, lr: float, rate: float) -> float:
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        before = x.shape[1]
        for width in work.widths:
            layers += [nn.Linear(before, width), nn.ReLU()]
            layers += [nn.Dropout(rate)] if work.dropout else []
            before = width
        net = nn.Sequential(*layers, nn.Linear(before, work.outputs))
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        score = 0.0
        for _ in range(work.epochs):
            net.train()
            for rows in torch.randperm(n).split(work.batch):
                optimizer.zero_grad(set_to_none=True)
                loss(net(x[rows]), y[rows]).backward()
                optimizer.step()
            net.eval()
            with torch.no_grad():
                outputs = net(vx)
                if work.classes:
                    score = float((outputs.argmax(-1) == vy).float().mean())
                else:
                    score = float(loss(outputs, vy))
        return score

    return lambda count: [one(*next(draws)) for _ in range(count)]


CONTESTANTS: dict[str, Callable[[Workload], Callable[[int], list[float]]]] = {
    "jaxhpo": jaxhpo,
    "scan": scan,
    "recompile": lambda work: scan(work, recompile=True),
    "torch": torch,
}


def main() -> None:
    """Answers lines until there are no more."""
    name, which = sys.argv[1:3]
    run = CONTESTANTS[name](workload(which))
    run(1)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        scores = run(int(line))
        print(json.dumps({"seconds": time.perf_counter() - began, "scores": scores}), flush=True)


if __name__ == "__main__":
    main()
