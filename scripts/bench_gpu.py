"""Member-steps a second on an accelerator, for every tile width, against the bandwidth limit.

    PYTHONPATH=. python scripts/bench_gpu.py --out=scripts/results/gpu.json

runs as it is wherever JAX, flax and optax are installed, and takes some ten minutes on a GPU;
`--smoke` takes seconds on a CPU. One population of one driver is trained, for

    A  MLP 5-64-128-64-36, 67 rows, batch 16, dropout
    B  MLP 64-128-128-10, 1,079 rows of the digits' shape (made data), batch 64
    C  a CNN, 16 and 32 channels of 3 x 3, on 1,024 images of 28 x 28 (made data), batch 32, in
       the three lowerings of `jaxhpo.tasks.elastic.convolution`

and tiles of 64 to 2,048 members. A step of Adam moves about 36 bytes a parameter while weights
travel through memory (read and write of weight and two moments, of the gradient, and the reads of
the forward and backward pass), so that a device of bandwidth b trains at most b / 36P member-steps
a second of P parameters. b is what a copy of a large array reaches here. An evaluation after every
epoch is in the time; compilation is not. `--profile=DIR` leaves a trace of the widest tile that
worked of every row, for TensorBoard or Perfetto.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxhpo.contracts import Task
from jaxhpo.population.form import Form
from jaxhpo.population.member import Member
from jaxhpo.population.population import Population
from jaxhpo.space import Float, Space
from jaxhpo.tasks.elastic.convolution import Conv
from jaxhpo.tasks.elastic.dropout import Dropout
from jaxhpo.tasks.elastic.padded import flattened
from jaxhpo.tasks.elastic.pooling import max_pool
from jaxhpo.tasks.supervised import supervised

BYTES_A_PARAMETER = 36  # that a step of Adam moves
BANDWIDTH = {  # GB/s that makers state, by a part of the device's name; the first that fits
    "B200": 8000,
    "H200": 4800,
    "H100 NVL": 3900,
    "H100 PCIe": 2000,
    "H100": 3350,
    "A100-SXM4-80GB": 2039,
    "A100 80GB": 1935,
    "A100": 1555,
    "L40S": 864,
    "L4": 300,
    "A10": 600,
    "V100": 900,
    "T4": 320,
    "RTX 4090": 1008,
    "RTX 3090": 936,
    "MI300X": 5300,
    "TPU v6 lite": 1640,
    "TPU v5 lite": 819,
    "TPU v5": 2765,
    "TPU v4": 1228,
}


class Row(NamedTuple):
    """A workload in one form: its name, how it is computed, and the task."""

    workload: str
    how: str
    task: Task


class Net(nn.Module):
    """An MLP with dropout."""

    widths: tuple[int, ...]
    outputs: int
    rate: Any

    @nn.compact
    def __call__(self, x: Any, train: bool) -> Any:
        """[rows, outputs]."""
        for width in self.widths:
            x = nn.relu(nn.Dense(width)(x))
            x = Dropout(self.rate)(x, train=train) if self.rate is not None else x
        return nn.Dense(self.outputs)(x)


class Images(nn.Module):
    """Two convolutions with pooling."""

    lowering: Any

    @nn.compact
    def __call__(self, x: Any) -> Any:
        """[rows, 10]."""
        for channels in (16, 32):
            conv: Any = Conv(channels, lowering=self.lowering)
            x = max_pool(nn.relu(conv(x)))
        return nn.Dense(10)(flattened(x))


def rows_of(workload: str, smoke: bool) -> Iterator[Row]:
    """What is measured of a workload."""
    place = np.random.default_rng(0)
    space = Space(lr=Float(1e-4, 1e-2, log=True), dropout=Float(0.0, 0.3))

    def task(model: Callable[..., Any], data: Any, batch: int, loss: str) -> Task:
        inputs, targets = data
        held = max(1, len(inputs) // 5)
        parts = {
            "train": (inputs[held:], targets[held:]),
            "validation": (inputs[:held], targets[:held]),
        }
        return supervised(
            space, model=model, data=parts, batch_size=batch, epochs=10**6, loss=loss, name=workload
        )

    if workload == "A":
        x = place.random((84, 5)).astype(np.float32)
        y = np.tanh(x @ place.normal(size=(5, 36))).astype(np.float32)
        widths = (64, 128, 64)
        yield Row("A", "dense", task(lambda hp: Net(widths, 36, hp["dropout"]), (x, y), 16, "mse"))
        return
    classes = place.integers(0, 10, 320 if smoke else 1348).astype(np.int32)
    if workload == "B":
        x = (place.normal(size=(10, 64))[classes] + place.normal(size=(len(classes), 64))) / 2
        data = (x.astype(np.float32), classes)
        yield Row(
            "B", "dense", task(lambda hp: Net((128, 128), 10, None), data, 64, "cross_entropy")
        )
        return
    classes, shape = classes[: 80 if smoke else 1280], (8, 8, 1) if smoke else (28, 28, 1)
    x = place.normal(size=(10, *shape))[classes] + place.normal(size=(len(classes), *shape))
    for lowering in ("direct", "matmul", "map"):
        data = (x.astype(np.float32), classes)
        yield Row("C", lowering, task(images(lowering), data, 32, "cross_entropy"))


def images(lowering: str) -> Callable[[Any], Images]:
    """The model of C."""
    return lambda hp: Images(lowering)


def population(task: Task, width: int, device: Any) -> Population:
    """A population of one tile."""
    dtypes = {name: np.dtype(task.space.dtype(name)) for name in task.space.parameters}
    form = Form(dtypes=dtypes, width=width, platform=device.platform)
    return Population(task, jax.random.key(0), form, static=(), devices=[device], drivers=1)


def members(count: int) -> list[Member]:
    """Members whose budget does not end."""
    place = np.random.default_rng(1)
    return [
        Member(
            number=i,
            budget=2**30,
            hp={"lr": float(10 ** place.uniform(-4, -2)), "dropout": float(place.uniform(0, 0.3))},
        )
        for i in range(count)
    ]


class Failed(Exception):
    """A population that could not be trained; the message says why."""


def ticks(made: Population, seconds: float) -> tuple[float, float]:
    """Trains for so long: steps, and the seconds that they took."""
    steps = spent = 0.0
    began = time.perf_counter()
    while spent == 0.0 or time.perf_counter() - began < seconds:
        made.dispatch()
        for tick in made.wait():
            for progress in tick.progress:
                if progress.error is not None:
                    raise Failed(progress.error)
            if not tick.compiled:
                steps, spent = steps + tick.steps, spent + tick.seconds
    return steps, spent


def measured(row: Row, width: int, device: Any, given: argparse.Namespace) -> dict[str, Any]:
    """One width of one row."""
    made = population(row.task, width, device)
    try:
        began = time.perf_counter()
        made.add(members(width))
        ticks(made, 0.0)  # compiles; the first ticks learn how long a unit takes
        ready = time.perf_counter() - began
        ticks(made, given.seconds / 4)
        steps, seconds = ticks(made, given.seconds)
    except Failed as error:
        return {"width": width, "error": str(error).splitlines()[0][:200]}
    finally:
        made.close()
    return {"width": width, "member_steps_per_second": steps / seconds, "seconds_to_start": ready}


def profiled(row: Row, width: int, device: Any, folder: str) -> None:
    """A trace of some ticks after the compilation."""
    made = population(row.task, width, device)
    try:
        made.add(members(width))
        ticks(made, 0.5)
        with jax.profiler.trace(str(Path(folder) / f"{row.workload}-{row.how}-{width}")):
            ticks(made, 0.5)
    finally:
        made.close()


def parameters(task: Task) -> int:
    """How many numbers the optimizer updates, of one member."""
    hp = {"lr": jnp.float32(0.0), "dropout": jnp.float32(0.0)}
    state = jax.eval_shape(lambda: task.init(jax.random.key(0), hp, task.data))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state["params"]))


def copy_bandwidth(device: Any, megabytes: int) -> float:
    """GB/s at which an array of float32 is read, changed and written, the best of some tries."""
    array = jax.device_put(jnp.zeros(megabytes * 250_000, jnp.float32), device)
    times = 10

    @jax.jit
    def run(x: Any) -> Any:
        return jax.lax.fori_loop(0, times, lambda i, x: x + 1.0, x)

    best = 0.0
    for _ in range(6):
        began = time.perf_counter()
        array = jax.block_until_ready(run(array))
        best = max(best, 2 * array.nbytes * times / (time.perf_counter() - began))
    return best / 1e9


def stated_bandwidth(kind: str) -> float | None:
    """GB/s that the maker states, or None."""
    return next((float(speed) for name, speed in BANDWIDTH.items() if name in kind), None)


def measured_rows(given: argparse.Namespace, device: Any, bandwidth: float) -> list[dict[str, Any]]:
    """All that is asked for, told as it comes."""
    head = f"{'':3}{'how':<8}{'parameters':>11}{'W':>6}{'member-steps/s':>16}"
    print(head + f"{'limit b/36P':>14}{'of it':>8}{'to start':>10}")
    results = []
    for workload in given.workloads:
        for row in rows_of(workload, given.smoke):
            count = parameters(row.task)
            limit = bandwidth * 1e9 / (BYTES_A_PARAMETER * count)
            found = []
            for width in given.widths if workload != "C" else given.conv_widths:
                one = measured(row, width, device, given)
                start = f"{row.workload:3}{row.how:<8}{count:>11,}{width:>6}"
                if "error" in one:
                    print(f"{start}  {one['error']}", flush=True)
                    found.append(one)
                    break  # wider ones will not do either
                speed = one["member_steps_per_second"]
                one["share_of_limit"] = speed / limit
                found.append(one)
                print(
                    f"{start}{speed:>16,.0f}{limit:>14,.0f}{speed / limit:>8.1%}"
                    f"{one['seconds_to_start']:>9.1f}s",
                    flush=True,
                )
            worked = [one["width"] for one in found if "error" not in one]
            if given.profile and worked:
                profiled(row, worked[-1], device, given.profile)
            results.append(
                {
                    "workload": row.workload,
                    "how": row.how,
                    "parameters": count,
                    "limit_member_steps_per_second": limit,
                    "widths": found,
                }
            )
    return results


def numbers(text: str) -> list[int]:
    """Whole numbers, separated by commas."""
    return [int(part) for part in text.split(",")]


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    widths, conv_widths = "64,128,256,512,1024,2048", "16,64,256"
    parser.add_argument("--workloads", default="A,B,C", help="which ones [A,B,C]")
    parser.add_argument("--widths", type=numbers, default=numbers(widths), help=f"W [{widths}]")
    parser.add_argument(
        "--conv-widths", type=numbers, default=numbers(conv_widths), help=f"of C [{conv_widths}]"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of measuring, a width [4]")
    parser.add_argument("--profile", metavar="DIR", help="where traces of the profiler go")
    parser.add_argument("--out", metavar="FILE", help="where the result goes, as JSON")
    parser.add_argument("--smoke", action="store_true", help="seconds, to see that it works")
    given = parser.parse_args(arguments)
    given.workloads = given.workloads.split(",")
    if not set(given.workloads) <= {"A", "B", "C"}:
        parser.error(f"--workloads must be among A,B,C, got {','.join(given.workloads)}")
    if given.smoke:
        given.widths, given.conv_widths, given.seconds = [2], [2], 0.02
    return given


def main(arguments: list[str]) -> None:
    """Measures and prints a table."""
    given = options(arguments)
    device = jax.devices()[0]
    bandwidth = copy_bandwidth(device, 16 if given.smoke else 512)
    stated = stated_bandwidth(device.device_kind)
    print(
        f"{device.platform} {device.device_kind}: a copy moves {bandwidth:,.0f} GB/s"
        + (f", {bandwidth / stated:.0%} of the {stated:,.0f} stated" if stated else "")
    )
    results = measured_rows(given, device, bandwidth)
    if given.out:
        versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "flax")}
        whole = {
            "command": " ".join(["python", "scripts/bench_gpu.py", *arguments]),
            "date": datetime.date.today().isoformat(),
            "device": {"platform": device.platform, "kind": device.device_kind},
            "copy_gigabytes_per_second": bandwidth,
            "stated_gigabytes_per_second": stated,
            "matmul_precision": str(jax.config.jax_default_matmul_precision),  # type: ignore[attr-defined]
            "versions": {"python": platform.python_version(), **versions},
            "results": results,
        }
        Path(given.out).parent.mkdir(parents=True, exist_ok=True)
        Path(given.out).write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
