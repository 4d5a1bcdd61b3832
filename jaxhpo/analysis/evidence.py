"""One verdict a parameter, which advice is taken from: does it matter for the objective, or for
being among the best?

Two tests look at the same trials, those chosen without looking at results: the association with the
objective (`jaxhpo.analysis.association`), and the divergence of the best from the others
(`jaxhpo.analysis.top_region`). p is twice the smaller of the two (Bonferroni), or that of the only
one that could be made; q is p after Benjamini and Hochberg 1995 over all parameters. A parameter
matters where q is at most `jaxhpo.analysis.budget.MATTERS`; only then is its association called one
(`agreed`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from scipy import stats

from jaxhpo.analysis.association import Association, ranked
from jaxhpo.analysis.budget import MATTERS
from jaxhpo.analysis.top_region import TopRegion


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """One parameter.

    Attributes:
        parameter: its name. n: trials that it was tested on.
        p, q: see the module; None where nothing could be tested.
        verdict: "matters" (q at most the rate, by default 0.02), "not identifiable" or "not
        tested". sources: where in the results the tests stand (JSON pointers into an `Analysis`, or
            into a `jaxhpo.analysis.targets.Target`).
        reason: why it was not tested, or "".
    """

    parameter: str
    n: int
    p: float | None
    q: float | None
    verdict: str
    sources: tuple[str, ...]
    reason: str


def evidence(
    associations: Sequence[Association],
    top: Sequence[TopRegion],
    names: Sequence[str],
    *,
    rate: float = MATTERS,
) -> tuple[Evidence, ...]:
    """Every searched parameter, in the order of the space; rate: the largest q that matters."""
    found = [_one(name, associations, top) for name in names]
    tested = [e.p for e in found if e.p is not None]
    adjusted = iter(stats.false_discovery_control(tested).tolist() if tested else ())
    return tuple(e if e.p is None else _judged(e, next(adjusted), rate) for e in found)


def agreed(
    associations: Sequence[Association],
    top: Sequence[TopRegion],
    names: Sequence[str],
    *,
    rate: float = MATTERS,
) -> tuple[tuple[Association, ...], tuple[Evidence, ...]]:
    """The associations, of which only those of parameters that matter are called so, and the
    evidence, which points into them."""
    known = evidence(associations, top, names, rate=rate)
    matters = {one.parameter for one in known if one.verdict == "matters"}
    found = ranked(
        a
        if a.verdict != "associated" or a.parameter in matters
        else dataclasses.replace(a, verdict="not identifiable")
        for a in associations
    )
    return found, evidence(found, top, names, rate=rate)


def _one(name: str, associations: Sequence[Association], top: Sequence[TopRegion]) -> Evidence:
    i, association = next((i, a) for i, a in enumerate(associations) if a.parameter == name)
    j, region = next((j, t) for j, t in enumerate(top) if t.parameter == name)
    tests = {f"/associations/{i}": association.p, f"/top_region/{j}": region.p}
    made = {place: p for place, p in tests.items() if p is not None}
    return Evidence(
        parameter=name,
        n=association.independent.n,
        p=min(1.0, len(made) * min(made.values())) if made else None,
        q=None,
        verdict="not tested",
        sources=tuple(tests),
        reason="" if made else association.reason or region.reason,
    )


def _judged(one: Evidence, q: float, rate: float) -> Evidence:
    verdict = "matters" if q <= rate else "not identifiable"
    return dataclasses.replace(one, q=q, verdict=verdict)
