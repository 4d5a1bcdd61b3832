"""The samplers that `bench_sampler.py` compares: ours by name, Optuna's and nevergrad's where these
are installed.

A contender runs one search: it is asked for batches of configurations and told their losses. A
whole batch is asked for before any of it is told. What each package calls its default is used as it
comes.

    tpe, gp, tpe:prior_weight=3     ours, with options
    optuna-tpe                      independent, no constant liar: Optuna's default
    optuna-tpe-liar                 multivariate, grouped, with the constant liar
    optuna-gp, optuna-cmaes         (need torch, cmaes)
    nevergrad                       NGOpt, which picks an algorithm by space, budget and batch
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxhpo import registry
from jaxhpo.space import Bool, Choice, Float, Int, Space

Config = Mapping[str, Any]


class Search(Protocol):
    """One search of one contender."""

    def ask(self, n: int) -> list[dict[str, Any]]:
        """The next n configurations; fewer if the space has no more."""
        ...

    def tell(self, losses: np.ndarray) -> None:
        """The losses of what was asked for last."""
        ...

    def know(self, points: np.ndarray, losses: np.ndarray) -> None:
        """A history that comes from elsewhere: points of the cube [n, d]."""
        ...


class Ours:
    """A sampler of this package. Options follow its name: ``tpe:most_good=50,prior_weight=0.5``."""

    def __init__(self, name: str, space: Space, seed: int, trials: int) -> None:
        name, _, given = name.partition(":")
        options = dict(pair.split("=") for pair in given.split(",") if pair)
        values = {name: _value(text) for name, text in options.items()}
        if name == "auto":
            values["trials"] = trials
        self.space = space
        self.sampler = registry.get("samplers", name)(space.layout, **values)
        self.state = self.sampler.init(jax.random.key(seed))
        self.first = 0
        self.none = jnp.zeros((0, len(space)), jnp.float32)

    def ask(self, n: int) -> list[dict[str, Any]]:
        if self.sampler.size is not None:
            n = min(n, self.sampler.size - self.first)
        if n == 0:
            return []
        self.points = self.sampler.ask(self.state, self.first, self.none, n).points
        self.first += n
        return self.space.decode(np.asarray(self.points))

    def tell(self, losses: np.ndarray) -> None:
        valid = jnp.asarray(np.isfinite(losses))
        told = jnp.asarray(losses, jnp.float32)
        self.state = self.sampler.tell(self.state, self.points, told, valid)

    def know(self, points: np.ndarray, losses: np.ndarray) -> None:
        self.points = self.space.layout.snap(jnp.asarray(points))
        self.first = len(points)
        self.tell(losses)


def _value(text: str) -> int | float | str:
    """A number, where the text is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


