"""Conformance suites: what every sampler, scheduler and task must do, whoever wrote it.

    from jaxhpo import testing

    def test_my_sampler():
        testing.check_sampler(my_sampler)

A check that fails raises AssertionError and says what was expected.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo.contracts import Sampler, Scheduler, Standing, Task
from jaxhpo.cube import INACTIVE, Layout
from jaxhpo.space import Bool, Choice, Float, Int, Space

_KEY = 20260101
_REFUSABLE = {"wide"}
_snap = jax.jit(Layout.snap, static_argnums=0)
_active = jax.jit(Layout.active, static_argnums=0)


@functools.cache
def example_layouts() -> Mapping[str, Layout]:
    """Layouts of every kind: continuous, mixed, conditional, finite, wide. Always the same ones, so
    that what is compiled for a layout is compiled once."""
    spaces = {
        "continuous": Space(x=Float(0.0, 1.0), lr=Float(1e-4, 1.0, log=True)),
        "mixed": Space(
            x=Float(-1.0, 1.0),
            n=Int(1, 9),
            act=Choice(["relu", "tanh", "gelu"]),
            size=Choice([16, 32, 64], ordered=True),
            on=Bool(),
        ),
        "conditional": Space(
            kind=Choice(["sgd", "adam"]),
            lr=Float(1e-4, 1.0, log=True),
            momentum=Float(0.0, 0.9, when={"kind": "sgd"}),
            nesterov=Bool(when={"kind": "sgd"}),
            scale=Float(0.1, 1.0, when={"nesterov": True}),
        ),
        "finite": Space(a=Int(1, 4), b=Choice(["u", "v", "w"]), c=Bool(when={"b": ["u", "v"]})),
        "single": Space(x=Float(0.0, 1.0)),
        "wide": Space({f"x{i}": Float(0.0, 1.0) for i in range(30)}),
    }
    return MappingProxyType({name: space.layout for name, space in spaces.items()})


# -- samplers --------------------------------------------------------------------------------------


def check_sampler(factory: Callable[[Layout], Sampler]) -> None:
    """All checks of a sampler, on all example layouts.

    Args:
        factory: ``(layout) -> Sampler``, working with its defaults.
    """
    for name, layout in example_layouts().items():
        if name in _REFUSABLE and _refuses(factory, layout):
            continue
        for check in (
            check_proposals,
            check_reproducible,
            check_history_cuts,
            check_bad_losses,
            check_pending,
            check_adaptive,
            check_several,
        ):
            try:
                check(factory, layout)
            except AssertionError as error:
                raise AssertionError(f"{check.__name__} on the {name} layout: {error}") from error
    check_resumed(factory)
    check_search(factory)
    check_exhausts(factory)
    check_compiles_seldom(factory)


def _refuses(factory: Callable[[Layout], Sampler], layout: Layout) -> bool:
    """Whether the sampler says that it can't serve the layout, which is fair for a huge grid."""
    try:
        factory(layout)
    except ValueError:
        return True
    return False


