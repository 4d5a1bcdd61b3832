"""What it costs to train on data larger than the device: blocks against all rows at once.

    python scripts/bench_stream.py --out=scripts/results/stream.json

The device is told to have --limit megabytes for rows; the images, uint8, take more. A perceptron is
trained for an epoch by populations of several sizes, with the rows

    whole   all on the device, no blocks
    kept    in blocks that stay on the device, which nobody could do at that limit
    memory  in blocks copied from an array in the host's memory
    file    in blocks copied from a memory-mapped file

`kept` differs from `whole` by what cutting into blocks costs (more and smaller calls, rows shuffled
within blocks), `memory` and `file` from `kept` by what reading and copying costs that training does
not hide. These three give the same bits, which is checked. Rounds are interleaved; compilation is
left out. On an accelerator leave --cores out.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

NAMES = ("whole", "kept", "memory", "file")


def images(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [rows, 784] and labels [rows]: ten patterns under noise."""
    place = np.random.default_rng(0)
    patterns = place.integers(60, 200, (10, 784))
    labels = place.integers(0, 10, rows)
    noise = place.integers(-60, 60, (rows, 784), dtype=np.int16)
    return (patterns[labels] + noise).clip(0, 255).astype(np.uint8), labels.astype(np.int32)


def task(data: dict[str, Any], hidden: int, rows: int | None, keep: bool) -> Any:
    """A perceptron with one hidden layer; rows: of a block, or None."""
    import jax
    import jax.numpy as jnp
    from flax import linen as nn

    from jaxhpo import Float, Space
    from jaxhpo.tasks.supervised import supervised

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return nn.Dense(10)(nn.relu(nn.Dense(hidden)(x)))

    made = supervised(
        Space(lr=Float(1e-4, 1e-2, log=True)),
        model=lambda hp: Net(),
        data=data,
        batch_size=128,
        epochs=1,
        prepare=lambda x: x.astype(jnp.float32) * (1 / 255),
        stream=rows,
    )
    stream = made.stream
    return made if stream is None else made._replace(stream=stream._replace(keep=keep))


class Contestant:
    """One way of holding the rows, for any number of members."""

    def __init__(self, made: Any, drivers: int, width: int) -> None:
        import jax

        from jaxhpo.population.form import Form
        from jaxhpo.population.population import Population
        from jaxhpo.population.streamed import StreamedPopulation

        kind = Population if made.stream is None else StreamedPopulation
        device = jax.local_devices()[0]
        form = Form(
            dtypes={"lr": np.dtype(np.float32)},
            width=width,
            platform=device.platform,
        )
        self._population = kind(
            made, jax.random.key(0), form, static=(), devices=[device], drivers=drivers
        )

    def round(self, members: int) -> tuple[float, dict[int, bytes]]:
        """Seconds to train so many members for an epoch, and the bits of their losses."""
        from jaxhpo.population.member import Member

        rates = np.geomspace(1e-4, 1e-2, members)
        population, losses = self._population, {}
        began = time.perf_counter()
        population.add(
            [Member(number=i, budget=1, hp={"lr": float(x)}) for i, x in enumerate(rates)]
        )
        while population.busy:
            population.dispatch()
            for tick in population.wait():
                for progress in tick.progress:
                    if progress.error is not None:
                        raise RuntimeError(progress.error)
                    losses[progress.number] = np.asarray(progress.metrics["loss"]).tobytes()
        return time.perf_counter() - began, losses


def measured(given: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Medians and ratios for every number of members."""
    inputs, labels = images(given.rows + given.rows // 8)
    path = Path(folder) / "images.npy"
    np.save(path, inputs)
    row = inputs[:1].nbytes + labels[:1].nbytes
    block = int(given.limit * 1e6 / 2 / row)  # two blocks are on the device at a time
    if given.rows * row <= given.limit * 1e6:
        sys.exit(f"--rows={given.rows} take {given.rows * row / 1e6:.0f} MB: below the limit")

    def parts(array: np.ndarray) -> dict[str, Any]:
        cut = {"train": slice(0, given.rows), "validation": slice(given.rows, None)}
        return {name: (array[part], labels[part]) for name, part in cut.items()}

    data = {"file": parts(np.load(path, mmap_mode="r"))}
    made = {
        name: Contestant(
            task(
                data.get(name, parts(inputs)),
                given.hidden,
                None if name == "whole" else block,
                keep=name == "kept",
            ),
            given.drivers,
            given.width,
        )
        for name in NAMES
    }
    found: dict[str, Any] = {}
    for members in given.members:
        times: dict[str, list[float]] = {name: [] for name in NAMES}
        for number in range(-1, given.rounds):  # the first, which compiles, does not count
            bits = {}
            for name in NAMES if number % 2 == 0 else NAMES[::-1]:
                seconds, bits[name] = made[name].round(members)
                if number >= 0:
                    times[name].append(seconds)
            if not bits["kept"] == bits["memory"] == bits["file"]:
                sys.exit("blocks that are copied gave other bits than blocks that stay")
        found[str(members)] = {
            name: {
                "seconds": round(statistics.median(times[name]), 4),
                "times_whole": _ratio(times[name], times["whole"]),
                "times_kept": _ratio(times[name], times["kept"]),
            }
            for name in NAMES
        }
    return {
        "megabytes": round((given.rows + given.rows // 8) * row / 1e6, 1),
        "block_rows": block,
        "members": found,
    }


def _ratio(times: Sequence[float], others: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(times, others, strict=True)), 3)


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "| members | whole, s | kept | memory | file | copying alone (memory, file) |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for members, row in result["members"].items():
        over = ", ".join(f"{100 * (row[name]['times_kept'] - 1):+.0f} %" for name in NAMES[2:])
        times = " | ".join(f"{row[name]['times_whole']:.2f}x" for name in NAMES[1:])
        lines.append(f"| {members} | {row['whole']['seconds']:.2f} | {times} | {over} |")
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Blocks against all rows on the device at once.")
    parser.add_argument("--rows", type=int, default=40_000, help="training rows of 784 bytes")
    parser.add_argument("--limit", type=float, default=8.0, help="megabytes the device may hold")
    parser.add_argument("--hidden", type=int, default=64, help="units of the hidden layer")
    parser.add_argument("--members", type=_numbers, default=[1, 16, 64], help="as in 1,16,64")
    parser.add_argument("--width", type=int, default=8, help="lanes of a tile")
    parser.add_argument("--drivers", type=int, default=2, help="threads that drive tiles")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=_numbers, default=[], help="as in 0,1; all if left out")
    parser.add_argument("--out", help="a JSON file")
    given = parser.parse_args()
    if given.cores:
        os.sched_setaffinity(0, given.cores)
    import jax

    with tempfile.TemporaryDirectory() as folder:
        result = measured(given, folder)
    device = jax.local_devices()[0]
    result |= {
        "rows": given.rows,
        "limit_megabytes": given.limit,
        "hidden": given.hidden,
        "width": given.width,
        "drivers": given.drivers,
        "rounds": given.rounds,
        "device": f"{device.device_kind}, {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "flax")},
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python", "scripts/bench_stream.py", *sys.argv[1:]]),
    }
    print(
        f"{result['megabytes']} MB of rows where {given.limit} MB fit, blocks of at most "
        f"{result['block_rows']} rows, {result['device']}, {result['cores']} cores"
    )
    print(table(result))
    if given.out:
        Path(given.out).write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
