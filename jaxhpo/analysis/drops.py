"""The rule *drop* of `jaxhpo.analysis.advice`: which values of a choice to search no longer."""

from __future__ import annotations

import math

import numpy as np

from jaxhpo.analysis.activity import choices, labels, place
from jaxhpo.analysis.elites import EliteParameter
from jaxhpo.analysis.estimate import Estimate
from jaxhpo.analysis.ground import LEAST, STRONG_Q, Advice, Ground, advised
from jaxhpo.analysis.options import Options

_Q = 0.05


def without(ground: Ground, elite: EliteParameter, at: int) -> Advice | None:
    """Which values go, of the parameter at the place `at` of the space; None where none does."""
    name, made, said = elite.parameter, ground.made, ground.evidence[at]
    domain = made.space.parameters[name]
    if said.verdict != "matters" or name not in ground.best:
        return None
    options = choices(domain)
    now = place(options, ground.best[name])
    level, rng = made.level(name), np.random.default_rng([ground.options.seed, 8, at])
    ahead = set(level[ground.front].tolist()) if ground.several else set()
    gone, worst = [], None
    for value in ground.independent[name].values:
        k = place(options, value.value)
        n = int((level == k).sum())
        if k == now or k in ahead or value.q_under is None or value.q_under > _Q or n < LEAST:
            continue
        behind = _behind(made.loss[level == k], made.loss[level == now], ground.options, rng)
        if behind.low is not None and behind.low > 0:
            gone.append((k, value.q_under))
            worst = behind if worst is None or behind.low < (worst.low or 0.0) else worst
    if not gone:
        return None
    dropped = {k for k, _ in gone}
    names = [labels(domain)[k] for k in sorted(dropped)]
    highest = max(q for _, q in gone)
    return advised(
        name,
        "drop",
        f"{ground.matters(said)}; {', '.join(names)} "
        f"{'is' if len(names) == 1 else 'are'} rarer among the best than sampled (q at most "
        f"{highest:.2g}), and the best trials there are worse than with "
        f"{labels(domain)[now]}",
        grade="strong"
        if ground.unit is None and max(highest, said.q or 1.0) <= STRONG_Q
        else "weak",
        kept=tuple(v for k, v in enumerate(options) if k not in dropped),
        dropped=tuple(v for k, v in enumerate(options) if k in dropped),
        n=int(np.isin(level, list(dropped)).sum()),
        interval=worst,
        unit="objective",
        evidence=(f"/evidence/{at}", f"/elites_independent/parameters/{at}"),
    )


def _behind(
    here: np.ndarray, there: np.ndarray, options: Options, rng: np.random.Generator
) -> Estimate:
    """By how much the mean of the best tenth is worse than elsewhere, with a bootstrap interval."""

    def top(losses: np.ndarray) -> np.ndarray:
        k = max(3, math.ceil(losses.shape[1] / 10))
        return np.sort(losses, axis=1)[:, :k].mean(axis=1)

    value = float((top(here[None]) - top(there[None]))[0])
    resamples = max(options.resamples, 100)
    copies = [x[rng.integers(len(x), size=(resamples, len(x)))] for x in (here, there)]
    low, high = np.quantile(top(copies[0]) - top(copies[1]), [0.025, 0.975])
    return Estimate(value=value, low=float(low), high=float(high))
