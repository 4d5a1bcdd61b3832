"""What one could gain by tuning one parameter, and which changes made the best out of the baseline.

Tunability (Probst, Boulesteix and Bischl 2018, arXiv 1802.09596): the surrogate's prediction at a
configuration less the best that it predicts when one parameter is changed. Ablation path (Fawcett
and Hoos 2016; on a surrogate, Biedenkapp et al. 2017): from the baseline to the best trial,
changing one parameter after another, always the one that is predicted to gain most.

Both are predictions, with percentiles over the surrogate's bootstrap copies. The best of several
predictions is optimistic, so a gain of nought has an interval above nought.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxhpo.analysis.direction import curve_points
from jaxhpo.analysis.estimate import Estimate, percentiles
from jaxhpo.analysis.forest import Forest
from jaxhpo.analysis.sample import value_at
from jaxhpo.analysis.scan import Along
from jaxhpo.analysis.surrogate import Surrogate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gain:
    """What changing one parameter alone is predicted to gain, in units of the objective (above
    nought is better, whatever the direction): `value` is the one to change it to from `now`."""

    parameter: str
    branch: str
    now: Any
    value: Any
    gain: Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One change on the way: the parameter, its two values, the objective that is predicted after
    it, and what it gains over the step before."""

    parameter: str
    before: Any
    after: Any
    predicted: Estimate
    gain: Estimate


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tunability:
    """Attributes:
    n: trials of the surrogates. basis: "independent" or "every".
    baseline: gains over the baseline configuration, the largest first; best: over the best trial's.
    path: from the baseline to the best trial. start: what is predicted at the baseline.
    reason: why there is no path, or "".
    """

    n: int
    basis: str
    baseline: tuple[Gain, ...]
    best: tuple[Gain, ...]
    start: Estimate | None
    path: tuple[Step, ...]
    reason: str


def tunability(
    made: Sequence[Surrogate],
    baseline: Mapping[str, Any] | None,
    best: Mapping[str, Any] | None,
) -> Tunability:
    """Of the surrogates of all branches of one basis, and two configurations."""
    start, path, reason = _path(made, baseline, best)
    return Tunability(
        n=made[0].quality.n,
        basis=made[0].quality.basis,
        baseline=_gains(made, baseline),
        best=_gains(made, best),
        start=start,
        path=path,
        reason=reason,
    )


def _gains(made: Sequence[Surrogate], config: Mapping[str, Any] | None) -> tuple[Gain, ...]:
    found = []
    for one in made:
        row = None if config is None else _row(one, config)
        if row is None:
            continue
        lines = [Along(f, row[None]) for f in (one.whole, *one.copies)]
        for name in one.branch.own:
            if name in one.names:
                found.append(_gain(one, row, name, config or {}, lines))
    return tuple(sorted(found, key=lambda g: -(g.gain.value or 0.0)))


def _gain(
    one: Surrogate,
    row: np.ndarray,
    name: str,
    config: Mapping[str, Any],
    lines: Sequence[Along],
) -> Gain:
    at = one.names.index(name)
    tried = np.append(row[at], curve_points(one, name))
    whole, *copies = (along(at, tried)[:, 0] for along in lines)
    gains = [float(p[0] - p.min()) * one.scale for p in (whole, *copies)]
    positions = one.sample.layout.positions[one.sample.column(name)]
    unit = float(np.float32(tried[int(np.argmin(whole))]))
    return Gain(
        parameter=name,
        branch=one.quality.branch,
        now=config[name],
        value=value_at(one.sample.space.parameters[name], unit, positions),
        gain=percentiles(gains[0], np.array(gains[1:])),
    )


def _row(one: Surrogate, config: Mapping[str, Any]) -> np.ndarray | None:
    """float64 [d], the configuration as the surrogate sees it; None outside its branch, or where
    nothing is read from it."""
    if not one.trusted or any(name not in config for name in one.branch.names):
        return None
    if one.branch.own[0] not in config:
        return None
    full = one.sample.space.encode([config])[0]
    return np.array([float(full[one.sample.column(name)]) for name in one.names])


def _path(
    made: Sequence[Surrogate],
    baseline: Mapping[str, Any] | None,
    best: Mapping[str, Any] | None,
) -> tuple[Estimate | None, tuple[Step, ...], str]:
    if baseline is None:
        return None, (), "there is no baseline configuration"
    if best is None:
        return None, (), "there is no complete trial"
    held = [(one, _row(one, baseline), _row(one, best)) for one in made]
    usable = [(one, a, b) for one, a, b in held if a is not None and b is not None]
    if not usable:
        return None, (), made[0].quality.reason or "baseline and best are in different branches"
    one, now, wanted = max(usable, key=lambda u: len(u[0].names))
    here = _predicted(one, now)
    start, path = _objective(one, here), []
    left = [i for i in range(len(one.names)) if now[i] != wanted[i]]
    while left:
        tries = np.repeat(now[None], len(left), axis=0)
        tries[np.arange(len(left)), left] = wanted[left]
        at = left.pop(int(np.argmin(_predict(one.whole, tries))))
        now = now.copy()
        now[at] = wanted[at]
        name, after = one.names[at], _predicted(one, now)
        gained = (here - after) * one.scale
        path.append(
            Step(
                parameter=name,
                before=baseline[name],
                after=best[name],
                predicted=_objective(one, after),
                gain=percentiles(float(gained[0]), gained[1:]),
            )
        )
        here = after
    return start, tuple(path), ""


def _predict(forest: Forest, rows: np.ndarray) -> np.ndarray:
    return forest.predict(np.ascontiguousarray(rows, dtype=np.float32))


def _predicted(one: Surrogate, row: np.ndarray) -> np.ndarray:
    """float [1 + copies], the loss in standard deviations: the whole forest's, then its copies'."""
    return np.array([_predict(f, row[None])[0] for f in (one.whole, *one.copies)])


def _objective(one: Surrogate, losses: np.ndarray) -> Estimate:
    sign = -1.0 if one.sample.maximize else 1.0
    values = sign * (one.center + one.scale * losses)
    return percentiles(float(values[0]), values[1:])
