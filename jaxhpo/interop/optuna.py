"""The samplers of jaxhpo inside Optuna: ``optuna.create_study(sampler=JaxhpoSampler())``.

Optuna's studies stay as they are: its storages, pruners, callbacks and dashboard. What is different
is who proposes. Parameters are proposed together, also in a search space with branches: which
parameter belongs to which branch is found out from the trials, so that what is common to all
branches is learned from all of them.

A proposal is a function of the seed, the trial's number and the trials that it knows. Trials that
still run are known as pending points (a constant liar), so that workers side by side do not try the
same. Of those that other processes have begun, but not yet recorded a parameter of, only the number
is known: the next trial is then proposed as the last of a batch that begins with them.

The program that proposes is compiled (some seconds) for each set of parameters, and anew when the
history has doubled. Then a trial of ten parameters took 2.7, 3.8 and 12 ms at 100, 1,000 and 10,000
trials of history, against 9, 20 and 126 ms of Optuna 5's TPESampler (two of four busy cores, in
memory). A storage in a database adds its own time, with any sampler.
"""

from __future__ import annotations

import secrets
import threading
import weakref
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from jaxhpo import registry
from jaxhpo.backend import placed
from jaxhpo.contracts import Sampler
from jaxhpo.cube import Kind
from jaxhpo.interop._columns import Column, Columns, Shape, layout
from jaxhpo.interop._memory import Ended, Memory, Told, losses, told
from jaxhpo.samplers.tpe import tpe
from jaxhpo.trial import Phase

PHASE = "jaxhpo:phase"  # the system attribute that notes a trial's `jaxhpo.trial.Phase`
FEWEST = 10  # trials with a parameter before a model of it alone is used
_MODELS = 8  # search spaces of one study whose state is kept
_FURTHEST = 64  # trials whose proposals are not known count only if they are among the last so many


_Searches = weakref.WeakKeyDictionary[BaseStorage, dict[Any, "_Search"]]


