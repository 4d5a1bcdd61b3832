"""The five searches that people wrote reports on by hand, as studies of the same shape.

Each has the parameters, ranges, conditions, number of trials, and kind of sampler and pruner of its
report, as far as the report says them. Two are the real experiment (`experiments.digits`,
`experiments.spectral`). The data and models of the other three are not ours to have: in their place
stands a formula with noise, a *stand-in*, whose learning curves, sizes and winners resemble what
the report tells. What its report finds is a property of the formula, not of the task it is named
after. `scripts/seed_reports.py` writes all five reports; `docs/seeds.md` goes through them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxhpo.analysis.derived import softmax
from jaxhpo.contracts import REPLICATE, Hyperparameters, Task
from jaxhpo.option import mapped, number
from jaxhpo.space import Bool, Choice, Float, Int, Space
from jaxhpo.study import Study

Level = Callable[[Hyperparameters], Any]
LOSSES = ("ce_weight_logit", "focal_weight_logit", "qwk_weight_logit")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seed:
    """One of the five.

    Attributes:
        name: the number of its report. title: what was searched there.
        task: makes the task; a space in place of its own may be given.
        trials: as many as there were. arguments: of `jaxhpo.study.Study`.
        options: of the analysis (`jaxhpo.analysis.Options`).
        confirm: of the best, how many are trained again, and from how many seeds; or None.
        stand_in: whether a formula stands in for data and model.
    """

    name: str
    title: str
    task: Callable[[Space | None], Task]
    trials: int
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    confirm: tuple[int, int] | None = None
    stand_in: bool = True


def searched(
    seed: Seed,
    workdir: Path | None = None,
    *,
    space: Space | None = None,
    trials: int | None = None,
) -> Study:
    """The study, run to its end, open. The caller closes it (it is a context manager).

    Args:
        workdir: where its records go; None: in memory.
        space: what is searched instead of the seed's own, such as a report's next space.
        trials: instead of as many as the report had.
    """
    arguments = dict(seed.arguments)
    if space is not None:  # what was named for the former space may not be in this one
        arguments.pop("enqueue", None)
    study = Study(seed.task(space), trials=trials or seed.trials, workdir=workdir, **arguments)
    study.run()
    if seed.confirm is not None and "confirm" not in study.records.facts():
        top, seeds = seed.confirm
        study.confirm(top=top, seeds=seeds)
    return study


def stand_in(
    name: str,
    space: Space,
    level: Level,
    *,
    objective: str,
    chance: float,
    units: int,
    noise: float,
    sizes: Mapping[str, float],
    folds: int = 1,
) -> Task:
    """A task whose objective rises from `chance` towards ``level(hp)`` as it is trained.

    Args:
        level: what is reached after long training, without noise.
        units: every trial's budget. noise: standard deviation from seed to seed.
        sizes: other metrics, by how much they lie above (or below) the objective.
        folds: members of each trial, each a little easier or harder than the others.
    """

    def init(key: jax.Array, hp: Hyperparameters, data: Any) -> dict[str, jax.Array]:
        return {"unit": jnp.float32(0), "luck": noise * jax.random.normal(key)}

    def train(key: jax.Array, hp: Hyperparameters, state: Any, data: Any) -> Any:
        return {"unit": state["unit"] + 1, "luck": state["luck"]}

    def reached(hp: Hyperparameters, state: Any) -> jax.Array:
        learnt = 1.0 - jnp.exp(-4.0 * state["unit"] / units)
        fold = 0.004 * (jnp.float32(hp[REPLICATE]) - 1.0) if folds > 1 else 0.0
        value = chance + learnt * jnp.maximum(level(hp) - chance, 0.0) + fold + state["luck"]
        return jnp.clip(value, 0.0, 1.0)

    def evaluate(hp: Hyperparameters, state: Any, data: Any) -> dict[str, jax.Array]:
        value = reached(hp, state)
        others = {other: jnp.clip(value + above, 0.0, 1.0) for other, above in sizes.items()}
        return {objective: value, **others}

    def test(hp: Hyperparameters, state: Any, data: Any) -> dict[str, jax.Array]:
        return {objective: jnp.clip(reached(hp, state) - noise / 2, 0.0, 1.0)}

    return Task(
        space=space,
        data=(),
        init=init,
        train=train,
        evaluate=evaluate,
        budget=lambda hp: units,
        objective=objective,
        maximize=True,
        elastic=space.static_names(),
        test=test,
        test_data=(),
        folds=folds,
        fixed={"chance": chance},
        name=f"{name} (stand-in)",
    )


def _of(value: Any, levels: Mapping[Any, float]) -> Any:
    """A number for each choice; nought where the parameter is not active."""
    return number(mapped(value, lambda choice: levels.get(choice, 0.0)))


def _bump(x: Any, best: float, width: float) -> Any:
    """1 at `best`, falling off on both sides."""
    return jnp.exp(-(((x - best) / width) ** 2))


def digits(space: Space | None = None) -> Task:
    """The real one: scikit-learn's digits."""
    from experiments.digits.experiment import build
    from experiments.digits.options import Options

    return build(Options(), space)


