"""Which way a parameter goes: the surrogate's mean prediction along it (partial dependence).

Friedman 2001: the prediction at each of at most eleven values of the parameter, averaged over 128
settings of the others as the search draws them; bands are percentiles over the surrogate's
bootstrap copies, each moved to the mean height of the curve: they tell of its form, which is what
is read from it, and not of the objective's mean over settings, most of which nobody tried. Each
copy's curve has a shape of its own; the shape that is reported is the one that 95 % of them have.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from jaxhpo.analysis.activity import choices, labels, place
from jaxhpo.analysis.estimate import Estimate, percentiles
from jaxhpo.analysis.sample import value_at
from jaxhpo.analysis.scan import Along
from jaxhpo.analysis.shown import Short
from jaxhpo.analysis.surrogate import Surrogate
from jaxhpo.space import Domain, Float, Int

_AT, _OTHERS = 11, 128
_SUPPORT = 0.95
_FLAT = 0.1  # of the objective's standard deviation
_EDGE = 0.2  # of the range: an optimum there is at the end
_REST = 0.25  # of the curve's height, by which the ends differ from an optimum inside


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Direction(Short):
    """One parameter in its branch.

    Attributes:
        parameter, branch: names. basis: of "independent" trials or "every". n: how many.
        x: values of the parameter, on its own scale; labels: of a choice, as text, else empty.
        predicted: the objective at each of them, in its own units, with 95 % bands of the form.
        shape: "up" (more is better), "down" (less is better), "inner optimum", "outer optimum"
            (both ends are better than the middle), "flat" (the curve is lower than a tenth of the
            objective's standard deviation), "values differ" (of a choice without an order),
            "unclear" (no shape has 95 % support), or "unknown".
        support: the share of the bootstrap copies that have the shape; None where it is unknown.
        reason: why it is unknown, or "".
    """

    parameter: str
    branch: str
    basis: str
    n: int
    x: tuple[Any, ...]
    labels: tuple[str, ...]
    predicted: tuple[Estimate, ...]
    shape: str
    support: float | None
    reason: str


def directions(made: Surrogate) -> tuple[Direction, ...]:
    """The parameters that belong to a surrogate's branch."""
    lines: list[Along] = []
    if made.trusted:
        uniform = stats.qmc.Sobol(len(made.names), rng=np.random.default_rng(0)).random(_OTHERS)
        others = made.place(uniform)
        lines = [Along(f, others) for f in (made.whole, *made.copies)]
    return tuple(_direction(made, name, lines) for name in made.branch.own)


def curve_points(made: Surrogate, name: str) -> np.ndarray:
    """float [g], coordinates along a parameter: its levels, or eleven."""
    column = made.sample.column(name)
    positions = np.array(made.sample.layout.positions[column])
    if not len(positions):
        return np.linspace(0, 1, _AT)
    if len(positions) > _AT and made.sample.ordered(name):
        return positions[np.round(np.linspace(0, len(positions) - 1, _AT)).astype(int)]
    return positions


def _direction(made: Surrogate, name: str, lines: Sequence[Along]) -> Direction:
    quality, domain = made.quality, made.sample.space.parameters[name]
    known = bool(lines) and name in made.names
    reason = quality.reason or ("" if known else f"it has one value in n = {quality.n} trials")
    common = {
        "parameter": name,
        "branch": quality.branch,
        "basis": quality.basis,
        "n": quality.n,
        "reason": reason,
    }
    if not known:
        return Direction(x=(), labels=(), predicted=(), shape="unknown", support=None, **common)
    at = curve_points(made, name)
    column = made.names.index(name)
    whole, *copies = (along(column, at).mean(axis=1) for along in lines)
    ordered = made.sample.ordered(name)
    shape, support = _agreed([_shape(c, ordered) for c in copies])
    positions = made.sample.layout.positions[made.sample.column(name)]
    x = tuple(value_at(domain, float(u), positions) for u in at)
    sign = -1.0 if made.sample.maximize else 1.0
    level = whole.mean()
    curves = (c - c.mean() + level for c in (whole, *copies))
    values = [sign * (made.center + made.scale * c) for c in curves]
    return Direction(
        x=x,
        labels=() if isinstance(domain, Float | Int) else _texts(domain, x),
        predicted=tuple(
            percentiles(v, np.array([c[i] for c in values[1:]])) for i, v in enumerate(values[0])
        ),
        shape=shape,
        support=support,
        **common,
    )


def _texts(domain: Domain, values: tuple[Any, ...]) -> tuple[str, ...]:
    named = labels(domain)
    return tuple(named[place(choices(domain), value)] for value in values)


def _agreed(shapes: list[str]) -> tuple[str, float]:
    shape, count = Counter(shapes).most_common(1)[0]
    support = count / len(shapes)
    return (shape if support >= _SUPPORT else "unclear"), support


def _shape(loss: np.ndarray, ordered: bool) -> str:
    """Of one curve, lower is better, in standard deviations of the objective."""
    height = float(loss.max() - loss.min())
    if height < _FLAT:
        return "flat"
    if not ordered:
        return "values differ"
    last = len(loss) - 1
    best, worst = (float(f(loss)) / last for f in (np.argmin, np.argmax))
    inside = [i for i in range(len(loss)) if _EDGE <= i / last <= 1 - _EDGE]
    above = min(loss[0], loss[-1]) - loss.min()
    below = loss.max() - max(loss[0], loss[-1])
    if inside and _EDGE < best < 1 - _EDGE and above >= _REST * height:
        return "inner optimum"
    if inside and _EDGE < worst < 1 - _EDGE and below >= _REST * height:
        return "outer optimum"
    return "up" if loss[-1] < loss[0] else "down"
