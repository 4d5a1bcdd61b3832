"""What every scheduler must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxhpo.backend import placed
from jaxhpo.contracts import Scheduler, Standing
from jaxhpo.testing.claims import equal, holds
from jaxhpo.testing.histories import KEY, example_points
from jaxhpo.testing.layouts import example_layouts, snap


def check_scheduler(factory: Callable[[], Scheduler]) -> None:
    """All checks of a scheduler that works with its defaults."""
    scheduler = factory()
    place = np.random.default_rng(0)
    peers = place.normal(size=(40, 10)).astype(np.float32).cumsum(axis=1)
    ragged = np.where(np.arange(10)[None] < place.integers(1, 11, 40)[:, None], peers, np.nan)
    none, lost = np.zeros((0, 0), np.float32), np.full((5, 10), np.nan, np.float32)
    with np.errstate(all="raise"):
        if scheduler.limits is not None:
            for table in (peers, ragged, none, lost):
                _check_limits(scheduler.limits, table)
        if scheduler.stop is not None:
            for curve in (*peers[:5], np.full(10, 1e30, np.float32), np.zeros(10, np.float32)):
                _check_stop(scheduler.stop, curve)
    holds((scheduler.group is None) == (scheduler.decide is None), "group and decide go together")
    if scheduler.group is not None:
        check_groups(scheduler)
        check_decisions(scheduler)


def _check_limits(limits: Callable[..., Any], table: np.ndarray) -> None:
    kept = table.copy()
    for budget in (1, 5, 30):
        found = limits(table, budget)
        equal((found.shape, found.dtype), ((budget,), np.float32), "the limits' shape and dtype")
        equal(limits(table, budget).tobytes(), found.tobytes(), "the limits when asked again")
        if not np.isfinite(table).any():
            holds(not np.isfinite(found).any(), "no limits where no peer has a loss")
    np.testing.assert_array_equal(table, kept, "limits must not change the peers")


def _check_stop(stop: Callable[..., Any], curve: np.ndarray) -> None:
    before = curve.copy()
    for units in range(1, len(curve) + 1):
        answer = stop(curve[:units])
        holds(isinstance(answer, bool), f"stop must return a bool, got {answer!r}")
        equal(stop(curve[:units]), answer, "the answer when asked again")
    np.testing.assert_array_equal(curve, before, "stop must not change the curve")


def check_groups(scheduler: Scheduler) -> None:
    """Groups follow each other without a gap, and every trial of one names the same group."""
    assert scheduler.group is not None
    number = 0
    while number < 300:
        group = scheduler.group(number)
        equal(group.first, number, "the first trial of the group after the one before")
        holds(group.size >= 1, f"a group must have trials, got size {group.size}")
        for other in range(group.first, group.first + group.size):
            same = scheduler.group(other)
            equal((same.first, same.size), (group.first, group.size), f"the group of {other}")
        for budget in (1, 7, 100):
            rungs = list(group.rungs(budget))
            equal(rungs, sorted(set(rungs)), "rungs in increasing order")
            holds(all(unit >= 1 for unit in rungs), f"rungs must be at least 1, got {rungs}")
        number += group.size


def check_decisions(scheduler: Scheduler) -> None:
    """Decisions are a function of the key and the standing, and never let the lost go on first."""
    assert scheduler.decide is not None
    layout = example_layouts()["mixed"]
    size, key = 12, jax.random.key(KEY)
    losses = np.random.default_rng(0).normal(size=(size, 4)).astype(np.float32)
    losses[3], losses[7, :2] = np.nan, np.nan
    points = np.array(example_points(layout, size))
    fixed = np.zeros(layout.d, bool)
    fixed[:2] = True
    waiting = np.isfinite(losses[:, -1])
    programs = np.arange(size) % 3 // 2  # 0 0 1 0 0 1 ...: of some that are compared, of others not
    standing = Standing(losses, waiting, points, layout, fixed, 0, programs)
    found, again = scheduler.decide(key, standing), scheduler.decide(key, standing)
    equal(np.shape(found.keep), (size,), "the shape of keep")
    for one, two in zip(found, again, strict=True):
        equal(np.asarray(one).tobytes(), np.asarray(two).tobytes(), "a decision taken again")
    best = int(np.nanargmin(losses[:, -1]))
    holds(bool(found.keep[best]), "the best must go on")
    if found.source is not None:
        holds(scheduler.copies, "a scheduler that copies must say so")
        sources = np.asarray(found.source)[waiting]
        holds(bool(waiting[sources].all()), "sources must be waiting")
        equal(programs[sources].tolist(), programs[waiting].tolist(), "the programs of sources")
    if found.points is not None:
        after = np.asarray(found.points)[waiting]
        snapped = np.asarray(snap(layout, placed(after)))
        np.testing.assert_array_equal(snapped, after, "points must be snapped")
        np.testing.assert_array_equal(after[:, fixed], points[waiting][:, fixed], "fixed columns")
    nobody = standing._replace(curves=np.full((size, 4), np.nan, np.float32))
    equal(np.shape(scheduler.decide(key, nobody).keep), (size,), "a decision where all are lost")