def spectral(space: Space | None = None) -> Task:
    """The real one: films made and measured by physics."""
    from experiments.spectral.experiment import build
    from experiments.spectral.options import Options

    return build(Options(), space)


def responses(space: Space | None = None) -> Task:
    """A memory network on ordered answers; three loss weights from logits, one of them fixed."""
    own = Space(
        memory_size=Choice([20, 50, 100], ordered=True),
        final_fc_dim=Choice([50, 100], ordered=True),
        dropout_rate=Float(0.0, 0.2, natural="low"),
        embed_dim=Choice([16, 32, 64], ordered=True),
        n_heads=Choice([4, 8], ordered=True),
        n_cycles=Int(1, 3),
        ce_weight_logit=Float(-2.0, 2.0),
        focal_weight_logit=Float(-2.0, 2.0),
        qwk_weight_logit=0.0,
        key_dim=Choice([32, 64, 128], ordered=True),
        value_dim=Choice([128, 256], ordered=True),
        lr=Float(1e-4, 1e-2, log=True),
        weight_decay=Float(1e-6, 1e-2, log=True),
        batch_size=Choice([32, 64, 128], ordered=True),
        grad_clip=Float(0.5, 5.0),
        label_smoothing=Float(0.0, 0.2, natural="low"),
    )

    def level(hp: Hyperparameters) -> Any:
        lr = _bump(jnp.log10(hp["lr"]), -2.2, 1.2)
        smoothing = hp["label_smoothing"] / 0.2
        return (
            0.2
            + 0.16 * lr
            + 0.18 * smoothing
            + 0.06 * jax.nn.sigmoid(hp["ce_weight_logit"])
            + 0.05 * hp["dropout_rate"] / 0.2
            + 0.04 * (32.0 / hp["batch_size"])
        )

    return stand_in(
        "responses",
        space or own,
        level,
        objective="qwk",
        chance=0.0,
        units=20,
        noise=0.012,
        sizes={"accuracy": -0.08},
    )


def visual(space: Space | None = None) -> Task:
    """Two encoders with parameters of their own, nine classes."""
    cnn, context = {"encoder_type": "cnn"}, {"encoder_type": "context"}
    own = Space(
        encoder_type=Choice(["cnn", "context"]),
        batch_size=Choice([8, 16, 32, 64], ordered=True),
        demo_agg=Choice(["flatten", "mean"]),
        use_scheduler=Bool(),
        use_cosine=Bool(),
        use_coords=Bool(),
        lr=Float(5e-5, 1e-2, log=True),
        weight_decay=Float(1e-7, 0.1, log=True),
        embed_dim=Choice([128, 256, 512], ordered=True),
        label_smoothing=Float(0.0, 0.2, natural="low"),
        depth=Int(2, 6, when=cnn),
        width_mult=Float(0.5, 3.0, when=cnn),
        mlp_hidden=Choice([256, 512, 1024, 2048], ordered=True, when=cnn),
        ctx_d_model=Choice([64, 128, 256], ordered=True, when=context),
        ctx_n_head=Choice([2, 4, 8], ordered=True, when=context),
        ctx_n_layers=Int(1, 4, when=context),
        ctx_dropout=Float(0.0, 0.5, natural="low", when=context),
    )

    def level(hp: Hyperparameters) -> Any:
        is_cnn = _of(hp["encoder_type"], {"cnn": 1.0, "context": 0.0})
        deep = 0.03 * (hp["depth"] - 2) / 4 + 0.015 * (hp["width_mult"] - 0.5) / 2.5
        heads = 0.015 * (hp["ctx_n_head"] - 2) / 6 + 0.02 * hp["ctx_dropout"]
        return (
            0.15
            + jnp.where(is_cnn > 0, 0.03 + deep, heads)
            + _of(hp["demo_agg"], {"flatten": 0.03, "mean": 0.0})
            + 0.03 * hp["use_scheduler"]
            - 0.01 * hp["use_cosine"]
            - 0.01 * hp["use_coords"]
            + 0.03 * (8.0 / hp["batch_size"])
            + 0.03 * _bump(jnp.log10(hp["lr"]), -3.9, 1.0)
            - 0.1 * hp["label_smoothing"]
        )

    return stand_in(
        "visual classifier",
        space or own,
        level,
        objective="val_acc",
        chance=1 / 9,
        units=20,
        noise=0.012,
        sizes={"train_acc": 0.05},
    )


