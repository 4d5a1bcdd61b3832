"""Which parameters the objective depends on over the whole space, and whether that can be told.

Shares of the objective's variance (`jaxhpo.analysis.shares`) that a parameter explains alone and
together with others: Sobol's indices times R2 of a perfect prediction. They come from forests
(`jaxhpo.analysis.surrogate`) over the space as it is searched, log parameters in logarithms, each
branch of a conditional space apart. R2 says how much the forest explains of trials that it has not
seen; 1 - R2 is unexplained. Nothing is made to sum to 1.

Noise band: the objective is permuted among the trials, the forest grown anew, and the largest
variance that any parameter then seems to explain is kept; 95 % of the permutations stay below the
band. A parameter above it is important; one below is *not identifiable*, which is not unimportant.
Bands and intervals are only of trials that were chosen without looking at results.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxhpo.analysis import forest
from jaxhpo.analysis.budget import FOREST
from jaxhpo.analysis.estimate import UNKNOWN, Estimate
from jaxhpo.analysis.scan import at_design
from jaxhpo.analysis.shares import shares
from jaxhpo.analysis.sobol import Design, design, indices
from jaxhpo.analysis.surrogate import SMALL, Quality, Surrogate

_POINTS, _FEW_POINTS = 1024, 256  # of a block of the design


@dataclasses.dataclass(frozen=True, kw_only=True)
class Importance:
    """One parameter, in the branch of `Importances`.

    Attributes:
        parameter: its name.
        first, total: shares of the objective's variance that it explains alone, with a 95 %
            interval, and alone and with others, with the lower end of one (97.5 % of studies have
            more): what the forest missed may be its too, so that there is no upper end. How often
            they hold the truth stands in scripts/results/calibration.json. No intervals where the
            trials were chosen adaptively.
        explained: the variance of the forest that is lost without it (its total Sobol index times
            the forest's variance), in variances of the objective: what the noise band is of.
        band: the noise band of that; p: (1 + permutations above) / (1 + permutations), corrected
            for the number of parameters of the branch; None where it was not tested.
        verdict: "important", "not identifiable", "descriptive" (the trials were chosen adaptively:
            nothing can be tested on them) or "unknown".
        reason: why it is not tested, or "".
    """

    parameter: str
    first: Estimate
    total: Estimate
    explained: float | None
    band: float | None
    p: float | None
    verdict: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Importances:
    """The parameters that belong to a branch, the most important first. A parent's branch is
    elsewhere: every parameter is in one branch only."""

    quality: Quality
    parameters: tuple[Importance, ...]


def importances(made: Surrogate, *, tested: bool) -> Importances:
    """Of a surrogate; `tested` where its trials were chosen without looking at results."""
    if not made.trusted:
        found = [_unknown(name, made.quality.reason) for name in made.branch.own]
    else:
        found = _found(made, tested)
    return Importances(
        quality=made.quality,
        parameters=tuple(sorted(found, key=lambda i: -(i.total.value or 0.0))),
    )


def _unknown(name: str, reason: str) -> Importance:
    return Importance(
        parameter=name,
        first=UNKNOWN,
        total=UNKNOWN,
        explained=None,
        band=None,
        p=None,
        verdict="unknown",
        reason=reason,
    )


def _found(made: Surrogate, tested: bool) -> list[Importance]:
    d, seed = len(made.names), made.options.seed
    wide = design(d, _POINTS, seed, place=made.place)
    whole = indices(wide, at_design(made.whole, wide))
    narrow = design(d, _FEW_POINTS, seed, place=made.place)
    found_shares = shares(made)
    chance = _chance(made, narrow) if tested else np.zeros(0)
    found = []
    for name in made.branch.own:
        if name not in made.names:
            found.append(_unknown(name, f"it has one value in all n = {made.quality.n} trials"))
            continue
        at = made.names.index(name)
        explained = float(whole.total[at] * whole.variance)
        p = float((1 + (chance >= explained).sum()) / (1 + len(chance))) if tested else None
        verdict = "important" if p is not None and p <= FOREST else "not identifiable"
        found.append(
            Importance(
                parameter=name,
                first=found_shares[at].alone,
                total=found_shares[at].total,
                explained=explained,
                band=float(np.quantile(chance, 0.95)) if tested else None,
                p=p,
                verdict=verdict if tested else "descriptive",
                reason="" if tested else "trials that a sampler chose by results can't be tested",
            )
        )
    return found


def _chance(made: Surrogate, narrow: Design) -> np.ndarray:
    """float [permutations], the largest variance that any parameter seems to explain."""
    rng = np.random.default_rng([made.options.seed, 4])
    most = []
    for _ in range(made.options.resamples - 1):
        rows = made.few(rng)
        y = rng.permutation(made.y[rows])
        grown = forest.grow(made.x[rows], y, made.group[rows], rng, trees=SMALL)
        chance = indices(narrow, at_design(grown, narrow))
        most.append(float((chance.total * chance.variance).max()))
    return np.array(most)