def check_proposals(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """Points lie in the cube, on the grid, at 0.5 where inactive, and differ within a batch."""
    sampler = factory(layout)
    state = _told(sampler, layout, 40)
    for first, n in ((0, 1), (0, 7), (40, 16), (40, 5)):
        if sampler.size is not None and first + n > sampler.size:
            continue
        points, model = sampler.ask(state, first, _none(layout), n)
        found = np.asarray(points)
        _same((found.shape, found.dtype), ((n, layout.d), np.float32), "points' shape and dtype")
        _same((model.shape, np.asarray(model).dtype), ((n,), np.bool_), "model's shape and dtype")
        _that(bool(((found >= 0) & (found <= 1)).all()), "points must lie in the unit cube")
        _same(np.asarray(_snap(layout, points)).tobytes(), found.tobytes(), "snapped points")
        off = ~np.asarray(_active(layout, points))
        _that(bool((found[off] == INACTIVE).all()), "inactive coordinates must be 0.5")
        if layout.size is None:
            _same(len(np.unique(found, axis=0)), n, "different points in a batch")


def check_reproducible(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """Equal keys and histories give equal bits; other keys and batches others; asking is pure."""
    one, two = factory(layout), factory(layout)
    a, b = _told(one, layout, 30), _told(two, layout, 30)
    first = _asked(one, a, layout)
    _same(_asked(one, a, layout), first, "a second ask of one state")
    _same(_asked(two, b, layout), first, "an ask of an equal state")
    other = _told(one, layout, 30, seed=1)
    if layout.size is None:
        _that(_asked(one, other, layout) != first, "another key must give other points")
        if one.size is None or one.size >= 24:
            later = np.asarray(one.ask(a, 20, _none(layout), 4).points).tobytes()
            _that(later != first, "a later batch must have other points")


def check_history_cuts(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """However a history is cut into tells, what is proposed is the same."""
    sampler = factory(layout)
    whole = _told(sampler, layout, 30)
    for cuts in ([1] * 30, [7, 0, 13, 10]):
        _same(
            _asked(sampler, _told(sampler, layout, 30, cuts=cuts), layout),
            _asked(sampler, whole, layout),
            f"proposals after tells of {cuts}",
        )


def check_bad_losses(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """Trials without a loss, equal losses and extreme losses spoil nothing."""
    sampler = factory(layout)
    n = 24
    asked = 6 if sampler.size is None else min(6, sampler.size)
    points = _points(layout, n)
    cases = {
        "all invalid": (np.full(n, np.nan), np.zeros(n, bool)),
        "some invalid": (np.where(np.arange(n) % 3, 1.0, np.nan), np.arange(n) % 3 > 0),
        "all equal": (np.ones(n), np.ones(n, bool)),
        "huge and tiny": (np.where(np.arange(n) % 2, 3e38, 1e-38), np.ones(n, bool)),
    }
    for name, (losses, valid) in cases.items():
        state = sampler.init(jax.random.key(_KEY))
        losses = jnp.asarray(losses, jnp.float32)
        state = sampler.tell(state, points, losses, jnp.asarray(valid))
        found = np.asarray(sampler.ask(state, 0, _none(layout), asked).points)
        _that(bool(np.isfinite(found).all()), f"points must be finite after losses {name}")
        if layout.size is None and layout.d > 1:
            different = len(np.unique(found, axis=0))
            _that(different == asked, f"points must differ after losses {name}")
    valid = np.arange(n) % 3 > 0
    answers = []
    for lost in (np.nan, -np.inf, np.inf, -1e30, 1e30):
        losses = jnp.where(valid, _losses(points), lost)
        state = sampler.tell(sampler.init(jax.random.key(_KEY)), points, losses, jnp.asarray(valid))
        answers.append(_asked(sampler, state, layout))
    _same(set(answers), {answers[0]}, "proposals whatever the loss of a failed trial")


def check_pending(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """An adaptive sampler does not propose what is pending while there is anything else."""
    sampler = factory(layout)
    if not sampler.adaptive or (layout.size is not None and layout.size < 45):
        return
    state = _told(sampler, layout, 12)
    pending = sampler.ask(state, 24, _none(layout), 8).points
    again = np.asarray(sampler.ask(state, 24, pending, 8).points)
    both = np.concatenate([np.asarray(pending), again])
    _same(len(np.unique(both, axis=0)), 16, "different points, pending ones counted")


def check_adaptive(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """A sampler that says it is not adaptive proposes the same whatever it is told."""
    sampler = factory(layout)
    if sampler.adaptive:
        return
    blank = sampler.init(jax.random.key(_KEY))
    told = _told(sampler, layout, 30)
    _same(_asked(sampler, told, layout), _asked(sampler, blank, layout), "proposals when told")
    model = sampler.ask(told, 0, _none(layout), 4).model
    _that(not bool(np.asarray(model).any()), "nothing can be chosen by a model then")


def check_several(factory: Callable[[Layout], Sampler], layout: Layout) -> None:
    """A sampler that says so takes several objectives and constraints: however the history is cut,
    whatever lost trials hold, and so that they make a difference."""
    sampler = factory(layout)
    if not sampler.several or not sampler.adaptive:
        return
    n = 30
    points = _points(layout, n)
    losses = jnp.stack([_losses(points), jnp.square(points - 0.8).sum(axis=1)], axis=1)
    broken = jnp.maximum(0.45 - points[:, :1], 0.0)
    valid = jnp.arange(n) % 7 != 3

    def asked(losses: jax.Array, broken: jax.Array | None, cuts: tuple[int, ...] = (n,)) -> bytes:
        state, start = sampler.init(jax.random.key(_KEY)), 0
        for size in cuts:
            part = slice(start, start + size)
            more = () if broken is None else (broken[part],)
            state = sampler.tell(state, points[part], losses[part], valid[part], *more)
            start += size
        if layout.size is not None:
            return _asked(sampler, state, layout)
        return np.asarray(sampler.ask(state, 64, _none(layout), 4).points).tobytes()

    for said, table, rules in (
        ("several objectives", losses, None),
        ("constraints", losses[:, 0], broken),
        ("both", losses, broken),
    ):
        whole = asked(table, rules)
        _same(asked(table, rules, (7, 0, 13, 10)), whole, f"proposals after cut tells of {said}")
        gone = jnp.where(valid if table.ndim == 1 else valid[:, None], table, jnp.nan)
        _same(asked(gone, rules), whole, f"proposals with {said}, whatever lost trials hold")
    if layout.size is None:
        one = asked(losses[:, 0], None)
        _that(asked(losses, None) != one, "a second objective must make a difference")
        _that(asked(losses[:, 0], broken) != one, "a constraint must make a difference")


def check_resumed(factory: Callable[[Layout], Sampler]) -> None:
    """A search that is told its history again by another process goes on as it would have."""
    layout = example_layouts()["conditional"]

    def proposed(sampler: Sampler, state: Any, points: list[Any], batches: int) -> list[Any]:
        for _ in range(batches):
            first = sum(map(len, points))
            found = sampler.ask(state, first, points[-1] if points else _none(layout), 6).points
            if points:  # a block knows the results of all but the one before it
                losses = _losses(points[-1])
                state = sampler.tell(state, points[-1], losses, losses < 2.0)
            points = [*points, found]
        return points

    one, other = factory(layout), factory(layout)
    whole = proposed(one, one.init(jax.random.key(_KEY)), [], 6)
    told = jnp.concatenate(whole[:2])
    losses = _losses(told)
    state = other.tell(other.init(jax.random.key(_KEY)), told, losses, losses < 2.0)
    for a, b in zip(whole, proposed(other, state, whole[:3], 3), strict=True):
        _same(np.asarray(b).tobytes(), np.asarray(a).tobytes(), "proposals of a resumed search")


def check_search(factory: Callable[[Layout], Sampler]) -> None:
    """A sampler with a `search`: several under `vmap` over keys each do what they do alone, in
    the cube, also where losses are NaN; one without works on the host."""
    for name in ("mixed", "conditional"):
        layout = example_layouts()[name]
        search = factory(layout).search
        if search is None:
            return
        keys = jax.random.split(jax.random.key(_KEY), 3)

        def loss(keys: jax.Array, points: jax.Array) -> jax.Array:
            return jnp.where(points[:, 0] > 0.8, jnp.nan, jnp.square(points - 0.3).sum(axis=1))

        one = jax.jit(functools.partial(search, loss, trials=45, batch=5))
        points, losses = map(np.asarray, jax.vmap(one)(keys))
        _same((points.shape, losses.shape), ((3, 45, layout.d), (3, 45)), "a search's shapes")
        for row, found in zip(points, losses, strict=True):
            _same(np.asarray(_snap(layout, jnp.asarray(row))).tobytes(), row.tobytes(), "snapped")
            told = np.asarray(loss(keys, jnp.asarray(row)))
            right = np.allclose(found, np.where(np.isnan(told), np.inf, told), rtol=1e-4)
            _that(right, "a search's losses must be those of its points, infinite where NaN")
        _same(len(np.unique(points.reshape(3, -1), axis=0)), 3, "different searches")
        alone = np.asarray(one(keys[1])[0])
        # Sums of another program may differ in the last bits, and choices with them; not the start.
        _that(bool(np.allclose(alone[:8], points[1, :8], atol=1e-6)), "a search alone and mapped")


def check_exhausts(factory: Callable[[Layout], Sampler]) -> None:
    """A sampler with a `size` proposes every configuration of a finite space once."""
    layout = example_layouts()["finite"]
    sampler = factory(layout)
    if sampler.size is None:
        return
    _same(sampler.size, layout.size, "the size of a finite space")
    state, seen = sampler.init(jax.random.key(_KEY)), []
    for first in range(0, sampler.size, 5):
        n = min(5, sampler.size - first)
        points = sampler.ask(state, first, _none(layout), n).points
        seen.append(np.asarray(points))
        state = sampler.tell(state, points, _losses(points), jnp.ones(n, bool))
    _same(len(np.unique(np.concatenate(seen), axis=0)), layout.size, "different proposals in all")


def check_compiles_seldom(factory: Callable[[Layout], Sampler]) -> None:
    """As history grows, programs are compiled anew only when it has doubled."""
    layout = example_layouts()["mixed"]
    sampler = factory(layout)
    if not sampler.adaptive:
        return
    compiled = _Compilations()
    state, counts = _told(sampler, layout, 40), []
    for size in range(40, 260, 4):
        points = sampler.ask(state, size, _none(layout), 4).points
        state = sampler.tell(state, points, _losses(points), jnp.ones(4, bool))
        counts.append(compiled.count)
    compiled.close()
    grew = int((np.diff(counts) > 0).sum())
    _that(grew <= 5, f"programs must be compiled at doublings only, but were {grew} times")


class _Compilations:
    """Counts what JAX compiles while it is open."""

    def __init__(self) -> None:
        self.count = 0
        self.open = True
        jax.monitoring.register_event_duration_secs_listener(self._heard)  # type: ignore

    def _heard(self, event: str, duration: float, **_: Any) -> Any:
        if self.open and event.endswith("jaxpr_trace_duration"):
            self.count += 1

    def close(self) -> None:
        """Stops counting."""
        self.open = False


def _told(
    sampler: Sampler, layout: Layout, n: int, *, cuts: list[int] | None = None, seed: int = 0
) -> Any:
    state = sampler.init(jax.random.key(_KEY + seed))
    points = _points(layout, n)
    losses = _losses(points)
    valid = jnp.arange(n) % 7 != 3
    losses = jnp.where(valid, losses, jnp.nan)
    start = 0
    for size in cuts or [n]:
        part = slice(start, start + size)
        state = sampler.tell(state, points[part], losses[part], valid[part])
        start += size
    return state


def _asked(sampler: Sampler, state: Any, layout: Layout) -> bytes:
    n = 4 if sampler.size is None else min(4, sampler.size)
    first = 16 if sampler.size is None or sampler.size >= 20 else 0
    return np.asarray(sampler.ask(state, first, _none(layout), n).points).tobytes()


def _points(layout: Layout, n: int) -> jax.Array:
    return _snap(layout, jax.random.uniform(jax.random.key(5), (n, layout.d)))


def _losses(points: jax.Array) -> jax.Array:
    return jnp.square(points - 0.3).sum(axis=1)


def _none(layout: Layout) -> jax.Array:
    return jnp.zeros((0, layout.d))


# -- schedulers ------------------------------------------------------------------------------------


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
    _that((scheduler.group is None) == (scheduler.decide is None), "group and decide go together")
    if scheduler.group is not None:
        check_groups(scheduler)
        check_decisions(scheduler)


def _check_limits(limits: Callable[..., Any], table: np.ndarray) -> None:
    kept = table.copy()
    for budget in (1, 5, 30):
        found = limits(table, budget)
        _same((found.shape, found.dtype), ((budget,), np.float32), "the limits' shape and dtype")
        _same(limits(table, budget).tobytes(), found.tobytes(), "the limits when asked again")
        if not np.isfinite(table).any():
            _that(not np.isfinite(found).any(), "no limits where no peer has a loss")
    np.testing.assert_array_equal(table, kept, "limits must not change the peers")


def _check_stop(stop: Callable[..., Any], curve: np.ndarray) -> None:
    before = curve.copy()
    for units in range(1, len(curve) + 1):
        answer = stop(curve[:units])
        _that(isinstance(answer, bool), f"stop must return a bool, got {answer!r}")
        _same(stop(curve[:units]), answer, "the answer when asked again")
    np.testing.assert_array_equal(curve, before, "stop must not change the curve")


def check_groups(scheduler: Scheduler) -> None:
    """Groups follow each other without a gap, and every trial of one names the same group."""
    assert scheduler.group is not None
    number = 0
    while number < 300:
        group = scheduler.group(number)
        _same(group.first, number, "the first trial of the group after the one before")
        _that(group.size >= 1, f"a group must have trials, got size {group.size}")
        for other in range(group.first, group.first + group.size):
            same = scheduler.group(other)
            _same((same.first, same.size), (group.first, group.size), f"the group of {other}")
        for budget in (1, 7, 100):
            rungs = list(group.rungs(budget))
            _same(rungs, sorted(set(rungs)), "rungs in increasing order")
            _that(all(unit >= 1 for unit in rungs), f"rungs must be at least 1, got {rungs}")
        number += group.size


def check_decisions(scheduler: Scheduler) -> None:
    """Decisions are a function of the key and the standing, and never let the lost go on first."""
    assert scheduler.decide is not None
    layout = example_layouts()["mixed"]
    size, key = 12, jax.random.key(_KEY)
    losses = np.random.default_rng(0).normal(size=(size, 4)).astype(np.float32)
    losses[3], losses[7, :2] = np.nan, np.nan
    points = np.array(_points(layout, size))
    fixed = np.zeros(layout.d, bool)
    fixed[:2] = True
    waiting = np.isfinite(losses[:, -1])
    standing = Standing(losses, waiting, points, layout, fixed, 0)
    found, again = scheduler.decide(key, standing), scheduler.decide(key, standing)
    _same(np.shape(found.keep), (size,), "the shape of keep")
    for one, two in zip(found, again, strict=True):
        _same(np.asarray(one).tobytes(), np.asarray(two).tobytes(), "a decision taken again")
    best = int(np.nanargmin(losses[:, -1]))
    _that(bool(found.keep[best]), "the best must go on")
    if found.source is not None:
        _that(scheduler.copies, "a scheduler that copies must say so")
        _that(bool(waiting[np.asarray(found.source)[waiting]].all()), "sources must be waiting")
    if found.points is not None:
        after = np.asarray(found.points)[waiting]
        snapped = np.asarray(_snap(layout, jnp.asarray(after)))
        np.testing.assert_array_equal(snapped, after, "points must be snapped")
        np.testing.assert_array_equal(after[:, fixed], points[waiting][:, fixed], "fixed columns")
    nobody = standing._replace(curves=np.full((size, 4), np.nan, np.float32))
    _same(np.shape(scheduler.decide(key, nobody).keep), (size,), "a decision where all are lost")


# -- tasks -----------------------------------------------------------------------------------------


def check_task(task: Task) -> None:
    """All checks of a task: it trains under jit and vmap, keeps its shapes, and is a function of
    its key."""
    space = task.space
    static = space.static_names(task.static)
    points = np.random.default_rng(0).random((3, len(space))).astype(np.float32)
    for config in space.decode(points):
        hp = space.filled(config, static)
        budget = task.budget(hp)
        _that(isinstance(budget, int) and budget >= 1, f"budget must be >= 1, got {budget!r}")
        _that(task.steps is None or task.steps(hp) >= 1, "steps must be at least 1")
        traced = {n: jnp.asarray(v, space.dtype(n)) for n, v in hp.items() if n not in static}
        fixed = {n: v for n, v in hp.items() if n in static}
        _check_member(task, fixed, traced)


def _check_member(task: Task, fixed: dict[str, Any], traced: dict[str, jax.Array]) -> None:
    def run(key: jax.Array, traced: dict[str, jax.Array]) -> tuple[Any, dict[str, jax.Array]]:
        hp = {**fixed, **traced}
        first, second, third = jax.random.split(key, 3)
        state = task.init(first, hp, task.data)
        before = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
        for unit in (second, third):
            state = task.train(unit, hp, state, task.data)
        after = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
        _same(after, before, "the state's structure, shapes and dtypes")
        return state, task.evaluate(hp, state, task.data)

    members = jax.jit(jax.vmap(run, (0, None)))
    keys = jax.random.split(jax.random.key(1), 4)
    state, metrics = members(keys, traced)
    _that(task.objective in metrics, f"evaluate must give {task.objective!r}")
    for name, value in metrics.items():
        _same(value.shape, (4,), f"the shape of metric {name!r} of four members")
        _that(bool(jnp.isfinite(value).all()), f"metric {name!r} must be finite on the example")
    again = members(keys, traced)[1]
    same = jax.tree.map(
        lambda a, b: np.asarray(a).tobytes() == np.asarray(b).tobytes(), metrics, again
    )
    _that(all(jax.tree.leaves(same)), "equal keys must give equal bits")
    turned = members(keys[::-1], traced)[1]
    for name, value in metrics.items():
        close = np.allclose(value, turned[name][::-1], rtol=1e-4, atol=1e-5)
        _that(close, f"metric {name!r} must belong to the key, not to the place")
    if task.test is not None:
        one = jax.tree.map(lambda x: x[0], state)
        found = task.test({**fixed, **traced}, one, task.test_data)
        _that(all(np.shape(v) == () for v in found.values()), "test must give scalars")


def _that(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def _same(found: Any, expected: Any, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r:.300}, got {found!r:.300}")