def images(space: Space | None = None) -> Task:
    """Convolutions of a searched depth, each layer with its own channels, 200 classes, 3 folds."""
    layers, channels = "num_conv_layers", [32, 64, 128, 256]
    own = Space(
        num_conv_layers=Int(3, 5),
        channels_1=Choice(channels, ordered=True),
        channels_2=Choice(channels, ordered=True),
        channels_3=Choice(channels, ordered=True),
        channels_4=Choice(channels, ordered=True, when={layers: [4, 5]}),
        channels_5=Choice(channels, ordered=True, when={layers: 5}),
        kernel_size=Choice([3, 5, 7], ordered=True),
        hidden_size=Int(128, 1024, log=True),
        lr=Float(1e-5, 1e-2, log=True),
        batch_size=Choice([32, 64, 128], ordered=True),
        dropout=Float(0.1, 0.5, natural="low"),
        weight_decay=Float(1e-6, 1e-3, log=True),
    )

    def level(hp: Hyperparameters) -> Any:
        wide = sum(jnp.log2(hp[f"channels_{i}"] / 32.0) for i in (1, 2, 3)) / 9
        return (
            0.3
            + 0.12 * _bump(hp[layers], 4.0, 1.2)
            + 0.2 * _bump(jnp.log10(hp["lr"]), -3.6, 0.9)
            + 0.06 * wide
            + 0.05 * _bump(hp["dropout"], 0.3, 0.15)
            + 0.01 * jnp.log2(hp["hidden_size"] / 128.0) / 3
        )

    return stand_in(
        "small images",
        space or own,
        level,
        objective="accuracy",
        chance=1 / 200,
        units=30,
        noise=0.01,
        sizes={"train_accuracy": 0.045},
        folds=3,
    )


BASELINE = {
    "widths": (128,),
    "activation": "relu",
    "norm": "none",
    "batch_size": 32,
    "cosine": False,
    "lr": 0.001,
    "dropout": 0.2,
    "l2": 0.0001,
    "clip": 0.0,
    "patience": 50,
    "epochs": 200,
}
"""What stands for the model that was in use before: plain settings, nobody's tuning."""

SEEDS = {
    seed.name: seed
    for seed in (
        Seed(
            name="000",
            title="learning rate, batch size, epochs of a classifier",
            task=digits,
            trials=50,
            arguments={"sampler": "tpe"},
            stand_in=False,
        ),
        Seed(
            name="001",
            title="fifteen parameters of a memory network",
            task=responses,
            trials=50,
            arguments={"sampler": "tpe"},
            options={"derived": {f"{loss[:-13]}_weight": softmax(LOSSES, loss) for loss in LOSSES}},
        ),
        Seed(
            name="002",
            title="two encoders, one of which is a failed branch",
            task=visual,
            trials=20,
            arguments={"sampler": "tpe", "scheduler": "median"},
        ),
        Seed(
            name="003",
            title="convolutional networks of three to five layers, cross-validated",
            task=images,
            trials=100,
            arguments={"sampler": "tpe", "scheduler": "median", "lookahead": 8},
            confirm=(5, 5),
        ),
        Seed(
            name="004",
            title="from concentrations to spectra: baseline against tuned",
            task=spectral,
            trials=50,
            arguments={"sampler": "random", "enqueue": (BASELINE,)},
            confirm=(5, 5),
            stand_in=False,
        ),
    )
}
"""By name."""
