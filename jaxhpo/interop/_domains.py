"""Optuna's distributions as domains of our search spaces, and the values that come with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial

from jaxhpo.interop._names import cleaned
from jaxhpo.space import Bool, Choice, Constant, Domain, Float, Int, Space, SpaceError


class Wire:
    """How values of one Optuna parameter come into our space: its name there, and the values."""

    def __init__(self, name: str, domain: Domain, options: Mapping[str, Any] | None) -> None:
        self.name, self.domain, self._options = name, domain, options

    def value(self, value: Any) -> Any:
        """A value of the domain."""
        if self._options is not None:
            return self._options[_key(value)]
        return int(value) if isinstance(self.domain, Int) else float(value)


def domains_of(
    trials: Sequence[FrozenTrial], notes: list[str]
) -> tuple[dict[str, Domain], dict[str, Wire]]:
    """The domains by our names, and by Optuna's how values come there."""
    found: dict[str, list[BaseDistribution]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            known = found.setdefault(name, [])
            if not any(distribution is d or distribution == d for d in known):
                known.append(distribution)
    ours = cleaned(found, notes)
    domains: dict[str, Domain] = {}
    wire: dict[str, Wire] = {}
    for name, distributions in found.items():
        if len(distributions) > 1:
            notes.append(
                f"{ours[name]!r} was searched in {len(distributions)} different ranges; they are "
                f"taken together"
            )
        domain, options, reason = _domain(ours[name], distributions)
        if domain is None:
            notes.append(f"{ours[name]!r} is left out: {reason}")
            continue
        if reason:
            notes.append(reason)
        domains[ours[name]] = domain
        wire[name] = Wire(ours[name], domain, options)
    return domains, wire


def _domain(
    name: str, distributions: Sequence[BaseDistribution]
) -> tuple[Domain | None, dict[str, Any] | None, str]:
    """A domain for all of the distributions, what its values are called, and what was changed.

    Returns:
        The domain, or None if there is none that `jaxhpo.space` takes; for a choice, its values by
        `_key`; what to say about it, or why there is none.
    """
    if isinstance(distributions[0], CategoricalDistribution):
        return _choice(name, [d for d in distributions if isinstance(d, CategoricalDistribution)])
    low: Any = min(d.low for d in distributions)  # pyright: ignore[reportAttributeAccessIssue]
    high: Any = max(d.high for d in distributions)  # pyright: ignore[reportAttributeAccessIssue]
    log = all(d.log for d in distributions)  # pyright: ignore[reportAttributeAccessIssue]
    steps = {d.step for d in distributions}  # pyright: ignore[reportAttributeAccessIssue]
    if low == high:
        return Constant(low), None, ""
    tries: list[Domain] = []
    said = [""]
    if all(isinstance(d, IntDistribution) for d in distributions):
        step = steps.pop() if len(distributions) == 1 else 1
        tries.append(Int(low, high, log=log, step=None if step == 1 else step))
        said.append(f"{name!r} has more whole numbers than can be told apart: shown as a real one")
    elif len(distributions) == 1 and (step := steps.pop()) is not None:
        tries.append(Float(low, high, step=step))
        said.append(f"the step of {name!r} is finer than can be told apart: shown without one")
    tries.append(Float(float(low), float(high), log=log))
    reason = ""
    for domain, saying in zip(tries, said, strict=False):
        try:
            Space({name: domain})
        except SpaceError as error:
            reason = str(error)
        else:
            return domain, None, saying
    return None, None, reason


def _choice(
    name: str, distributions: Sequence[CategoricalDistribution]
) -> tuple[Domain | None, dict[str, Any] | None, str]:
    values = {_key(v): v for d in distributions for v in d.choices}
    plain: dict[str, Any] = {key: _plain(value) for key, value in values.items()}
    if len(set(plain.values())) < len(plain):
        plain = {key: key for key in plain}  # 1 and True, say: told apart by their text
    options = list(plain.values())
    if len(options) == 1:
        return Constant(options[0]), plain, ""
    if {type(v) for v in options} == {bool}:
        return Bool(), plain, ""
    domain = Choice(options)
    try:
        Space({name: domain})
    except SpaceError as error:
        return None, None, str(error)
    return domain, plain, ""


def _key(value: Any) -> str:
    """Tells apart what is equal but not the same: 1, 1.0 and True; and finds NaN again."""
    return f"{value!r}"


def _plain(value: Any) -> Any:
    """A value that can be written to a file: itself, or its text."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return repr(value)
