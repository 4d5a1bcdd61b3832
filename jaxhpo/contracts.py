"""The three things that a user may write: a `Sampler`, a `Scheduler`, a `Task`.

Glossary of axes, used in every docstring of the package:

    n  trials of a batch            d  parameters, columns of the unit cube
    W  members of a tile            T  tiles of a stack (one driver's share of the population)
    U  units trained in one tick    m  trials that a decision may look back on

Inside the package lower is better: direction is turned once, where a task's metric enters the trial
record. A loss that is not finite is no loss but a status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

Hyperparameters = Mapping[str, Any]
"""Name to value, all parameters of the space and its constants. In `Task.budget` plain Python
values. In `init`, `train` and `evaluate` a *traced* parameter is a scalar array (float32, int32 or
bool) and a *static* one a Python value. An inactive traced parameter has the lowest value of its
domain (the program must compute something); an inactive static one is None. A static parameter that
the task names in `Task.elastic` may also come as a `jaxhpo.option.Option` (the engine decides)."""


REPLICATE = "replicate"
"""The name under which a member of a trial with several replicates finds which of them it is (an
int32 scalar). No parameter may have it."""


class Proposal(NamedTuple):
    """What `Sampler.ask` returns.

    points: float32 [n, d], snapped to the layout (`Layout.snap`).
    model: bool [n], whether the point was chosen by looking at results (`trial.Phase.MODEL`).
    """

    points: jax.Array
    model: jax.Array


class Sampler(NamedTuple):
    """Proposes points of the unit cube. A factory takes ``(layout, **options)`` and returns this.

    A sampler is a value: ``init``, ``tell`` and ``ask`` are pure functions of arrays, and what is
    proposed is reproducible from the key and the told history alone.

    init: ``(key) -> state``. The typed key is consumed; the state keeps what it needs of it.
    tell: ``(state, points [m, d], losses [m], valid [m]) -> state``. Results in trial order.
        However a history is cut into calls, the state is the same. Where `valid` is False the trial
        diverged or failed and its loss is meaningless (it may be NaN). m varies from call to call.
        Where `several`: losses [m, k] of k objectives too, and after `valid` perhaps violations
        [m, c]: by how much each of c constraints is broken, 0 where it is kept. k and c are the
        same in every call of a search.
    ask: ``(state, first, pending [p, d], n) -> Proposal``. `first` is the number of the batch's
        first trial: randomness comes from ``fold_in(key, first)``, so that asking does not change
        the state. `pending` are points proposed but not told yet, so that they are not proposed
        again.
    adaptive: whether `ask` looks at what was told.
    several: whether `tell` takes several objectives, and constraints. Only a sampler that is not
        adaptive may do without in a study that has them.
    size: how many proposals there are before the sampler repeats itself; None: no end.
    says: None, or ``(state, first, n) -> str``: which algorithm `ask` would use and why, for people
        and records, where a sampler picks among several.
    search: None, or ``(loss, key, *, trials, batch) -> (points [trials, d], losses [trials])``: a
        whole search as one function that can be traced, under `jit` and under `vmap` over keys, for
        a loss that is itself a JAX function ``(keys [m], points [m, d]) -> losses [m]``; infinite
        where that is not finite. The key is consumed. A sampler that works on the host has none.
    """

    init: Callable[[jax.Array], Any]
    tell: Callable[..., Any]
    ask: Callable[[Any, int, jax.Array, int], Proposal]
    adaptive: bool
    size: int | None = None
    says: Callable[[Any, int, int], str] | None = None
    search: Callable[..., tuple[jax.Array, jax.Array]] | None = None
    several: bool = False


class Group(NamedTuple):
    """Trials that pause at the same units and are decided upon together.

    first, size: trials ``first`` to ``first + size - 1``.
    rungs: ``(budget) -> units``, increasing, at which a trial of that budget pauses; those at or
        beyond its budget don't count.
    """

    first: int
    size: int
    rungs: Callable[[int], Sequence[int]]


class Standing(NamedTuple):
    """A group at a rung, s trials in number order.

    curves: float32 [s, u], the losses after the units up to the rung, so that the last column is
        the loss at the rung; on the left NaN where a trial's rung comes earlier. All NaN for trials
        that were stopped or diverged before. One that finished before keeps its last loss.
    waiting: bool [s], which trials wait for the decision: only those can go on.
    points: float32 [s, d], their hyperparameters in the unit cube.
    layout: the cube (`jaxhpo.cube.Layout`).
    fixed: bool [d], the columns that can't change while a trial is in training.
    rung: how many rungs of the group came before.
    programs: int [s], equal for trials that share a program: a trial can go on only from the state
        of one that does.
    """

    curves: np.ndarray
    waiting: np.ndarray
    points: np.ndarray
    layout: Any
    fixed: np.ndarray
    rung: int
    programs: np.ndarray


class Decision(NamedTuple):
    """Who goes on, and as what.

    keep: bool [s], who goes on; the others are stopped. Counts only where `Standing.waiting`.
    source: int [s], whose state each goes on from (a waiting trial's place in the group); None:
        each from its own.
    points: float32 [s, d], the hyperparameters it goes on with; None: its own.
    """

    keep: np.ndarray
    source: np.ndarray | None = None
    points: np.ndarray | None = None


class Scheduler(NamedTuple):
    """Decides whether a trial goes on. A factory takes ``(**options)`` and sets one of these.

    All are pure functions of NumPy arrays, so that a decision can't depend on timing.

    limits: ``(peers [m, v], budget) -> float32 [budget]``: what a trial's loss may be at most after
        each unit; one whose loss is above it stops there. NaN or infinity: no limit. `peers` are
        the curves, NaN after their end, of exactly the trials that this one may know
        (`trial.Trial.known`), all of which have ended. The device compares, unit by unit.
    of_best: whether a limit is for the lowest loss so far instead of the last.
    stop: ``(curve [u]) -> bool``: whether a trial ends after the u units it has trained, by its own
        curve alone. Asked once for every unit in turn.
    completes: whether a trial that ends by `stop` is complete (it has converged) or stopped.
    group: ``(number) -> Group`` of a trial. decide: ``(key, Standing) -> Decision``, once for every
        rung of a group. The key is a typed one, and consumed.
    copies: whether `decide` lets trials go on from the state of others.
    """

    limits: Callable[[np.ndarray, int], np.ndarray] | None = None
    of_best: bool = False
    stop: Callable[[np.ndarray], bool] | None = None
    completes: bool = False
    group: Callable[[int], Group] | None = None
    decide: Callable[[jax.Array, Standing], Decision] | None = None
    copies: bool = False


TRAIN, VALIDATION, TEST = "train", "validation", "test"
"""The splits of a `Stream`."""


class Stream(NamedTuple):
    """Rows that come to the device in blocks, in the same order for all members and units.

    A unit is then a pass: `Task.train` is called once for every block of `TRAIN`, `Task.evaluate`
    once for every block of `VALIDATION`, and `Task.test` once for every block of `TEST`, each with
    the block as its `data`. The metrics of a unit are means over its blocks. Members enter at the
    first block, for which `Task.init` is called.

    shares: for every split, the share of its rows that each block has. They sum to 1.
    read: ``(split, index) -> block``, a pytree of NumPy arrays. Called from other threads, in any
        order. The blocks of a split differ in nothing but the number of rows; the fewer different
        numbers, the fewer compilations.
    bytes: of all blocks of `TRAIN` and `VALIDATION`.
    digest: ``() -> str``, of all rows, for the study's identity.
    keep: whether blocks stay on the device; None: where they fit. It changes no result.
    """

    shares: Mapping[str, Sequence[float]]
    read: Callable[[str, int], Any]
    bytes: int
    digest: Callable[[], str]
    keep: bool | None = None


class Task(NamedTuple):
    """What is searched: a space, and how one member of a population is trained.

    The functions are pure, traceable by JAX, and written for *one* member; the engine maps them
    over members. `data` is passed in as an argument at every call, never closed over.

    space: the `jaxhpo.space.Space` that is searched.
    data: a pytree of arrays, one copy for the whole population.
    init: ``(key, hp, data) -> state``, a pytree of arrays.
    train: ``(key, hp, state, data) -> state``, one unit of resource (an epoch, say). The key
        differs from trial to trial and from unit to unit.
    evaluate: ``(hp, state, data) -> metrics``, a dict of float scalars.
    budget: ``(hp) -> int``, how many units this configuration trains for, at least 1.
    objective: which of the metrics is searched on.
    maximize: whether more of it is better.
    others: further objectives, each ``(metric, maximize)``: no one trial is then the best, but a
        front of them, of which none is beaten by another in every objective. Schedulers, patience
        and replicates go by `objective`, the first.
    constraints: metric to what it may be at most; a trial is feasible if it keeps them all. A
        metric that is not finite does not. (For a lower bound, report the metric negated.)
    static: names of parameters that the task needs as Python values, whatever the space says.
    elastic: names of static parameters that `init`, `train` and `evaluate` also take as a
        `jaxhpo.option.Option`: one of several Python values, chosen by a traced index.
    alike: names of parameters: members that are trained side by side take less time if they have
        the same values of them. The engine brings such members together where it can; no result
        depends on it.
    test: None, or ``(hp, state, test_data) -> metrics`` on data that nothing else sees.
    test_data: what `test` is given.
    after: None, or ``(hp, state, metrics) -> (state, metrics, done)``, called after `evaluate` in
        every unit: what a member keeps of its metrics, what it reports, and whether it has finished
        before its budget is used up (bool scalar).
    steps: None, or ``(hp) -> int``, how many optimizer steps a unit of this configuration is.
    fixed: what else makes two tasks of this name different, for the study's identity: JSON values.
    folds: into how many folds the data are cut: a trial is then trained once for each of them, and
        finds its fold under `REPLICATE` among the hyperparameters.
    stream: None, or where blocks of rows come from; `data` is then the first of them.
    name: for messages and records.
    """

    space: Any
    data: Any
    init: Callable[[jax.Array, Hyperparameters, Any], Any]
    train: Callable[[jax.Array, Hyperparameters, Any, Any], Any]
    evaluate: Callable[[Hyperparameters, Any, Any], dict[str, jax.Array]]
    budget: Callable[[Hyperparameters], int]
    objective: str
    maximize: bool = False
    static: frozenset[str] = frozenset()
    elastic: frozenset[str] = frozenset()
    test: Callable[[Hyperparameters, Any, Any], dict[str, jax.Array]] | None = None
    test_data: Any = None
    after: Callable[[Hyperparameters, Any, dict[str, jax.Array]], Any] | None = None
    steps: Callable[[Hyperparameters], int] | None = None
    fixed: Mapping[str, Any] = {}
    folds: int = 1
    stream: Stream | None = None
    name: str = "task"
    others: tuple[tuple[str, bool], ...] = ()
    constraints: Mapping[str, float] = {}
    alike: frozenset[str] = frozenset()
