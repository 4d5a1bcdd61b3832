"""The samplers that `bench_sampler.py` compares: ours by name, and Optuna's where it is installed.

A contender runs one search: it is asked for batches of configurations and told their losses.
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


class Ours:
    """A sampler of this package. Options follow its name: ``tpe:most_good=50,prior_weight=0.5``."""

    def __init__(self, name: str, space: Space, seed: int) -> None:
        name, _, given = name.partition(":")
        options = dict(pair.split("=") for pair in given.split(",") if pair)
        numbers = {k: float(v) if "." in v or "e" in v else int(v) for k, v in options.items()}
        self.space = space
        self.sampler = registry.get("samplers", name)(space.layout, **numbers)
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

    def _suggested(self, trial: Any) -> dict[str, Any]:
        config: dict[str, Any] = {}
        for name in self.space.names:
            domain = cast(Any, self.space.parameters[name])
            when = domain.when or {}
            if not all(p in config and config[p] in _listed(v) for p, v in when.items()):
                continue
            config[name] = self._one(trial, name, domain)
        return config

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
        return trial.suggest_categorical(name, choices)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def search(name: str, space: Space, seed: int) -> Search:
    """A search by the contender called `name`.

    Raises:
        ImportError: for one of Optuna's where that is not installed.
        ValueError: for a name that is unknown.
    """
    return (Optunas if name.startswith("optuna-") else Ours)(name, space, seed)