class Optunas:
    """A sampler of Optuna: every trial of a batch is asked for before any is told."""

    def __init__(self, name: str, space: Space, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers: dict[str, Callable[..., Any]] = {
            "optuna-tpe": optuna.samplers.TPESampler,
            "optuna-tpe-liar": lambda **kw: optuna.samplers.TPESampler(
                constant_liar=True, multivariate=True, group=True, **kw
            ),
            "optuna-gp": optuna.samplers.GPSampler,
            "optuna-cmaes": optuna.samplers.CmaEsSampler,
        }
        self.space = space
        self.study = optuna.create_study(sampler=samplers[name](seed=seed))

    def ask(self, n: int) -> list[dict[str, Any]]:
        self.trials = [self.study.ask() for _ in range(n)]
        return [self._suggested(trial) for trial in self.trials]

    def tell(self, losses: np.ndarray) -> None:
        for trial, loss in zip(self.trials, losses, strict=True):
            self.study.tell(trial, float(loss))

    def know(self, points: np.ndarray, losses: np.ndarray) -> None:
        import optuna

        known: dict[str, Any] = {}  # distributions, learnt from suggestions
        while not known.keys() >= set(self.space.names):
            trial = self.study.ask()
            self._suggested(trial)
            known.update(trial.distributions)
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
        self.study.add_trials(
            optuna.trial.create_trial(
                params=config, distributions={k: known[k] for k in config}, value=float(loss)
            )
            for config, loss in zip(self.space.decode(points), losses, strict=True)
        )

    def _suggested(self, trial: Any) -> dict[str, Any]:
        return _active(self.space, lambda name, domain: self._one(trial, name, domain))

    def _one(self, trial: Any, name: str, domain: Any) -> Any:
        if isinstance(domain, Float):
            step = {} if domain.step is None else {"step": domain.step}
            return trial.suggest_float(name, domain.low, domain.high, log=domain.log, **step)
        if isinstance(domain, Int):
            return trial.suggest_int(name, domain.low, domain.high, log=domain.log)
        if isinstance(domain, Bool):
            return trial.suggest_categorical(name, [False, True])
        assert isinstance(domain, Choice)
        choices = list(domain.choices)
        if domain.ordered:
            return choices[trial.suggest_int(name, 0, len(choices) - 1)]
        # Optuna wants tuples as text; what it makes of categories doesn't depend on it.
        labels = [str(c) if isinstance(c, tuple) else c for c in choices]
        return choices[labels.index(trial.suggest_categorical(name, labels))]


class Nevergrads:
    """NGOpt of nevergrad. It knows no conditions: what is inactive is proposed, and left out."""

    def __init__(self, name: str, space: Space, seed: int, batch: int, trials: int) -> None:
        import nevergrad  # type: ignore[import-not-found]

        self.space = space
        domains = {name: _of_nevergrad(nevergrad, space.parameters[name]) for name in space.names}
        searched = nevergrad.p.Dict(**domains)
        searched.random_state = np.random.RandomState(seed)
        self.optimizer = nevergrad.optimizers.NGOpt(searched, budget=trials, num_workers=batch)

    def ask(self, n: int) -> list[dict[str, Any]]:
        self.asked = [self.optimizer.ask() for _ in range(n)]
        return [_active(self.space, lambda name, _, x=x: x.value[name]) for x in self.asked]

    def tell(self, losses: np.ndarray) -> None:
        for candidate, loss in zip(self.asked, losses, strict=True):
            self.optimizer.tell(candidate, float(loss))

    def know(self, points: np.ndarray, losses: np.ndarray) -> None:
        # How long a proposal takes depends on how many were told, not on which.
        for loss in losses:
            self.optimizer.tell(self.optimizer.parametrization.sample(), float(loss))


def _of_nevergrad(nevergrad: Any, domain: Any) -> Any:
    if isinstance(domain, Bool):
        return nevergrad.p.Choice([False, True])
    if isinstance(domain, Choice):
        kind = nevergrad.p.TransitionChoice if domain.ordered else nevergrad.p.Choice
        return kind(list(domain.choices))
    kind = nevergrad.p.Log if domain.log else nevergrad.p.Scalar
    found = kind(lower=domain.low, upper=domain.high)
    return found.set_integer_casting() if isinstance(domain, Int) else found


def _active(space: Space, one: Callable[[str, Any], Any]) -> dict[str, Any]:
    """A configuration of what `one` says of each parameter that is active."""
    config: dict[str, Any] = {}
    for name in space.names:
        domain = cast(Any, space.parameters[name])
        when = domain.when or {}
        if all(p in config and config[p] in _listed(v) for p, v in when.items()):
            config[name] = one(name, domain)
    return config


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def search(name: str, space: Space, seed: int, *, batch: int, trials: int) -> Search:
    """A search by the contender called `name`, told what batches and budget it is to have.

    Raises:
        ImportError: for a peer that is not installed.
        ValueError: for a name that is unknown.
    """
    if name.startswith("optuna-"):
        return Optunas(name, space, seed)
    if name == "nevergrad":
        return Nevergrads(name, space, seed, batch, trials)
    return Ours(name, space, seed, trials)
