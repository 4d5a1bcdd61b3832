"""What to do with each parameter in the next search, by rules that are written down here.

In this order; the first that applies decides, except that a range may be moved at one end and cut
at the other:

expand  see `jaxhpo.analysis.bounds`. The other end may still be cut by *narrow*.
drop    a choice goes if the parameter matters (`jaxhpo.analysis.evidence`), the choice is rarer
        among the elite than it was sampled (Fisher, q at most 0.05), it was tried at least ten
        times, and the mean of its best tenth (at least three trials) is worse than that of the best
        trial's choice, with a 95 % bootstrap interval that excludes nought.
narrow  a number's range shrinks to the elite's 5th to 95th percentile, each end widened to the
        outer end of its 95 % bootstrap interval and to the best trial, if the parameter matters,
        at least ten elite trials had it, and at least a tenth of the range goes (a twentieth at an
        end that is cut). An end at which the best trial or half of the elite lie stays where it is.
fix     a parameter that is not known to matter is fixed at the best trial's value if a trusted
        surrogate predicts that changing it would gain less than one standard deviation between
        replicates (upper end of the 95 % interval of its copies), and if what it leaves
        unexplained, less noise, is less than that too: it may be this parameter's. A number never
        at a bound. Never with several objectives, and never a parameter that matters for a
        constraint: that it does nothing for the one objective says nothing of the others.
keep    everything else, with the reason.

The best trial is the one that was chosen (`jaxhpo.analysis.chosen`). With several objectives the
rules look at the first one, and nothing that a trial of the front has is cut or dropped.
"""

from __future__ import annotations

import math

from jaxhpo.analysis.drops import without
from jaxhpo.analysis.ground import Advice, Ground, advised
from jaxhpo.analysis.ranges import ranged
from jaxhpo.analysis.tunability import Gain
from jaxhpo.space import Float, Int


def advice(ground: Ground) -> tuple[Advice, ...]:
    """Every searched parameter, in the order of the space."""
    return tuple(_advised(ground, name, at) for at, name in enumerate(ground.made.names))


def _advised(ground: Ground, name: str, at: int) -> Advice:
    domain, elite = ground.made.space.parameters[name], ground.elites[name]
    found = None
    if ground.best:
        if isinstance(domain, Float | Int):
            found = ranged(ground, elite, at)
        else:
            found = without(ground, elite, at)
    return found or _fixed(ground, name, at) or _kept(ground, name, at)


def _fixed(ground: Ground, name: str, at: int) -> Advice | None:
    found = _gain(ground, name)
    if found is None or ground.evidence[at].verdict == "matters" or _at_bound(ground, name):
        return None
    if ground.several or name in ground.others:
        return None
    sd, gain = ground.replicates.sd.value, found[1].gain.high
    if not ground.replicates.usable or sd is None or gain is None or gain >= sd:
        return None
    if _systematic(ground, name, sd) >= sd:
        return None
    return advised(
        name,
        "fix",
        f"a forest predicts that changing it gains at most {gain:.3g} (upper end of 95 %), less "
        f"than one standard deviation between replicates, {sd:.3g}",
        grade="weak",
        value=ground.best[name],
        n=ground.tunability.n,
        interval=found[1].gain,
        unit="objective",
        evidence=(f"/tunability/best/{found[0]}", "/replicates/sd"),
    )


def _systematic(ground: Ground, name: str, sd: float) -> float:
    """The standard deviation that the forest leaves beyond noise: it may be this parameter's."""
    missed = ground.missed.get(name, math.inf)
    return math.sqrt(max(0.0, missed**2 - sd**2))


def _gain(ground: Ground, name: str) -> tuple[int, Gain] | None:
    gains = enumerate(ground.tunability.best)
    return next(((i, g) for i, g in gains if g.parameter == name), None)


def _at_bound(ground: Ground, name: str) -> bool:
    return any(b.parameter == name and b.best for b in ground.bounds)


def _kept(ground: Ground, name: str, at: int) -> Advice:
    said, found = ground.evidence[at], _gain(ground, name)
    sources = [f"/evidence/{at}"]
    if not ground.best:
        reason = "no trial is complete"
    elif said.verdict == "matters":
        reason = f"{ground.matters(said)}, but no rule to change it applies"
    elif said.verdict == "not tested":
        reason = f"nothing can be said: {said.reason}"
    else:
        reason = f"what it does can't be told from chance (q = {said.q:.2g}, n = {said.n})"
        if name in ground.others:
            reason += f"; it matters for {' and '.join(ground.others[name])}"
            sources.append("/targets")
        elif ground.several:
            reason += "; nothing is fixed where there are several objectives"
        elif found is not None and not ground.replicates.usable:
            reason += "; without replicates there is no ground to fix it"
            sources.append("/replicates")
        elif found is not None and (sd := ground.replicates.sd.value) is not None:
            missed = _systematic(ground, name, sd)
            if missed >= sd:
                reason += (
                    f"; it is not fixed, as the forest misses more (sd {missed:.3g}) than "
                    f"replicates differ by (sd {sd:.3g})"
                )
    elite = ground.elites[name]
    return advised(name, "keep", reason, n=elite.active, evidence=tuple(sources))
