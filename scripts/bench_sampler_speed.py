"""How many configurations a second each sampler proposes, by the number of trials it knows.

Seconds are of processor time, all threads together, so that what else the machine does counts
little; a sampler that uses several cores takes less time by the clock.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from jaxhpo.space import Choice, Float, Int, Space
from scripts.bench_contenders import Search, search

# Beyond this, an exact Gaussian process asks for more memory than common machines have.
MOST_TOLD = {"optuna-gp": 2000}


def path(runs: str) -> Path:
    """Where speeds are kept, beside the searches."""
    return Path(runs.split("*")[0].rstrip(".")).with_suffix(".speed.json")


def space() -> Space:
    """Nine parameters: real, whole, a category, and one that is active sometimes."""
    return Space(
        **{f"x{i}": Float(0.0, 1.0) for i in range(6)},
        n=Int(1, 64, log=True),
        kind=Choice(["a", "b", "c"]),
        momentum=Float(0.0, 1.0, when={"kind": "a"}),
    )


def speed(options: argparse.Namespace) -> None:
    """Configurations a second after compilation, stored sampler by sampler.

    Each entry: history to the rate; where a few batches take more than --cap seconds,
    {"less_than": rate}; where it is not tried for want of memory, None.
    """
    where = path(options.runs)
    for name in options.samplers.split(";"):
        rates = {
            told: rate(name, int(told), options.batch, options.cap)
            for told in options.told.split(",")
        }
        kept = json.loads(where.read_text("utf-8")) if where.exists() else {}
        key = f"batch {options.batch}"
        kept.setdefault(key, {}).setdefault(name, {}).update(rates)
        where.write_text(json.dumps(kept, indent=1), "utf-8")
        print(key, name, rates, flush=True)


class _TooLong(Exception):
    pass


def rate(name: str, told: int, batch: int, cap: int) -> Any:
    """The rate at one length of history, as `speed` says."""
    if told > MOST_TOLD.get(name, told):
        return None
    contender = _knowing(name, told, batch)
    before = signal.signal(signal.SIGPROF, _late)
    signal.setitimer(signal.ITIMER_PROF, cap)
    try:
        return round(batch / _seconds(contender, batch), 1)
    except _TooLong:
        return {"less_than": float(f"{batch / cap:.2g}")}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _late(*_: Any) -> None:
    raise _TooLong


def _knowing(name: str, told: int, batch: int) -> Search:
    searched, rng = space(), np.random.default_rng(0)
    contender = search(name, searched, 0, batch=batch, trials=told + 8 * batch)
    contender.know(rng.random((told, len(searched))).astype(np.float32), rng.random(told))
    return contender


def _seconds(contender: Search, batch: int) -> float:
    """The median of three batches after the first, for which programs are compiled."""
    times: list[float] = []
    for _ in range(4):
        began = time.process_time()
        contender.ask(batch)
        times.append(time.process_time() - began)
    return float(np.median(times[1:]))
