"""Makes the tables of the benchmark's tuning problems: small networks, trained once for every
combination of the levels of a space, with jaxhpo's own engine.

    python scripts/bench_tables.py                all that are missing, about 20 minutes of a core
    python scripts/bench_tables.py --only=wine    one of them, anew

`scripts/results/tuning_tables.npz` then holds, for every problem, the validation loss (lower is
better, NaN where training diverged) of each combination, float32, an axis for each parameter. All
levels of a space are in its table, so a search needs no surrogate: it looks up what was trained. A
parameter that is inactive has the same entry for all its levels. The problems, all on data that
come with scikit-learn or with this repository:

    digits         perceptron, 1,797 images of handwritten digits; rate, batch size and epochs
    digits_wide    the same with widths, dropout, weight decay and label smoothing
    digits_conv    a convolution and a hidden layer on the same images; validation error
    breast_cancer  perceptron, 569 cases of two kinds; the optimizer's momentum is conditional
    wine           perceptron, 178 wines of three kinds, three-fold cross-validation
    diabetes       perceptron, 442 patients, regression, three-fold cross-validation
    iris           perceptron, 150 flowers, two parameters that are active only sometimes
    spectral       colour formulation (`experiments.spectral`), network
    ridge          the same films, regression on polynomials
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from jaxhpo.contracts import Hyperparameters, Task
from jaxhpo.space import Choice, Space
from jaxhpo.study import Study

OUT = Path(__file__).resolve().parent / "results" / "tuning_tables.npz"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """A parameter of a table.

    Attributes:
        levels: its values. ordered: whether their order means something.
        when: the levels of other parameters at which it is active; None: always.
    """

    levels: tuple[Any, ...]
    ordered: bool
    when: Mapping[str, tuple[Any, ...]] | None = None


def ordered(*levels: Any, when: Mapping[str, tuple[Any, ...]] | None = None) -> Axis:
    """Levels whose order means something."""
    return Axis(levels=levels, ordered=True, when=when)


def kinds(*levels: Any, when: Mapping[str, tuple[Any, ...]] | None = None) -> Axis:
    """Levels without an order."""
    return Axis(levels=levels, ordered=False, when=when)


def powers(low: float, high: float, count: int) -> Axis:
    """Evenly spaced in logarithms, three digits."""
    return ordered(*(float(f"{x:.3g}") for x in np.geomspace(low, high, count)))


def space_of(axes: Mapping[str, Axis]) -> Space:
    """The space whose configurations the table holds."""
    domains: dict[str, Any] = {}
    for name, axis in axes.items():
        when = axis.when and {parent: list(levels) for parent, levels in axis.when.items()}
        domains[name] = Choice(list(axis.levels), ordered=axis.ordered, when=when)
    return Space(domains)


# -- problems --------------------------------------------------------------------------------------


def _digits(space: Space) -> Task:
    from experiments.digits.experiment import build
    from experiments.digits.options import Options

    task = build(Options(search="wide"), space)
    return task._replace(objective="loss", maximize=False)


def _perceptron(
    space: Space, load: str, *, outputs: int, folds: int = 1, epochs: int | str = 30
) -> Task:
    """A perceptron on standardised columns. The optimizer is SGD with momentum where the space has
    one and says so, else AdamW."""
    import sklearn.datasets
    from flax import linen as nn

    from jaxhpo.tasks.elastic.dense import Dense
    from jaxhpo.tasks.elastic.padded import array
    from jaxhpo.tasks.elastic.stack import Stack
    from jaxhpo.tasks.parts.optimizers import optimizer
    from jaxhpo.tasks.parts.splits import split
    from jaxhpo.tasks.supervised import supervised

    found: Any = getattr(sklearn.datasets, f"load_{load}")()
    inputs = np.asarray(found.data, np.float64)
    inputs = ((inputs - inputs.mean(axis=0)) / inputs.std(axis=0)).astype(np.float32)
    targets = found.target
    if outputs == 1:
        targets = ((targets - targets.mean()) / targets.std()).astype(np.float32)[:, None]

    class Net(nn.Module):
        widths: Any
        activation: Any
        rate: Any

        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            body = Stack(self.widths, self.activation, dropout=self.rate)
            return array(Dense(outputs)(body(x, train=train)))

    def made(hp: Hyperparameters, steps: Any) -> Any:
        kind = hp.get("optimizer", "adamw")
        return optimizer(
            kind,
            hp["lr"],
            steps=steps,
            schedule=hp.get("schedule", "constant"),
            momentum=hp.get("momentum", 0.9),
            weight_decay=hp.get("weight_decay", 0.0),
            clip=hp.get("clip", 0.0),
        )

    data = {"train": (inputs, targets)}
    if folds == 1:
        data = split(inputs, targets, seed=1, validation=0.3, test=0.0)
    return supervised(
        space,
        model=lambda hp: Net(
            hp.get("widths", (32,)), hp.get("activation", "relu"), hp.get("dropout", 0.0)
        ),
        data=data,
        optimizer=made,
        loss="cross_entropy" if outputs > 1 else "mse",
        objective="loss",
        maximize=False,
        epochs="epochs" if "epochs" in space.parameters else epochs,
        batch_size="batch_size" if "batch_size" in space.parameters else 16,
        folds=folds,
        elastic=[n for n in ("widths", "activation", "optimizer") if n in space.parameters],
        name=load,
    )


def _digits_conv(space: Space) -> Task:
    from flax import linen as nn
    from sklearn.datasets import load_digits

    from jaxhpo.tasks.elastic.convolution import Conv
    from jaxhpo.tasks.elastic.padded import array
    from jaxhpo.tasks.elastic.pooling import max_pool
    from jaxhpo.tasks.parts.optimizers import optimizer
    from jaxhpo.tasks.parts.splits import split
    from jaxhpo.tasks.supervised import supervised

    class Net(nn.Module):
        channels: int

        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            x = max_pool(nn.relu(array(Conv(self.channels)(x))))
            x = nn.relu(nn.Dense(32)(array(x).reshape(len(x), -1)))
            return nn.Dense(10)(x)

    found: Any = load_digits()
    images = (found.images[..., None] / 16.0).astype(np.float32)
    return supervised(
        space,
        model=lambda hp: Net(int(hp["channels"])),
        data=split(images, found.target, seed=1, validation=0.3, test=0.0),
        optimizer=lambda hp, steps: optimizer(
            "momentum", hp["lr"], steps=steps, momentum=hp["momentum"], schedule=hp["schedule"]
        ),
        batch_size="batch_size",
        epochs="epochs",
        name="digits_conv",
    )


def _spectral(space: Space) -> Task:
    from experiments.spectral.experiment import build
    from experiments.spectral.options import Options
    from jaxhpo.space import Constant

    fixed = {"clip": Constant(0.0), "patience": Constant(25), "epochs": Constant(60)}
    return build(Options(), Space({**space.parameters, **fixed}))


def _ridge(space: Space) -> Task:
    from experiments.spectral.baseline import build
    from experiments.spectral.options import Options

    return build(Options())._replace(space=space)


TABLES: Mapping[str, tuple[Mapping[str, Axis], Callable[[Space], Task]]] = {
    "digits": (
        {
            "lr": powers(1e-3, 1e-1, 24),
            "batch_size": ordered(16, 32, 64),
            "epochs": ordered(*range(2, 21)),
        },
        _digits,
    ),
    "digits_wide": (
        {
            "lr": powers(3e-4, 3e-2, 8),
            "batch_size": ordered(16, 32, 64),
            "epochs": ordered(4, 8, 12),
            "hidden": kinds((64,), (128,), (64, 64)),
            "dropout": ordered(0.0, 0.15, 0.3, 0.5),
            "weight_decay": ordered(1e-6, 1e-3, 1e-1),
            "label_smoothing": ordered(0.0, 0.1),
        },
        _digits,
    ),
    "ridge": (
        {
            "degree": ordered(1, 2, 3),
            "power": ordered(*(round(x, 3) for x in np.linspace(0.25, 1.0, 16))),
            "form": kinds("reflectance", "density", "km"),
            "ridge": powers(1e-6, 10.0, 22),
            "direct": kinds(False, True),
        },
        _ridge,
    ),
    "breast_cancer": (
        {
            "optimizer": kinds("adamw", "momentum", "rmsprop", "lion"),
            "momentum": ordered(0.0, 0.5, 0.8, 0.9, 0.97, when={"optimizer": ("momentum",)}),
            "lr": powers(1e-4, 1e-1, 10),
            "batch_size": ordered(16, 32),
            "weight_decay": ordered(0.0, 1e-3, 1e-2, 1e-1),
            "widths": kinds((8,), (32,), (16, 16)),
            "dropout": ordered(0.0, 0.3),
        },
        lambda space: _perceptron(space, "breast_cancer", outputs=2, epochs=15),
    ),
    "wine": (
        {
            "lr": powers(3e-4, 0.1, 10),
            "batch_size": ordered(8, 16, 32),
            "epochs": ordered(5, 10, 15, 20, 30),
            "activation": kinds("relu", "tanh", "gelu", "elu"),
            "dropout": ordered(0.0, 0.2, 0.5),
            "weight_decay": ordered(0.0, 1e-1),
        },
        lambda space: _perceptron(space, "wine", outputs=3, folds=3),
    ),
    "diabetes": (
        {
            "lr": powers(3e-4, 0.1, 10),
            "batch_size": ordered(8, 16, 32),
            "epochs": ordered(5, 10, 20),
            "widths": kinds((16,), (64,), (32, 32), (16, 16, 16)),
            "activation": kinds("relu", "tanh", "gelu"),
            "dropout": ordered(0.0, 0.25, 0.5),
        },
        lambda space: _perceptron(space, "diabetes", outputs=1, folds=3),
    ),
    "iris": (
        {
            "optimizer": kinds("adamw", "nesterov", "adagrad"),
            "momentum": ordered(0.0, 0.5, 0.8, 0.9, 0.97, when={"optimizer": ("nesterov",)}),
            "weight_decay": ordered(0.0, 1e-3, 1e-2, 1e-1, 0.3, when={"optimizer": ("adamw",)}),
            "lr": powers(1e-3, 0.3, 12),
            "schedule": kinds("constant", "cosine"),
            "epochs": ordered(5, 10, 20, 40),
            "widths": kinds((8,), (32,), (8, 8)),
        },
        lambda space: _perceptron(space, "iris", outputs=3, folds=3),
    ),
    "spectral": (
        {
            "widths": kinds((32,), (64, 64), (128, 64, 32)),
            "activation": kinds("relu", "elu", "tanh"),
            "norm": kinds("none", "batch"),
            "batch_size": ordered(16, 32),
            "cosine": kinds(False, True),
            "lr": powers(5e-4, 2e-2, 6),
            "dropout": ordered(0.0, 0.1, 0.2),
            "l2": ordered(0.0, 0.001),
        },
        _spectral,
    ),
    "digits_conv": (
        {
            "lr": powers(3e-4, 0.3, 12),
            "momentum": ordered(0.0, 0.5, 0.8, 0.9, 0.95),
            "batch_size": ordered(16, 32, 64),
            "epochs": ordered(2, 3, 4, 6),
            "channels": kinds("4", "8"),
            "schedule": kinds("constant", "cosine"),
        },
        _digits_conv,
    ),
}


# -- training and storing --------------------------------------------------------------------------


def trained(name: str, axes: Mapping[str, Axis], build: Callable[[Space], Task]) -> np.ndarray:
    """float32, an axis for each parameter: the loss of every combination, NaN where there is none.

    Raises:
        RuntimeError: if a trial failed instead of diverging.
    """
    space = space_of(axes)
    size = space.layout.size
    assert size is not None
    task = build(space)
    losses = np.full([len(axis.levels) for axis in axes.values()], np.nan, np.float32)
    began, share = time.perf_counter(), 256
    study = Study(task, trials=size, seed=0, sampler="grid", batch=share, lookahead=share)
    with study:
        study.run()
        for trial in study.trials:
            if trial.status == "failed":
                raise RuntimeError(f"bench_tables: {name}: trial {trial.number}: {trial}")
            loss = np.nan if trial.loss is None else trial.loss
            losses[tuple(_places(axes, trial.config))] = loss
    seconds = time.perf_counter() - began
    told = np.isfinite(losses)
    print(
        f"{name}: {size} settings in {seconds:.0f} s; best {np.nanmin(losses):.4g}, median "
        f"{np.nanmedian(losses):.4g}; {told.mean():.1%} of {losses.size} cells have a loss",
        flush=True,
    )
    return losses


def _places(axes: Mapping[str, Axis], config: Mapping[str, Any]) -> list[Any]:
    """Where a configuration is in the table: everywhere along an axis that is inactive."""
    return [
        axis.levels.index(config[name]) if name in config else slice(None)
        for name, axis in axes.items()
    ]


def stored(out: Path, tables: Mapping[str, np.ndarray], axes: Mapping[str, Any]) -> None:
    """Writes tables and what their axes are."""
    described = {
        name: {
            key: {"levels": axis.levels, "ordered": axis.ordered, "when": axis.when}
            for key, axis in axes[name].items()
        }
        for name in tables
    }
    temporary = out.with_suffix(".new.npz")
    arrays: dict[str, Any] = {"described": np.array(json.dumps(described)), **tables}
    np.savez_compressed(temporary, **arrays)
    os.replace(temporary, out)


def main() -> None:
    """Trains what is missing."""
    parser = argparse.ArgumentParser(description="Trains the tables of tuning problems.")
    parser.add_argument("--only", default="", help="names, separated by commas; anew")
    parser.add_argument("--out", default=str(OUT))
    options = parser.parse_args()
    out, tables = Path(options.out), {}
    if out.exists():
        with np.load(out) as found:
            tables = {name: found[name] for name in found.files if name in TABLES}
    wanted = options.only.split(",") if options.only else [n for n in TABLES if n not in tables]
    for name in wanted:
        axes, build = TABLES[name]
        tables[name] = trained(name, axes, build)
        stored(out, tables, {name: TABLES[name][0] for name in tables})


if __name__ == "__main__":
    main()
