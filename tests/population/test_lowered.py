"""The engine's programs, lowered for GPUs and TPUs on a machine that has none: nothing in them may
exist on a CPU alone, ask the host, or compute in 64 bits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxhpo.backend import platform, traced_for
from jaxhpo.contracts import Task
from jaxhpo.population.form import Form
from jaxhpo.population.lanes import Copy
from jaxhpo.population.phases import StreamedProgram, ending
from jaxhpo.population.program import Program
from jaxhpo.population.tile import Tile
from jaxhpo.space import Choice, Float, Int, Space
from jaxhpo.tasks.elastic.convolution import Conv
from jaxhpo.tasks.elastic.dense import Dense
from jaxhpo.tasks.elastic.embedding import Embedding
from jaxhpo.tasks.elastic.padded import flattened
from jaxhpo.tasks.elastic.pooling import max_pool
from jaxhpo.tasks.elastic.stack import Stack
from jaxhpo.tasks.objective import objective
from jaxhpo.tasks.parts.optimizers import optimizer
from jaxhpo.tasks.supervised import supervised

PLATFORMS = {"gpu": "cuda", "tpu": "tpu"}  # of devices, and as what programs are lowered for them
# What lowering may leave to the device's own libraries; JAX has each of them for that device.
KNOWN = {"gpu": {"cu_threefry2x32_ffi"}, "tpu": set()}
LABELS = np.arange(60) % 3
PARTS = {"train": slice(0, 36), "validation": slice(36, 48), "test": slice(48, 60)}


def parts(inputs: np.ndarray) -> dict[str, Any]:
    return {name: (inputs[part], LABELS[part]) for name, part in PARTS.items()}


def mlp(**more: Any) -> Task:
    """Everything that a structure can vary in one program: widths, depth, activation,
    normalisation, dropout, batch size, optimizer; the best epoch is kept."""
    space = Space(
        lr=Float(1e-3, 1e-1, log=True),
        dropout=Float(0.0, 0.5),
        widths=Choice([(8,), (16, 8)]),
        activation=Choice(["relu", "tanh"]),
        norm=Choice(["none", "batch", "layer"]),
        optimizer=Choice(["adamw", "momentum", "lion"]),
        batch_size=Choice([6, 12]),
        epochs=Int(1, 4),
    )

    class Net(nn.Module):
        hp: Any

        @nn.compact
        def __call__(self, x, train):
            hp = self.hp
            held = (hp["widths"], hp["activation"], hp["norm"], hp["dropout"])
            return Dense(3)(Stack(*held)(x, train=train))

    return supervised(
        space,
        model=Net,
        data=parts(np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)),
        optimizer=lambda hp, steps: optimizer(
            hp["optimizer"], hp["lr"], schedule="one_cycle", steps=steps, clip=1.0
        ),
        elastic=("widths", "activation", "norm", "optimizer"),
        **{"patience": 2, "keep": "best", **more},
    )


def cnn() -> Task:
    """Images of small integers through a convolution of traced width."""

    class Net(nn.Module):
        hp: Any

        @nn.compact
        def __call__(self, x):
            return Dense(3)(flattened(max_pool(Conv(self.hp["channels"])(x))))

    images = np.random.default_rng(0).integers(0, 256, (60, 6, 6, 1), dtype=np.uint8)
    return supervised(
        Space(lr=Float(1e-3, 1e-1, log=True), channels=Choice([2, 4])),
        model=Net,
        data=parts(images),
        prepare=lambda x: x / np.float32(255),
        elastic=("channels",),
        batch_size=12,
        epochs=2,
    )


def tokens() -> Task:
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            return Dense(3)(Embedding(9, 4)(x).mean(1))

    inputs = np.random.default_rng(0).integers(0, 9, (60, 5)).astype(np.int32)
    space = Space(lr=Float(1e-3, 1e-1, log=True))
    return supervised(space, model=lambda hp: Net(), data=parts(inputs), batch_size=12, epochs=2)


def plain() -> Task:
    def fn(key: jax.Array, hp: Any) -> jax.Array:
        return (hp["x"] - 1.0) ** 2 + jax.random.normal(key) * hp["n"]

    return objective(fn, Space(x=Float(-5.0, 5.0), n=Int(0, 3)))


TASKS: dict[str, Callable[[], Task]] = {"mlp": mlp, "cnn": cnn, "tokens": tokens, "plain": plain}


def made(task: Task, device: str, **more: Any) -> tuple[Program, Tile]:
    """The program of every setting at once, and a tile of it, as if there were such a device."""
    space = task.space
    options = sorted(space.static_names(task.static))
    types = {n: np.dtype(space.dtype(n)) for n in space.parameters if n not in options}
    form = Form(
        dtypes=types | dict.fromkeys(options, np.dtype(np.int32)),
        options={name: space.parameters[name].choices for name in options},
        width=4,
        platform=device,
        **more,
    )
    program: Program = Program(task=task, static={}, form=form)
    if task.stream is not None:
        program = StreamedProgram(
            task=ending(task), static={}, form=form, whole=task, block=task.data
        )
    return program, Tile(program, jax.devices()[0], task.data, jax.random.key(0))


def texts(task: Task, device: str, **more: Any) -> dict[str, str]:
    """Every program of a cohort, lowered for a kind of device."""
    program, tile = made(task, device, **more)
    key, data, lanes = jax.random.key(0), task.data, program.empty(task.data)
    inbox, gone, limits = tile._inbox([]), tile._gone(), tile._limits([None] * 4)
    rows, first = np.zeros(4, np.int32), np.int32(0)
    copy = Copy(rows, rows, *tile._columns([], 4))
    calls: dict[str, tuple[Any, ...]] = {
        "tick": (program.tick.jitted, key, data, lanes, inbox, np.int32(1), gone, limits),
        "copied": (program.copied.jitted, lanes, lanes, copy, gone),
    }
    if isinstance(program, StreamedProgram):
        calls["tick"] = (program.tick.jitted, key, (), *calls["tick"][3:])
        calls["begin"] = (program.begin, key, data, lanes, inbox, gone, limits)
        calls["train"] = (program.train, key, (data, first), lanes)
        calls["measure"] = (program.measure, key, (data, np.float32(1)), lanes)
    elif task.test is not None:
        one: Any = jax.tree.map(lambda leaf: leaf[0], (lanes.hp, lanes.state))
        calls["test"] = (program.test, first, *one, task.test_data)
    lowered = {}
    for name, (fn, *arguments) in calls.items():
        found = fn.trace(*arguments).lower(lowering_platforms=(PLATFORMS[device],))
        lowered[name] = found.as_text()
    return lowered


@pytest.mark.parametrize("device", list(PLATFORMS))
@pytest.mark.parametrize("name", list(TASKS))
def test_programs_are_lowered_for_accelerators(name, device):
    found = texts(TASKS[name](), device, limited=True, pauses=True, replicates=2)
    assert set(found) >= ({"tick", "copied"} if name == "plain" else {"tick", "copied", "test"})
    for what, text in found.items():
        check(text, device, f"{what} of {name}")


@pytest.mark.parametrize("device", list(PLATFORMS))
def test_streamed_programs_are_lowered_for_accelerators(device):
    found = texts(mlp(stream=18), device, limited=True)
    assert set(found) == {"tick", "copied", "begin", "train", "measure"}
    for what, text in found.items():
        check(text, device, what)


def check(text: str, device: str, what: str) -> None:
    calls = set(re.findall(r"custom_call @(\w+)", text))
    assert calls <= KNOWN[device], f"{what} asks for {calls - KNOWN[device]}"
    held = re.sub(r"dense<[^>]*> : tensor<[^>]*>", "", text)  # of operators, and constants
    assert not re.search(r"tensor<[^>]*(f64|i64|ui64|complex)", held), what


def test_what_exists_on_a_cpu_alone_is_noticed():
    """Else the tests above could not fail."""

    def asks(key, hp):
        return jax.pure_callback(lambda x: x, jax.ShapeDtypeStruct((), np.float32), hp["x"])

    def solves(key, hp):
        return jax.numpy.linalg.eigvals(hp["x"] * np.eye(2, dtype=np.float32))[0].real

    def long(key, hp):
        with jax.enable_x64(True):
            return jax.lax.convert_element_type(hp["x"], np.float64).astype(np.float32)

    for fn in (asks, solves, long):
        task = objective(fn, Space(x=Float(0.0, 1.0)))
        with pytest.raises((AssertionError, NotImplementedError)):
            check(texts(task, "tpu")["tick"], "tpu", "it")


def test_a_convolution_is_computed_as_suits_the_devices_of_the_study():
    """Not JAX's default backend, which here is a CPU whatever the study trains on."""
    found = {device: texts(cnn(), device)["tick"] for device in PLATFORMS}
    assert all("stablehlo.convolution" in text for text in found.values())
    program, tile = made(cnn(), "cpu")
    task = program.task
    arguments = (tile._inbox([]), np.int32(1), tile._gone(), tile._limits([None] * 4))
    lanes = program.empty(task.data)
    tick = program.tick.jitted
    text = tick.lower(jax.random.key(0), task.data, lanes, *arguments).as_text()
    assert "stablehlo.convolution" not in text


def test_the_platform_that_is_traced_for_holds_within_the_block():
    assert platform() == jax.default_backend()
    with traced_for("tpu"):
        assert platform() == "tpu"
    assert platform() == jax.default_backend()