class JaxhpoSampler(BaseSampler):
    """A sampler of jaxhpo for an Optuna study.

    Failed trials and NaN are told as worse than all others; a pruned trial counts with its last
    report. A trial whose parameters lie outside their present range is left out. With several
    objectives "tpe" (and "auto" with it) looks for the front (`jaxhpo.samplers._fronts`), where
    trials that satisfy the constraints come first, then those that violate them least. Samplers of
    one loss are told that trials that violate a constraint are worse than all others, or while none
    satisfies them all, the violation itself.

    The first trial, and any parameter that nothing is known about, is drawn at random. So is a
    parameter whose presence no earlier parameter explains; once 10 trials have it, it is proposed
    by itself.

    Args:
        sampler: the name of a sampler in ``jaxhpo/samplers``: "tpe"; "auto", a Gaussian process
            while little is known, slower (some 30 ms a trial) and often better; "sobol"; ...
        seed: a whole number, for reproducible proposals; None: another one each time.
        constraints_func: ``(FrozenTrial) -> sequence of floats``, each satisfied if at most 0.
            Constraints set by ``Trial.set_constraint`` count without it.
        **options: the sampler's own, such as ``startup=20``.

    Raises:
        ValueError: for a sampler or a seed that can't be used; when asked for a trial of a study
            with several objectives by a sampler that learns from one loss.
        TypeError: for an option that the sampler does not know.
    """

    def __init__(
        self,
        sampler: str = "tpe",
        seed: int | None = None,
        *,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        **options: Any,
    ) -> None:
        if sampler == "grid":
            raise ValueError(
                "JaxhpoSampler(sampler=...) must be one for spaces found out as the study goes, "
                "got sampler='grid'; use optuna.samplers.GridSampler, or jaxhpo.Study"
            )
        if seed is not None and (isinstance(seed, bool) or not hasattr(seed, "__index__")):
            raise ValueError(f"JaxhpoSampler(seed=...) must be a whole number, got seed={seed!r}")
        factory = registry.get("samplers", sampler)
        made = factory(layout((Shape(Kind.CONTINUOUS),), ()), **options)  # refuses bad options now
        self._one_loss = made.adaptive and not made.several
        self._name = sampler
        self._options = options
        self._seed = secrets.randbits(32) if seed is None else int(seed) % 2**32
        self._constraints_func = constraints_func
        self._lock = threading.Lock()
        self._studies: _Searches = weakref.WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        del state["_lock"], state["_studies"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()
        self._studies = weakref.WeakKeyDictionary()

    def reseed_rng(self) -> None:
        """Does nothing. Optuna calls it so that copies of a sampler do not repeat one another; here
        every draw depends on the trial's number, which no two trials of a study share."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that are proposed together: all that complete trials asked for, but those
        that come and go for no reason that could be found."""
        with self._lock:
            search = self._search(study)
            search.read(study, trial.number)
            return search.space()

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values for the parameters of `search_space` that are active by what is proposed."""
        with self._lock:
            search = self._search(study)
            search.read(study, trial.number)
            params, phase = search.propose(trial.number, search_space)
        self._note(study, trial, phase)
        return params

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A value for one parameter."""
        with self._lock:
            search = self._search(study)
            search.read(study, trial.number)
            value, phase = search.propose_one(trial.number, param_name, param_distribution)
        if phase is Phase.MODEL:
            self._note(study, trial, phase)
        return value

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Computes the constraints."""
        if self._constraints_func is None or state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return
        found = [float(value) for value in self._constraints_func(trial)]
        if np.isnan(found).any():
            raise ValueError(
                f"JaxhpoSampler(constraints_func=...) must return numbers, got {found} for trial "
                f"{trial.number}; return a value above 0 for what is violated"
            )
        study._storage.set_trial_system_attr(trial._trial_id, "constraints", found)

    def _search(self, study: Study) -> _Search:
        directions = study.directions
        if len(directions) > 1 and self._one_loss:
            raise ValueError(
                f"JaxhpoSampler(sampler={self._name!r}) must be given a study with one objective, "
                f"got {len(directions)} directions; use 'auto', 'tpe', "
                "'random' or 'sobol'"
            )
        # Optuna's Hyperband hands over another object each time, with the trials of one bracket.
        searches = self._studies.setdefault(study._storage, {})
        key = study._study_id, getattr(study, "_bracket_id", None)
        if key not in searches:
            signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
            searches[key] = _Search(self._name, self._options, self._seed, signs)
        return searches[key]

    def _note(self, study: Study, trial: FrozenTrial, phase: Phase) -> None:
        """For the analysis, which may test only on trials that were chosen without any results."""
        study._storage.set_trial_system_attr(trial._trial_id, PHASE, phase.value)


class _Search:
    """The search of one study, or of one of its brackets."""

    def __init__(
        self, name: str, options: Mapping[str, Any], seed: int, signs: Sequence[float]
    ) -> None:
        self._factory = registry.get("samplers", name)
        self._options = options
        self._seed = seed
        self._objectives = len(signs)
        self._memory = Memory(signs)
        self._proposed: dict[int, dict[str, Any]] = {}
        self._models: dict[Any, _Model] = {}

    def read(self, study: Study, number: int) -> None:
        """Takes in what is new. `number` is the trial that is to be proposed."""
        self._memory.read(study.get_trials(deepcopy=False))
        running = self._memory.open
        self._proposed = {n: params for n, params in self._proposed.items() if n in running}
        for other, params in self._proposed.items():  # proposed, but perhaps not asked for yet
            running[other] = {**params, **running[other]}
        running.pop(number, None)

    def space(self) -> dict[str, BaseDistribution]:
        """The parameters that can be proposed together."""
        columns = self._memory.columns
        found = {name: columns[name].distribution for name in self._memory.whens}
        # Sorted, so that the columns do not depend on which branch the first trial was in.
        return {name: d for name, d in sorted(found.items()) if not d.single()}

    def propose(
        self, number: int, space: Mapping[str, BaseDistribution]
    ) -> tuple[dict[str, Any], Phase]:
        """The values of the active parameters, and how they were chosen."""
        fixed = {n: Column(d).decode(0.0) for n, d in space.items() if d.single()}
        searched = {n: self._column(n, d) for n, d in space.items() if n not in fixed}
        if not searched:
            return fixed, Phase.EXPLORE
        whens = {
            name: {p: levels for p, levels in when.items() if p in searched}
            for name, when in self._memory.whens.items()
            if name in searched
        }
        model = self._model(searched, whens)
        found, phase = model.propose(number, self._memory)
        self._proposed[number] = found
        return {**found, **fixed}, phase

    def propose_one(
        self, number: int, name: str, distribution: BaseDistribution
    ) -> tuple[Any, Phase]:
        """A value for one parameter, and how it was chosen."""
        column = self._column(name, distribution)
        if distribution.single():
            return column.decode(0.0), Phase.EXPLORE
        tried = sum(name in trial.params for trial in self._memory.ended)
        if tried >= FEWEST:
            model = self._model({name: column}, {}, alone=True)
            if model.sampler.adaptive and model.known(self._memory) >= FEWEST:
                found, phase = model.propose(number, self._memory)
                return found[name], phase
        draw = np.random.default_rng([self._seed, number, zlib.crc32(name.encode())])
        return column.decode(draw.random()), Phase.EXPLORE

    def _column(self, name: str, distribution: BaseDistribution) -> Column:
        known = self._memory.columns.get(name)
        return known if known and known.distribution == distribution else Column(distribution)

    def _model(
        self,
        columns: dict[str, Column],
        whens: dict[str, dict[str, frozenset[int]]],
        alone: bool = False,
    ) -> _Model:
        key = (
            tuple((name, id(column)) for name, column in columns.items()),
            tuple((n, tuple(when.items())) for n, when in whens.items()),
            alone,
        )
        model = self._models.pop(key, None)
        if model is None:
            made = Columns(columns, whens)
            sampler = self._factory(made.layout, **self._options)
            if alone and sampler.adaptive and self._factory is not tpe:
                sampler = tpe(made.layout)  # cheap, and as good as any with one parameter
            # A space that grows is not to come again to points of the narrower one's start.
            own = jax.random.fold_in(jax.random.key(self._seed), made.layout.d)
            model = _Model(made, sampler, own, self._objectives)
        self._models[key] = model
        while len(self._models) > _MODELS:
            del self._models[next(iter(self._models))]  # the one not used for longest
        return model


class _Model:
    """A sampler of one search space, and what it was told."""

    def __init__(self, columns: Columns, sampler: Sampler, key: jax.Array, objectives: int) -> None:
        self.columns = columns
        self.sampler = sampler
        self._key = key
        self._objectives = objectives
        self._points: dict[int, np.ndarray | None] = {}
        self._state: Any = None
        self._told: tuple[np.ndarray, Told] | None = None

    def known(self, memory: Memory) -> int:
        """How many of the trials lie in the search space."""
        return len(self._placed(memory.ended)[0])

    def propose(self, number: int, memory: Memory) -> tuple[dict[str, Any], Phase]:
        """The active parameters' values, and how they were chosen."""
        if self.sampler.adaptive or self._state is None:
            self._tell(memory.ended)
        d = self.columns.layout.d
        open_ = [self.columns.encode(params) for params in memory.open.values()]
        pending = np.array([p for p in open_ if p is not None], np.float32).reshape(-1, d)
        first = _first(number, memory) if self.sampler.adaptive else number
        if self.sampler.size is not None and number >= self.sampler.size:
            first = number = number % self.sampler.size  # Optuna goes on when all has been tried
        proposal = self.sampler.ask(self._state, first, placed(pending), number - first + 1)
        phase = Phase.MODEL if bool(proposal.model[-1]) else Phase.EXPLORE
        return self.columns.decode(np.asarray(proposal.points)[-1]), phase

    def _tell(self, ended: Sequence[Ended]) -> None:
        """Tells what is new, or everything if what was told has changed since."""
        points, trials = self._placed(ended)
        if self.sampler.several:
            now = told(trials, self._objectives)
        else:
            now = Told(*losses(trials), None)
        start = 0
        if self._told is not None:
            before, known = self._told
            same = np.array_equal(points[: len(before)], before)
            start = len(before) if same and now.start(len(before)).same(known) else 0
        if start == 0:
            self._state = self.sampler.init(jax.random.clone(self._key))
        if len(points) > start:
            new = (placed(a[start:]) for a in (points, *now) if a is not None)
            self._state = self.sampler.tell(self._state, *new)
        self._told = (points, now)

    def _placed(self, ended: Sequence[Ended]) -> tuple[np.ndarray, list[Ended]]:
        """Those of the trials that lie in the search space, with their points [n, d]."""
        for trial in ended:
            if trial.number not in self._points:
                self._points[trial.number] = self.columns.encode(trial.params)
        inside = [trial for trial in ended if self._points[trial.number] is not None]
        points = [self._points[trial.number] for trial in inside]
        return np.array(points, np.float32).reshape(-1, self.columns.layout.d), inside


def _first(number: int, memory: Memory) -> int:
    """The first trial of the batch that this one belongs to: those that others propose in the same
    moment, of which nothing is known yet. One that began before a trial that has ended is not among
    them: its worker may be dead."""
    ended = memory.ended[-1].number if memory.ended else -1
    least = max(ended + 1, number - _FURTHEST + 1)
    open_ = (n for n, params in memory.open.items() if not params and least <= n < number)
    return min(open_, default=number)
